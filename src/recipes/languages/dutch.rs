//! The words of Dutch recipes.

use super::language::Language;
use crate::recipes::unit_kind::UnitKind;

/// The words of Dutch recipes.
pub(crate) static DUTCH: Language = Language {
    ingredients: "ingrediëntenlijst | nodig | ingrediënten | ingredienten | ingrediënt | benodigdheden | \
        dit heb je nodig | wat heb je nodig | boodschappenlijst",
    steps: "bereidingswijze | bereiding | bereiden | bereidingsstappen | werkwijze | instructies | \
        stappen | aan de slag | zo maak je het | zo maak je | voorbereiding en bereiding",
    notes: "opmerkingen | opmerking | notities | tips | tip | variatietip | variatie | \
        bewaren | bewaartip | voedingswaarden | voedingswaarde | serveertip | \
        keukengerei | keukenspullen",
    groups: "voor de | voor het | voor een | voor erbij | verder",
    yields: "aantal personen | aantal porties | personen | porties | goed voor | \
        voor ongeveer | voor ca. | voor | opbrengst | hoeveelheid",
    serves: "voor | goed voor",
    people: "personen | persoon | porties | portie | eters | pers. | stukken",
    prep: "bereiden | voorbereidingstijd | voorbereiding | bereidingstijd | bereidingsduur | \
        actieve tijd | werktijd",
    cook: "kooktijd | baktijd | oventijd | gaartijd | stooftijd | koken | bakken | \
        in de oven",
    total: "totale tijd | totale bereidingstijd | totaal | klaar in | tijd",
    times: "wachttijd | rusttijd | rijstijd | koeltijd | marineertijd",
    minutes: "minuten | minuut | min",
    hours: "uren | uur | u",
    days: "dagen | dag",
    titles: "naam van het recept | onderwerp | titel | recept | naam",
    tags: "trefwoorden | categorieën | categorie | keuken | gang | soort gerecht",
    abouts: "beschrijving | over dit recept",
    others: "moeilijkheidsgraad | moeilijkheid | auteur | bron | calorieën | kosten | niveau",
    verbs: "bak bakken bestrijk bestrooi breng besprenkel doe doen dek draai druk fruit \
        garneer giet haal hak houd kneed klop kook koken kluts laat leg maak meng mix \
        pel pers pureer rasp roer roerbak rol schep schenk schil schuif smeer smelt \
        smoor snijd snij snipper spoel stamp steek stoof strooi serveer verdeel verhit \
        verwarm verkruimel vet voeg vul warm was week wok zeef zet ondertussen intussen \
        daarna vervolgens",
    nouns: "ei/eieren eidooier/eidooiers eiwit/eiwitten ui/uien sjalot/sjalotten \
        aardappel/aardappelen wortel/wortels winterpeen/winterpenen citroen/citroenen \
        limoen/limoenen appel/appels peer/peren tomaat/tomaten paprika/paprika's \
        courgette/courgettes komkommer/komkommers aubergine/aubergines banaan/bananen \
        laurierblad/laurierblaadjes rookworst/rookworsten kipfilet/kipfilets \
        pannenkoek/pannenkoeken koekje/koekjes champignon/champignons \
        lente-ui/lente-uitjes prei/preien broodje/broodjes avocado/avocado's",
    staples: "water melk room boter bloem suiker zout peper olie azijn rijst bouillon wijn \
        sap kaas honing vlees gehakt rundvlees spek ham vis zalm linzen spinazie \
        knoflook gember peterselie basilicum tijm kaneel gist cacao brood karnemelk",
    preparations: "gesnipperd gesneden gehakt geschild geraspt fijn fijngehakt grof in naar \
        optioneel verse voor gesmolten geklutst uitgelekt gepeld zonder zacht gewassen",
    units: &[
        (UnitKind::Fine, "gram milliliter"),
        (UnitKind::Metric, "kilo kilogram liter deciliter centiliter"),
        (UnitKind::Kitchen, "el tl eetlepel/eetlepels theelepel/theelepels"),
        (UnitKind::Kitchen, "koffielepel/koffielepels kopje/kopjes kop/koppen mok/mokken pond"),
        (UnitKind::Kitchen, "ons scheut/scheuten scheutje/scheutjes glas/glazen"),
        (UnitKind::Piece, "teen/tenen teentje/teentjes snufje/snufjes snuf takje/takjes"),
        (UnitKind::Piece, "tak/takken plak/plakken plakje/plakjes stuk/stuks stuks"),
        (UnitKind::Piece, "stukje/stukjes bos/bossen bosje/bosjes blaadje/blaadjes"),
        (UnitKind::Piece, "blad/bladeren handje/handjes hand handvol druppel/druppels"),
        (UnitKind::Piece, "snee/sneetjes sneetje/sneetjes stengel/stengels bol/bollen"),
        (UnitKind::Piece, "klontje/klontjes mespunt/mespunten vel/vellen portie/porties"),
        (UnitKind::Piece, "krop/kroppen struik/struiken"),
        (UnitKind::Piece, "dozijn"),
        (UnitKind::Package, "blik/blikken blikje/blikjes zakje/zakjes zak/zakken pak/pakken"),
        (UnitKind::Package, "pakje/pakjes pot/potten potje/potjes fles/flessen flesje/flesjes"),
        (UnitKind::Package, "doos/dozen doosje/doosjes bakje/bakjes bak/bakken beker/bekers"),
        (UnitKind::Package, "rol/rollen tube/tubes"),
    ],
    phrases: &[
        (UnitKind::Kitchen, "afgestreken eetlepel/afgestreken eetlepels"),
        (UnitKind::Kitchen, "afgestreken theelepel/afgestreken theelepels"),
    ],
    spoons: ["tl | theelepel | theelepels", "el | eetlepel | eetlepels"],
    numbers: "een halve 1/2 | een half 1/2 | anderhalve 3/2 | anderhalf 3/2 | een kwart 1/4 | \
        driekwart 3/4 | een derde 1/3 | twee derde 2/3 | halve 1/2 | twee 2 | drie 3 | vijf 5 | zes 6 | zeven 7 | negen 9 | \
        tien 10 | twaalf 12",
    halves: "en een halve | en een half",
    leading: "",
    articles: "een",
    adjectives: "kleine | klein | grote | groot | middelgrote | volle | afgestreken | flinke | \
        flink | ruime | dikke | dunne | verse | rijpe | dun | dik | royale",
    ones: "snufje | snuf | scheutje | scheut | handje | handvol | mespunt | klontje",
    of: "van",
    joints: "en | plus | +",
    ranges: "tot | à | of | a",
    about: "tussen | ongeveer | ca. | circa | zo'n | ruim | krap | bijna | minstens | ongv.",
    some: "een beetje | wat | enkele | een paar",
    purposes: "naar smaak | naar wens | om te | om in te vetten | voor de | voor het | \
        voor erbij | ter garnering",
};
