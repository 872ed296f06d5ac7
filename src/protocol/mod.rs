//! What is said: the envelope, the messages of both sides, the error codes and the close table.
//!
//! Pure data and its JSON. Nothing here knows a connection, a clock or a socket.

mod client;
mod close;
mod error;
#[cfg(feature = "schema")]
pub mod schema;
mod server;
mod surrogates;

#[doc(hidden)]
pub use client::parse_old;
pub use client::{ClientMessage, Fault, Malformed, Parsed, parse};
pub use close::{CloseReason, Reconnect};
pub use error::ErrorCode;
pub use server::{
    AuthRequired, ChatMessage, ErrorPayload, Payload, RawJson, ReauthReason, RecipeUpdate,
    ServerMessage, SessionInfo,
};

/// The subprotocol that the server speaks (RFC 6455, section 1.9).
pub const SUBPROTOCOL: &str = "recipe-chat.v2";
/// Code points in an envelope's `id`, at most; at least 1.
pub const MAX_ID_CHARS: usize = 128;
/// Code points in a chat message's `content`, at most; at least 1.
pub const MAX_CONTENT_CHARS: usize = 16_384;
/// Characters in a recipe's id, at most; at least 1.
pub const MAX_ROOM_CHARS: usize = 128;
/// Code points in a token's `sub`, at most; at least 1.
pub const MAX_USER_CHARS: usize = 256;
/// The invalid message in a row that closes: the tenth.
pub const MAX_INVALID_IN_A_ROW: u8 = 10;
/// Messages that may be answered with an `error` in a minute; one more closes.
pub const MAX_REFUSED_A_MINUTE: u8 = 30;
/// `auth` messages on a live connection that nobody asked for, in a minute; one more closes.
pub const MAX_UNASKED_AUTHS_A_MINUTE: u8 = 5;
/// Pings without any sign of life; then the connection ends.
pub const MAX_UNANSWERED_PINGS: u8 = 2;
