//! Character references of HTML in any text: `&frac12;`, `&#189;`, `&eacute;`.

use std::borrow::Cow;

use html5gum::{Token, Tokenizer};

/// The text with its character references replaced. What is none stays as it is.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, reference) = rest.split_at(at);
        decoded.push_str(before);
        let length = length(reference);
        let (reference, behind) = reference.split_at(length.unwrap_or(1));
        match length {
            Some(_) => push(&mut decoded, reference),
            None => decoded.push('&'),
        }
        rest = behind;
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// The length of the reference that a text begins with, up to its semicolon.
fn length(text: &str) -> Option<usize> {
    let head = text.as_bytes().get(1..MAX_LENGTH.min(text.len()))?;
    let end = head.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'#'))?;
    (end > 1 && head.get(end) == Some(&b';')).then_some(end + 2)
}

/// One reference, which the tokenizer of HTML knows.
fn push(decoded: &mut String, reference: &str) {
    for token in Tokenizer::new(reference).flatten() {
        if let Token::String(text) = token {
            decoded.push_str(&String::from_utf8_lossy(&text));
        }
    }
}

/// The longest reference of HTML, `&CounterClockwiseContourIntegral;`, has 33 characters.
const MAX_LENGTH: usize = 34;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_and_other_text_stays() {
        for (text, plain) in [
            ("Bubble &amp; Squeak", "Bubble & Squeak"),
            ("&frac12; cup&nbsp;milk", "½ cup\u{a0}milk"),
            ("cr&egrave;me br&#251;l&#xe9;e", "crème brûlée"),
            ("&amp;lt;", "&lt;"),
            ("salt & pepper; & more", "salt & pepper; & more"),
            ("&unknown; &", "&unknown; &"),
            ("&#0;", "\u{fffd}"),
        ] {
            assert_eq!(decoded(text), plain);
        }
    }
}
