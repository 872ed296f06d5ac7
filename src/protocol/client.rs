//! The parser of clients' messages: `auth`, `chat_message` and `ping`. Its results borrow from the
//! input.
//!
//! It makes one pass over the text, in any order of keys: it collects the payload fields of both
//! types, and validates them when `type` is known. Unknown fields are ignored; if a key appears
//! twice, the last value is used. So the JSON parser itself reports only errors of JSON's grammar.
//! Most messages are plain, and are read without it: see [`plain`].

pub(super) mod data;
mod key;
pub(super) mod old;
mod plain;
mod raw;
mod wants;

use std::borrow::Cow;
use std::fmt;

use self::data::JsonObject;
use self::plain::{PlainMessage, read_plain};
use self::raw::{Field, RawEnvelope, fits, read_root};
pub use self::wants::{ResumeFrom, Wants};
use super::limits::MAX_CONTENT_CHARS;
use super::surrogates::replace_lone;
use crate::time::is_date_time;

/// A valid message of a client.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// `auth`: authenticates the connection with a token.
    Auth {
        /// The message's id, 1 to 128 characters.
        id: Cow<'a, str>,
        /// The JWT. `None` when it is missing, empty or not a string: that has its own close
        /// reason.
        token: Option<Cow<'a, str>>,
        /// What the client asks for beside it.
        wants: Wants,
    },
    /// `chat_message`: a text for the room.
    Chat {
        /// The message's id, 1 to 128 characters.
        id: Cow<'a, str>,
        /// The text, 1 to 16,384 characters.
        content: Cow<'a, str>,
        /// What the embedder's own clients have to say beside it.
        data: Option<JsonObject<'a>>,
    },
    /// `ping`: asks for a `pong`.
    Ping {
        /// The message's id, 1 to 128 characters, if it has one.
        id: Option<Cow<'a, str>>,
    },
    /// A message of an unknown type, in a valid envelope. It is ignored, so that newer clients work
    /// with older servers.
    Unknown,
}

/// Masks the token, which no log, panic or failed assertion may show.
impl fmt::Debug for ClientMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auth { id, token, wants } => f
                .debug_struct("Auth")
                .field("id", id)
                .field("token", &token.as_ref().map(|_| "********"))
                .field("wants", wants)
                .finish(),
            Self::Chat { id, content, data } => f
                .debug_struct("Chat")
                .field("id", id)
                .field("content", content)
                .field("data", data)
                .finish(),
            Self::Ping { id } => f.debug_struct("Ping").field("id", id).finish(),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}

/// The result of parsing one text frame.
pub type Parsed<'a> = Result<ClientMessage<'a>, MalformedMessage<'a>>;

/// Why a text is not a valid message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MalformedMessage<'a> {
    /// The text is not JSON.
    Json,
    /// The text is JSON, but a field is missing or malformed, or the root is not an object.
    Field {
        /// The message's id, if it has a valid one.
        id: Option<Cow<'a, str>>,
        /// Whether the fault is in the envelope, not in the payload of a known type.
        envelope: bool,
        /// The field at fault.
        fault: MessageFault,
    },
}

/// What is wrong with an invalid message: the field at fault, never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageFault {
    /// The text is not JSON.
    Json,
    /// A string has half of a surrogate pair, which is JSON but no text.
    HalfPair,
    /// The message is not an object.
    Object,
    /// `type` is missing, or is not a string.
    Type,
    /// `id` is missing, empty, too long, or not a string.
    Id,
    /// `timestamp` is missing, or is not a date-time.
    Timestamp,
    /// `payload` is missing, or is not an object.
    Payload,
    /// `payload.content` of a chat message is missing, empty, too long, or not a string.
    Content,
    /// `payload.data` of a chat message is not an object, is nested too deep, has a number
    /// that no double holds, or a string with half of a surrogate pair.
    Data,
    /// `payload.token` of an `auth` is missing, empty, or not a string.
    Token,
}

impl MessageFault {
    /// The text in `error` messages, in the log and in `vestibule explain`.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Json => "The message is not JSON",
            Self::HalfPair => "A string has half of a surrogate pair",
            Self::Object => "The message must be an object",
            Self::Type => "`type` must be a string",
            Self::Id => "`id` must be a string of 1 to 128 characters",
            Self::Timestamp => "`timestamp` must be an RFC 3339 date-time",
            Self::Payload => "`payload` must be an object",
            Self::Content => "`payload.content` must be a string of 1 to 16384 characters",
            Self::Data => {
                "`payload.data` must be an object of Unicode text and finite numbers, nested at most 32 deep"
            }
            Self::Token => "`payload.token` must be a string that is not empty",
        }
    }

    /// The fault of a parsed message; `None` when it has none.
    #[must_use]
    pub const fn of(parsed: &Parsed<'_>) -> Option<Self> {
        match parsed {
            Err(MalformedMessage::Json) => Some(Self::Json),
            Err(MalformedMessage::Field { fault, .. }) => Some(*fault),
            Ok(ClientMessage::Auth { token: None, .. }) => Some(Self::Token),
            Ok(_) => None,
        }
    }
}

