//! Lookup of words in every language: countable nouns, verbs that begin a step, preparations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::languages::{self, LANGUAGES};
use super::units::{UnitKind, forms, looked_up, unit};

/// The singular or plural of a known word, in the case in which it was written.
pub(super) fn inflected(word: &str, many: bool) -> Option<String> {
    // "3/4 Liter" is German, which has no plural of it.
    if word == "Liter" || word.eq_ignore_ascii_case("dozen") {
        return None;
    }
    // French; the German one has a capital.
    if word == "tasse" {
        return Some(if many { "tasses" } else { "tasse" }.to_owned());
    }
    let (one, several) = looked_up(word, |word| TABLE.nouns.get(word))?;
    let wanted = if many { several } else { one };
    let mut letters = word.chars();
    let is_capital = letters.next().is_some_and(char::is_uppercase);
    let is_shouted = is_capital && word.len() > 1 && letters.all(char::is_uppercase);
    Some(if is_shouted {
        wanted.to_uppercase()
    } else if is_capital {
        let mut letters = wanted.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
    } else {
        wanted.clone()
    })
}

/// Whether the word is a noun that is counted without a unit, such as an egg.
pub(super) fn is_countable(word: &str) -> bool {
    let is_known = looked_up(word, |word| TABLE.nouns.get(word)).is_some();
    is_known && !unit(word).is_some_and(UnitKind::is_measure)
}

/// The singular in lower case, for comparing names.
pub(super) fn folded(word: &str) -> String {
    inflected(word, false).unwrap_or_else(|| word.to_owned()).to_lowercase()
}

/// The words of a text for comparison: lower case, singular, without articles.
pub(super) fn words_of(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(folded)
        .filter(|word| !["the", "a", "an", "some", "of"].contains(&&**word))
        .collect()
}

/// Whether `word` is a verb that begins a step.
pub(super) fn begins_step(word: &str) -> bool {
    looked_up(word, |word| TABLE.verbs.get(word)).is_some()
}

/// Whether the word is a unit of time, or another unit that never measures an ingredient.
pub(super) fn is_time(word: &str) -> bool {
    looked_up(word, |word| TABLE.times.get(word)).is_some()
}

/// The same without what counts people.
pub(super) fn is_duration(word: &str) -> bool {
    looked_up(word, |word| TABLE.durations.get(word)).is_some()
}

/// Whether `word` begins a preparation, as in "1 onion, chopped".
pub(super) fn is_preparation(word: &str) -> bool {
    (word.len() > 4 && word.ends_with("ed"))
        || looked_up(word, |word| TABLE.preparations.get(word)).is_some()
}

/// The lists of all languages, indexed for lookup.
struct Table {
    /// Singular and plural, indexed by both.
    nouns: BTreeMap<String, (String, String)>,
    verbs: BTreeSet<&'static str>,
    times: BTreeSet<&'static str>,
    durations: BTreeSet<&'static str>,
    preparations: BTreeSet<&'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut nouns = BTreeMap::new();
    let words = |list: &'static str| list.split_whitespace();
    let listed = LANGUAGES.iter().flat_map(|language| words(language.nouns));
    let listed = listed.map(|noun| match noun.split_once('/') {
        Some((one, many)) => (one.to_owned(), many.to_owned()),
        None => (noun.to_owned(), plural(noun)),
    });
    let units = forms().map(|(one, many)| (one.to_owned(), many.to_owned()));
    for (one, many) in units.chain(listed) {
        nouns.entry(one.clone()).or_insert_with(|| (one.clone(), many.clone()));
        nouns.entry(many.clone()).or_insert((one, many));
    }
    // "2 lb" is as right as "2 lbs", but "1 lbs" is not.
    nouns.insert("lbs".to_owned(), ("lb".to_owned(), "lbs".to_owned()));
    let durations = [languages::all(|it| it.minutes), languages::all(|it| it.hours)];
    let durations = durations.concat().into_iter().chain(languages::all(|it| it.days));
    let people = languages::all(|it| it.people);
    // "1 m" and "2 d" are too short to say so.
    let durations = durations.filter(|name| name.len() > 2).chain(words(TIMES));
    let durations: BTreeSet<_> = durations.collect();
    Table {
        nouns,
        verbs: LANGUAGES.iter().flat_map(|language| words(language.verbs)).collect(),
        times: durations.iter().copied().chain(people).collect(),
        durations,
        preparations: LANGUAGES.iter().flat_map(|it| words(it.preparations)).collect(),
    }
});

fn plural(noun: &str) -> String {
    let vowel = ['a', 'e', 'i', 'o', 'u'];
    if let Some(stem) = noun.strip_suffix('y').filter(|stem| !stem.ends_with(vowel)) {
        format!("{stem}ies")
    } else if ["ch", "sh", "ss", "x"].iter().any(|ending| noun.ends_with(ending)) {
        format!("{noun}es")
    } else {
        format!("{noun}s")
    }
}

/// What else is counted and is no ingredient.
const TIMES: &str = "second seconds sec secs week weeks month months year years time times \
    degree degrees calories kcal cal watts inch inches cm mm";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_inflected_and_keep_their_case() {
        for (one, many) in [
            ("egg", "eggs"),
            ("tomato", "tomatoes"),
            ("cherry", "cherries"),
            ("leaf", "leaves"),
            ("clove", "cloves"),
            ("peach", "peaches"),
            ("Cookie", "Cookies"),
            ("CUP", "CUPS"),
            ("pinch", "pinches"),
            ("person", "people"),
            ("olive", "olives"),
            ("box", "boxes"),
        ] {
            assert_eq!(inflected(one, true).as_deref(), Some(many));
            assert_eq!(inflected(many, false).as_deref(), Some(one));
        }
        for same in ["flour", "asparagus", "Zucchino", "couscous"] {
            assert_eq!(inflected(same, true), None);
        }
    }

    #[test]
    fn abbreviations_have_no_plural() {
        for unit_name in ["g", "ml", "tsp", "tbsp", "oz", "kg"] {
            assert!(unit(unit_name).is_some());
            assert_eq!(inflected(unit_name, true), None);
        }
        assert_eq!(inflected("lbs", false).as_deref(), Some("lb"));
        assert_eq!(inflected("lb", true), None);
    }
}
