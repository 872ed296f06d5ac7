//! The words of recipes, in one table for each language.
//!
//! A recipe is not asked for its language: every table is used for every text. So a word that means
//! different things in two languages is in neither table, or is judged by what surrounds it.

mod dutch;
mod english;
mod french;
mod german;
mod italian;
mod japanese;
mod portuguese;
mod spanish;
mod swedish;

pub(super) use self::english::ENGLISH;
use super::units::UnitKind;

/// The words of one language, in lower case. `|` separates the entries of a list; where entries are
/// single words, a space does. `/` separates singular and plural; a word without a plural is
/// invariable.
#[derive(Debug)]
pub(super) struct Language {
    /// Headings of the ingredients.
    pub(super) ingredients: &'static str,
    /// Headings of the steps.
    pub(super) steps: &'static str,
    /// Headings of notes, tips and whatever else is neither.
    pub(super) notes: &'static str,
    /// What the heading of a group begins with: `for the` sauce.
    pub(super) groups: &'static str,
    /// Labels before a yield: `makes` 12 rolls.
    pub(super) yields: &'static str,
    /// Words before a number of servings: `for` 4.
    pub(super) serves: &'static str,
    /// Whom or what a number of servings counts.
    pub(super) people: &'static str,
    /// Labels of the preparation time.
    pub(super) prep: &'static str,
    /// Labels of the cooking time.
    pub(super) cook: &'static str,
    /// Labels of the total time.
    pub(super) total: &'static str,
    /// Labels of other times.
    pub(super) times: &'static str,
    /// Names of a minute.
    pub(super) minutes: &'static str,
    /// Names of an hour.
    pub(super) hours: &'static str,
    /// Names of a day.
    pub(super) days: &'static str,
    /// Labels of the title.
    pub(super) titles: &'static str,
    /// Labels of tags.
    pub(super) tags: &'static str,
    /// Labels of the description.
    pub(super) abouts: &'static str,
    /// Labels of facts that have no field.
    pub(super) others: &'static str,
    /// Verbs that begin a step; single words.
    pub(super) verbs: &'static str,
    /// Countable nouns; single words. One without a plural has the regular one of English.
    pub(super) nouns: &'static str,
    /// Words that begin a preparation behind a name: 1 onion, `finely` chopped; single words.
    pub(super) preparations: &'static str,
    /// Units of one word.
    pub(super) units: &'static [(UnitKind, &'static str)],
    /// Units of several words.
    pub(super) phrases: &'static [(UnitKind, &'static str)],
    /// Names of a teaspoon, and of a tablespoon.
    pub(super) spoons: [&'static str; 2],
    /// Numbers as words, with their value behind them.
    pub(super) numbers: &'static str,
    /// Words between a whole number and its half: `and a half`.
    pub(super) halves: &'static str,
    /// Units that are written before their number.
    pub(super) leading: &'static str,
    /// Articles that mean one.
    pub(super) articles: &'static str,
    /// Words between a quantity and its unit: `heaped`.
    pub(super) adjectives: &'static str,
    /// Units that mean one without a number: `pinch`.
    pub(super) ones: &'static str,
    /// Words between a unit and a name: `of`.
    pub(super) of: &'static str,
    /// Words that join two amounts: `plus`, `or`.
    pub(super) joints: &'static str,
    /// Words between the ends of a range: `to`.
    pub(super) ranges: &'static str,
    /// Words before an amount that make it less exact: `about`.
    pub(super) about: &'static str,
}

/// Every language.
pub(super) static LANGUAGES: [&Language; 9] = [
    &ENGLISH,
    &german::GERMAN,
    &french::FRENCH,
    &spanish::SPANISH,
    &italian::ITALIAN,
    &portuguese::PORTUGUESE,
    &dutch::DUTCH,
    &swedish::SWEDISH,
    &japanese::JAPANESE,
];

/// The entries of a list in every language. Longer ones come first, so that the first one that a text
/// begins with is the right one.
pub(super) fn all(list: impl Fn(&Language) -> &'static str) -> Vec<&'static str> {
    let mut entries: Vec<_> =
        LANGUAGES.iter().flat_map(|language| list(language).split('|')).map(str::trim).collect();
    entries.retain(|entry| !entry.is_empty());
    entries.sort_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
    entries.dedup();
    entries
}

/// The length of `name` at the beginning of a text, regardless of case, up to the end of a word.
/// Chinese and Japanese have no spaces: any character may follow their words.
pub(super) fn begins(text: &str, name: &str) -> Option<usize> {
    let mut letters = text.char_indices();
    let mut last = ' ';
    for wanted in name.chars() {
        let (_, letter) = letters.next()?;
        if letter != wanted && !is_same(letter, wanted) {
            return None;
        }
        last = wanted;
    }
    match letters.next() {
        Some((_, next)) if next.is_alphanumeric() && !is_ideographic(last) => None,
        Some((at, _)) => Some(at),
        None => Some(text.len()),
    }
}

/// [`begins`] for a word that is joined to the next one if it ends with an apostrophe: `d'ail`.
pub(super) fn begins_bare(text: &str, name: &str) -> Option<usize> {
    if !name.ends_with(['\'', '’']) {
        return begins(text, name).filter(|end| text.get(*end..).is_some_and(|it| !it.is_empty()));
    }
    let head = text.get(..name.len())?;
    head.eq_ignore_ascii_case(name).then_some(name.len())
}

/// Whether a text is a word, regardless of case.
pub(super) fn is_word(text: &str, word: &str) -> bool {
    begins(text, word) == Some(text.len())
}

/// Whether two characters differ only in case, or in the form of an apostrophe or a space.
fn is_same(one: char, other: char) -> bool {
    match (one, other) {
        ('’', '\'') | ('\u{a0}', ' ') => true,
        _ if one.is_ascii() && other.is_ascii() => one.eq_ignore_ascii_case(&other),
        _ => one.to_lowercase().eq(other.to_lowercase()),
    }
}

/// Whether a character is of a writing without spaces.
pub(super) fn is_ideographic(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_the_text_goes_on() {
        for (text, name, length) in [
            ("Für 4", "für", Some(4)),
            ("FÜR 4", "für", Some(4)),
            ("Fürst", "für", None),
            ("What you’ll need", "what you'll need", Some(18)),
            ("材料2人分", "材料", Some(6)),
            ("Ingrédients", "ingredients", None),
        ] {
            assert_eq!(begins(text, name), length, "{text}");
        }
    }

    #[test]
    fn longer_entries_come_first_and_once() {
        let headings = all(|language| language.ingredients);
        assert!(headings.is_sorted_by_key(|heading| std::cmp::Reverse(heading.len())));
        assert_eq!(headings.iter().filter(|heading| **heading == "ingredientes").count(), 1);
        assert!(headings.iter().all(|heading| *heading == heading.to_lowercase()));
    }
}
