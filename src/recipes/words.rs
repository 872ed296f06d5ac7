//! The vocabulary of recipes: countable nouns, and verbs that begin a step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::units::{UnitKind, forms, looked_up, unit};

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

/// The words of a text for comparison: lower case, singular, without articles.
pub(super) fn words_of(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(folded)
        .filter(|word| !["the", "a", "an", "some", "of"].contains(&&**word))
        .collect()
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

/// The lists below, indexed for lookup.
struct Table {
    /// Singular and plural, indexed by both.
    nouns: BTreeMap<String, (String, String)>,
    verbs: BTreeSet<&'static str>,
    times: BTreeSet<&'static str>,
    preparations: BTreeSet<&'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut nouns = BTreeMap::new();
    let irregular = IRREGULAR.split_whitespace().filter_map(|pair| pair.split_once('/'));
    let pairs = forms().chain(irregular);
    let pairs = pairs.map(|(one, many)| (one.to_owned(), many.to_owned()));
    let regular = NOUNS.split_whitespace().map(|noun| (noun.to_owned(), plural(noun)));
    for (one, many) in pairs.chain(regular) {
        nouns.entry(one.clone()).or_insert_with(|| (one.clone(), many.clone()));
        nouns.entry(many.clone()).or_insert((one, many));
    }
    // "2 lb" is as right as "2 lbs", but "1 lbs" is not.
    nouns.insert("lbs".to_owned(), ("lb".to_owned(), "lbs".to_owned()));
    Table {
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

const IRREGULAR: &str = "half/halves potato/potatoes tomato/tomatoes mango/mangoes \
    person/people child/children knife/knives cookie/cookies pie/pies brownie/brownies \
    smoothie/smoothies calf/calves olive/olives chive/chives endive/endives \
    ei/eier eigelb/eigelbe zwiebel/zwiebeln kartoffel/kartoffeln karotte/karotten möhre/möhren \
    zitrone/zitronen apfel/äpfel orange/oranges paprikaschote/paprikaschoten \
    lorbeerblatt/lorbeerblätter knoblauchzehe/knoblauchzehen \
    jaune/jaunes œuf/œufs oeuf/oeufs blanc/blancs oignon/oignons carotte/carottes \
    citron/citrons pomme/pommes échalote/échalotes \
    huevo/huevos cebolla/cebollas patata/patatas zanahoria/zanahorias limón/limones yema/yemas \
    uovo/uova tuorlo/tuorli cipolla/cipolle limone/limoni pomodoro/pomodori carota/carote \
    ovo/ovos gema/gemas cebola/cebolas limão/limões cenoura/cenouras";

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
    lolly skewer kebab samosa pierogi blini dish plate tray guest adult meal drink cocktail rutabaga \
    swede persimmon celeriac lychee guava quince crumpet croissant pitta frond bratwurst peel rind \
    brownie flatbread pretzel bap ciabatta cob joint cheek kidney liver rack medallion";

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
        for same in ["flour", "asparagus", "Zucchino", "couscous"] {
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
        assert_eq!(inflected("lb", true), None);
    }
}
