//! The words of German recipes.

use super::language::Language;
use crate::recipes::unit_kind::UnitKind;

/// The words of German recipes.
pub(crate) static GERMAN: Language = Language {
    ingredients: "zutatenliste | zutaten | das brauchst du | du brauchst | ihr braucht | sie brauchen | du benötigst | \
        das braucht ihr | das brauchen sie | man nehme | \
        einkaufsliste",
    steps: "zubereitung | zubereitungsschritte | anleitung | arbeitsschritte | schritte | \
        schritt für schritt | so geht's | so geht es | so wird's gemacht | \
        und so wird's gemacht | und so geht's | und so geht es",
    notes: "tipps | tipp | hinweise | hinweis | anmerkungen | anmerkung | notizen | notiz | \
        nährwerte | nährwertangaben | varianten | variante | aufbewahrung | dazu passt | \
        küchengeräte | zubehör",
    groups: "für den | für die | für das | für's | fürs | zum | zur | außerdem",
    yields: "ergibt ca. | ergibt | reicht für | menge für | menge | portionen | portion | \
        anzahl portionen | personen | für ca. | für | ausbeute",
    serves: "für | reicht für",
    people: "portionen | portion | personen | person | leute | esser | gäste | port.",
    prep: "vorbereitungszeit | vorbereitung | vorbereiten | zubereitungszeit | arbeitszeit | \
        aktive zeit",
    cook: "koch-/backzeit | koch- und backzeit | kochzeit | backzeit | garzeit | bratzeit | \
        grillzeit | kochen | backen | im ofen",
    total: "gesamtzeit | gesamtdauer | gesamt | insgesamt | zeitaufwand | fertig in | dauer",
    times: "ruhezeit | kühlzeit | gehzeit | wartezeit | marinierzeit | quellzeit | \
        einweichzeit | stehzeit",
    minutes: "minuten | minute | min",
    hours: "stunden | stunde | std",
    days: "tage | tag | tagen",
    titles: "rezeptname | betreff | rezept | titel | name",
    tags: "schlagwörter | stichwörter | kategorien | kategorie | küche | gang | rubrik",
    abouts: "beschreibung | über dieses rezept",
    others: "schwierigkeitsgrad | schwierigkeit | quelle | autor | von | kalorien | kosten | \
        erfasst | brennwert",
    verbs: "abschmecken abgießen aufkochen ablöschen auslegen ausrollen backen bedecken \
        bestreichen bestreuen blanchieren braten dünsten einrühren erhitzen erwärmen \
        formen füllen garen gießen hacken heizen herausnehmen hinzufügen kneten kochen \
        köcheln lassen legen mischen mixen pürieren putzen raspeln reiben rühren rollen \
        salzen schälen schlagen schmelzen schmoren schneiden servieren sieben unterheben \
        unterrühren verkneten verquirlen verrühren vermengen vermischen verteilen \
        vorheizen waschen wenden würfeln zerdrücken zerlassen zugeben zugießen danach \
        anschließend zuerst zunächst inzwischen währenddessen zuletzt dann",
    nouns: "ei/eier eigelb/eigelbe eiweiß/eiweiße zwiebel/zwiebeln kartoffel/kartoffeln \
        karotte/karotten möhre/möhren tomate/tomaten gurke/gurken zitrone/zitronen \
        limette/limetten apfel/äpfel birne/birnen paprikaschote/paprikaschoten \
        chilischote/chilischoten lorbeerblatt/lorbeerblätter \
        knoblauchzehe/knoblauchzehen schalotte/schalotten aubergine/auberginen \
        frühlingszwiebel/frühlingszwiebeln schnitzel/schnitzel brötchen/brötchen \
        vanilleschote/vanilleschoten champignon/champignons pflaume/pflaumen \
        aprikose/aprikosen würstchen/würstchen stück/stücke muffin/muffins keks/kekse \
        plätzchen/plätzchen kuchen/kuchen brot/brote",
    staples: "wasser milch sahne butter mehl zucker salz pfeffer öl essig reis nudeln brühe \
        wein saft käse quark joghurt honig fleisch hackfleisch rindfleisch speck \
        schinken fisch lachs linsen spinat knoblauch ingwer petersilie basilikum \
        thymian zimt hefe kakao haferflocken gemüsebrühe olivenöl wurst",
    preparations: "gewürfelt gehackt geschält gerieben geschnitten fein grob in nach optional \
        frisch zum zur ohne mit davon getrocknet gemahlen abgetropft gekocht weich kalt \
        warm aufgetaut entkernt halbiert geviertelt zerlassen etwas",
    units: &[
        (UnitKind::Fine, "gramm milliliter"),
        (UnitKind::Metric, "kilo kilogramm liter deziliter zentiliter"),
        (UnitKind::Kitchen, "el tl esslöffel teelöffel eßlöffel kl msp"),
        (UnitKind::Kitchen, "messerspitze/messerspitzen tasse/tassen becher pfund pfd schuss"),
        (UnitKind::Kitchen, "tropfen"),
        (UnitKind::Piece, "prise/prisen pr bund bd zehe/zehen stück stk scheibe/scheiben"),
        (UnitKind::Piece, "zweig/zweige blatt/blätter würfel handvoll stange/stangen"),
        (UnitKind::Piece, "knolle/knollen spritzer stängel stiel/stiele kopf/köpfe ecke/ecken"),
        (UnitKind::Piece, "kugel/kugeln portion/portionen rolle/rollen paar riegel streifen"),
        (UnitKind::Piece, "hand tafel/tafeln"),
        (UnitKind::Piece, "dutzend"),
        (UnitKind::Package, "pck päckchen packung/packungen pkg pkt pk paket/pakete dose/dosen"),
        (UnitKind::Package, "ds glas/gläser flasche/flaschen beutel btl tüte/tüten tetrapack"),
        (UnitKind::Package, "tube/tuben karton/kartons netz/netze rolle/rollen"),
    ],
    phrases: &[(UnitKind::Kitchen, "gestr. el | gestr. tl | geh. el | geh. tl")],
    spoons: ["tl | teelöffel | kl", "el | esslöffel | eßlöffel"],
    numbers: "ein halber 1/2 | ein halbes 1/2 | ein halbe 1/2 | eine halbe 1/2 | \
        einen halben 1/2 | einer halben 1/2 | eines halben 1/2 | ein viertel 1/4 | viertel 1/4 | ein drittel 1/3 | anderthalb 3/2 | \
        eineinhalb 3/2 | zweieinhalb 5/2 | dreiviertel 3/4 | zwei 2 | drei 3 | vier 4 | \
        fünf 5 | sechs 6 | sieben 7 | acht 8 | neun 9 | zehn 10 | zwölf 12",
    halves: "und ein halber | und eine halbe | und ein halbes",
    leading: "",
    articles: "ein | eine | einen | einer | eines",
    adjectives: "gestrichene | gestrichener | gestrichen | gehäufte | gehäufter | gehäuft | \
        kleine | kleiner | kleines | kleinen | große | großer | großes | großen | \
        mittelgroße | mittlere | dicke | dünne | leicht | frische | frischer | reife",
    ones: "prise | schuss | spritzer | messerspitze | msp | handvoll",
    of: "von | vom",
    joints: "und | oder | plus | sowie | bzw. | beziehungsweise | zzgl.",
    ranges: "bis zu | bis | oder | bzw.",
    about: "zwischen | etwa | ca. | ca | circa | ungefähr | rund | knapp | knappe | knapper | gut | \
        gute | guter | mindestens | höchstens | ein wenig mehr als | zirka | evtl. | \
        eventuell",
    some: "etwas | ein paar | ein wenig | ein bisschen | einige | evtl. | eventuell | \
        n. b. | n.b. | nach belieben | nach geschmack",
    purposes: "nach geschmack | nach belieben | nach bedarf | zum | zur | für die | \
        für das | für den | n. b. | n.b.",
};
