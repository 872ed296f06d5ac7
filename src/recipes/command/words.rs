//! Matching the words of a message.

/// The rest of `text` if it begins with the whole word `word`.
pub(super) fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    let rest = text.get(word.len()..)?;
    let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '\'' || c == '’');
    (head.eq_ignore_ascii_case(word) && ends).then(|| rest.trim_start())
}

/// The rest of `text` behind the longest of the words that it begins with.
pub(super) fn after_any<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().filter_map(|word| after(text, word)).min_by_key(|rest| rest.len())
}

/// Whether `text` is one of the words.
pub(super) fn is_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Splits a text at the first occurrence of a whole word.
pub(super) fn split_at_word<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let mut places = text.match_indices(' ').map(|(at, _)| at);
    places.find_map(|at| Some((text.get(..at)?, after(text.get(at + 1..)?, word)?)))
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

/// The text before the longest of the ends that it has.
pub(super) fn without_ends<'a>(text: &'a str, ends: &[&str]) -> Option<&'a str> {
    ends.iter().filter_map(|end| without_end(text, end)).min_by_key(|head| head.len())
}
