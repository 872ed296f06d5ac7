//! Mistyped words of commands: `dobule it`, `repalce cream with milk`.
//!
//! They are only looked for in messages that are not understood as they are, and only where one slip
//! of the fingers is between a word and one of a command. Names of ingredients are never changed.

use std::borrow::Cow;

/// The message with its mistyped words as they were meant. `None` when no word of it is mistyped.
pub(crate) fn corrected(text: &str) -> Option<Cow<'_, str>> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let mut words: Vec<Cow<'_, str>> = text.split(' ').map(Cow::Borrowed).collect();
    let mut is_changed = false;
    let mut is_verb = true;
    for word in &mut words {
        let end = word.trim_end_matches([',', '.', '!', '?', ':']).len();
        let (plain, sign) = word.split_at_checked(end)?;
        let known = if is_verb { VERBS } else { JOINTS };
        is_verb = is_verb && POLITE.iter().any(|polite| plain.eq_ignore_ascii_case(polite));
        if let Some(meant) = meant(plain, known) {
            *word = Cow::Owned(format!("{meant}{sign}"));
            is_changed = true;
        }
    }
    is_changed.then(|| Cow::Owned(words.join(" ")))
}

/// The known word that one slip makes of this one.
fn meant(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let is_plain = word.chars().all(|c| c.is_ascii_alphabetic());
    if !is_plain || word.len() > MAX_WORD_BYTES {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let is_known = VERBS.iter().chain(JOINTS).any(|it| *it == lower);
    if is_known {
        return None;
    }
    known.iter().copied().find(|it| is_slip(lower.as_bytes(), it.as_bytes()))
}

/// Whether one slip is between a word and the one that was meant: two letters exchanged, one missing,
/// one too many, or in a long word a wrong one. The first letter is right, but where two are exchanged.
fn is_slip(word: &[u8], meant: &[u8]) -> bool {
    let same = word.iter().zip(meant).take_while(|(one, other)| one == other).count();
    let (Some(rest), Some(wanted)) = (word.get(same..), meant.get(same..)) else { return false };
    match (rest, wanted) {
        ([a, b, rest @ ..], [c, d, wanted @ ..]) if (a, b) == (d, c) && rest == wanted => true,
        _ if same == 0 => false,
        (rest, [_, wanted @ ..]) if rest == wanted => word.len() > 2 || meant == b"add",
        // "addd", and not "adds"
        ([extra, rest @ ..], wanted) if rest == wanted => {
            meant.len() > 3 || word.get(same - 1) == Some(extra)
        }
        ([_, rest @ ..], [_, wanted @ ..]) => rest == wanted && meant.len() > 5,
        _ => false,
    }
}

/// Longer messages and words have no commands to find.
const MAX_BYTES: usize = 200;
const MAX_WORD_BYTES: usize = 12;
/// Verbs that a command begins with.
const VERBS: &[&str] = &[
    "add",
    "remove",
    "delete",
    "replace",
    "substitute",
    "swap",
    "change",
    "double",
    "triple",
    "halve",
    "scale",
    "rename",
    "convert",
    "increase",
    "reduce",
    "decrease",
    "undo",
    "redo",
    "make",
    "insert",
    "extract",
    "show",
    "half",
    "please",
    "without",
];
/// Words between the names of a command.
const JOINTS: &[&str] = &[
    "with",
    "to",
    "the",
    "recipe",
    "servings",
    "people",
    "step",
    "steps",
    "ingredient",
    "ingredients",
    "instead",
    "everything",
    "and",
    "of",
    "by",
    "for",
    "it",
    "in",
    "metric",
];
/// Words before a verb.
const POLITE: &[&str] = &["please", "can", "could", "you", "i", "we", "now", "and", "then", "ok"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_mended_in_words_of_commands() {
        for (text, meant) in [
            ("dobule it", Some("double it")),
            ("repalce cream wiht milk", Some("replace cream with milk")),
            ("remvoe cream", Some("remove cream")),
            ("delte the butter", Some("delete the butter")),
            ("ad 2 eggs", Some("add 2 eggs")),
            ("addd 2 eggs", Some("add 2 eggs")),
            ("scael to 8", Some("scale to 8")),
            ("half teh recipe", Some("half the recipe")),
            ("please dobule it!", Some("please double it!")),
            ("scale to 8 servigns", Some("scale to 8 servings")),
            ("add tofu", None),
            ("send this to my sister", None),
            ("share it", None),
            ("save it", None),
            ("take it away", None),
            ("sale", Some("scale")),
        ] {
            assert_eq!(corrected(text).as_deref(), meant, "{text}");
        }
    }
}
