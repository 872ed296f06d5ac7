//! The server's messages, as the types that are serialised.

use serde::Serialize;
use serde_json::value::RawValue;

use super::client::data::JsonObject;
use super::error::ErrorCode;
#[cfg(feature = "schema")]
use super::limits::{MAX_CONTENT_CHARS, MAX_ID_CHARS, MAX_USER_CHARS};
use super::memo::Memo;
use super::plain_text::IdText;
use super::position::Position;
use crate::id::MessageId;
use crate::time::Rfc3339;

/// A value that is already serialised as JSON.
pub type RawJson<'a> = &'a RawValue;

/// One message of the server, with its envelope: `type`, `id`, `timestamp`, `payload`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServerMessage<'a, P> {
    /// The discriminator.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Unique within its sender; the server's own are UUIDv7.
    #[cfg_attr(feature = "schema", schemars(with = "&str", length(min = 1, max = MAX_ID_CHARS)))]
    id: IdText<'a>,
    /// By the server's clock, in UTC.
    timestamp: Rfc3339,
    /// What is said.
    payload: P,
}

pub(super) fn serialise(buffer: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let written = serde_json::to_writer(buffer, value);
    debug_assert!(written.is_ok(), "the protocol's own types always serialise");
}

/// The payload of a server's message.
pub trait Payload: Serialize {
    /// The `type` of the message that carries this payload.
    const TYPE: &'static str;

    /// Appends its JSON to `buffer`: the same as its serialiser's, which it is unless the payload has a
    /// quicker way.
    fn write(&self, buffer: &mut Vec<u8>) {
        serialise(buffer, self);
    }
}

impl<'a, P: Payload> ServerMessage<'a, P> {
    /// A message that the server creates, with an id that it generated.
    pub fn new(id: &'a MessageId, timestamp: Rfc3339, payload: P) -> Self {
        Self { kind: P::TYPE, id: IdText::Own(id), timestamp, payload }
    }

    /// Appends the message's JSON to `buffer`.
    ///
    /// The parts that never need escapes (type, generated ids, timestamps) are copied, which is
    /// most of a short message.
    pub fn write(&self, buffer: &mut Vec<u8>) {
        // Their lengths are known to the compiler, but for a client's id.
        buffer.extend_from_slice(b"{\"type\":\"");
        buffer.extend_from_slice(P::TYPE.as_bytes());
        buffer.extend_from_slice(b"\",\"id\":");
        self.id.write(buffer);
        buffer.extend_from_slice(b",\"timestamp\":\"");
        buffer.extend_from_slice(&self.timestamp.0);
        buffer.extend_from_slice(b"\",\"payload\":");
        self.payload.write(buffer);
        buffer.push(b'}');
    }

    /// A client's message that is forwarded with the id that the client gave it.
    pub fn relayed(id: &'a str, timestamp: Rfc3339, payload: P) -> Self {
        Self { kind: P::TYPE, id: IdText::Given(id), timestamp, payload }
    }
}

/// The acknowledgement of an `auth`, the answer to a chat message, or news of the recipe.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "RecipeUpdatePayload")
)]
pub struct RecipeUpdate<'a> {
    /// The message that this answers; null when nobody asked.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_ID_CHARS)))]
    pub request_id: Option<&'a str>,
    /// Text for people.
    pub content: &'a str,
    /// The whole recipe in the application's form, or null when it did not change.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub recipe_data: Option<RawJson<'a>>,
    /// In acknowledgements only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "SessionInfo<'a>"))]
    pub session: Option<SessionInfo<'a>>,
    /// In acknowledgements only, where the application keeps a history: the room's last messages,
    /// the oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<HistoryEntry>"))]
    pub history: Option<RawJson<'a>>,
    /// Who wrote the answer, where that was not the application by its own rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "UpdateSource"))]
    pub source: Option<UpdateSource>,
    /// In news of the recipe, and in answers to clients that support resuming: the position of the
    /// room behind this message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub position: Option<Position>,
    /// In the first acknowledgement of a connection that asked to resume: whether it gets what it has
    /// missed. If not, it begins anew with what this message says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "bool"))]
    pub resumed: Option<bool>,
    /// With `resumed` true: how many messages follow that it has missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub missed: Option<u64>,
}

