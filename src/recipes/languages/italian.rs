//! The words of Italian recipes.

use super::language::Language;
use crate::recipes::unit_kind::UnitKind;

/// The words of Italian recipes.
pub(crate) static ITALIAN: Language = Language {
    ingredients: "lista degli ingredienti | ingredienti | ingrediente | cosa serve | cosa ti serve | \
        occorrente",
    steps: "modalità di preparazione | preparazione | procedimento | istruzioni | esecuzione | \
        svolgimento | passaggi | come si prepara | come preparare",
    notes: "note | nota | consigli | consiglio | suggerimenti | varianti | conservazione | \
        valori nutrizionali | curiosità | utensili | abbinamento",
    groups: "per la | per il | per lo | per i | per le | per gli | per l' | per servire",
    yields: "dosi per | dose per | numero di porzioni | porzioni | persone | resa | \
        quantità per | quantità | per circa | per | rende",
    serves: "per | dosi per",
    people: "persone | persona | porzioni | porzione | commensali",
    prep: "tempo di preparazione | tempi di preparazione | preparazione | tempo attivo",
    cook: "tempo di cottura | tempi di cottura | cottura | tempo di cottura in forno",
    total: "tempo totale | totale | durata | pronto in | tempo",
    times: "tempo di riposo | riposo | tempo di lievitazione | lievitazione | \
        tempo di marinatura | marinatura | raffreddamento",
    minutes: "minuti | minuto | min",
    hours: "ore | ora | h",
    days: "giorni | giorno",
    titles: "nome della ricetta | oggetto | titolo | ricetta | nome",
    tags: "etichette | categorie | categoria | parole chiave | cucina | portata",
    abouts: "descrizione | presentazione",
    others: "difficoltà | autore | autrice | fonte | calorie | costo",
    verbs: "aggiungere aggiungete aggiungi affettare amalgamare amalgamate asciugare bollire \
        cuocere cuocete cuoci condire coprire coprite disporre disponete dividere far \
        fare fate fondere friggere grattugiare frullare frullate impastare impastate \
        incorporare incorporate infornare infornate lasciare lasciate lavare lavate \
        lessare mantecare mescolare mescolate mettere mettete montare montate pelare \
        pelate preriscaldare preriscaldate preparare preparate pulire rosolare rosolate \
        salare salate sbattere sbattete sbucciare sbucciate scaldare scaldate scolare \
        scolate servire servite setacciare sfumare sfumate soffriggere soffriggete \
        spegnere stendere stendete tagliare tagliate togliere tritare tritate trasferire \
        unire unite versare versate quando poi infine intanto frattempo",
    nouns: "uovo/uova tuorlo/tuorli albume/albumi cipolla/cipolle scalogno/scalogni \
        limone/limoni arancia/arance pomodoro/pomodori carota/carote patata/patate \
        zucchina/zucchine melanzana/melanzane peperone/peperoni mela/mele pera/pere \
        porro/porri biscotto/biscotti acciuga/acciughe oliva/olive carciofo/carciofi \
        finocchio/finocchi fico/fichi salsiccia/salsicce pizza/pizze crostata/crostate \
        muffin/muffin peperoncino/peperoncini",
    staples: "acqua latte panna burro farina zucchero sale pepe olio aceto riso brodo vino \
        succo formaggio parmigiano miele carne manzo maiale prosciutto pesce salmone \
        lenticchie spinaci aglio zenzero prezzemolo basilico timo cannella lievito \
        cacao pane passata",
    preparations: "tritato tritata tritati tagliato tagliata tagliati tagliate grattugiato \
        grattugiata sbucciato pelate finemente in a al facoltativo fresco per fuso fusa \
        sbattuto sbattute scolato scolati senza ammorbidito",
    units: &[
        (UnitKind::Fine, "grammo/grammi millilitro/millilitri"),
        (UnitKind::Metric, "litro/litri chilo/chili chilogrammo/chilogrammi"),
        (UnitKind::Metric, "decilitro/decilitri centilitro/centilitri etto/etti"),
        (UnitKind::Kitchen, "cucchiaio/cucchiai cucchiaino/cucchiaini bicchiere/bicchieri"),
        (UnitKind::Kitchen, "bicchierino/bicchierini tazza/tazze tazzina/tazzine"),
        (UnitKind::Kitchen, "mestolo/mestoli"),
        (UnitKind::Piece, "spicchio/spicchi pizzico/pizzichi foglia/foglie fetta/fette"),
        (UnitKind::Piece, "rametto/rametti mazzetto/mazzetti manciata/manciate costa/coste"),
        (UnitKind::Piece, "ciuffo/ciuffi noce/noci goccia/gocce filo/fili gambo/gambi"),
        (UnitKind::Piece, "dado/dadi pezzo/pezzi pugno/pugni cubetto/cubetti testa/teste"),
        (UnitKind::Piece, "filetto/filetti rotolo/rotoli"),
        (UnitKind::Piece, "dozzina/dozzine"),
        (UnitKind::Package, "barattolo/barattoli bustina/bustine confezione/confezioni"),
        (UnitKind::Package, "scatola/scatole scatoletta/scatolette vasetto/vasetti"),
        (UnitKind::Package, "lattina/lattine bottiglia/bottiglie panetto/panetti cubo/cubi"),
    ],
    phrases: &[
        (UnitKind::Kitchen, "cucchiaio da tavola/cucchiai da tavola"),
        (UnitKind::Kitchen, "cucchiaino da tè/cucchiaini da tè"),
    ],
    spoons: ["cucchiaino | cucchiaini", "cucchiaio | cucchiai"],
    numbers: "tre quarti di 3/4 | un quarto di 1/4 | un terzo di 1/3 | due terzi di 2/3 | mezzo 1/2 | mezza 1/2 | \
        due 2 | tre 3 | quattro 4 | cinque 5 | sette 7 | otto 8 | dieci 10 | dodici 12",
    halves: "e mezzo | e mezza",
    leading: "",
    articles: "un | una | uno | un'",
    adjectives: "piccola | piccolo | piccole | piccoli | grande | grandi | media | medio | medie | \
        medi | colmo | colmi | raso | rasi | abbondante | abbondanti | bella | bel | \
        grossa | grosso",
    ones: "pizzico | manciata | ciuffo | filo",
    of: "di | d' | d’ | del | della",
    joints: "e | o | oppure | più | ed | +",
    ranges: "a | o",
    about: "tra | fra | circa | ca. | quasi | almeno | all'incirca | più o meno",
    some: "un po' di | un poco di | qualche | alcune | alcuni | q.b. di | qb di",
    purposes: "q.b. | qb | quanto basta | a piacere | per la | per il | per lo | \
        per friggere | per guarnire | per decorare | per servire | per spolverare | \
        per ungere",
};
