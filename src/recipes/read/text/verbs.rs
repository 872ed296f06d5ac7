//! Whether a text begins with a verb, as a step does.

use crate::recipes::scan::word;
use crate::recipes::words;

/// Whether a line begins like a step: "Salt the water" does, "Salt and pepper" does not.
pub(super) fn begins_step(text: &str) -> bool {
    let (first, end) = word(text, 0);
    let (second, _) = word(text, end);
    let is_noun = NOUNS_TOO.contains(&&*first.to_lowercase())
        && !text.ends_with('.')
        && OBJECTS.split(' ').all(|object| object != second);
    words::begins_step(first) && !is_noun
}

/// Verbs that are also ingredients, and the words that follow them when they are verbs.
const NOUNS_TOO: &[&str] =
    &["salt", "cream", "brown", "top", "core", "roast", "dry", "warm", "thin", "cover", "crumble"];
const OBJECTS: &str =
    "the in it all your with over both everything them for each to until any a an down off into";
