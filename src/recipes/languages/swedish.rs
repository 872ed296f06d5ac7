//! The words of Swedish recipes.

use super::language::Language;
use crate::recipes::unit_kind::UnitKind;

/// The words of Swedish recipes.
pub(crate) static SWEDISH: Language = Language {
    ingredients: "ingredienser | ingrediens | du behöver | det här behöver du | inköpslista",
    steps: "gör så här | så här gör du | så gör du | tillagning | tillvägagångssätt | \
        instruktioner | beskrivning | steg för steg | steg",
    notes: "anteckningar | tips | tips! | kommentar | notera | obs | variation | variationer | \
        näringsvärde | förvaring | till servering | servering | redskap",
    groups: "till | för",
    yields: "antal portioner | antal bitar | antal | portioner | räcker till | ger ca | ger | \
        för ca | för | cirka | ca",
    serves: "för | räcker till",
    people: "portioner | portion | port | personer | person | pers | bitar",
    prep: "förberedelsetid | förberedelser | förberedelse | aktiv tid | arbetstid | \
        förberedning",
    cook: "tillagningstid | koktid | gräddningstid | bakningstid | stektid | ugnstid | \
        kokning | gräddning | tillagning | i ugn | i ugnen",
    total: "total tid | totaltid | totalt | tidsåtgång | klart på | tid",
    times: "vilotid | jästid | jäsning | väntetid | kyltid | marineringstid",
    minutes: "minuter | minut | min",
    hours: "timmar | timme | tim",
    days: "dagar | dag | dygn",
    titles: "receptnamn | ämne | titel | recept | namn",
    tags: "taggar | kategorier | kategori | nyckelord | kök",
    abouts: "om receptet",
    others: "svårighetsgrad | svårighet | författare | källa | kalorier | kostnad",
    verbs: "bred bryn blanda baka dela diska dra finhacka forma fräs fyll garnera grädda \
        grovhacka hacka häll hetta hyvla höj knåda klappa koka krydda kavla klipp kyl \
        låt lägg lyft mät mixa mosa mal panera pensla pressa ringla riv rosta rulla rör \
        sila sjud skala skiva skär skölj smaka smält smörj spritsa spä stek strimla strö \
        ställ sätt servera ta tina tillsätt tärna toppa tryck tvätta vispa vik vänd värm \
        ansa ugnen under sedan därefter medan när",
    nouns: "ägg/ägg äggula/äggulor äggvita/äggvitor lök/lökar gullök/gullökar \
        rödlök/rödlökar morot/morötter citron/citroner äpple/äpplen päron/päron \
        tomat/tomater paprika/paprikor purjolök/purjolökar potatis/potatisar \
        gurka/gurkor zucchini/zucchinis lagerblad/lagerblad banan/bananer \
        apelsin/apelsiner palsternacka/palsternackor avokado/avokador bulle/bullar \
        kaka/kakor pannkaka/pannkakor limpa/limpor våffla/våfflor \
        kycklingfilé/kycklingfiléer schalottenlök/schalottenlökar bit/bitar",
    staples: "vatten mjölk grädde smör mjöl vetemjöl socker salt peppar olja vinäger ris \
        buljong vin saft ost honung kött köttfärs fläsk bacon skinka fisk lax linser \
        spenat vitlök ingefära persilja basilika timjan kanel jäst kakao bröd \
        havregryn filmjölk",
    preparations: "hackad hackade hackat skivad skivade riven rivet skalad skalade finhackad \
        finhackade grovt fint i efter valfritt färsk för smält rumsvarmt avrunnen utan \
        tärnad tärnade strimlad",
    units: &[
        (UnitKind::Fine, "gram milliliter"),
        (UnitKind::Metric, "kilo liter deciliter centiliter hg"),
        (UnitKind::Kitchen, "msk tsk krm kkp matsked/matskedar tesked/teskedar kryddmått"),
        (UnitKind::Kitchen, "kaffekopp/kaffekoppar kopp/koppar skvätt/skvättar"),
        (UnitKind::Piece, "klyfta/klyftor knippe/knippen kruka/krukor nypa/nypor st styck"),
        (UnitKind::Piece, "stycken skiva/skivor kvist/kvistar näve/nävar blad bit/bitar"),
        (UnitKind::Piece, "droppe/droppar klick/klickar stjälk/stjälkar stång/stänger"),
        (UnitKind::Piece, "bunt/buntar portion/portioner huvud/huvuden"),
        (UnitKind::Piece, "dussin"),
        (UnitKind::Package, "burk/burkar förp förpackning/förpackningar påse/påsar paket"),
        (UnitKind::Package, "tub/tuber ask/askar flaska/flaskor plåt/plåtar rulle/rullar"),
    ],
    phrases: &[],
    spoons: ["tsk | tesked | teskedar", "msk | matsked | matskedar"],
    numbers: "en halv 1/2 | ett halvt 1/2 | en kvarts 1/4 | halv 1/2 | två 2 | fyra 4 | fem 5 | \
        sju 7 | åtta 8 | nio 9 | tio 10 | tolv 12",
    halves: "och en halv | och ett halvt",
    leading: "",
    articles: "en | ett",
    adjectives: "liten | litet | små | stor | stort | stora | medelstor | medelstora | rågad | \
        rågade | struken | strukna | knapp | knappa | dryg | drygt | färsk | färska",
    ones: "nypa | näve | klick | skvätt",
    of: "av",
    joints: "och | eller | plus | samt | +",
    ranges: "till | eller",
    about: "mellan | ca | cirka | ungefär | drygt | knappt | minst | högst | omkring",
    some: "lite | några | en aning",
    purposes: "efter smak | efter behov | till stekning | till formen | till servering | \
        till garnering | till pensling | till bakning | att steka i",
};
