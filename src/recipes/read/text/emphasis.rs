//! Marks of Markdown within a line (CommonMark, sections 6.1 to 6.3).

use std::borrow::Cow;
use std::ops::Range;

/// The text without the signs of emphasis, code and links: `*250 g* [flour](flour.md)` is
/// `250 g flour`. A sign without its other half stays. The work is linear in the text.
pub(super) fn unmarked(text: &str) -> Cow<'_, str> {
    if !text.contains(['*', '_', '`', ']']) {
        return Cow::Borrowed(text);
    }
    let letters: Vec<char> = text.chars().collect();
    let mut is_mark = vec![false; letters.len()];
    let mut mark = |range: Range<usize>| {
        is_mark.get_mut(range).unwrap_or_default().fill(true);
    };
    // Where the sign that is open is, for each sign.
    let mut open: [Option<usize>; SIGNS.len()] = [None; SIGNS.len()];
    let mut bracket = None;
    let mut at = 0;
    while let Some(&c) = letters.get(at) {
        let before = at.checked_sub(1).and_then(|before| letters.get(before)).copied();
        let after = letters.get(at + 1).copied();
        let sign = SIGNS.iter().position(|sign| *sign == c);
        if c == '\\' {
            // What is escaped is no mark.
            at += 1;
        } else if let Some(place) = sign.and_then(|sign| open.get_mut(sign)) {
            let is_end = before.is_some_and(|c| !c.is_whitespace()) && !is_letter(after);
            let is_begin = after.is_some_and(|c| !c.is_whitespace()) && !is_letter(before);
            match *place {
                Some(begin) if is_end && begin + 1 < at => {
                    mark(begin..begin + 1);
                    mark(at..at + 1);
                    *place = None;
                }
                None if is_begin => *place = Some(at),
                _ => {}
            }
        } else if c == '[' {
            bracket = Some(at);
        } else if c == ']'
            && after == Some('(')
            && let Some(begin) = bracket.take()
            && let Some(length) = target(letters.get(at + 1..).unwrap_or_default())
        {
            mark(begin..begin + 1);
            mark(at..at + 1 + length);
            at += length;
        }
        at += 1;
    }
    let kept = letters.iter().zip(&is_mark).filter(|(_, is_mark)| !**is_mark);
    Cow::Owned(kept.map(|(c, _)| c).collect())
}

/// The length of `(address)` in characters.
fn target(letters: &[char]) -> Option<usize> {
    let end = letters.iter().take(MAX_TARGET).position(|c| *c == ')')?;
    let inner = letters.get(1..end)?;
    // "[optional](2 tbsp)" is no link.
    let is_address = !inner.is_empty() && !inner.iter().any(|c| c.is_whitespace());
    (is_address && inner.iter().any(|c| matches!(c, '.' | '/' | '#'))).then_some(end + 1)
}

fn is_letter(c: Option<char>) -> bool {
    c.is_some_and(char::is_alphanumeric)
}

const SIGNS: [char; 3] = ['*', '_', '`'];
/// The longest address of a link, in characters.
const MAX_TARGET: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_removed_in_pairs() {
        for (text, plain) in [
            ("*250 g* flour", "250 g flour"),
            ("`100 g` sugar", "100 g sugar"),
            ("_2_ *eggs*, beaten", "2 eggs, beaten"),
            ("[butter](a.md), 50 g", "butter, 50 g"),
            ("1 cup flour*", "1 cup flour*"),
            ("*see the note", "*see the note"),
            ("2 * 400 g * 3", "2 * 400 g * 3"),
            ("snake_case_name", "snake_case_name"),
            ("[optional](2 tbsp) salt", "[optional](2 tbsp) salt"),
            ("*a `b* c`", "a b c"),
            (r"\*not\* so", r"\*not\* so"),
            ("**", "**"),
            ("", ""),
        ] {
            assert_eq!(unmarked(text), plain);
        }
    }
}
