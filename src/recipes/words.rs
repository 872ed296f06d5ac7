//! Lookup of words in every language: countable nouns, verbs that begin a step, preparations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::languages::evidence::LanguageEvidence;
use super::languages::{self, GERMAN, LANGUAGES};
use super::units::{UnitKind, forms, invariable, looked_up, unit};

/// The singular or plural of a known word, in the case in which it was written. If several languages
/// know it, that of the line decides.
pub(super) fn inflected(word: &str, many: bool, line: &str) -> Option<String> {
    if word.eq_ignore_ascii_case("dozen") {
        return None;
    }
    let forms = looked_up(word, |word| TABLE.nouns.get(word).map(Vec::as_slice))?;
    let Forms { one, several, .. } = Forms::chosen(forms, word, line)?;
    let wanted = if many { several } else { one };
    if one == several {
        return None;
    }
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
    inflected(word, false, "").unwrap_or_else(|| word.to_owned()).to_lowercase()
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
    /// Singular and plural, indexed by both, in each language that knows the word.
    nouns: BTreeMap<String, Vec<Forms>>,
    verbs: BTreeSet<&'static str>,
    times: BTreeSet<&'static str>,
    durations: BTreeSet<&'static str>,
    preparations: BTreeSet<&'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let words = |list: &'static str| list.split_whitespace();
    let mut nouns: BTreeMap<String, Vec<Forms>> = BTreeMap::new();
    for forms in every_form() {
        let mut listed = |word: &str| {
            let known = nouns.entry(word.to_owned()).or_default();
            if !known.contains(&forms) {
                known.push(forms.clone());
            }
        };
        listed(&forms.one);
        if forms.one != forms.several {
            listed(&forms.several);
        }
    }
    // "2 lb" is as right as "2 lbs", but "1 lbs" is not.
    let pounds = Forms { language: 0, one: "lb".to_owned(), several: "lbs".to_owned() };
    nouns.insert(pounds.several.clone(), vec![pounds]);
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

/// The singular and plural of a word in a language.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Forms {
    /// The place of the language in [`LANGUAGES`].
    language: usize,
    one: String,
    several: String,
}

impl Forms {
    /// Those of the language of a line: a word with a capital is rather German. Of equals, the first.
    fn chosen<'a>(forms: &'a [Self], word: &str, line: &str) -> Option<&'a Self> {
        let (first, others) = forms.split_first()?;
        if others.iter().all(|it| (&it.one, &it.several) == (&first.one, &first.several)) {
            return Some(first);
        }
        let evidence = LanguageEvidence::of(line);
        let is_capital = word.starts_with(char::is_uppercase);
        let weight = |it: &Self| {
            let is_german = LANGUAGES.get(it.language).is_some_and(|it| std::ptr::eq(*it, &GERMAN));
            (evidence.for_language(it.language), !is_german || is_capital, is_german)
        };
        // `max_by_key` takes the last of equals.
        forms.iter().rev().max_by_key(|it| weight(it))
    }
}

/// The forms of every word, those that are found first if nothing else decides in front.
fn every_form() -> impl Iterator<Item = Forms> {
    let with = |language, one: &str, several: &str| Forms {
        language,
        one: one.to_owned(),
        several: several.to_owned(),
    };
    let units = forms().map(move |(language, one, several)| with(language, one, several));
    let nouns = LANGUAGES.iter().enumerate().flat_map(move |(place, language)| {
        let listed = language.nouns.split_whitespace();
        listed.map(move |noun| match noun.split_once('/') {
            Some((one, several)) => with(place, one, several),
            None => with(place, noun, &plural(noun)),
        })
    });
    let invariable = invariable().map(move |(language, name)| with(language, name, name));
    units.chain(nouns).chain(invariable)
}

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
            assert_eq!(inflected(one, true, "").as_deref(), Some(many));
            assert_eq!(inflected(many, false, "").as_deref(), Some(one));
        }
        for same in ["flour", "asparagus", "Zucchino", "couscous"] {
            assert_eq!(inflected(same, true, ""), None);
        }
    }

    #[test]
    fn plural_is_that_of_the_language_of_the_line() {
        for (line, word, many) in [
            ("1 paket bacon", "paket", None),
            ("1 Paket Nudeln", "Paket", Some("Pakete")),
            ("1 ei", "ei", Some("eieren")),
            ("1 Ei", "Ei", Some("Eier")),
            ("1 liter vatten", "liter", None),
            ("1 liter water", "liter", Some("liters")),
            ("1 Liter Wasser", "Liter", None),
            ("1 litro d'acqua", "litro", Some("litri")),
            ("1 litro de leite", "litro", Some("litros")),
            ("1 centilitro di vino", "centilitro", Some("centilitri")),
            ("1 tasse de lait", "tasse", Some("tasses")),
            ("1 Tasse Milch", "Tasse", Some("Tassen")),
            ("1 glas melk", "glas", Some("glazen")),
        ] {
            assert_eq!(inflected(word, true, line).as_deref(), many, "{line}");
        }
    }

    #[test]
    fn abbreviations_have_no_plural() {
        for unit_name in ["g", "ml", "tsp", "tbsp", "oz", "kg"] {
            assert!(unit(unit_name).is_some());
            assert_eq!(inflected(unit_name, true, ""), None);
        }
        assert_eq!(inflected("lbs", false, "").as_deref(), Some("lb"));
        assert_eq!(inflected("lb", true, ""), None);
    }
}
