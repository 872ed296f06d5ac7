//! What the client of `vestibule connect` sends, and how it shows what it hears. No I/O.

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
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let said = |path: &str| message.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let wants_token = said("/type") == "auth_required";
        let is_answer = !said("/payload/request_id").is_empty();
        let is_session = message.pointer("/payload/session").is_some();
        let line = match said("/type") {
            "recipe_update" if is_session => {
                let (user, until) = ("/payload/session/user_id", "/payload/session/expires_at");
                let user = one_line(said(user));
                Some(format!("* authenticated as {user} until {}", one_line(said(until))))
            }
            "recipe_update" if is_answer => {
                Some(format!("> {}", one_line(said("/payload/content"))))
            }
            "recipe_update" => Some(format!("* {}", one_line(said("/payload/content")))),
            "chat_message" => {
                let (user, content) = (said("/payload/user_id"), said("/payload/content"));
                Some(format!("{}: {}", one_line(user), one_line(content)))
            }
            "error" => {
                let (code, text) = (said("/payload/error"), said("/payload/message"));
                Some(format!("! {}: {}", one_line(code), one_line(text)))
            }
            "auth_required" => None,
            other => Some(format!("* {}", one_line(other))),
        };
        if is_session {
            self.is_connected = true;
        } else if is_answer {
            self.waiting = self.waiting.saturating_sub(1);
        }
        let line = if self.is_json { Some(as_one_line(text, &message)) } else { line };
        Reaction { line, wants_token }
    }
}

/// A message as it came, so with its order of keys and all digits of its numbers. A line end of JSON is
/// between its tokens, where a blank is the same. What is not JSON is `null`.
fn as_one_line(text: &str, message: &Value) -> String {
    if message.is_null() { message.to_string() } else { text.replace(['\r', '\n'], " ") }
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
        assert_eq!(talk.hear("\u{7}").line.unwrap(), "null");
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
