//! Escapes of lone surrogates, such as `"\ud800"`: JSON's grammar allows them (RFC 8259, section
//! 8.2), but no Unicode text contains them.

use std::borrow::Cow;

use super::client::{ClientMessage, MalformedMessage, MessageFault, parse};

/// Explains a text that the JSON parser refused: it is not JSON, or it is, but one of its strings
/// has a lone surrogate.
///
/// The message's id is usable if the lone surrogate is not part of it. That is tested by putting
/// two different characters in its place: the id must stay the same.
pub(super) fn unreadable<'a>(text: &str) -> MalformedMessage<'a> {
    let [one, other] = [r"\ufffd", r"\ufffc"].map(|instead| id_with(text, instead));
    let (Some(one), Some(other)) = (one, other) else { return MalformedMessage::Json };
    let id = one.filter(|one| other.is_some_and(|other| *one == other)).map(Cow::Owned);
    MalformedMessage::Field { id, envelope: true, fault: MessageFault::HalfPair }
}

/// The message's id after `instead` has replaced each lone surrogate. `None` if the text is not
/// JSON even then.
fn id_with(text: &str, instead: &str) -> Option<Option<String>> {
    let mended = replace_lone(text, instead)?;
    let id = match parse(&mended) {
        Ok(ClientMessage::Auth { id, .. } | ClientMessage::Chat { id, .. }) => Some(id),
        Ok(ClientMessage::Unknown) => None,
        Err(MalformedMessage::Field { id, .. }) => id,
        Err(MalformedMessage::Json) => return None,
    };
    Some(id.map(Cow::into_owned))
}

/// The length of an escaped code unit, such as `\ud800`.
const ESCAPE_BYTES: usize = 6;

/// Replaces every lone surrogate of `text` with `instead`, another escape. `None` if there is none.
/// Does not distinguish strings from what is outside: there, a backslash is not JSON anyway. Linear
/// in the text.
fn replace_lone(text: &str, instead: &str) -> Option<String> {
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

    fn message(fields: &str) -> String {
        format!(r#"{{"timestamp":"2026-11-22T10:00:00.000Z",{fields}}}"#)
    }

    fn chat(id: &str, content: &str) -> String {
        message(&format!(
            r#""type":"chat_message","id":"{id}","payload":{{"content":"{content}"}}"#
        ))
    }

    /// The id of a message that has a lone surrogate.
    #[track_caller]
    fn id_of(text: &str) -> Option<String> {
        match parse(text) {
            Err(MalformedMessage::Field { id, envelope: true, .. }) => id.map(Cow::into_owned),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_an_invalid_message() {
        for content in [r"\ud800", r"a\uDC00b", r"\ud83d\ud83d\ude00", r"\ude00\ud83d"] {
            assert_eq!(id_of(&chat("m1", content)).as_deref(), Some("m1"), "{content}");
        }
        assert_eq!(id_of(&chat(r"m\ufffd1", r"\ud800")).as_deref(), Some("m\u{fffd}1"));
        assert_eq!(id_of(&message(r#""id":"m1","\udfff":1"#)).as_deref(), Some("m1"));
        for nameless in [chat(r"m\ud800", "x"), chat("", r"\ud800"), r#""\ud800""#.to_owned()] {
            assert_eq!(id_of(&nameless), None, "{nameless}");
        }
        // A pair is a character, and ignored fields are not decoded.
        assert!(parse(&chat("m1", r"\ud83d\ude00")).is_ok());
        assert!(parse(&chat(r#"m1","more":"\ud800"#, "x")).is_ok());
        let cut = chat("m1", r"\ud800");
        for text in [cut.trim_end_matches('}'), r#"{"a":"\ud800\x"}"#, r"\ud800"] {
            assert_eq!(parse(text), Err(MalformedMessage::Json), "{text}");
        }
    }
}
