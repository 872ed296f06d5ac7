//! What the client of `vestibule connect` sends, and how it shows what it hears. No I/O.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use vestibule::time::UnixTime;

use crate::cli::text::one_line;

/// What a message of the server asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reaction {
    /// A line to print.
    pub(super) line: Option<String>,
    /// The server asks for a fresh token.
    pub(super) wants_token: bool,
}

/// One connection, as far as its user sees it.
#[derive(Debug)]
pub(super) struct Conversation {
    is_json: bool,
    /// What the ids begin with.
    prefix: String,
    sent: u64,
    /// Chat messages without an answer.
    waiting: usize,
    is_connected: bool,
}

impl Conversation {
    pub(super) fn new(is_json: bool, random: &str) -> Self {
        let prefix = format!("connect_{random}");
        Self { is_json, prefix, sent: 0, waiting: 0, is_connected: false }
    }

    /// Whether the `auth` was accepted.
    pub(super) const fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Whether every message has its answer.
    pub(super) const fn is_answered(&self) -> bool {
        self.is_connected && self.waiting == 0
    }

    pub(super) fn auth(&mut self, token: &str, now: UnixTime) -> String {
        self.message("auth", &json!({ "token": token }), now)
    }

    pub(super) fn say(&mut self, content: &str, now: UnixTime) -> String {
        self.waiting += 1;
        self.message("chat_message", &json!({ "content": content }), now)
    }

    fn message(&mut self, kind: &str, payload: &Value, now: UnixTime) -> String {
        self.sent += 1;
        let id = format!("{}_{}", self.prefix, self.sent);
        json!({ "type": kind, "id": id, "timestamp": now.to_rfc3339(), "payload": payload })
            .to_string()
    }

    /// Takes a message of the server.
    pub(super) fn hear(&mut self, text: &str) -> Reaction {
        let ShownMessage { kind, payload } = serde_json::from_str(text).unwrap_or_default();
        let ShownPayload { request_id, session, content, user_id, error, message } = payload;
        let is_answer = request_id.is_some_and(|id| !id.is_empty());
        let is_session = session.is_some();
        let said = one_line(&content.unwrap_or_default());
        let line = match (kind.as_str(), session) {
            ("recipe_update", Some(ShownSession { user_id, expires_at })) => {
                let (user, until) = (one_line(&user_id), one_line(&expires_at));
                Some(format!("* authenticated as {user} until {until}"))
            }
            ("recipe_update", None) if is_answer => Some(format!("> {said}")),
            ("recipe_update", None) => Some(format!("* {said}")),
            ("chat_message", _) => {
                Some(format!("{}: {said}", one_line(&user_id.unwrap_or_default())))
            }
            ("error", _) => {
                let (code, text) = (error.unwrap_or_default(), message.unwrap_or_default());
                Some(format!("! {}: {}", one_line(&code), one_line(&text)))
            }
            ("auth_required", _) => None,
            (other, _) => Some(format!("* {}", one_line(other))),
        };
        if is_session {
            self.is_connected = true;
        } else if is_answer {
            self.waiting = self.waiting.saturating_sub(1);
        }
        let wants_token = kind == "auth_required";
        let line = if self.is_json { Some(json_line(text)) } else { line };
        Reaction { line, wants_token }
    }
}

/// A message as it came, in one line. In JSON a line end is white space between two tokens, as within a
/// text it is escaped. What is no JSON becomes a text of JSON, so that a terminal obeys nothing in it.
fn json_line(text: &str) -> String {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => text.replace(['\n', '\r'], " "),
        Err(_) => Value::from(text).to_string(),
    }
}

/// What is looked at of a message. The rest is passed over unread: an application's data may have numbers
/// that this program cannot hold.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ShownMessage {
    #[serde(rename = "type")]
    kind: String,
    payload: ShownPayload,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ShownPayload {
    request_id: Option<String>,
    session: Option<ShownSession>,
    content: Option<String>,
    user_id: Option<String>,
    error: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct ShownSession {
    user_id: String,
    expires_at: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_one_line_as_it_came() {
        let mut talk = Conversation::new(true, "r");
        let text = "{\"type\":\"pong\",\n\"id\":\"a\\nb\",\"x\":12345678901234567890123.0}";
        let said = talk.hear(text).line.unwrap();
        assert_eq!(said, text.replace('\n', " "));
        assert_eq!(talk.hear("\u{7}").line.unwrap(), "\"\\u0007\"");
    }

    fn talk() -> Conversation {
        Conversation::new(false, "r")
    }

    fn line(talk: &mut Conversation, text: &str) -> String {
        talk.hear(text).line.unwrap()
    }

    #[test]
    fn conversation_is_shown_line_by_line() {
        let mut talk = talk();
        let auth: Value = serde_json::from_str(&talk.auth("t.o.k", UnixTime::default())).unwrap();
        assert_eq!((&auth["type"], &auth["id"]), (&json!("auth"), &json!("connect_r_1")));
        assert!(!talk.is_connected() && !talk.is_answered());
        let accepted = r#"{"type":"recipe_update","payload":{"request_id":"connect_r_1","content":"Hi",
            "session":{"user_id":"alice","expires_at":"2026-11-22T10:15:00.000Z"}}}"#;
        let expected = "* authenticated as alice until 2026-11-22T10:15:00.000Z";
        assert_eq!(line(&mut talk, accepted), expected);
        assert!(talk.is_answered());
        let said: Value = serde_json::from_str(&talk.say("Hello", UnixTime::default())).unwrap();
        assert_eq!(said["payload"], json!({ "content": "Hello" }));
        assert!(!talk.is_answered());
        let other = r#"{"type":"chat_message","payload":{"user_id":"bob","content":"a\nb"}}"#;
        assert_eq!(line(&mut talk, other), r"bob: a\nb");
        let answer =
            r#"{"type":"recipe_update","payload":{"request_id":"connect_r_2","content":"Done."}}"#;
        assert_eq!(line(&mut talk, answer), "> Done.");
        assert!(talk.is_answered());
    }

    #[test]
    fn numbers_of_any_size_are_shown_as_they_came() {
        let came = "{\"type\":\"chat_message\",\"payload\":{\"content\":\"x\",\"user_id\":\"bob\",\
                    \"data\":{\n\"a\":1e999,\"b\":12345678901234567890123}}}";
        assert_eq!(line(&mut talk(), came), "bob: x");
        let mut talk = Conversation::new(true, "r");
        assert_eq!(line(&mut talk, came), came.replace('\n', " "));
        assert_eq!(line(&mut talk, "\u{1b}[2J{"), r#""\u001b[2J{""#);
    }

    #[test]
    fn error_is_an_answer_and_a_token_is_asked_for() {
        let mut talk = talk();
        talk.say("Hello", UnixTime::default());
        // What the server sends, but for the id.
        let error: Value = serde_json::from_str(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/messages/server_error_rate_limited.json"
        )))
        .unwrap();
        let text = error["payload"]["message"].as_str().unwrap();
        let id = error["payload"]["request_id"].as_str().unwrap();
        let sent = error.to_string().replace(id, "connect_r_1");
        assert_eq!(line(&mut talk, &sent), format!("! rate_limited: {text}"));
        assert_eq!(talk.waiting, 0);
        let asked = r#"{"type":"auth_required","payload":{"reason":"token_expiring"}}"#;
        assert_eq!(talk.hear(asked), Reaction { line: None, wants_token: true });
        let update =
            r#"{"type":"recipe_update","payload":{"request_id":null,"content":"Scaled."}}"#;
        assert_eq!(line(&mut talk, update), "* Scaled.");
    }
}
