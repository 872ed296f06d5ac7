//! The wire protocol: the envelope, the messages of both sides, the error codes and the close
//! reasons.
//!
//! Pure data and its JSON, without connections, clocks or sockets.

mod client;
mod close;
mod error;
mod limits;
mod memo;
mod plain_text;
mod position;
mod quick;
#[cfg(feature = "schema")]
pub mod schema;
mod server;
mod surrogates;

#[cfg(feature = "backend")]
pub(crate) use client::data::is_forwardable_array;
pub use client::data::{JsonObject, Said};
pub(crate) use client::data::{KeptJsonObject, is_forwardable};
#[doc(hidden)]
pub use client::old::parse_old;
#[doc(hidden)]
pub use client::parse_by_serde;
pub use client::{ClientMessage, MalformedMessage, MessageFault, Parsed, ResumeFrom, Wants, parse};
pub use close::{CloseReason, Reconnect};
pub use error::ErrorCode;
pub use limits::*;
pub use memo::Memo;
pub use position::Position;
pub use server::{
    AuthRequired, ChatMessage, ErrorPayload, GoingAway, Payload, Pong, Presence, RawJson,
    ReauthReason, RecipeUpdate, ReconnectInfo, ResumeInfo, ServerMessage, SessionInfo,
    UpdateSource,
};

/// The subprotocol that the server speaks (RFC 6455, section 1.9).
pub const SUBPROTOCOL: &str = "recipe-chat.v2";
