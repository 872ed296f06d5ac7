//! The words before the first amount of a line.

use std::sync::LazyLock;

use super::super::languages::{self, Phrases};
use super::super::scan::from;

/// The offset of the text after "about" or "juice of".
pub(crate) fn lead_in(text: &str) -> usize {
    let mut at = text.len() - text.trim_start_matches(MARKS).len();
    while let Some(length) = length(from(text, at)) {
        at += length;
    }
    at
}

/// The length of the words before an amount that a text begins with, and of the space behind them.
fn length(text: &str) -> Option<usize> {
    if text.starts_with('~') {
        return Some(1);
    }
    let mut found = LEAD_INS.all(text);
    let (end, ()) = found.find(|(end, ())| {
        let words = text.get(..*end).unwrap_or_default();
        words.ends_with(languages::is_ideographic) || from(text, *end).starts_with(' ')
    })?;
    let rest = from(text, end);
    Some(end + rest.len() - rest.trim_start_matches(' ').len())
}

/// Signs that begin a line of a list.
const MARKS: &[char] =
    &['*', '-', '–', '•', '・', '·', '▪', '□', '▢', '☐', '○', '◦', '(', '[', '±', '>', '<', ' '];
/// Words before the first amount.
static LEAD_INS: LazyLock<Phrases> = LazyLock::new(|| {
    let words = languages::all(|language| language.about);
    let others = [ENGLISH, JUICES].into_iter().flat_map(|list| list.split('|').map(str::trim));
    Phrases::listed(words.into_iter().chain(others))
});
const ENGLISH: &str = "about | approximately | approx. | approx | roughly | around | nearly | almost | just \
    under | just over | a scant | scant | a generous | generous | a heaping | heaping | a \
    heaped | heaped | a good | a level | level | up to | no more than | not more than | a \
    little less than | a little more than | a bit less than | a bit more than | slightly \
    less than | slightly more than | less than | more than | between | optional: | optional \
    | optionally | the | juice of | zest of | juice and zest of | zest and juice of | finely \
    grated | grated | rind of | at least | another | an extra | extra | a further | \
    an additional | additional | a total of | je | jeweils";
/// "Juice of" and "zest of" in the other languages.
const JUICES: &str = "der saft von | saft von | der saft | saft | abrieb | abrieb von | schale von | le jus de | jus de | le zeste de | \
    zeste de | jus et zeste de | el zumo de | zumo de | el jugo de | jugo de | la ralladura de | \
    ralladura de | il succo di | succo di | la scorza di | scorza di | o sumo de | sumo de | \
    o suco de | suco de | raspas de | raspa de | het sap van | sap van | de rasp van | \
    rasp van | saften av | saft av | skalet av | rivet skal av";
