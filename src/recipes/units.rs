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

/// The name of a unit for programs, from a name as it was written: `cup` of "Cups", `tbsp` of
/// "tablespoons", `g` of "Gramm". Of other units it is the singular, as in `Dose`.
pub(super) fn name(written: &str) -> String {
    match written {
        // The only names whose case counts.
        "T" => return "tbsp".to_owned(),
        "t" => return "tsp".to_owned(),
        _ => {}
    }
    let found = looked_up(written, |word| NAMES.get(word).copied());
    found.map_or_else(|| written.to_owned(), str::to_owned)
}

/// Whether the unit is one of those of English recipes, in which a comma parts thousands.
pub(super) fn is_english(word: &str) -> bool {
    let is_listed = |word: &str| {
        let names = ENGLISH.units.iter().flat_map(|(_, names)| names.split([' ', '/']));
        names.into_iter().any(|name| name == word).then_some(())
    };
    size(word).is_some() && looked_up(word, is_listed).is_some()
}

/// The singular and plural of the units that have both, and the place of their language in
/// [`LANGUAGES`].
pub(super) fn forms() -> impl Iterator<Item = (usize, &'static str, &'static str)> {
    let words = LANGUAGES.iter().enumerate().flat_map(|(place, language)| {
        let words = language.units.iter().flat_map(|(_, names)| names.split(' '));
        words.map(move |names| (place, names))
    });
    let phrases = LANGUAGES.iter().enumerate().flat_map(|(place, language)| {
        let phrases = language.phrases.iter().flat_map(|(_, names)| names.split('|'));
        phrases.map(move |names| (place, names.trim()))
    });
    words.chain(phrases).filter_map(|(place, names)| {
        let (one, many) = names.split_once('/')?;
        Some((place, one, many))
    })
}

/// The units that have no plural, and the place of their language in [`LANGUAGES`].
pub(super) fn invariable() -> impl Iterator<Item = (usize, &'static str)> {
    LANGUAGES.iter().enumerate().flat_map(|(place, language)| {
        let names = language.units.iter().flat_map(|(_, names)| names.split(' '));
        names.filter(|names| !names.contains('/')).map(move |name| (place, name))
    })
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

/// The first name of a unit, by its names: all that a weight or a volume has in any language, and the
/// short ones of English.
static NAMES: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    let split = |names: &'static str| names.split('|').map(str::trim);
    let [small, large] = ENGLISH.spoons;
    let rows = FAMILIES.iter().map(|(_, names, _)| *names).chain([small, large]);
    let rows = rows.chain(ABBREVIATIONS.iter().copied());
    let mut table = BTreeMap::new();
    for names in rows {
        if let Some(first) = split(names).next() {
            table.extend(split(names).map(|name| (name, first)));
        }
    }
    table
});

/// Names of units beside those with a size: the name of a unit, and what else it is called.
const ABBREVIATIONS: &[&str] = &[
    "cup | c",
    "tbsp | tb | tbl",
    "fl oz | floz | fl. oz | fl.oz",
    "package | pkg | pkgs | packages",
    "dessertspoon | dsp | dessertspoons",
];

/// An upper bound of the length of the words below.
const MAX_WORD_BYTES: usize = 32;

/// Units that are sums of smaller ones: their names, and how many of the smallest they are.
const FAMILIES: &[(UnitFamily, &str, u64)] = &[
    (UnitFamily::Ounces, "oz | ozs | ounce | ounces", 1),
    (UnitFamily::Ounces, "lb | lbs | pound | pounds", 16),
    (
        UnitFamily::Grams,
        "g | gr | grs | gm | gms | gram | grams | gramme | grammes | gramm | gramo | gramos | \
            grammo | grammi | grama | gramas | グラム",
        1,
    ),
    (UnitFamily::Grams, "hg", 100),
    (UnitFamily::Grams, "etto | etti", 100),
    (UnitFamily::Grams, "ons", 100),
    (
        UnitFamily::Grams,
        "kg | kgs | kilo | kilos | kilogram | kilograms | kilogramm | kilogramme | kilogrammes | \
            kilogramo | kilogramos | chilo | chili | chilogrammo | chilogrammi | quilo | quilos | \
            quilograma | quilogramas | キログラム",
        1_000,
    ),
    (
        UnitFamily::Millilitres,
        "ml | mls | milliliter | milliliters | millilitre | millilitres | mililitro | \
            mililitros | ミリリットル",
        1,
    ),
    (
        UnitFamily::Millilitres,
        "cl | centiliter | centiliters | centilitre | centilitres | centilitro | centilitros | \
            centilitri | zentiliter",
        10,
    ),
    (
        UnitFamily::Millilitres,
        "dl | deciliter | deciliters | decilitre | decilitres | decilitro | decilitros | \
            decilitri | deziliter",
        100,
    ),
    (
        UnitFamily::Millilitres,
        "l | lt | ltr | liter | liters | litre | litres | litro | litros | litri | リットル",
        1_000,
    ),
    (UnitFamily::Teaspoons, "fl oz | fl. oz | fluid ounce | fluid ounces", 6),
    (UnitFamily::Teaspoons, "cup | cups", 48),
    (UnitFamily::Teaspoons, "pint | pints | pt | pts", 96),
    (UnitFamily::Teaspoons, "quart | quarts | qt | qts", 192),
    (UnitFamily::Teaspoons, "gallon | gallons | gal | gals", 768),
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
    fn unit_has_one_name_for_programs() {
        for (written, wanted) in [
            ("Cups", "cup"),
            ("T", "tbsp"),
            ("t", "tsp"),
            ("Tblsp", "tbsp"),
            ("fl. oz", "fl oz"),
            ("Gramm", "g"),
            ("litros", "l"),
            ("pts", "pint"),
            ("EL", "EL"),
        ] {
            assert_eq!(name(written), wanted);
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
