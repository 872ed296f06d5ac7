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

/// The text before `end`, if it ends with it.
pub(super) fn without_end<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(end.len())?;
    text.get(at..)?.eq_ignore_ascii_case(end).then(|| text.get(..at))?
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
    "also",
    "can we",
    "could we",
    "we should",
    "you should",
    "go ahead and",
    "actually",
    "maybe",
    "oops",
    "i'd love to",
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
    "undo the change",
    "undo the last one",
    "undo last",
    "revert the last change",
    "take the last change back",
    "cancel that",
];
pub(super) const REDO: &[&str] = &["redo", "redo that", "redo it", "redo the last change"];
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
pub(super) const REMOVE: &[&str] = &[
    "remove",
    "delete",
    "drop",
    "take out",
    "omit",
    "leave out",
    "get rid of",
    "skip",
    "throw out",
    "ditch",
    "exclude",
    "cut out",
    "without",
    "no",
    "i don't have",
    "i don’t have",
    "i have no",
    "i don't like",
    "i don’t like",
];
pub(super) const ADD: &[&str] =
    &["add", "insert", "append", "put in", "include", "throw in", "toss in"];
