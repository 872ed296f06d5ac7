//! The words of commands, and matching them.

/// The rest of `text` if it begins with the whole word `word`.
pub(super) fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    let rest = text.get(word.len()..)?;
    let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '\'' || c == '’');
    (head.eq_ignore_ascii_case(word) && ends).then(|| rest.trim_start())
}

pub(super) fn after_any<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().find_map(|word| after(text, word))
}

/// The rest of the text if it begins with one of the words, else all of it.
pub(super) fn skip<'a>(text: &'a str, words: &[&str]) -> &'a str {
    after_any(text, words).unwrap_or(text)
}

/// Removes a leading colon and surrounding quotes.
pub(super) fn value(text: &str) -> &str {
    let text = text.trim_start_matches([':', '=', '-', '–', ' ']).trim();
    let pairs =
        [('"', '"'), ('“', '”'), ('\'', '\''), ('‘', '’'), ('«', '»'), ('`', '`'), ('„', '“')];
    let unquoted = pairs.iter().find_map(|(open, close)| {
        text.strip_prefix(*open)?.strip_suffix(*close).filter(|inner| !inner.contains(*close))
    });
    unquoted.unwrap_or(text).trim()
}

pub(super) const POLITE: &[&str] = &[
    "please",
    "can you",
    "could you",
    "would you",
    "will you",
    "hey",
    "hi",
    "hello",
    "ok",
    "okay",
    "now",
    "then",
    "and",
    "let's",
    "i want to",
    "i'd like to",
    "i would like to",
    "i need to",
    "just",
    "kindly",
    "pls",
];
/// Words for the recipe as a whole.
pub(super) const WHOLE: &[&str] = &[
    "the whole recipe",
    "the recipe",
    "this recipe",
    "my recipe",
    "recipe",
    "everything",
    "it",
    "this",
    "that",
    "all",
    "all ingredients",
    "all the ingredients",
    "the ingredients",
    "the amounts",
    "all amounts",
];
pub(super) const UNDO: &[&str] = &[
    "undo",
    "undo that",
    "undo it",
    "undo this",
    "undo the last change",
    "undo last change",
    "undo my last change",
    "revert",
    "revert that",
    "take that back",
    "take it back",
    "go back",
];
pub(super) const HELP: &[&str] = &[
    "help",
    "help me",
    "what can you do",
    "what can i do",
    "what can i say",
    "commands",
    "usage",
    "how does this work",
    "what do you understand",
];
pub(super) const REMOVE: &[&str] = &["remove", "delete", "drop", "take out", "omit", "leave out"];
pub(super) const ADD: &[&str] = &["add", "insert", "append"];
