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
mod language;
mod phrases;
mod portuguese;
mod spanish;
mod swedish;

pub(super) use self::english::ENGLISH;
pub(super) use self::language::Language;
pub(crate) use self::phrases::Phrases;

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

/// The entries of a list in every language, as a table.
pub(super) fn table(list: impl Fn(&Language) -> &'static str) -> Phrases {
    Phrases::listed(all(list))
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
