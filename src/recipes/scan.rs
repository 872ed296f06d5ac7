//! Words, units and nouns at a position of a text. Positions are byte offsets.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use super::languages;
use super::units::{self, UnitKind};
use super::words;

/// The unit at `start`, after spaces.
pub(super) fn unit(text: &str, start: usize) -> Option<(Range<usize>, UnitKind)> {
    let begin = text.len() - from(text, start).trim_start().len();
    let found = match units::phrase(from(text, begin)) {
        Some((length, kind)) => (begin..begin + length, kind),
        None => {
            let (first, end) = word(text, begin);
            (begin..end, units::unit(first)?)
        }
    };
    let rest = from(text, found.0.end);
    // "Filo sheets" are of dough.
    let is_dough = text.get(found.0.clone()).is_some_and(|name| name.eq_ignore_ascii_case("filo"))
        && !["d'", "d’", "di "].iter().any(|of| rest.trim_start().starts_with(of));
    if is_dough {
        return None;
    }
    let joined = rest.strip_prefix('-').map(|rest| rest.starts_with(char::is_alphabetic));
    (!joined.unwrap_or(rest.starts_with(['\'', '’']))).then_some(found)
}

/// The position of the counted noun after `start`: the last known one before a stop word.
pub(super) fn noun(text: &str, start: usize) -> Option<Range<usize>> {
    let mut found = None;
    let mut at = start;
    for _ in 0..6 {
        let (word, end) = word(text, at);
        if word.is_empty() || is_stop(word) {
            break;
        }
        if words::is_countable(word) {
            found = Some(end - word.len()..end);
        }
        at = end;
        if from(text, at).starts_with([',', '(', ';', ':', '.']) {
            break;
        }
        if from(text, at).starts_with(['-', '\'', '’', '/', '&']) {
            found = None;
            at += from(text, at).chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

/// The word at `start`, after spaces, and its end.
pub(super) fn word(text: &str, start: usize) -> (&str, usize) {
    let rest = from(text, start).trim_start();
    let length = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    (rest.get(..length).unwrap_or_default(), text.len() - rest.len() + length)
}

pub(super) fn from(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

/// The next 80 characters, so that looking at what follows each number stays linear.
pub(super) fn near(text: &str, at: usize) -> &str {
    let rest = from(text, at);
    let end = rest.char_indices().nth(80).map_or(rest.len(), |(end, _)| end);
    rest.get(..end).unwrap_or_default()
}

pub(super) fn letter_at(text: &str, at: usize) -> bool {
    from(text, at).starts_with(char::is_alphabetic)
}

fn is_stop(word: &str) -> bool {
    units::looked_up(word, |word| STOPS.contains(word).then_some(())).is_some()
}

/// Words that end the name of what is counted.
static STOPS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let joints = languages::all(|language| language.joints);
    let of = languages::all(|language| language.of);
    let of = of.into_iter().map(|of| of.trim_end_matches(['\'', '’']));
    let others = OTHER_STOPS.split(' ');
    joints.into_iter().chain(of).chain(others).collect()
});
const OTHER_STOPS: &str =
    "for with in from to without such like as per each at cut if about on à des da mit";
