//! What a cup of an ingredient weighs.
//!
//! The weights are those of King Arthur Baking's ingredient weight chart, in grams of a US cup
//! (236.6 ml) that is filled loosely and levelled. A cup of flour that is scooped weighs up to a third
//! more, so whoever converts a recipe is told the weights. Liquids stay volumes, and are not here.

use std::sync::LazyLock;

use super::ratio::Ratio;
use super::words::words_of;

/// Where the weights are from.
pub(super) const SOURCE: &str = "King Arthur Baking's ingredient weight chart";

/// The weight of a cup of an ingredient.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Density {
    /// The ingredient's names, separated by `/`. The first is shown.
    names: &'static str,
    grams_per_cup: u64,
}

impl Density {
    pub(super) fn grams_per_teaspoon(&self) -> Option<Ratio> {
        Ratio::new(self.grams_per_cup, 48)
    }

    /// "flour 120 g".
    pub(super) fn text(&self) -> String {
        format!("{} {} g", self.names.split('/').next().unwrap_or_default(), self.grams_per_cup)
    }
}

/// The density of an ingredient: the entry all of whose words are in its name, while all other words
/// of the name change nothing. So rice flour is no flour.
pub(super) fn of(name: &str) -> Option<&'static Density> {
    let words = words_of(name);
    let is_of = |entry: &[String]| {
        let has_all = entry.iter().all(|word| words.contains(word));
        let is_plain = |word: &String| entry.contains(word) || NEUTRAL.contains(&&**word);
        has_all && words.iter().all(is_plain)
    };
    WORDS.iter().find(|(entry, _)| is_of(entry)).map(|(_, density)| *density)
}

/// The words of each name, and what it is the name of.
static WORDS: LazyLock<Vec<(Vec<String>, &'static Density)>> = LazyLock::new(|| {
    let names = |density: &'static Density| {
        density.names.split('/').map(move |name| (words_of(name), density))
    };
    DENSITIES.iter().flat_map(names).collect()
});

/// Words that do not change what a cup weighs.
const NEUTRAL: &[&str] = &[
    "all",
    "purpose",
    "plain",
    "white",
    "unbleached",
    "bleached",
    "fine",
    "granulated",
    "caster",
    "superfine",
    "organic",
    "unsalted",
    "salted",
    "sweet",
    "cold",
    "soft",
    "softened",
    "melted",
    "raw",
    "runny",
    "clear",
    "light",
    "dark",
    "packed",
    "firmly",
    "lightly",
    "unsweetened",
    "natural",
    "dutch",
    "process",
    "old",
    "fashioned",
    "quick",
    "cooking",
    "creamy",
    "smooth",
    "active",
    "dry",
    "instant",
    "table",
    "semisweet",
    "bittersweet",
    "milk",
    "golden",
    "seedless",
    "pure",
    "sifted",
    "room",
    "temperature",
    "ground",
    "grated",
    "chopped",
];

/// Of two that fit, the first is taken.
const DENSITIES: &[Density] = &[
    of_cup("bread flour/strong flour", 120),
    of_cup("whole wheat flour/wholemeal flour/whole-wheat flour", 113),
    of_cup("cake flour", 120),
    of_cup("almond flour/ground almonds/almond meal", 96),
    of_cup("flour/flour all purpose/mehl", 120),
    of_cup("cornstarch/cornflour/corn starch", 112),
    of_cup("brown sugar", 213),
    of_cup("powdered sugar/icing sugar/confectioners sugar/confectioner sugar", 113),
    of_cup("powdered sugar/confectioners' sugar", 113),
    of_cup("sugar", 198),
    of_cup("peanut butter", 270),
    of_cup("butter", 226),
    of_cup("honey", 336),
    of_cup("maple syrup", 312),
    of_cup("molasses/treacle", 340),
    of_cup("rolled oats/oats/oat/porridge oats", 89),
    of_cup("cocoa powder/cocoa", 84),
    of_cup("chocolate chips", 170),
    of_cup("raisins", 149),
    of_cup("rice/long grain rice/long-grain rice", 198),
    of_cup("walnuts", 113),
    of_cup("pecans", 114),
    of_cup("parmesan/parmesan cheese", 100),
    of_cup("cheddar/cheddar cheese", 113),
    of_cup("baking powder", 192),
    of_cup("baking soda/bicarbonate of soda", 288),
    of_cup("yeast", 149),
    of_cup("salt", 288),
];

const fn of_cup(names: &'static str, grams_per_cup: u64) -> Density {
    Density { names, grams_per_cup }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn density_is_of_the_ingredient_and_no_other() {
        for (name, grams) in [
            ("all-purpose flour", Some(120)),
            ("flour", Some(120)),
            ("whole wheat flour", Some(113)),
            ("rice flour", None),
            ("brown sugar", Some(213)),
            ("granulated sugar", Some(198)),
            ("unsalted butter", Some(226)),
            ("peanut butter", Some(270)),
            ("cocoa butter", None),
            ("salt", Some(288)),
            ("kosher salt", None),
            ("milk", None),
            ("", None),
        ] {
            assert_eq!(of(name).map(|density| density.grams_per_cup), grams, "{name}");
        }
    }
}
