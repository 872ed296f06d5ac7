//! What is said: the envelopes of the protocol, through serde.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// The most characters of a chat message.
const MAX_CONTENT: usize = 16_384;

/// A client's message, borrowed from its frame where nothing is escaped.
#[derive(Debug, Deserialize)]
pub(crate) struct Incoming<'a> {
    /// The discriminator.
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Cow<'a, str>,
    /// Unique within the sender.
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    /// What the type asks for.
    #[serde(borrow)]
    pub(crate) payload: Payload<'a>,
    #[serde(borrow, rename = "timestamp")]
    _timestamp: Cow<'a, str>,
}

/// The payloads of both messages.
#[derive(Debug, Deserialize)]
pub(crate) struct Payload<'a> {
    /// Of an `auth`.
    #[serde(borrow, default)]
    pub(crate) token: Option<Cow<'a, str>>,
    /// Of a `chat_message`.
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
}

impl Payload<'_> {
    /// The text of a `chat_message`, if it is of a length that is allowed.
    pub(crate) fn text(&self) -> Option<&str> {
        let text = self.content.as_deref()?;
        let is_short = text.len() <= MAX_CONTENT || text.chars().nth(MAX_CONTENT).is_none();
        (is_short && !text.is_empty()).then_some(text)
    }
}

/// The session, as an acknowledgement tells it.
#[derive(Debug, Serialize)]
pub(crate) struct SessionView<'a> {
    /// The user.
    pub(crate) user_id: &'a str,
    /// The end of the token.
    pub(crate) expires_at: String,
    /// When a new one is asked for.
    pub(crate) reauth_at: String,
}

#[derive(Serialize)]
struct Outgoing<'a, P> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    timestamp: String,
    payload: P,
}

#[derive(Serialize)]
struct Update<'a> {
    request_id: &'a str,
    content: &'static str,
    recipe_data: Option<Recipe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionView<'a>>,
}

#[derive(Serialize)]
struct Chat<'a> {
    content: &'a str,
    user_id: &'a str,
}

#[derive(Serialize)]
struct Recipe {
    title: &'static str,
    servings: u32,
    ingredients: [&'static str; 3],
    steps: [&'static str; 3],
}

const RECIPE: Recipe = Recipe {
    title: "Tomato soup",
    servings: 4,
    ingredients: ["800 g tomatoes", "1 onion", "2 tbsp olive oil"],
    steps: ["Chop.", "Simmer for 20 minutes.", "Blend."],
};

/// Identifies and dates messages.
#[derive(Debug)]
pub(crate) struct Stamp {
    start: i128,
    next: AtomicU64,
}

impl Stamp {
    /// Ids are unique over restarts by the moment of the start.
    pub(crate) fn new() -> Self {
        Self { start: OffsetDateTime::now_utc().unix_timestamp_nanos(), next: AtomicU64::new(1) }
    }

    /// A number that no other call of this process gives.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The acknowledgement of an `auth`.
    pub(crate) fn welcome(&self, request_id: &str, session: SessionView<'_>) -> Utf8Bytes {
        let content = "Connected to recipe chat. How can I help you with this recipe?";
        let session = Some(session);
        let update = Update { request_id, content, recipe_data: Some(RECIPE), session };
        self.server("recipe_update", update)
    }

    /// The answer to a `chat_message`.
    pub(crate) fn reply(&self, request_id: &str) -> Utf8Bytes {
        let content = "Noted. The recipe serves eight now, with twice of everything.";
        let update = Update { request_id, content, recipe_data: None, session: None };
        self.server("recipe_update", update)
    }

    /// A `chat_message` as the others see it: under its own id.
    pub(crate) fn chat(&self, id: &str, content: &str, user_id: &str) -> Utf8Bytes {
        serialise("chat_message", id, Chat { content, user_id })
    }

    /// The request for a new token, which has to be there by `deadline`.
    pub(crate) fn auth_required(&self, deadline: OffsetDateTime) -> Utf8Bytes {
        self.server(
            "auth_required",
            json!({
                "reason": "token_expiring",
                "message": "Token expiring soon",
                "deadline": text_of(deadline),
            }),
        )
    }

    /// A complaint after which the connection goes on.
    pub(crate) fn error(&self, code: &str, message: &str, request_id: Option<&str>) -> Utf8Bytes {
        let payload: Value = json!({ "error": code, "message": message, "request_id": request_id });
        self.server("error", payload)
    }

    fn server<P: Serialize>(&self, kind: &'static str, payload: P) -> Utf8Bytes {
        let id = format!("{:x}-{:x}", self.start, self.number());
        serialise(kind, &id, payload)
    }
}

/// None of these types can fail to serialise: all keys are texts, and all numbers finite.
fn serialise<P: Serialize>(kind: &'static str, id: &str, payload: P) -> Utf8Bytes {
    let timestamp = text_of(OffsetDateTime::now_utc());
    let message = Outgoing { kind, id, timestamp, payload };
    Utf8Bytes::from(serde_json::to_string(&message).unwrap_or_default())
}

/// RFC 3339 with milliseconds.
pub(crate) fn text_of(moment: OffsetDateTime) -> String {
    let moment = moment.replace_millisecond(moment.millisecond()).unwrap_or(moment);
    moment.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_compact_and_of_the_size_of_the_floors() {
        let stamp = Stamp::new();
        let session = SessionView {
            user_id: "user_1",
            expires_at: text_of(OffsetDateTime::UNIX_EPOCH),
            reauth_at: text_of(OffsetDateTime::UNIX_EPOCH),
        };
        let welcome = stamp.welcome("auth_1", session);
        assert!(welcome.starts_with(r#"{"type":"recipe_update","#), "{welcome}");
        assert!((420..650).contains(&welcome.len()), "{}", welcome.len());
        let reply = stamp.reply("msg_1");
        assert!((200..280).contains(&reply.len()), "{}", reply.len());
        let chat = stamp.chat("msg_1", "Scale to 8 servings", "user_1");
        assert!(chat.starts_with(r#"{"type":"chat_message","id":"msg_1","#), "{chat}");
    }

    #[test]
    fn content_is_counted_in_characters() {
        let payload = |text: String| Payload { token: None, content: Some(text.into()) };
        assert!(payload("ü".repeat(MAX_CONTENT)).text().is_some());
        assert!(payload("ü".repeat(MAX_CONTENT + 1)).text().is_none());
        assert!(payload(String::new()).text().is_none());
    }
}
