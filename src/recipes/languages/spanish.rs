//! The words of Spanish recipes.

use super::language::Language;
use crate::recipes::unit_kind::UnitKind;

/// The words of Spanish recipes.
pub(crate) static SPANISH: Language = Language {
    ingredients: "lista de ingredientes | ingredientes | ingrediente | necesitas | qué necesitas | \
        lo que necesitas",
    steps: "modo de preparación | modo de elaboración | elaboración paso a paso | \
        preparación paso a paso | elaboración | elaboracion | preparación | preparacion | \
        instrucciones | pasos a seguir | pasos | paso a paso | procedimiento | \
        cómo hacerlo | cómo se hace | cómo hacer | como hacer | cómo preparar | \
        como preparar",
    notes: "notas | nota | consejos | consejo | trucos | truco | sugerencias | sugerencia | \
        variantes | información nutricional | conservación | utensilios | presentación",
    groups: "para la | para el | para los | para las | para servir",
    yields: "número de raciones | número de porciones | raciones | ración | porciones | \
        comensales | personas | rendimiento | rinde para | rinde | para unas | para unos | \
        para | cantidad | salen",
    serves: "para | rinde para",
    people: "raciones | ración | porciones | porción | personas | persona | comensales | pax",
    prep: "tiempo de preparación | tiempo de preparacion | tiempo de elaboración | \
        preparación | preparacion | tiempo activo",
    cook: "tiempo de cocción | tiempo de coccion | tiempo de cocinado | tiempo de horneado | \
        tiempo de horno | cocción | coccion | horneado | cocinado",
    total: "tiempo total | total | duración | listo en | tiempo",
    times: "tiempo de reposo | reposo | tiempo de marinado | tiempo de espera | \
        refrigeración | tiempo de levado",
    minutes: "minutos | minuto | min",
    hours: "horas | hora | h",
    days: "días | día",
    titles: "nombre de la receta | asunto | título | receta | nombre",
    tags: "etiquetas | categorías | categoría | palabras clave | cocina | tipo de plato",
    abouts: "descripción | acerca de",
    others: "dificultad | autor | autora | fuente | calorías | coste | costo",
    verbs: "añadir añade añadimos agregar agrega agregue amasar asar batir bate batimos \
        calentar calienta calentamos cocer cuece cocemos cocinar cocina cocine colar \
        colocar coloca cortar corta cortamos cubrir dejar deja dejamos derretir disolver \
        dorar echar echa echamos enfriar escurrir escurre extender freír fríe hervir \
        hornear hornea horneamos incorporar incorpora lavar lava licuar mezclar mezcla \
        mezclamos mezcle pelar pela pelamos picar pica picamos poner pon ponemos \
        precalentar precalienta precalentamos preparar prepara rallar rehogar remover \
        remueve reservar reserva retirar retira rociar salar salpimentar saltear sazonar \
        servir sirve servimos sofreír sofreímos tapar tapa triturar tritura trocear \
        untar verter vierte cuando mientras luego después finalmente primero",
    nouns: "huevo/huevos cebolla/cebollas cebolleta/cebolletas patata/patatas papa/papas \
        zanahoria/zanahorias limón/limones lima/limas yema/yemas clara/claras \
        tomate/tomates pimiento/pimientos manzana/manzanas pera/peras naranja/naranjas \
        calabacín/calabacines berenjena/berenjenas puerro/puerros pepino/pepinos \
        aguacate/aguacates plátano/plátanos champiñón/champiñones galleta/galletas \
        tortilla/tortillas pechuga/pechugas empanada/empanadas magdalena/magdalenas \
        croqueta/croquetas guindilla/guindillas",
    staples: "agua leche nata mantequilla harina azúcar sal pimienta aceite vinagre arroz \
        pasta caldo vino zumo queso miel carne ternera cerdo jamón pescado salmón \
        lentejas espinacas ajo jengibre perejil albahaca tomillo canela levadura cacao \
        pan garbanzos",
    preparations: "picado picada picados picadas cortado cortada cortadas pelado pelada pelados \
        peladas rallado rallada molido troceado finamente en al a opcional fresco para \
        derretida batidos escurrido escurridos sin",
    units: &[
        (UnitKind::Fine, "gramo/gramos mililitro/mililitros"),
        (UnitKind::Metric, "litro/litros kilogramo/kilogramos decilitro/decilitros"),
        (UnitKind::Metric, "centilitro/centilitros"),
        (UnitKind::Kitchen, "taza/tazas cucharada/cucharadas cucharadita/cucharaditas"),
        (UnitKind::Kitchen, "cuchara/cucharas cda/cdas cdta/cdtas cdita/cditas vaso/vasos"),
        (UnitKind::Kitchen, "vasito/vasitos chorro/chorros chorrito/chorritos libra/libras"),
        (UnitKind::Kitchen, "onza/onzas"),
        (UnitKind::Piece, "diente/dientes pizca/pizcas ramita/ramitas rama/ramas hoja/hojas"),
        (UnitKind::Piece, "rebanada/rebanadas manojo/manojos puñado/puñados loncha/lonchas"),
        (UnitKind::Piece, "rodaja/rodajas trozo/trozos filete/filetes unidad/unidades ud uds"),
        (UnitKind::Piece, "gota/gotas ramillete/ramilletes lámina/láminas cabeza/cabezas"),
        (UnitKind::Piece, "tallo/tallos pieza/piezas cubito/cubitos ración/raciones"),
        (UnitKind::Piece, "porción/porciones"),
        (UnitKind::Piece, "docena/docenas"),
        (UnitKind::Package, "lata/latas paquete/paquetes sobre/sobres bote/botes tarro/tarros"),
        (UnitKind::Package, "botella/botellas brik/briks bolsa/bolsas envase/envases"),
    ],
    phrases: &[
        (UnitKind::Kitchen, "cucharada sopera/cucharadas soperas"),
        (UnitKind::Kitchen, "cucharada de postre/cucharadas de postre"),
        (UnitKind::Kitchen, "cucharadita de café/cucharaditas de café"),
    ],
    spoons: [
        "cucharadita | cucharaditas | cdta | cdtas | cdita | cditas",
        "cucharada | cucharadas | cda | cdas | cucharada sopera | cucharadas soperas",
    ],
    numbers: "tres cuartos de 3/4 | un cuarto de 1/4 | cuarto de 1/4 | cuarto y mitad de 3/8 | un tercio de 1/3 | medio 1/2 | \
        media 1/2 | dos 2 | tres 3 | cuatro 4 | cinco 5 | ocho 8 | diez 10 | doce 12",
    halves: "y media | y medio",
    leading: "",
    articles: "un | una",
    adjectives: "pequeña | pequeño | pequeñas | pequeños | grande | grandes | mediana | mediano | \
        medianas | medianos | rasa | rasas | colmada | colmadas | generosa | buena | \
        buen",
    ones: "pizca | puñado | chorrito | chorro",
    of: "de | del",
    joints: "y | o | ó | u | más | +",
    ranges: "a | o | ó",
    about: "entre | aproximadamente | aprox. | unos | unas | alrededor de | cerca de | casi | \
        al menos | como",
    some: "un poco de | unas | unos | algunas | algunos | algo de",
    purposes: "al gusto | a gusto | c/s | cantidad necesaria | para freír | para engrasar | \
        para decorar | para servir | para espolvorear | para acompañar | para untar | \
        para rebozar | para el | para la",
};
