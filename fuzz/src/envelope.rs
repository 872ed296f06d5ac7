//! The pass over plain messages beside the JSON parser, which decides.

use vestibule::protocol::{parse, parse_by_serde};

/// The input is the text of one frame. It is also what stands in the place of a field of a plain
/// message, where a few random bytes get further than from the start.
///
/// # Panics
/// When a text is read otherwise than the JSON parser reads it: taken or refused, its fields, or the
/// fault.
pub fn envelope(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    compare(text);
    for place in 0..PLACES {
        compare(&with(text, place));
    }
}

fn compare(text: &str) {
    assert_eq!(parse(text), parse_by_serde(text), "{text:?}");
}

/// Places in a message: each field's text, and what is between them.
const PLACES: usize = 8;

fn with(text: &str, place: usize) -> String {
    let parts: [&str; PLACES - 1] = [
        r#"{"type":"chat_message"#,
        r#"","id":"m1"#,
        r#"","timestamp":"2026-11-22T10:00:00.000Z"#,
        r#"","payload":{"content":"hello"#,
        r#"""#,
        "}",
        "}",
    ];
    let mut message = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        message.push_str(if index == place { text } else { "" });
        message.push_str(part);
    }
    message.push_str(if place == parts.len() { text } else { "" });
    message
}