/// Who wrote an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UpdateSource {
    /// A language model suggested what was done.
    Model,
}

/// A message that was said before this connection came. The application writes it.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "it is only described")]
struct HistoryEntry {
    /// The message's id.
    #[schemars(length(min = 1, max = MAX_ID_CHARS))]
    id: String,
    /// The sender's `sub`.
    #[schemars(length(min = 1, max = MAX_USER_CHARS))]
    user_id: String,
    /// As it was sent.
    #[schemars(length(min = 1, max = MAX_CONTENT_CHARS))]
    content: String,
    /// When it was said.
    #[schemars(extend("format" = "date-time"))]
    timestamp: String,
    /// What the application answered.
    reply: Option<String>,
    /// Who wrote the reply, where that was not the application by its own rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "UpdateSource")]
    source: Option<UpdateSource>,
}

/// Who the client is now, and for how long.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Session"))]
pub struct SessionInfo<'a> {
    /// The token's `sub`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_USER_CHARS)))]
    pub user_id: &'a str,
    /// The token's `exp`.
    pub expires_at: Rfc3339,
    /// When `auth_required` will come; never in the past.
    pub reauth_at: Rfc3339,
    /// After so much silence the server sends a WebSocket ping, in milliseconds; 0: it sends none.
    pub ping_interval_ms: u64,
    /// For clients that support resuming, where the server does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "ResumeInfo"))]
    pub resume: Option<ResumeInfo>,
    /// How to come back after a connection that is lost; only for clients that support resuming.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "ReconnectInfo"))]
    pub reconnect: Option<ReconnectInfo>,
}

/// When a client may come back that was told no moment of its own.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Reconnect"))]
pub struct ReconnectInfo {
    /// The first attempt is at a random moment within this time, in milliseconds.
    pub within_ms: u64,
}

/// The connection will be closed next, for a reason that affects many. Only for clients that support
/// resuming.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "GoingAwayPayload"))]
pub struct GoingAway {
    /// When this client may come back, in milliseconds from now: a moment of its own.
    pub reconnect_after_ms: u64,
    /// If that attempt fails, the next one is at a random moment within this time, in milliseconds.
    /// It replaces that of the last acknowledgement. Missing: that one remains.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub within_ms: Option<u64>,
}

impl Payload for GoingAway {
    const TYPE: &'static str = "going_away";
}

/// What a client that comes back gives, and until when.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Resume"))]
pub struct ResumeInfo {
    /// To be given when the client comes back, beside its token: it saves the server work.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub memo: Memo,
    /// Where the room stands; not on a re-authentication. Each later message to the room has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub position: Option<Position>,
    /// For so long the room's last messages are kept once its last member has left, in milliseconds.
    pub window_ms: u64,
}

/// What somebody else in the room said.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ServerChatMessagePayload")
)]
pub struct ChatMessage<'a> {
    /// As it was sent.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_CONTENT_CHARS)))]
    pub content: &'a str,
    /// The sender's `sub`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_USER_CHARS)))]
    pub user_id: &'a str,
    /// As it was sent, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Map<String, serde_json::Value>"))]
    pub data: Option<JsonObject<'a>>,
    /// Its place among the room's messages, where the room keeps them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub position: Option<Position>,
}

/// Send a fresh `auth`, on this connection, before the deadline.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "AuthRequiredPayload")
)]
pub struct AuthRequired {
    /// For programs.
    pub reason: ReauthReason,
    /// For people.
    pub message: &'static str,
    /// After this: 1008 `Re-authentication timeout`. The time left is its difference to the
    /// message's own `timestamp`.
    pub deadline: Rfc3339,
}

