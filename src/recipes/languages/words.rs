//! How words are compared, whatever their case and their writing.

/// The length of `name` at the beginning of a text, regardless of case, up to the end of a word.
/// Chinese and Japanese have no spaces: any character may follow their words.
pub(crate) fn begins(text: &str, name: &str) -> Option<usize> {
    let mut letters = text.char_indices();
    let mut last = ' ';
    for wanted in name.chars() {
        let (_, letter) = letters.next()?;
        if letter != wanted && !is_same(letter, wanted) {
            return None;
        }
        last = wanted;
    }
    match letters.next() {
        Some((_, next)) if next.is_alphanumeric() && !is_ideographic(last) => None,
        Some((at, _)) => Some(at),
        None => Some(text.len()),
    }
}

/// [`begins`] for a word that is joined to the next one if it ends with an apostrophe: `d'ail`.
pub(crate) fn begins_bare(text: &str, name: &str) -> Option<usize> {
    if !name.ends_with(['\'', '’']) {
        return begins(text, name).filter(|end| text.get(*end..).is_some_and(|it| !it.is_empty()));
    }
    let head = text.get(..name.len())?;
    head.eq_ignore_ascii_case(name).then_some(name.len())
}

/// Whether a text is a word, regardless of case.
pub(crate) fn is_word(text: &str, word: &str) -> bool {
    begins(text, word) == Some(text.len())
}

/// Whether two characters differ only in case, or in the form of an apostrophe or a space.
fn is_same(one: char, other: char) -> bool {
    match (one, other) {
        ('’', '\'') | ('\u{a0}', ' ') => true,
        _ if one.is_ascii() && other.is_ascii() => one.eq_ignore_ascii_case(&other),
        _ => one.to_lowercase().eq(other.to_lowercase()),
    }
}

/// Whether a character is of a writing without spaces.
pub(crate) fn is_ideographic(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_the_text_goes_on() {
        for (text, name, length) in [
            ("Für 4", "für", Some(4)),
            ("FÜR 4", "für", Some(4)),
            ("Fürst", "für", None),
            ("What you’ll need", "what you'll need", Some(18)),
            ("材料2人分", "材料", Some(6)),
            ("Ingrédients", "ingredients", None),
        ] {
            assert_eq!(begins(text, name), length, "{text}");
        }
    }
}
