//! A blocking client with tungstenite's frames, which check ours independently.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tungstenite::{Error, Message, WebSocket};

use crate::config::Config;

pub(super) const PANICKED: &str = "error internal";
pub(super) const TIMED_OUT: &str = "error backend_timeout";
pub(super) const REFUSED: &str = "error backend_unavailable";

const SECRET: &str = "thirty-two bytes or more of secret";

/// A configuration without the limits that these tests do not test.
pub(super) fn configure(config: &mut Config) {
    config.auth.secret = crate::logs::known(SECRET).to_owned();
    config.limits.connections = 1_000;
    config.limits.messages_per_minute = 0;
    config.limits.connections_per_user = 0;
    config.limits.auth_per_minute_per_user = 0;
}

pub(super) struct Client {
    pub(super) room: String,
    socket: WebSocket<TcpStream>,
    messages: u32,
}

impl Client {
    /// Upgrades and authenticates in a room of its own.
    pub(super) fn join(stream: TcpStream) -> Self {
        static USERS: AtomicU32 = AtomicU32::new(0);
        let user = USERS.fetch_add(1, Ordering::Relaxed);
        Self::join_as(stream, &format!("user-{user}"))
    }

    /// The same, as the given user.
    pub(super) fn join_as(stream: TcpStream, user: &str) -> Self {
        let claims = json!({ "sub": user, "exp": 4_000_000_000_u64 });
        let token = crate::testing::token(SECRET, &claims);
        Self::with_token(stream, &token).unwrap()
    }

    /// The same with the given token. The error is the server's close reason.
    pub(super) fn with_token(stream: TcpStream, token: &str) -> Result<Self, String> {
        static ROOMS: AtomicU32 = AtomicU32::new(0);
        let room = ROOMS.fetch_add(1, Ordering::Relaxed);
        let url = format!("ws://localhost/v1/chat/room-{room}");
        let (socket, _) = tungstenite::client(url, stream).unwrap();
        let mut client = Self { socket, room: format!("room-{room}"), messages: 0 };
        let auth = format!("auth-{room}");
        let auth =
            client.message_with_id(&auth, "auth", json!({ "token": crate::logs::known(token) }));
        client.socket.send(Message::text(auth)).unwrap();
        match client.read() {
            Message::Close(Some(frame)) => Err(frame.reason.to_string()),
            Message::Text(text) if text.contains("Connected.") => Ok(client),
            other => panic!("{other:?}"),
        }
    }

    /// A signal, such as when the process is stopped, interrupts a read with a timeout, and the
    /// kernel does not restart it (signal(7)).
    fn read(&mut self) -> Message {
        loop {
            match self.socket.read() {
                Err(Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.unwrap(),
            }
        }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    /// The frame of a chat message.
    pub(super) fn frame(&mut self, content: &str) -> Vec<u8> {
        let text = self.message("chat_message", json!({ "content": content }));
        crate::testing::frame(0x81, text.as_bytes())
    }

    pub(super) fn say(&mut self, content: &str) {
        let frame = self.frame(content);
        self.stream().write_all(&frame).unwrap();
    }

    /// The content of the next answer, or `error` and its code.
    pub(super) fn hear(&mut self) -> String {
        loop {
            if let Message::Text(text) = self.read() {
                let message: Value = serde_json::from_str(&text).unwrap();
                let payload = &message["payload"];
                let said = |field: &str| payload[field].as_str().map(ToOwned::to_owned);
                return match said("error") {
                    Some(code) => format!("error {code}"),
                    None => said("content").unwrap(),
                };
            }
        }
    }

    /// Waits until the server has read everything this client sent, by sending one more message.
    pub(super) fn settle(&mut self, other: &mut Self) {
        other.say("settle");
        assert_eq!(other.hear(), "settle");
    }

    pub(super) fn read_to_the_end(&mut self) {
        self.stream().read_to_end(&mut Vec::new()).unwrap();
    }

    fn message(&mut self, kind: &str, payload: Value) -> String {
        self.messages += 1;
        self.message_with_id(&format!("m{}", self.messages), kind, payload)
    }

    fn message_with_id(&self, id: &str, kind: &str, payload: Value) -> String {
        let timestamp = "2026-11-22T10:00:00.000Z";
        json!({ "type": kind, "id": id, "timestamp": timestamp, "payload": payload }).to_string()
    }
}
