//! What is said: the envelope, the messages of both sides, the error codes and the close table.
//!
//! Pure data and its JSON. Nothing here knows a connection, a clock or a socket.

mod client;
mod close;
mod error;
mod server;

pub use client::{ClientMessage, Malformed, Parsed, parse};
pub use close::{CloseReason, Reconnect};
pub use error::ErrorCode;
pub use server::{
    AuthRequired, ChatMessage, ErrorPayload, RawJson, ReauthReason, RecipeUpdate, ServerMessage,
    SessionInfo,
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
