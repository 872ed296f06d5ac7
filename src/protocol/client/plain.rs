//! The messages as clients write them, read in one pass that borrows each field, and allocates nothing.
//!
//! It takes valid messages only: with the known fields alone, each once, in any order, and strings
//! without escapes or spaces between them. Any other text is left to the JSON parser, whether that takes
//! or refuses it.

use super::raw::fits;
use crate::protocol::limits::{MAX_CONTENT_CHARS, MAX_ID_CHARS};
use crate::protocol::plain_text::plain_prefix;
use crate::time::is_date_time;

const CHAT: &str = "chat_message";
/// A moment as JavaScript writes it.
const TIMESTAMP: &str = "2026-11-22T10:00:00.000Z";

/// A valid message.
pub(super) enum PlainMessage<'a> {
    /// A `chat_message` without data.
    Chat { id: &'a str, content: &'a str },
    /// An `auth` that asks for nothing beside it.
    Auth { id: &'a str, token: &'a str },
}

/// Reads a plain message. `None`: the JSON parser is to read it. The work is linear in the text, and ends
/// at the first byte that is not as expected.
pub(super) fn read_plain(text: &str) -> Option<PlainMessage<'_>> {
    let mut rest = text.strip_prefix('{')?;
    let [mut kind, mut id, mut timestamp, mut content, mut token] = [None; 5];
    loop {
        // Of what is compared as a whole below, the usual length is tried: its bytes need no look then.
        let (place, value, end, usual) = if let Some(value) = rest.strip_prefix(r#""type":""#) {
            (&mut kind, value, "\"", CHAT.len())
        } else if let Some(value) = rest.strip_prefix(r#""id":""#) {
            (&mut id, value, "\"", 0)
        } else if let Some(value) = rest.strip_prefix(r#""timestamp":""#) {
            (&mut timestamp, value, "\"", TIMESTAMP.len())
        } else if let Some(value) = rest.strip_prefix(r#""payload":{"content":""#) {
            (&mut content, value, "\"}", 0)
        } else {
            (&mut token, rest.strip_prefix(r#""payload":{"token":""#)?, "\"}", 0)
        };
        // It ends before its closing quote, or its first escape.
        let is_usual = usual > 0 && value.as_bytes().get(usual) == Some(&b'"');
        let length = if is_usual { usual } else { plain_prefix(value.as_bytes()) };
        let (value, left) = value.split_at_checked(length)?;
        if place.replace(value).is_some() {
            return None;
        }
        match left.strip_prefix(end)? {
            "}" => break,
            left => rest = left.strip_prefix(',')?,
        }
    }
    let (id, timestamp) = (id?, timestamp?);
    let (message, max_chars) = match (kind?, content, token) {
        (CHAT, Some(content), None) => (PlainMessage::Chat { id, content }, MAX_CONTENT_CHARS),
        ("auth", None, Some(token)) => (PlainMessage::Auth { id, token }, usize::MAX),
        _ => return None,
    };
    let (PlainMessage::Chat { content: said, .. } | PlainMessage::Auth { token: said, .. }) =
        message;
    let is_valid = is_text(id, MAX_ID_CHARS) && is_text(said, max_chars) && is_date_time(timestamp);
    is_valid.then_some(message)
}

fn is_text(text: &str, max_chars: usize) -> bool {
    !text.is_empty() && fits(text, max_chars)
}
