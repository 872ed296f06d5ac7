//! A line with the characters that keyboards have.

use std::borrow::Cow;

use super::super::entities::decoded;

/// Replaces entities of HTML, full-width characters and special spaces.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c != '&' && substitute(c) == c;
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(decoded(text).chars().map(substitute).collect())
}

fn substitute(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(c) - 0xff01 + u32::from('!')).unwrap_or(c)
        }
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        '⁄' => '/',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_replaced() {
        for (text, replaced) in [
            ("２５０ｇ tofu", "250g tofu"),
            ("1&nbsp;cup\u{a0}of &frac12; &amp; ½", "1 cup of ½ & ½"),
            ("1⁄2 cup", "1/2 cup"),
            ("大さじ２", "大さじ2"),
        ] {
            assert_eq!(plain(text), replaced);
        }
        assert!(matches!(plain("1 cup"), Cow::Borrowed(_)));
    }
}
