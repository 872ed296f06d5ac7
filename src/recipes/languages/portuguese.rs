//! The words of Portuguese recipes.

use super::language::Language;
use crate::recipes::unit_kind::UnitKind;

/// The words of Portuguese recipes.
pub(crate) static PORTUGUESE: Language = Language {
    ingredients: "lista de ingredientes | ingredientes | ingrediente | você vai precisar de | \
        o que você precisa",
    steps: "modo de preparo | modo de preparação | modo de fazer | como fazer | preparação | \
        preparo | instruções | passo a passo | passos | procedimento | confecção | confeção",
    notes: "notas | nota | dicas | dica | observações | observação | sugestões | sugestão | \
        variações | informação nutricional | informações nutricionais | conservação | \
        utensílios",
    groups: "pro | pra | pros | pras | para a | para o | para as | para os | para servir",
    yields: "número de porções | número de doses | porções | doses | rendimento | rende para | \
        rende | serve | para cerca de | para | quantidade",
    serves: "para | serve | rende para",
    people: "porções | porção | doses | pessoas | pessoa | fatias",
    prep: "tempo de preparo | tempo de preparação | preparo | preparação | tempo ativo",
    cook: "tempo de cozimento | tempo de forno | tempo de cozedura | tempo de confecção | tempo de confeção | confeção | \
        tempo no forno | cozimento | cozedura | forno",
    total: "tempo total | total | pronto em | duração | tempo",
    times: "tempo de descanso | descanso | tempo de geladeira | tempo de espera | \
        tempo de marinada | refrigeração",
    minutes: "minutos | minuto | min",
    hours: "horas | hora | h",
    days: "dias | dia",
    titles: "nome da receita | assunto | título | receita | nome",
    tags: "etiquetas | categorias | categoria | palavras-chave | culinária | cozinha",
    abouts: "descrição | sobre",
    others: "dificuldade | autor | autora | fonte | calorias | custo",
    verbs: "acrescentar acrescente adicionar adicione amassar amasse aquecer aqueça assar \
        asse bater bata colocar coloque cobrir cubra coar cortar corte cozinhar cozinhe \
        cozer coza decorar deixar deixe derreter derreta descascar descasque despejar \
        despeje dispor dissolver dissolva distribuir distribua dourar escorrer escorra \
        esfriar espalhar ferver ferva fritar frite juntar junte lavar lave levar leve \
        ligar misturar misture mexer mexa peneirar peneire picar pique polvilhar \
        polvilhe preaquecer preaqueça pré-aquecer preparar prepare refogar refogue \
        retirar retire reservar reserve salgar servir sirva temperar tempere triturar \
        triture untar unte virar depois enquanto quando finalmente",
    nouns: "ovo/ovos gema/gemas clara/claras cebola/cebolas batata/batatas limão/limões \
        cenoura/cenouras tomate/tomates maçã/maçãs pera/peras laranja/laranjas \
        banana/bananas abobrinha/abobrinhas berinjela/berinjelas pimentão/pimentões \
        pimenta/pimentas pepino/pepinos abacate/abacates linguiça/linguiças \
        biscoito/biscoitos pão/pães bolinho/bolinhos brigadeiro/brigadeiros \
        pastel/pastéis salsicha/salsichas azeitona/azeitonas bife/bifes",
    staples: "água leite natas manteiga farinha açúcar sal pimenta azeite óleo vinagre arroz \
        massa caldo vinho suco sumo queijo mel carne frango porco presunto peixe \
        salmão lentilhas espinafres alho gengibre salsa manjericão canela fermento \
        cacau pão feijão",
    preparations: "picado picada picados picadas cortado cortada cortados cortadas ralado ralada \
        raladas descascado descascadas moído finamente em a ao opcional fresco para \
        derretida batidos escorrido sem amassadas",
    units: &[
        (UnitKind::Fine, "grama/gramas mililitro/mililitros"),
        (UnitKind::Metric, "litro/litros quilo/quilos quilograma/quilogramas"),
        (UnitKind::Metric, "decilitro/decilitros"),
        (UnitKind::Kitchen, "colher/colheres xícara/xícaras xicara/xicaras xíc copo/copos"),
        (UnitKind::Kitchen, "chávena/chávenas cálice/cálices concha/conchas fio/fios"),
        (UnitKind::Piece, "dente/dentes pitada/pitadas fatia/fatias folha/folhas ramo/ramos"),
        (UnitKind::Piece, "raminho/raminhos unidade/unidades unid pedaço/pedaços"),
        (UnitKind::Piece, "rodela/rodelas maço/maços molho/molhos punhado/punhados gota/gotas"),
        (UnitKind::Piece, "talo/talos cubo/cubos posta/postas porção/porções galho/galhos"),
        (UnitKind::Piece, "cabeça/cabeças filé/filés"),
        (UnitKind::Piece, "dúzia/dúzias"),
        (UnitKind::Package, "lata/latas pacote/pacotes caixa/caixas caixinha/caixinhas"),
        (UnitKind::Package, "vidro/vidros pote/potes envelope/envelopes garrafa/garrafas"),
        (UnitKind::Package, "tablete/tabletes frasco/frascos saqueta/saquetas"),
    ],
    phrases: &[
        (UnitKind::Kitchen, "colher de sopa/colheres de sopa | colher de chá/colheres de chá"),
        (UnitKind::Kitchen, "colher de café/colheres de café"),
        (UnitKind::Kitchen, "colher de sobremesa/colheres de sobremesa"),
        (UnitKind::Kitchen, "colher (de sopa)/colheres (de sopa)"),
        (UnitKind::Kitchen, "colher (de chá)/colheres (de chá)"),
        (UnitKind::Kitchen, "colher (de café)/colheres (de café)"),
        (UnitKind::Kitchen, "colher (de sobremesa)/colheres (de sobremesa)"),
        (UnitKind::Kitchen, "colher (sopa)/colheres (sopa) | colher (chá)/colheres (chá)"),
        (UnitKind::Kitchen, "colher (café)/colheres (café)"),
        (UnitKind::Kitchen, "colher (sobremesa)/colheres (sobremesa)"),
        (UnitKind::Kitchen, "xícara (chá)/xícaras (chá) | xícara (de chá)/xícaras (de chá)"),
        (UnitKind::Kitchen, "xícara de chá/xícaras de chá | col. de sopa | col. de chá"),
        (UnitKind::Kitchen, "col. sopa | col. chá | c. de sopa | c. de chá | c. sopa | c. chá"),
    ],
    spoons: [
        "colher de chá | colheres de chá | colher (chá) | colheres (chá)",
        "colher de sopa | colheres de sopa | colher (sopa) | colheres (sopa)",
    ],
    numbers: "três quartos de 3/4 | um quarto de 1/4 | um terço de 1/3 | meio 1/2 | meia 1/2 | \
        duas 2 | dois 2 | três 3 | quatro 4 | cinco 5 | seis 6 | oito 8 | dez 10 | \
        doze 12",
    halves: "e meia | e meio",
    leading: "",
    articles: "um | uma",
    adjectives: "pequena | pequeno | pequenas | pequenos | grande | grandes | média | médio | \
        médias | médios | cheia | cheias | rasa | rasas | bem cheia | generosa",
    ones: "pitada | punhado",
    of: "de | do | da",
    joints: "e | ou | mais | +",
    ranges: "a | ou",
    about: "entre | cerca de | aproximadamente | aprox. | mais ou menos | quase | pelo menos",
    some: "um pouco de | algumas | alguns | q.b. de",
    purposes: "a gosto | q.b. | qb | para untar | para fritar | para polvilhar | \
        para decorar | para servir | para a | para o",
};
