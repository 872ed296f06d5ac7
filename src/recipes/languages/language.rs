//! What is known of a language.

use crate::recipes::unit_kind::UnitKind;

/// The words of one language, in lower case. `|` separates the entries of a list; where entries are
/// single words, a space does. `/` separates singular and plural; a word without a plural is
/// invariable.
#[derive(Debug)]
pub(crate) struct Language {
    /// Headings of the ingredients.
    pub(crate) ingredients: &'static str,
    /// Headings of the steps.
    pub(crate) steps: &'static str,
    /// Headings of notes, tips and whatever else is neither.
    pub(crate) notes: &'static str,
    /// What the heading of a group begins with: `for the` sauce.
    pub(crate) groups: &'static str,
    /// Labels before a yield: `makes` 12 rolls.
    pub(crate) yields: &'static str,
    /// Words before a number of servings: `for` 4.
    pub(crate) serves: &'static str,
    /// Whom or what a number of servings counts.
    pub(crate) people: &'static str,
    /// Labels of the preparation time.
    pub(crate) prep: &'static str,
    /// Labels of the cooking time.
    pub(crate) cook: &'static str,
    /// Labels of the total time.
    pub(crate) total: &'static str,
    /// Labels of other times.
    pub(crate) times: &'static str,
    /// Names of a minute.
    pub(crate) minutes: &'static str,
    /// Names of an hour.
    pub(crate) hours: &'static str,
    /// Names of a day.
    pub(crate) days: &'static str,
    /// Labels of the title.
    pub(crate) titles: &'static str,
    /// Labels of tags.
    pub(crate) tags: &'static str,
    /// Labels of the description.
    pub(crate) abouts: &'static str,
    /// Labels of facts that have no field.
    pub(crate) others: &'static str,
    /// Verbs that begin a step; single words.
    pub(crate) verbs: &'static str,
    /// Countable nouns; single words. One without a plural has the regular one of English.
    pub(crate) nouns: &'static str,
    /// Ingredients that are not counted, by which a line is known to be in this language; single
    /// words.
    pub(crate) staples: &'static str,
    /// Words that begin a preparation behind a name: 1 onion, `finely` chopped; single words.
    pub(crate) preparations: &'static str,
    /// Units of one word.
    pub(crate) units: &'static [(UnitKind, &'static str)],
    /// Units of several words.
    pub(crate) phrases: &'static [(UnitKind, &'static str)],
    /// Names of a teaspoon, and of a tablespoon.
    pub(crate) spoons: [&'static str; 2],
    /// Numbers as words, with their value behind them.
    pub(crate) numbers: &'static str,
    /// Words between a whole number and its half: `and a half`.
    pub(crate) halves: &'static str,
    /// Units that are written before their number.
    pub(crate) leading: &'static str,
    /// Articles that mean one.
    pub(crate) articles: &'static str,
    /// Words between a quantity and its unit: `heaped`.
    pub(crate) adjectives: &'static str,
    /// Units that mean one without a number: `pinch`.
    pub(crate) ones: &'static str,
    /// Words between a unit and a name: `of`.
    pub(crate) of: &'static str,
    /// Words that join two amounts: `plus`, `or`.
    pub(crate) joints: &'static str,
    /// Words between the ends of a range: `to`.
    pub(crate) ranges: &'static str,
    /// Words before an amount that make it less exact: `about`.
    pub(crate) about: &'static str,
    /// Words before a name that are an amount without a number: `a few`.
    pub(crate) some: &'static str,
    /// Words behind a name that say what for, or how much: `to taste`, `for frying`.
    pub(crate) purposes: &'static str,
}
