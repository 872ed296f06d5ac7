//! The units of recipes: how their amounts are written, their plurals and their sizes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::languages::{self, ENGLISH, LANGUAGES, Phrases};
pub(super) use super::unit_kind::{Precision, UnitKind};

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
    looked_up(word, |word| SIZES.get(word).copied())
}

/// Whether the unit is one of those of English recipes, in which a comma parts thousands.
pub(super) fn is_english(word: &str) -> bool {
    let is_listed = |word: &str| {
        let names = ENGLISH.units.iter().flat_map(|(_, names)| names.split([' ', '/']));
        names.into_iter().any(|name| name == word).then_some(())
    };
    size(word).is_some() && looked_up(word, is_listed).is_some()
}

/// The singular and plural of a unit that has both.
pub(super) fn forms() -> impl Iterator<Item = (&'static str, &'static str)> {
    let words = LANGUAGES.iter().flat_map(|language| language.units);
    let words = words.flat_map(|(_, names)| names.split(' '));
    let phrases = LANGUAGES.iter().flat_map(|language| language.phrases);
    let phrases = phrases.flat_map(|(_, names)| names.split('|').map(str::trim));
    words.chain(phrases).filter_map(|names| names.split_once('/'))
}

/// The unit of several words that `text` begins with, as in "c. à soupe": its length and kind.
pub(super) fn phrase(text: &str) -> Option<(usize, UnitKind)> {
    PHRASES.find(text)
}

/// The unit before the number that `text` ends with, as in "大さじ2": its length and kind.
pub(super) fn before(text: &str) -> Option<(usize, UnitKind)> {
    let name = LEADING.iter().find(|name| text.ends_with(**name))?;
    Some((name.len(), UnitKind::Kitchen))
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
    let units = LANGUAGES.iter().rev().flat_map(|language| language.units);
    let names = units.flat_map(|(kind, names)| names.split([' ', '/']).map(|name| (name, *kind)));
    names.collect()
});

/// Units of several words.
static PHRASES: LazyLock<Phrases<UnitKind>> = LazyLock::new(|| {
    let phrases = LANGUAGES.iter().flat_map(|language| language.phrases);
    Phrases::new(
        phrases.flat_map(|(kind, names)| names.split(['|', '/']).map(|name| (name.trim(), *kind))),
    )
});

static LEADING: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| languages::all(|language| language.leading));

static SIZES: LazyLock<BTreeMap<&'static str, (UnitFamily, u64)>> = LazyLock::new(|| {
    let spoons = LANGUAGES.iter().flat_map(|language| {
        let [small, large] = language.spoons;
        [(UnitFamily::Teaspoons, small, 1), (UnitFamily::Teaspoons, large, 3)]
    });
    let sizes = FAMILIES.iter().copied().chain(spoons);
    let names = sizes.flat_map(|(family, names, size)| {
        names.split('|').map(move |name| (name.trim(), (family, size)))
    });
    names.collect()
});

/// An upper bound of the length of the words below.
const MAX_WORD_BYTES: usize = 32;

/// Units that are sums of smaller ones: their names, and how many of the smallest they are.
const FAMILIES: &[(UnitFamily, &str, u64)] = &[
    (UnitFamily::Ounces, "oz | ozs | ounce | ounces", 1),
    (UnitFamily::Ounces, "lb | lbs | pound | pounds", 16),
    (UnitFamily::Grams, "g | gr | grs | gm | gms | gram | grams | gramme | grammes | gramm", 1),
    (UnitFamily::Grams, "gramo | gramos | grammo | grammi | grama | gramas | グラム", 1),
    (UnitFamily::Grams, "hg | etto | etti | ons", 100),
    (UnitFamily::Grams, "kg | kgs | kilo | kilos | kilogram | kilograms | kilogramm", 1_000),
    (
        UnitFamily::Grams,
        "kilogramo | kilogramos | chilo | chili | quilo | quilos | キログラム",
        1_000,
    ),
    (UnitFamily::Millilitres, "ml | mls | milliliter | milliliters | millilitre | cc", 1),
    (UnitFamily::Millilitres, "millilitres | mililitro | mililitros | ミリリットル", 1),
    (UnitFamily::Grams, "kilogramme | kilogrammes | chilogrammo | chilogrammi", 1_000),
    (UnitFamily::Grams, "quilograma | quilogramas", 1_000),
    (UnitFamily::Millilitres, "centiliters | centilitros | centilitri | zentiliter", 10),
    (UnitFamily::Millilitres, "deciliters | decilitros | decilitri | deziliter", 100),
    (UnitFamily::Millilitres, "cl | centiliter | centilitre | centilitres | centilitro", 10),
    (UnitFamily::Millilitres, "dl | deciliter | decilitre | decilitres | decilitro", 100),
    (UnitFamily::Millilitres, "l | lt | ltr | liter | liters | litre | litres", 1_000),
    (UnitFamily::Millilitres, "litro | litros | litri | リットル", 1_000),
    (UnitFamily::Teaspoons, "fl oz | fl. oz | fluid ounce | fluid ounces", 6),
    (UnitFamily::Teaspoons, "cup | cups", 48),
    (UnitFamily::Teaspoons, "pint | pints | pt", 96),
    (UnitFamily::Teaspoons, "quart | quarts | qt | qts", 192),
    (UnitFamily::Teaspoons, "gallon | gallons | gal", 768),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_with_a_size_is_a_measure() {
        for name in SIZES.keys() {
            let kind = unit(name).or_else(|| phrase(name).map(|(_, kind)| kind));
            let is_leading = LEADING.contains(name);
            assert!(is_leading || kind.is_some_and(UnitKind::is_measure), "{name}");
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
