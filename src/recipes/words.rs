//! The vocabulary of recipes: units, countable nouns, and verbs that begin a step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::quantity::Precision;

/// The kind of a unit, which decides how its amounts are rounded and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitKind {
    /// Grams, millilitres.
    Fine,
    /// Kilograms, litres.
    Metric,
    /// Cups, spoons, ounces, pounds.
    TestApp,
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
            Self::TestApp => Precision::TestApp,
            Self::Piece | Self::Package => Precision::Count,
        }
    }

    /// Whether the unit is a weight or a volume, not a count.
    pub(super) fn is_measure(self) -> bool {
        matches!(self, Self::Fine | Self::Metric | Self::TestApp)
    }
}

/// The unit that `word` names.
pub(super) fn unit(word: &str) -> Option<UnitKind> {
    looked_up(word, |word| TABLE.units.get(word).copied())
}

/// The singular or plural of a known word, in the case in which it was written.
pub(super) fn inflected(word: &str, many: bool) -> Option<String> {
    let (one, several) = looked_up(word, |word| TABLE.nouns.get(word))?;
    let wanted = if many { several } else { one };
    let mut letters = word.chars();
    let is_capital = letters.next().is_some_and(char::is_uppercase);
    let is_shouted = is_capital && word.len() > 1 && letters.all(char::is_uppercase);
    Some(if is_shouted {
        wanted.to_uppercase()
    } else if is_capital {
        let mut letters = wanted.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
    } else {
        wanted.clone()
    })
}

/// Whether the word is a noun that is counted without a unit, such as an egg.
pub(super) fn is_countable(word: &str) -> bool {
    let is_known = looked_up(word, |word| TABLE.nouns.get(word)).is_some();
    is_known && !unit(word).is_some_and(UnitKind::is_measure)
}

/// The singular in lower case, for comparing names.
pub(super) fn folded(word: &str) -> String {
    inflected(word, false).unwrap_or_else(|| word.to_owned()).to_lowercase()
}

/// Whether `word` is a verb that begins a step.
pub(super) fn begins_step(word: &str) -> bool {
    looked_up(word, |word| TABLE.verbs.get(word)).is_some()
}

/// Whether the word is a unit of time, or another unit that never measures an ingredient.
pub(super) fn is_time(word: &str) -> bool {
    looked_up(word, |word| TABLE.times.get(word)).is_some()
}

/// Whether `word` begins a preparation, as in "1 onion, chopped".
pub(super) fn is_preparation(word: &str) -> bool {
    (word.len() > 4 && word.ends_with("ed"))
        || looked_up(word, |word| TABLE.preparations.get(word)).is_some()
}

/// Looks up a word in lower case. Longer words than the tables hold are skipped, so they cost
/// nothing.
fn looked_up<T>(word: &str, find: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    if word.is_empty() || word.len() > MAX_WORD_BYTES {
        return None;
    }
    find(&word.to_lowercase())
}

/// The lists below, indexed for lookup.
struct Table {
    units: BTreeMap<&'static str, UnitKind>,
    /// Singular and plural, indexed by both.
    nouns: BTreeMap<String, (String, String)>,
    verbs: BTreeSet<&'static str>,
    times: BTreeSet<&'static str>,
    preparations: BTreeSet<&'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut units = BTreeMap::new();
    for (kind, names) in UNITS {
        units.extend(names.split([' ', '/']).map(|name| (name, *kind)));
    }
    units.extend(["fl oz", "fluid ounce", "fluid ounces"].map(|name| (name, UnitKind::TestApp)));
    let mut nouns = BTreeMap::new();
    let pairs = UNITS.iter().map(|(_, units)| *units).chain([IRREGULAR]);
    let pairs = pairs.flat_map(|units| units.split(' ')).filter_map(|pair| pair.split_once('/'));
    let pairs = pairs.map(|(one, many)| (one.to_owned(), many.to_owned()));
    let regular = NOUNS.split_whitespace().map(|noun| (noun.to_owned(), plural(noun)));
    for (one, many) in pairs.chain(regular) {
        nouns.entry(one.clone()).or_insert_with(|| (one.clone(), many.clone()));
        nouns.entry(many.clone()).or_insert((one, many));
    }
    Table {
        units,
        nouns,
        verbs: VERBS.split_whitespace().collect(),
        times: TIMES.split_whitespace().collect(),
        preparations: PREPARATIONS.split_whitespace().collect(),
    }
});

