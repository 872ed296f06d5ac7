//! The units of recipes: how their amounts are written, their plurals and their sizes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The precision with which amounts of a unit are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Grams, millilitres: few decimals.
    Fine,
    /// Kilograms, litres: decimals.
    Metric,
    /// Cups, spoons, ounces: halves, thirds, quarters, sixths, eighths, sixteenths.
    Kitchen,
    /// Eggs, cloves, cans: halves, thirds, quarters, sixths, eighths.
    Count,
}

/// The kind of a unit, which decides how its amounts are rounded and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitKind {
    /// Grams, millilitres.
    Fine,
    /// Kilograms, litres.
    Metric,
    /// Cups, spoons, ounces, pounds.
    Kitchen,
    /// Cloves, slices, pinches.
    Piece,
    /// Cans, jars: a size in parentheses is that of one of them.
    Package,
}

impl UnitKind {
    pub(super) fn grid(self) -> Precision {
        match self {
            Self::Fine => Precision::Fine,
            Self::Metric => Precision::Metric,
            Self::Kitchen => Precision::Kitchen,
            Self::Piece | Self::Package => Precision::Count,
        }
    }

    /// Whether the unit is a weight or a volume, not a count.
    pub(super) fn is_measure(self) -> bool {
        matches!(self, Self::Fine | Self::Metric | Self::Kitchen)
    }
}

/// What units can be converted into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitFamily {
    Ounces,
    Grams,
    Millilitres,
    Teaspoons,
}

/// The unit that `word` names.
pub(super) fn unit(word: &str) -> Option<UnitKind> {
    looked_up(word, |word| KINDS.get(word).copied())
}

/// The size of a unit, as a multiple of the smallest of its family.
pub(super) fn size(word: &str) -> Option<(UnitFamily, u64)> {
    looked_up(word, |word| {
        SIZES.iter().find_map(|(family, sizes)| {
            let (_, size) = sizes.iter().find(|(names, _)| names.split('/').any(|n| n == word))?;
            Some((*family, *size))
        })
    })
}

/// Whether the unit is one of those of English recipes, in which a comma parts thousands.
pub(super) fn is_english(word: &str) -> bool {
    size(word).is_some() && !["el", "tl"].iter().any(|german| word.eq_ignore_ascii_case(german))
}

/// The singular and plural of a unit that has both.
pub(super) fn forms() -> impl Iterator<Item = (&'static str, &'static str)> {
    let words = UNITS.iter().flat_map(|(_, names)| names.split(' '));
    words.chain(PHRASES.iter().copied()).filter_map(|names| names.split_once('/'))
}

/// The unit of several words that `text` begins with, as in "c. à soupe": its length and kind.
pub(super) fn phrase(text: &str) -> Option<(usize, UnitKind)> {
    let names = PHRASES.iter().flat_map(|names| names.split('/'));
    names.filter_map(|name| matches(text, name)).max().map(|length| (length, UnitKind::Kitchen))
}

/// The unit before the number that `text` ends with, as in "大さじ2": its length and kind.
pub(super) fn before(text: &str) -> Option<(usize, UnitKind)> {
    let name = LEADING.iter().find(|name| text.ends_with(**name))?;
    Some((name.len(), UnitKind::Kitchen))
}

/// The length of `name` at the beginning of a text, ignoring case, up to the end of a word.
fn matches(text: &str, name: &str) -> Option<usize> {
    let mut letters = text.char_indices();
    for wanted in name.chars() {
        let (_, letter) = letters.next()?;
        if letter != wanted && letter.to_lowercase().ne(wanted.to_lowercase()) {
            return None;
        }
    }
    match letters.next() {
        Some((_, next)) if next.is_alphabetic() => None,
        Some((at, _)) => Some(at),
        None => Some(text.len()),
    }
}

/// Looks up a word in lower case. Longer words than the tables hold are skipped, so they cost
/// nothing.
pub(super) fn looked_up<T>(word: &str, find: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    if word.is_empty() || word.len() > MAX_WORD_BYTES {
        return None;
    }
    find(&word.to_lowercase())
}

static KINDS: LazyLock<BTreeMap<&'static str, UnitKind>> = LazyLock::new(|| {
    let names = |(kind, names): &(UnitKind, &'static str)| {
        let kind = *kind;
        names.split([' ', '/']).map(move |name| (name, kind))
    };
    UNITS.iter().flat_map(names).collect()
});

/// An upper bound of the length of the words below.
const MAX_WORD_BYTES: usize = 24;

