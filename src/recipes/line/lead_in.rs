//! The words before the first amount of a line.

use super::super::scan::from;

/// The offset of the text after "about" or "juice of".
pub(super) fn lead_in(text: &str) -> usize {
    let mut at = text.len() - text.trim_start_matches(MARKS).len();
    while let Some(words) = LEAD_INS.iter().find(|words| {
        from(text, at).get(..words.len()).is_some_and(|head| head.eq_ignore_ascii_case(words))
    }) {
        at += words.len();
    }
    at
}

/// Signs that begin a line of a list.
const MARKS: &[char] =
    &['*', '-', '–', '•', '·', '▪', '□', '▢', '☐', '○', '◦', '(', '[', '±', '>', '<', ' '];
/// Words before the first amount. Of two with a common beginning, the longer comes first.
const LEAD_INS: &[&str] = &[
    "about ",
    "approximately ",
    "approx. ",
    "approx ",
    "ca. ",
    "ca ",
    "circa ",
    "environ ",
    "etwa ",
    "roughly ",
    "around ",
    "nearly ",
    "almost ",
    "just under ",
    "just over ",
    "a scant ",
    "scant ",
    "a generous ",
    "generous ",
    "a heaping ",
    "heaping ",
    "a heaped ",
    "heaped ",
    "a good ",
    "a level ",
    "level ",
    "up to ",
    "no more than ",
    "not more than ",
    "a little less than ",
    "a little more than ",
    "a bit less than ",
    "a bit more than ",
    "slightly less than ",
    "slightly more than ",
    "less than ",
    "more than ",
    "between ",
    "optional: ",
    "optional ",
    "optionally ",
    "~",
    "the ",
    "juice of ",
    "zest of ",
    "juice and zest of ",
    "zest and juice of ",
    "finely grated ",
    "grated ",
    "rind of ",
    "at least ",
    "another ",
    "an extra ",
    "extra ",
];
