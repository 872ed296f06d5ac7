//! What talks to the server: HTTP calls and a WebSocket. Neither is ours, so they can contradict us.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tungstenite::{Error, Message, WebSocket};

use crate::logs::{known, known_in, known_of};
use crate::server::connect;

/// One HTTP request: its status and its JSON. An error when the server is gone.
pub(crate) fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    bearer: Option<&str>,
    body: &Value,
) -> io::Result<(u16, Value)> {
    let mut stream = connect(address)?;
    known_of(body);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
    if let Some(token) = bearer {
        request.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    if method == "PATCH" {
        request.push_str("If-Match: *\r\n");
    }
    if matches!(method, "POST" | "PATCH") {
        request.push_str(&format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        ));
    }
    known_in(request.as_bytes());
    stream.write_all(format!("{request}\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let gone = || io::Error::from(ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(gone)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(gone)?;
    let body = serde_json::from_str(body).map_err(|_| gone())?;
    known_of(&body);
    Ok((status, body))
}

/// A WebSocket in a room.
pub(crate) struct Client(WebSocket<TcpStream>);

/// A message id that no other has.
pub(crate) fn fresh_id() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("m{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Client {
    /// Upgrades and authenticates; also the acknowledgement's payload.
    pub(crate) fn join(stream: TcpStream, room: &str, token: &str) -> (Self, Value) {
        Self::authenticate(stream, room, &json!({ "token": known(token) }))
    }

    /// The same, for a client that supports resuming and has got this position.
    pub(crate) fn come_back(
        stream: TcpStream,
        room: &str,
        token: &str,
        position: Option<&Value>,
    ) -> (Self, Value) {
        let resume = position.map_or(json!({}), |position| json!({ "position": position }));
        Self::authenticate(stream, room, &json!({ "token": known(token), "resume": resume }))
    }

    fn authenticate(stream: TcpStream, room: &str, payload: &Value) -> (Self, Value) {
        let url = format!("ws://localhost/v1/chat/{room}");
        let (socket, _) = tungstenite::client(url, stream).unwrap();
        let mut client = Self(socket);
        let answer = client.ask("auth", &fresh_id(), payload).unwrap();
        (client, answer["payload"].clone())
    }

    /// Says something under this id; the payload of its answer. An error when the server is gone.
    pub(crate) fn say_as(&mut self, id: &str, content: &str) -> tungstenite::Result<Value> {
        let answer = self.ask("chat_message", id, &json!({ "content": content }))?;
        assert_eq!(answer["type"], "recipe_update", "{answer}");
        Ok(answer["payload"].clone())
    }

    /// The same: its whole answer, which may be an error.
    pub(crate) fn try_say(&mut self, id: &str, content: &str) -> tungstenite::Result<Value> {
        self.ask("chat_message", id, &json!({ "content": content }))
    }

    pub(crate) fn say(&mut self, content: &str) -> Value {
        self.say_as(&fresh_id(), content).unwrap()
    }

    /// Sends a message, and waits for nothing.
    pub(crate) fn send(
        &mut self,
        kind: &str,
        id: &str,
        payload: &Value,
    ) -> tungstenite::Result<()> {
        let timestamp = "2026-11-22T10:00:00.000Z";
        let text = json!({ "type": kind, "id": id, "timestamp": timestamp, "payload": payload });
        self.0.send(Message::text(text.to_string()))
    }

    fn ask(&mut self, kind: &str, id: &str, payload: &Value) -> tungstenite::Result<Value> {
        self.send(kind, id, payload)?;
        loop {
            let heard = self.hear()?;
            if heard["payload"]["request_id"] == *id {
                return Ok(heard);
            }
        }
    }

    /// The next message.
    pub(crate) fn hear(&mut self) -> tungstenite::Result<Value> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(close)) => panic!("{close:?}"),
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