/// Units as `singular/plural`. One without a plural is invariable.
const UNITS: &[(UnitKind, &str)] = &[
    (UnitKind::Fine, "g gr grs gm/gms gram/grams gramme/grammes gramm ml mls mg cc 克 毫升"),
    (UnitKind::Fine, "milliliter/milliliters millilitre/millilitres milligram/milligrams"),
    (UnitKind::Fine, "gramo/gramos grammo/grammi grama/gramas"),
    (UnitKind::Metric, "kg kgs kilo/kilos kilogram/kilograms kilogramme/kilogrammes kilogramm"),
    (UnitKind::Metric, "l lt ltr dl cl liter/liters litre/litres deciliter/deciliters"),
    (UnitKind::Metric, "decilitre/decilitres centiliter/centiliters centilitre/centilitres"),
    (UnitKind::Metric, "litro/litros litri 公斤 升"),
    (UnitKind::Kitchen, "cup/cups c tsp tsps t teaspoon/teaspoons tbsp tbsps tbs tb tblsp tbl"),
    (UnitKind::Kitchen, "tablespoon/tablespoons dessertspoon/dessertspoons dsp oz ozs"),
    (UnitKind::Kitchen, "ounce/ounces lb lbs pound/pounds pint/pints pt quart/quarts qt qts"),
    (UnitKind::Kitchen, "gallon/gallons gal floz"),
    (UnitKind::Kitchen, "el tl esslöffel teelöffel msp tasse/tassen becher pfund"),
    (UnitKind::Kitchen, "càs cas cs cc càc verre/verres cuillère/cuillères cuillerée/cuillerées"),
    (UnitKind::Kitchen, "taza/tazas cucharada/cucharadas cucharadita/cucharaditas cda/cdas"),
    (UnitKind::Kitchen, "cdta/cdtas vaso/vasos cucchiaio/cucchiai cucchiaino/cucchiaini"),
    (UnitKind::Kitchen, "bicchiere/bicchieri tazza/tazze colher/colheres xícara/xícaras"),
    (UnitKind::Kitchen, "copo/copos msk tsk krm spsk ss ts eetlepel/eetlepels"),
    (UnitKind::Kitchen, "theelepel/theelepels łyżka/łyżki łyżeczka/łyżeczki szklanka/szklanki"),
    (UnitKind::Piece, "clove/cloves slice/slices piece/pieces pinch/pinches dash/dashes"),
    (UnitKind::Piece, "stick/sticks handful/handfuls bunch/bunches sprig/sprigs stalk/stalks"),
    (UnitKind::Piece, "rib/ribs head/heads drop/drops knob/knobs splash/splashes thumb/thumbs"),
    (UnitKind::Piece, "drizzle/drizzles ear/ears scoop/scoops fillet/fillets filet/filets"),
    (UnitKind::Piece, "strip/strips sheet/sheets wedge/wedges cube/cubes dollop/dollops"),
    (UnitKind::Piece, "glug/glugs rasher/rashers ball/balls bulb/bulbs dozen squeeze rack/racks"),
    (UnitKind::Piece, "floret/florets glass/glasses bowl/bowls spoonful/spoonfuls part/parts"),
    (UnitKind::Piece, "serving/servings portion/portions batch/batches leaf/leaves chunk/chunks"),
    (UnitKind::Piece, "frond/fronds spear/spears punnet/punnets grind/grinds twist/twists"),
    (UnitKind::Piece, "prise/prisen bund zehe/zehen stück scheibe/scheiben zweig/zweige"),
    (UnitKind::Piece, "blatt/blätter würfel handvoll stange/stangen knolle/knollen spritzer"),
    (UnitKind::Piece, "gousse/gousses pincée/pincées brin/brins tranche/tranches botte/bottes"),
    (UnitKind::Piece, "branche/branches feuille/feuilles noix poignée/poignées"),
    (UnitKind::Piece, "diente/dientes pizca/pizcas ramita/ramitas hoja/hojas rebanada/rebanadas"),
    (UnitKind::Piece, "manojo/manojos puñado/puñados loncha/lonchas"),
    (UnitKind::Piece, "spicchio/spicchi pizzico/pizzichi foglia/foglie fetta/fette"),
    (UnitKind::Piece, "rametto/rametti mazzetto/mazzetti manciata/manciate costa/coste"),
    (UnitKind::Piece, "dente/dentes pitada/pitadas fatia/fatias folha/folhas ramo/ramos"),
    (UnitKind::Piece, "klyfta/klyftor knippe/knippen nypa/nypor st skiva/skivor kvist/kvistar"),
    (UnitKind::Piece, "teen/tenen snufje/snufjes takje/takjes plak/plakken 个 個 片"),
    (UnitKind::Package, "can/cans tin/tins jar/jars package/packages packet/packets pkg/pkgs"),
    (UnitKind::Package, "pack/packs box/boxes bottle/bottles bag/bags carton/cartons tub/tubs"),
    (UnitKind::Package, "container/containers tube/tubes envelope/envelopes sachet/sachets"),
    (UnitKind::Package, "loaf/loaves block/blocks bar/bars pot/pots pouch/pouches brick/bricks"),
    (UnitKind::Package, "pck päckchen packung/packungen dose/dosen glas/gläser flasche/flaschen"),
    (UnitKind::Package, "pkt beutel tüte/tüten boîte/boîtes paquet/paquets bocal/bocaux"),
    (UnitKind::Package, "lata/latas paquete/paquetes sobre/sobres bote/botes barattolo/barattoli"),
    (UnitKind::Package, "bustina/bustine confezione/confezioni scatola/scatole pacote/pacotes"),
    (UnitKind::Package, "burk/burkar förp påse/påsar blik/blikken blikje/blikjes zakje/zakjes"),
];