fn plural(noun: &str) -> String {
    let vowel = ['a', 'e', 'i', 'o', 'u'];
    if let Some(stem) = noun.strip_suffix('y').filter(|stem| !stem.ends_with(vowel)) {
        format!("{stem}ies")
    } else if ["ch", "sh", "ss", "x"].iter().any(|ending| noun.ends_with(ending)) {
        format!("{noun}es")
    } else {
        format!("{noun}s")
    }
}

/// An upper bound of the length of the words below.
const MAX_WORD_BYTES: usize = 24;

/// Units as `singular/plural`. One without a plural is invariable.
const UNITS: &[(UnitKind, &str)] = &[
    (UnitKind::Fine, "g gr gm/gms gram/grams gramme/grammes ml mls mg cc milliliter/milliliters"),
    (UnitKind::Fine, "millilitre/millilitres milligram/milligrams"),
    (UnitKind::Metric, "kg kgs kilo/kilos kilogram/kilograms kilogramme/kilogrammes l lt dl cl"),
    (UnitKind::Metric, "liter/liters litre/litres deciliter/deciliters decilitre/decilitres"),
    (UnitKind::Metric, "centiliter/centiliters centilitre/centilitres"),
    (UnitKind::TestApp, "cup/cups c tsp tsps t teaspoon/teaspoons tbsp tbsps tbs tb el tl"),
    (UnitKind::TestApp, "tablespoon/tablespoons dessertspoon/dessertspoons oz ozs ounce/ounces"),
    (UnitKind::TestApp, "lb/lbs pound/pounds pint/pints pt quart/quarts qt qts gallon/gallons gal"),
    (
        UnitKind::Piece,
        "clove/cloves slice/slices piece/pieces pinch/pinches dash/dashes stick/sticks",
    ),
    (
        UnitKind::Piece,
        "handful/handfuls bunch/bunches sprig/sprigs stalk/stalks rib/ribs head/heads",
    ),
    (
        UnitKind::Piece,
        "drop/drops knob/knobs splash/splashes drizzle/drizzles ear/ears scoop/scoops",
    ),
    (
        UnitKind::Piece,
        "fillet/fillets filet/filets strip/strips sheet/sheets wedge/wedges cube/cubes",
    ),
    (
        UnitKind::Piece,
        "dollop/dollops glug/glugs rasher/rashers ball/balls bulb/bulbs dozen squeeze",
    ),
    (UnitKind::Piece, "floret/florets glass/glasses bowl/bowls spoonful/spoonfuls part/parts"),
    (UnitKind::Piece, "serving/servings portion/portions batch/batches leaf/leaves chunk/chunks"),
    (UnitKind::Package, "can/cans tin/tins jar/jars package/packages packet/packets pkg/pkgs"),
    (UnitKind::Package, "pack/packs box/boxes bottle/bottles bag/bags carton/cartons tub/tubs"),
    (UnitKind::Package, "container/containers tube/tubes envelope/envelopes sachet/sachets"),
    (UnitKind::Package, "loaf/loaves block/blocks bar/bars pot/pots"),
];

const IRREGULAR: &str = "half/halves potato/potatoes tomato/tomatoes mango/mangoes \
    person/people child/children knife/knives cookie/cookies pie/pies brownie/brownies \
    smoothie/smoothies calf/calves olive/olives chive/chives endive/endives";

