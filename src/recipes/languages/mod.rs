//! The words of recipes, in one table for each language.
//!
//! A recipe is not asked for its language: every table is used for every text. So a word that means
//! different things in two languages is in neither table, or is judged by what surrounds it.

mod dutch;
mod english;
pub(super) mod evidence;
mod french;
mod german;
mod italian;
mod japanese;
mod language;
mod phrases;
mod portuguese;
mod spanish;
mod swedish;
mod words;

pub(super) use self::dutch::DUTCH;
pub(super) use self::english::ENGLISH;
pub(super) use self::french::FRENCH;
pub(super) use self::german::GERMAN;
pub(super) use self::language::Language;
pub(crate) use self::phrases::Phrases;
pub(super) use self::words::{begins, begins_bare, is_ideographic, is_word};

/// Every language.
pub(super) static LANGUAGES: [&Language; 9] = [
    &ENGLISH,
    &GERMAN,
    &FRENCH,
    &spanish::SPANISH,
    &italian::ITALIAN,
    &portuguese::PORTUGUESE,
    &DUTCH,
    &swedish::SWEDISH,
    &japanese::JAPANESE,
];

/// The entries of a list in every language. Longer ones come first, so that the first one that a text
/// begins with is the right one.
///
/// It takes a function, not any closure: some 60 lists would have as many copies of the sort.
pub(super) fn all(list: fn(&Language) -> &'static str) -> Vec<&'static str> {
    let mut entries: Vec<_> =
        LANGUAGES.iter().flat_map(|language| list(language).split('|')).map(str::trim).collect();
    entries.retain(|entry| !entry.is_empty());
    entries.sort_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
    entries.dedup();
    entries
}

/// The entries of a list in every language, as a table.
pub(super) fn table(list: fn(&Language) -> &'static str) -> Phrases {
    Phrases::listed(all(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_entries_come_first_and_once() {
        let headings = all(|language| language.ingredients);
        assert!(headings.is_sorted_by_key(|heading| std::cmp::Reverse(heading.len())));
        assert_eq!(headings.iter().filter(|heading| **heading == "ingredientes").count(), 1);
        assert!(headings.iter().all(|heading| *heading == heading.to_lowercase()));
    }
}
