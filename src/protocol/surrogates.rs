//! Escapes of lone surrogates, such as `"\ud800"`: JSON's grammar allows them (RFC 8259, section
//! 8.2), but no Unicode text contains them.

/// The length of an escaped code unit, such as `\ud800`.
const ESCAPE_BYTES: usize = 6;

/// Replaces every lone surrogate of `text` with `instead`, another escape. `None` if there is none.
/// Does not distinguish strings from what is outside: there, a backslash is not JSON anyway. Linear
/// in the text.
pub(super) fn replace_lone(text: &str, instead: &str) -> Option<String> {
    let mut replaced = String::new();
    let mut rest = text;
    let mut copied = 0;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        rest = rest.get(at..)?;
        let length = match (code_unit(rest), rest.get(ESCAPE_BYTES..).and_then(code_unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 2 * ESCAPE_BYTES,
            (Some(0xd800..=0xdfff), _) => {
                let start = text.len() - rest.len();
                replaced.push_str(text.get(copied..start)?);
                replaced.push_str(instead);
                copied = start + ESCAPE_BYTES;
                ESCAPE_BYTES
            }
            // `\\` and `\"`: skips the escaped character.
            _ => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
        };
        rest = rest.get(length..)?;
    }
    if copied == 0 {
        return None;
    }
    replaced.push_str(text.get(copied..)?);
    Some(replaced)
}

/// The code unit whose escape `text` begins with.
fn code_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_hex { u32::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_found_and_pairs_are_not() {
        let replaced = |text: &str| replace_lone(text, "_");
        for (text, expected) in [
            (r#""\ud800""#, r#""_""#),
            (r#""a\uDFFFb\udbff""#, r#""a_b_""#),
            (r#"\ud800\ud83d\ude00"#, r#"_\ud83d\ude00"#),
            (r#"\ud83d\ude00\ude00"#, r#"\ud83d\ude00_"#),
            (r#"\ude00\ud83d"#, "__"),
            (r#"\ud800\u0041"#, r#"_\u0041"#),
            (r#"\\\ud800"#, r#"\\_"#),
        ] {
            assert_eq!(replaced(text).as_deref(), Some(expected), "{text}");
        }
        let none = [
            "",
            "a",
            r#"\ud83d\ude00"#,
            r#"\\ud800"#,
            r#"\"ud800"#,
            r#"\ud80"#,
            r#"\u+800"#,
            "\\",
            "\\é",
        ];
        for text in none {
            assert_eq!(replaced(text), None, "{text}");
        }
    }
}