/// Nouns that are counted without a unit, with a regular plural.
const NOUNS: &str = "egg yolk white onion shallot scallion leek carrot parsnip turnip beet beetroot \
    radish cucumber zucchini courgette aubergine eggplant pepper capsicum chili chile chilli \
    jalapeno jalapeño habanero avocado artichoke cabbage cauliflower lettuce squash pumpkin \
    mushroom plantain yam sprout bean pea lemon lime orange grapefruit apple pear plum peach \
    apricot nectarine banana pineapple melon watermelon cherry berry strawberry raspberry blueberry \
    blackberry cranberry grape fig date raisin prune nut almond walnut pecan hazelnut cashew \
    peanut pistachio chestnut coconut clementine tangerine mandarin kiwi pomegranate papaya \
    breast thigh drumstick wing leg chop steak sausage hotdog frankfurter patty burger bun roll \
    bagel baguette tortilla wrap pita muffin cupcake pancake waffle crêpe crepe biscuit cracker \
    cake tart tartlet scone doughnut donut macaron meringue truffle dumpling meatball taco burrito \
    sandwich pizza noodle ribbon shell anchovy sardine prawn shrimp scallop mussel clam oyster crab \
    lobster kipper trout duck quail chicken turkey rabbit hen bone ham shank cutlet pod seed stem \
    vine root bulb star cinnamon stick pickle gherkin caper radicchio fennel crouton wafer \
    marshmallow candy chocolate teabag bouillon lid crust base ring round square finger popsicle \
    lolly skewer kebab samosa pierogi blini dish plate tray guest adult meal drink cocktail";

/// Verbs that begin a step.
const VERBS: &str = "add adjust after allow arrange as assemble at bake baste beat before begin blanch \
    blend blitz boil braise bring broil brown brush carefully chill chop coat combine cook cool core \
    cover cream crack crumble crush cut deglaze dice discard dissolve divide dot drain dredge drizzle \
    drop dry dust enjoy evenly fill finally finish first flip fold form freeze fry garnish gently \
    get gradually grate grease grill grind heat if immediately in knead ladle layer leave let lightly \
    line lower make marinate mash measure meanwhile melt microwave mince mix move next now on once \
    open over pack pat peel pierce pinch pipe place plate poach pop pour prepare preheat press prick \
    process puree purée push put quickly raise reduce refrigerate remove repeat reserve rest return \
    rinse roast roll rub salt sauté saute scatter scoop score scrape scrub sear season separate serve \
    set shake shape shred sift simmer skim slice slowly smash soak soften spoon spray spread sprinkle \
    squeeze start steam stir store strain stuff take taste tear the then thin throw tie tip to \
    top toss transfer trim turn until unwrap use using wait warm wash when whip whisk while whilst \
    wipe with working wrap you your";

const TIMES: &str = "minute minutes min mins hour hours hr hrs h second seconds sec secs day days \
    week weeks month months year years time times degree degrees people persons person servings \
    serving portions portion calories kcal cal watts inch inches cm mm";

const PREPARATIONS: &str = "thinly finely roughly coarsely freshly lightly very to at cut divided \
    plus or for optional about ground in beaten frozen drained torn split thick thin well if each \
    without with such preferably more extra as but not room fresh-ground skin-on skinless boneless \
    shaken then and melted halved";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_inflected_and_keep_their_case() {
        for (one, many) in [
            ("egg", "eggs"),
            ("tomato", "tomatoes"),
            ("cherry", "cherries"),
            ("leaf", "leaves"),
            ("clove", "cloves"),
            ("peach", "peaches"),
            ("Cookie", "Cookies"),
            ("CUP", "CUPS"),
            ("pinch", "pinches"),
            ("person", "people"),
            ("olive", "olives"),
            ("box", "boxes"),
        ] {
            assert_eq!(inflected(one, true).as_deref(), Some(many));
            assert_eq!(inflected(many, false).as_deref(), Some(one));
        }
        for same in ["flour", "asparagus", "Zwiebel", "couscous"] {
            assert_eq!(inflected(same, true), None);
        }
    }

    #[test]
    fn abbreviations_have_no_plural() {
        for unit_name in ["g", "ml", "tsp", "tbsp", "oz", "kg"] {
            assert!(unit(unit_name).is_some());
            assert_eq!(inflected(unit_name, true), None);
        }
        assert_eq!(inflected("lbs", false).as_deref(), Some("lb"));
    }
}
