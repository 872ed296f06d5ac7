//! What can be wrong with a message of a client, for its sender and for operators.

use super::{ClientMessage, Malformed, Parsed};

/// What is wrong with a message that is not understood: the field at fault, never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
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
    /// `payload.token` of an `auth` is missing, empty, or not a string.
    Token,
}

impl Fault {
    /// What clients are told, and what operators read in the log and in `vestibule explain`.
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
            Self::Token => "`payload.token` must be a string that is not empty",
        }
    }

    /// What is wrong with this message; `None`: nothing is.
    #[must_use]
    pub const fn of(parsed: &Parsed<'_>) -> Option<Self> {
        match parsed {
            Err(Malformed::Json) => Some(Self::Json),
            Err(Malformed::Field { fault, .. }) => Some(*fault),
            Ok(ClientMessage::Auth { token: None, .. }) => Some(Self::Token),
            Ok(_) => None,
        }
    }
}