impl Payload for AuthRequired {
    const TYPE: &'static str = "auth_required";
}

/// The answer to a `ping`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PongPayload"))]
pub struct Pong<'a> {
    /// The `ping` that this answers; null when it had no id.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_ID_CHARS)))]
    pub request_id: Option<&'a str>,
}

impl Payload for Pong<'_> {
    const TYPE: &'static str = "pong";
}

/// Who is in the room, for clients that asked for it in their `auth`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PresencePayload"))]
pub struct Presence<'a> {
    /// The `sub` of each user, once, in the order of their bytes; null in a room of more than
    /// `limits.presence_members` connections.
    pub users: Option<&'a [&'a str]>,
    /// The connections in the room, all of these users' together.
    pub connections: u64,
}

impl Payload for Presence<'_> {
    const TYPE: &'static str = "presence";
}

/// Why a fresh `auth` is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReauthReason {
    /// The token runs out.
    TokenExpiring,
    /// 14 minutes have passed, with a token that lives longer.
    SessionAge,
    /// An operator asked for it.
    Requested,
}

impl ReauthReason {
    /// The text for people.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::TokenExpiring => "Token expiring soon",
            Self::SessionAge => "Session needs a fresh token",
            Self::Requested => "A fresh token was requested",
        }
    }
}

/// One message was not done; the connection goes on.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(transform = rate_limits_say_when)
)]
pub struct ErrorPayload<'a> {
    /// For programs.
    pub error: ErrorCode,
    /// For people; names the field at fault.
    pub message: &'a str,
    /// The message that this answers; null when it had no usable id.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_ID_CHARS)))]
    pub request_id: Option<&'a str>,
    /// With `rate_limited`: when one more will be taken, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub retry_after_ms: Option<u64>,
}

impl Payload for ErrorPayload<'_> {
    const TYPE: &'static str = "error";
}

/// Adds the rule that a `rate_limited` error always has `retry_after_ms`.
#[cfg(feature = "schema")]
fn rate_limits_say_when(schema: &mut schemars::Schema) {
    let limited = serde_json::json!({ "properties": { "error": { "const": "rate_limited" } } });
    schema.insert("if".to_owned(), limited);
    schema.insert("then".to_owned(), serde_json::json!({ "required": ["retry_after_ms"] }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{MessageIds, Seed};
    use crate::time::UnixTime;

    #[test]
    fn client_chosen_id_is_escaped() {
        let payload =
            ChatMessage { content: "a \"b\"\n", user_id: "é\u{1}", data: None, position: None };
        let now = UnixTime::from_millis(0).to_rfc3339();
        let message = ServerMessage::relayed("\"x\\", now, payload);
        let mut text = Vec::new();
        message.write(&mut text);
        assert_eq!(String::from_utf8(text).unwrap(), serde_json::to_string(&message).unwrap());
    }

    #[test]
    fn message_fields_are_in_protocol_order() {
        let now = UnixTime::from_millis(1_795_341_600_000);
        let id = MessageIds::new(Seed::predictable(1)).next(now);
        let payload = ErrorPayload {
            error: ErrorCode::RateLimited,
            message: "Too many messages",
            request_id: Some("m1"),
            retry_after_ms: Some(2_000),
        };
        let message = ServerMessage::new(&id, now.to_rfc3339(), payload);
        let mut text = Vec::new();
        message.write(&mut text);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, serde_json::to_string(&message).unwrap());
        let expected = format!(
            r#"{{"type":"error","id":"{}","timestamp":"2026-11-22T10:00:00.000Z","payload":{{"error":"rate_limited","message":"Too many messages","request_id":"m1","retry_after_ms":2000}}}}"#,
            id.as_str()
        );
        assert_eq!(text, expected);
    }
}