/// Parses one text frame.
///
/// # Errors
/// [`MalformedMessage`] names the field at fault. The work is linear in the text.
pub fn parse(text: &str) -> Parsed<'_> {
    match read_plain(text) {
        Some(PlainMessage::Chat { id, content }) => {
            let (id, content) = (Cow::Borrowed(id), Cow::Borrowed(content));
            Ok(ClientMessage::Chat { id, content, data: None })
        }
        Some(PlainMessage::Auth { id, token }) => {
            let (id, token) = (Cow::Borrowed(id), Some(Cow::Borrowed(token)));
            Ok(ClientMessage::Auth { id, token, wants: Wants::default() })
        }
        None => parse_by_serde(text),
    }
}

/// The same, by the JSON parser alone: what [`parse`] is compared with.
#[doc(hidden)]
pub fn parse_by_serde(text: &str) -> Parsed<'_> {
    read(text).and_then(validate).and_then(|message| require_unicode(text, message))
}

/// Refuses a message with half of a surrogate pair in any string or key, also in one that is ignored:
/// whether a message is one does not depend on which of its fields this server knows.
fn require_unicode<'a>(text: &str, message: ClientMessage<'a>) -> Parsed<'a> {
    if replace_lone(text, "").is_some() { Err(unreadable(text)) } else { Ok(message) }
}

/// Parses the JSON, and collects the known fields without validating them.
fn read(text: &str) -> Result<RawEnvelope<'_>, MalformedMessage<'_>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let root = read_root(&mut json).map_err(|_| unreadable(text))?;
    json.end().map_err(|_| MalformedMessage::Json)?;
    root.ok_or(MalformedMessage::Field { id: None, envelope: true, fault: MessageFault::Object })
}

/// Explains a text that is refused whatever its fields hold: it is not JSON, or it is, but one of its
/// strings has a lone surrogate.
///
/// The message's id is usable if the lone surrogate is not part of it. That is tested by putting
/// two different characters in its place: the id must stay the same.
fn unreadable<'a>(text: &str) -> MalformedMessage<'a> {
    let [one, other] = [r"\ufffd", r"\ufffc"].map(|instead| id_with(text, instead));
    let (Some(one), Some(other)) = (one, other) else { return MalformedMessage::Json };
    let id = one.filter(|one| other.is_some_and(|other| *one == other)).map(Cow::Owned);
    MalformedMessage::Field { id, envelope: true, fault: MessageFault::HalfPair }
}

/// The message's id after `instead` has replaced each lone surrogate. `None` if the text is not
/// JSON even then.
fn id_with(text: &str, instead: &str) -> Option<Option<String>> {
    let mended = replace_lone(text, instead)?;
    let id = match read(&mended) {
        Ok(envelope) => envelope.id.usable_id(),
        Err(MalformedMessage::Field { id, .. }) => id,
        Err(MalformedMessage::Json) => return None,
    };
    Some(id.map(Cow::into_owned))
}

fn validate(envelope: RawEnvelope<'_>) -> Parsed<'_> {
    let fault = |id, envelope, fault| Err(MalformedMessage::Field { id, envelope, fault });
    let Field::Text(kind) = envelope.kind else {
        return fault(envelope.id.usable_id(), true, MessageFault::Type);
    };
    if kind == "ping" && matches!(envelope.id, Field::Missing) {
        return Ok(ClientMessage::Ping { id: None });
    }
    let Some(id) = envelope.id.usable_id() else {
        return fault(None, true, MessageFault::Id);
    };
    if kind == "ping" {
        return Ok(ClientMessage::Ping { id: Some(id) });
    }
    match envelope.timestamp {
        Field::Text(timestamp) if is_date_time(&timestamp) => {}
        _ => return fault(Some(id), true, MessageFault::Timestamp),
    }
    let Some(payload) = envelope.payload else {
        return fault(Some(id), true, MessageFault::Payload);
    };
    match &*kind {
        "auth" => {
            let token = payload.token.text().filter(|token| !token.is_empty());
            Ok(ClientMessage::Auth { id, token, wants: payload.wants })
        }
        "chat_message" => match payload.content.text() {
            Some(content) if !content.is_empty() && fits(&content, MAX_CONTENT_CHARS) => {
                let data = payload.data.map(JsonObject::new);
                if data == Some(None) {
                    return fault(Some(id), false, MessageFault::Data);
                }
                Ok(ClientMessage::Chat { id, content, data: data.flatten() })
            }
            _ => fault(Some(id), false, MessageFault::Content),
        },
        _ => Ok(ClientMessage::Unknown),
    }
}

#[cfg(test)]
mod tests;
