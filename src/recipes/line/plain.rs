//! A line with the characters that keyboards have.

use std::borrow::Cow;

use super::super::entities::decoded;

/// Replaces entities of HTML, full-width characters and special spaces.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let is_plain =
        |c: char| !matches!(c, '&' | '⁄') && !SUBSCRIPTS.contains(&c) && substitute(c) == c;
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let text = decoded(text);
    let text = if text.contains('⁄') || text.contains(SUBSCRIPTS) {
        Cow::Owned(lowered(&text))
    } else {
        text
    };
    Cow::Owned(text.chars().map(substitute).collect())
}

/// The figures of a fraction on the line, parted from the whole number before it: "2¹⁄₂" is "2 1⁄2".
fn lowered(text: &str) -> String {
    let mut lowered = String::with_capacity(text.len());
    let mut was_figure = false;
    for c in text.chars() {
        let raised = SUPERSCRIPTS.iter().position(|it| *it == c);
        if raised.is_some() && was_figure {
            lowered.push(' ');
        }
        let figure = raised.or_else(|| SUBSCRIPTS.iter().position(|it| *it == c));
        let figure = figure.and_then(|figure| char::from_digit(u32::try_from(figure).ok()?, 10));
        lowered.push(figure.unwrap_or(c));
        was_figure = c.is_ascii_digit();
    }
    lowered
}

const SUPERSCRIPTS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
const SUBSCRIPTS: [char; 10] = ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'];

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
            ("2¹⁄₂ cups", "2 1/2 cups"),
            ("¹²⁄₁₆ cup", "12/16 cup"),
        ] {
            assert_eq!(plain(text), replaced);
        }
        assert!(matches!(plain("1 cup"), Cow::Borrowed(_)));
    }
}