/// Units of several words, as `singular/plural`.
const PHRASES: &[&str] = &[
    "fl oz",
    "fl. oz",
    "fluid ounce/fluid ounces",
    "c. à soupe",
    "c. à café",
    "c. à thé",
    "c à soupe",
    "c à café",
    "c. a soupe",
    "c. a café",
    "c. à s",
    "c. à c",
    "cuillère à soupe/cuillères à soupe",
    "cuillère à café/cuillères à café",
    "cuillère à thé/cuillères à thé",
    "cuillerée à soupe/cuillerées à soupe",
    "cuillerée à café/cuillerées à café",
    "colher de sopa/colheres de sopa",
    "colher de chá/colheres de chá",
    "colher de café/colheres de café",
    "colher de sobremesa/colheres de sobremesa",
];

/// Units that are written before the number.
const LEADING: &[&str] = &["大さじ", "小さじ", "カップ", "大匙", "小匙"];

/// Units that are sums of smaller ones. The names of one unit are separated by `/`.
const SIZES: &[(UnitFamily, &[(&str, u64)])] = &[
    (UnitFamily::Ounces, &[("oz/ozs/ounce/ounces", 1), ("lb/lbs/pound/pounds", 16)]),
    (
        UnitFamily::Grams,
        &[
            ("g/gr/gm/gms/gram/grams/gramme/grammes/gramm", 1),
            ("kg/kgs/kilo/kilos/kilogram/kilograms/kilogramm", 1_000),
        ],
    ),
    (
        UnitFamily::Millilitres,
        &[
            ("ml/mls/milliliter/milliliters/millilitre/millilitres/cc", 1),
            ("cl", 10),
            ("dl", 100),
            ("l/lt/ltr/liter/liters/litre/litres", 1_000),
        ],
    ),
    (
        UnitFamily::Teaspoons,
        &[
            ("tsp/tsps/teaspoon/teaspoons/tl", 1),
            ("tbsp/tbsps/tbs/tblsp/tablespoon/tablespoons/el", 3),
            ("fl oz/fl. oz/fluid ounce/fluid ounces", 6),
            ("cup/cups", 48),
            ("pint/pints/pt", 96),
            ("quart/quarts/qt/qts", 192),
            ("gallon/gallons/gal", 768),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_with_a_size_is_a_measure() {
        for (_, sizes) in SIZES {
            for name in sizes.iter().flat_map(|(names, _)| names.split('/')) {
                let kind = unit(name).or_else(|| phrase(name).map(|(_, kind)| kind));
                assert!(kind.is_some_and(UnitKind::is_measure), "{name}");
            }
        }
    }

    #[test]
    fn units_of_several_words_are_found() {
        assert_eq!(phrase("C. à soupe de farine"), Some(("c. à soupe".len(), UnitKind::Kitchen)));
        assert_eq!(phrase("fl oz"), Some((5, UnitKind::Kitchen)));
        assert_eq!(phrase("fl ozone"), None);
        assert_eq!(before("大さじ"), Some(("大さじ".len(), UnitKind::Kitchen)));
    }
}
