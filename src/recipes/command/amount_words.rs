//! Words of the commands that scale, and that change the units.

/// Verbs that always mean to scale.
pub(super) const SCALE: &[&str] = &[
    "scale",
    "rescale",
    "upscale",
    "downscale",
    "resize",
    "adjust",
    "adapt",
    "recalculate",
    "reduce",
    "increase",
    "decrease",
    "multiply",
];
/// Verbs that may mean to scale.
pub(super) const MAKE: &[&str] = &[
    "make", "cook", "prepare", "change", "cut", "turn", "convert", "do", "go", "back", "set",
    "bump", "up",
];
pub(super) const FOR: &[&str] = &[
    "to serve",
    "to feed",
    "enough for",
    "for my family of",
    "for our family of",
    "for a family of",
    "for a group of",
    "for a crowd of",
    "for a table of",
    "for a dinner party of",
    "for about",
    "for up to",
    "for a party of",
    "for",
    "serve",
    "feed",
];
pub(super) const SERVES: &[&str] = &[
    "it serves",
    "can this serve",
    "can it serve",
    "can this feed",
    "can it feed",
    "it should serve",
    "it should feed",
    "this should feed",
    "it has to feed",
    "should feed",
    "this has to feed",
    "this has to serve",
    "this must feed",
    "this must serve",
    "this needs to feed",
    "this needs to serve",
    "it needs to feed",
    "it needs to serve",
    "this should serve",
    "it has to serve",
    "it must serve",
    "serves",
    "serve",
    "feeds",
    "feed",
];
pub(super) const SERVINGS: &[&str] =
    &["number of servings", "servings", "portions", "serving count", "serving size"];
/// "We are 6", "there are 6 of us".
pub(super) const WE_ARE: &[&str] = &[
    "we are",
    "we're",
    "we’re",
    "we will be",
    "we'll be",
    "we’ll be",
    "there are",
    "there will be",
    "there'll be",
    "i have",
    "i am having",
    "i'm having",
    "we are having",
    "we're having",
    "we’re having",
    "i'm hosting",
    "we're hosting",
    "only",
];
/// "I need this for 8", "I am cooking for 8".
pub(super) const NEED: &[&str] = &[
    "i need",
    "we need",
    "i want",
    "we want",
    "i only need",
    "i only want",
    "we only need",
    "i'm cooking",
    "i’m cooking",
    "i am cooking",
    "we're cooking",
    "we’re cooking",
    "we are cooking",
    "i'm making",
    "i’m making",
    "i am making",
    "it's",
    "it’s",
    "it is",
    "this is",
    "do",
    "get",
    "have",
];
/// What people say behind a number of people.
pub(super) const COMING: &[&str] = &[
    " tonight",
    " today",
    " tomorrow",
    " for dinner",
    " for lunch",
    " now",
    " are coming",
    " coming",
    " are eating",
    " at the table",
    " over",
];
pub(super) const PEOPLE: &[&str] = &[
    "servings", "serving", "people", "portions", "portion", "persons", "person", "guests", "guest",
    "adults", "friends", "eaters", "diners", "of us",
];
/// What is cooked for minutes is not cooked for people.
pub(super) const TIME: &[&str] = &[
    "minute", "minutes", "min", "mins", "hour", "hours", "hr", "hrs", "h", "second", "seconds",
    "sec", "day", "days", "week", "weeks",
];
/// The words and the factor, as a fraction.
pub(super) const MULTIPLES: &[(&[&str], u64, u64)] = &[
    (&["double", "twice"], 2, 1),
    (&["triple", "treble", "three times"], 3, 1),
    (&["quadruple", "four times"], 4, 1),
    (&["halve", "half"], 1, 2),
    (&["a third", "third", "one third"], 1, 3),
    (&["a quarter", "quarter", "one quarter"], 1, 4),
    (&["two thirds", "two-thirds"], 2, 3),
    (&["three quarters", "three-quarters"], 3, 4),
];
/// Behind such a multiple, for the whole recipe.
pub(super) const AS_MUCH: &[&str] = &[
    "as much",
    "as big",
    "as many",
    "batch",
    "of",
    "the batch",
    "the amount",
    "the quantity",
    "the size",
];
/// The same for one ingredient: the words and the factor, as a fraction.
pub(super) const FACTORS: &[(&[&str], u64, u64)] = &[
    (&["double", "twice", "two times"], 2, 1),
    (&["triple", "three times"], 3, 1),
    (&["quadruple", "four times"], 4, 1),
    (&["half", "halve"], 1, 2),
    (&["a third of", "a third", "one third of", "one third"], 1, 3),
    (&["two thirds of"], 2, 3),
    (&["a quarter of", "a quarter", "one quarter of"], 1, 4),
    (&["three quarters of"], 3, 4),
];
/// Between such a factor and a name. An article may follow.
pub(super) const AMOUNT_OF: &[&str] =
    &["the amount of", "the quantity of", "as much", "as many", "of the amount of"];

/// Verbs that change the units.
pub(super) const CONVERT: &[&str] = &[
    "convert",
    "change",
    "switch",
    "show",
    "show me",
    "put",
    "use",
    "turn",
    "give me",
    "give it to me",
    "make",
    "translate",
    "go",
];
/// What is converted.
pub(super) const MEASURES: &[&str] = &[
    "the units",
    "units",
    "the measurements",
    "measurements",
    "the measures",
    "all units",
    "all measurements",
    "all the units",
    "all the measurements",
    "them",
];
pub(super) const METRIC: &[&str] = &[
    "metric",
    "metric units",
    "metric measurements",
    "metric measures",
    "the metric system",
    "grams",
    "grams and millilitres",
    "grams and milliliters",
    "grams and ml",
    "g and ml",
    "millilitres",
    "milliliters",
    "ml",
    "european units",
    "european measurements",
    "si units",
];
pub(super) const US: &[&str] = &[
    "us",
    "us units",
    "us measurements",
    "us measures",
    "us customary",
    "us customary units",
    "american units",
    "american measurements",
    "american",
    "customary units",
    "imperial",
    "imperial units",
    "imperial measurements",
    "cups",
    "cups and spoons",
    "cups and ounces",
    "ounces",
    "pounds and ounces",
];
pub(super) const ORIGINAL: &[&str] = &[
    "the original units",
    "original units",
    "the units it had",
    "the original",
    "the original measurements",
    "how it was written",
    "the units of the recipe",
];
