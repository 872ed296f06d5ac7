//! A table of phrases, for finding the one that a text begins with.

use std::collections::BTreeMap;

use crate::recipes::languages::words::begins;

/// Phrases with what each means, by their first character. Of those that a text begins with, the
/// longest is found.
#[derive(Debug)]
pub(crate) struct Phrases<T = ()>(BTreeMap<char, Vec<(&'static str, T)>>);

impl<T: Copy> Phrases<T> {
    /// A table of phrases in lower case. Of two that are equal, the first is found.
    pub(crate) fn new(entries: impl IntoIterator<Item = (&'static str, T)>) -> Self {
        Self::of(entries.into_iter().collect())
    }

    /// The same for one type of list, so that there is one copy of the code for each `T`.
    fn of(entries: Vec<(&'static str, T)>) -> Self {
        let mut phrases: BTreeMap<char, Vec<_>> = BTreeMap::new();
        for (phrase, meaning) in entries {
            if let Some(first) = first(phrase) {
                phrases.entry(first).or_default().push((phrase, meaning));
            }
        }
        for phrases in phrases.values_mut() {
            phrases.sort_by_key(|(phrase, _)| std::cmp::Reverse(phrase.len()));
        }
        Self(phrases)
    }

    /// The length and the meaning of the phrase that a text begins with, regardless of case, up to
    /// the end of a word.
    pub(crate) fn find(&self, text: &str) -> Option<(usize, T)> {
        self.all(text).next()
    }

    /// The lengths of all phrases that a text begins with, the longest first, and their meanings.
    pub(crate) fn all(&self, text: &str) -> impl Iterator<Item = (usize, T)> {
        let phrases = first(text).and_then(|first| self.0.get(&first));
        let phrases = phrases.map(Vec::as_slice).unwrap_or_default();
        phrases.iter().filter_map(move |(phrase, meaning)| Some((begins(text, phrase)?, *meaning)))
    }

    /// What a text means that is one of the phrases, and nothing else.
    pub(crate) fn whole(&self, text: &str) -> Option<T> {
        self.all(text).find(|(length, _)| *length == text.len()).map(|(_, meaning)| meaning)
    }
}

impl Phrases {
    /// The entries of lists of a language, which `|` separates.
    pub(crate) fn listed(entries: impl IntoIterator<Item = &'static str>) -> Self {
        Self::new(entries.into_iter().map(|phrase| (phrase, ())))
    }

    /// The length of the phrase that a text begins with.
    pub(crate) fn length(&self, text: &str) -> Option<usize> {
        self.find(text).map(|(length, ())| length)
    }

    /// Whether a text is one of the phrases.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.whole(text).is_some()
    }
}

/// The character under which a text is found.
fn first(text: &str) -> Option<char> {
    let first = text.chars().next()?;
    match first {
        '’' => Some('\''),
        '\u{a0}' => Some(' '),
        _ if first.is_ascii() => Some(first.to_ascii_lowercase()),
        _ => first.to_lowercase().next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_phrase_of_a_text_is_found() {
        let table = Phrases::new([("to", 1), ("to the", 2), ("épice", 3), ("'n", 4)]);
        for (text, found) in [
            ("to the end", Some((6, 2))),
            ("To them", Some((2, 1))),
            ("ÉPICE", Some((6, 3))),
            ("’n", Some((4, 4))),
            ("too", None),
            ("", None),
        ] {
            assert_eq!(table.find(text), found, "{text}");
        }
        assert_eq!((table.whole("TO"), table.whole("to go")), (Some(1), None));
    }
}
