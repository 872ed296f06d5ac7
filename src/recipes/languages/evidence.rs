//! Which language a line is in, as far as its words show it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::LANGUAGES;
use super::language::Language;

/// How many words of a line each language knows, in the order of [`LANGUAGES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LanguageEvidence([u8; LANGUAGES.len()]);

impl LanguageEvidence {
    /// Counts the first words of a line.
    pub(crate) fn of(line: &str) -> Self {
        let mut counts = [0; LANGUAGES.len()];
        let words = line.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        let words = words.take(MAX_WORDS).filter(|word| word.len() <= MAX_WORD_BYTES);
        for languages in words.filter_map(|word| WORDS.get(&*word.to_lowercase())) {
            for (language, count) in counts.iter_mut().enumerate() {
                *count += u8::from(languages & (1 << language) != 0);
            }
        }
        Self(counts)
    }

    /// How many of the words a language knows, by its place in [`LANGUAGES`].
    pub(crate) fn for_language(&self, language: usize) -> u8 {
        self.0.get(language).copied().unwrap_or_default()
    }

    /// Whether a language knows any of the words.
    pub(crate) fn knows(&self, language: &Language) -> bool {
        let place = LANGUAGES.iter().position(|it| std::ptr::eq(*it, language));
        place.is_some_and(|place| self.for_language(place) > 0)
    }

    /// Whether the line has more words of one language than of another.
    pub(crate) fn is_rather(&self, one: &Language, other: &Language) -> bool {
        let count = |wanted: &Language| {
            let place = LANGUAGES.iter().position(|language| std::ptr::eq(*language, wanted));
            place.map_or(0, |place| self.for_language(place))
        };
        count(one) > count(other)
    }
}

/// The most words of a line that are looked up.
const MAX_WORDS: usize = 16;
/// Longer words are in no list.
const MAX_WORD_BYTES: usize = 32;

/// The languages that know a word, a bit for each.
static WORDS: LazyLock<BTreeMap<String, u16>> = LazyLock::new(|| {
    let mut words: BTreeMap<String, u16> = BTreeMap::new();
    for (place, language) in LANGUAGES.iter().enumerate() {
        let lists = [language.of, language.adjectives, language.joints];
        let lists = lists.into_iter().chain([language.articles, language.ranges]);
        let phrases = lists.flat_map(|list| list.split('|').map(str::trim));
        let phrases = phrases.filter(|entry| !entry.contains([' ', '+']));
        // Every language has "g" and "ml".
        let units = language.units.iter().flat_map(|(_, names)| names.split([' ', '/']));
        let units = units.filter(|name| name.len() > 2);
        let lists = [language.nouns, language.preparations, language.staples];
        let listed = lists.into_iter().flat_map(|names| names.split([' ', '/'])).chain(units);
        for word in phrases.chain(listed).filter(|word| !word.is_empty()) {
            *words.entry(word.trim_end_matches(['\'', '’']).to_owned()).or_default() |= 1 << place;
        }
    }
    words
});

#[cfg(test)]
mod tests {
    use super::super::{DUTCH, ENGLISH};
    use super::*;

    #[test]
    fn words_of_a_line_show_its_language() {
        assert!(LanguageEvidence::of("2 uien of 200 g").is_rather(&DUTCH, &ENGLISH));
        assert!(LanguageEvidence::of("2 fillets of 200 g").is_rather(&ENGLISH, &DUTCH));
        assert_eq!(LanguageEvidence::of("1 qwx"), LanguageEvidence::default());
    }
}
