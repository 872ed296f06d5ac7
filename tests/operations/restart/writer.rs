//! Clients that go by the protocol's table: they come again after a 1001, and send again what was
//! not answered. Everything else that could happen to them fails the test.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Error, Message, WebSocket};
use vestibule::id::Rng;

use super::manager::{Manager, Wire, exchange};

/// The server is going: the client comes again.
pub(crate) struct GoingAway;

/// A WebSocket whose upgrade was answered with 101: no other answer is right.
pub(crate) struct Client(WebSocket<Box<dyn Wire>>);

impl Client {
    pub(crate) fn upgrade(manager: &Manager, room: &str) -> Self {
        let url = format!("ws://localhost/v1/chat/{room}");
        Self(tungstenite::client(url, manager.connect()).unwrap().0)
    }

    /// Sends a message and reads up to its answer's payload.
    fn ask(&mut self, kind: &str, id: &str, payload: &Value) -> Result<Value, GoingAway> {
        let timestamp = "2026-11-22T10:00:00.000Z";
        let text = json!({ "type": kind, "id": id, "timestamp": timestamp, "payload": payload });
        self.0.send(Message::text(text.to_string())).unwrap();
        loop {
            match self.read().unwrap() {
                Message::Text(text) => {
                    let mut heard: Value = serde_json::from_str(&text).unwrap();
                    if heard["payload"]["request_id"] == *id {
                        assert_eq!(heard["type"], "recipe_update", "{heard}");
                        return Ok(heard["payload"].take());
                    }
                }
                Message::Close(close) => {
                    assert_eq!(u16::from(close.unwrap().code), 1001);
                    assert!(matches!(self.read(), Err(Error::ConnectionClosed)));
                    return Err(GoingAway);
                }
                _ => {}
            }
        }
    }

    fn read(&mut self) -> tungstenite::Result<Message> {
        loop {
            match self.0.read() {
                Err(Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

fn fresh_id() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("m{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A moment that is no sleep: nobody ever sends.
pub(crate) fn pause(rng: &mut Rng, most_millis: u64) {
    let (_keep, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(Duration::from_micros(rng.below(most_millis * 1_000)));
}

/// Somebody who renames one recipe, message after message.
pub(crate) struct Writer {
    pub(crate) room: String,
    token: String,
    rng: Rng,
    /// What was sent and not answered.
    open: Option<String>,
    /// How often it was told to come again, and how many messages were sent again.
    pub(crate) returns: u32,
    pub(crate) repeats: u32,
}

impl Writer {
    pub(crate) fn new(manager: &Manager, number: u64) -> Self {
        let token = manager.token(&format!("writer{number}"));
        let head = "POST /v1/recipes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ";
        let (status, recipe) =
            exchange(manager.connect(), &format!("{head}{token}\r\n"), r#"{"title":"Soup"}"#);
        assert_eq!(status, 201, "{recipe}");
        let recipe: Value = serde_json::from_str(&recipe).unwrap();
        let room = recipe["id"].as_str().unwrap().to_owned();
        Self { room, token, rng: Rng::new(number), open: None, returns: 0, repeats: 0 }
    }

    /// Chats over every restart until it `is_over`; tells each id that was acknowledged.
    pub(crate) fn chat(
        &mut self,
        manager: &Manager,
        acknowledged: &Sender<String>,
        is_over: &AtomicBool,
    ) {
        while self.chat_once(manager, acknowledged, is_over).is_err() {
            self.returns += 1;
            pause(&mut self.rng, 20);
        }
    }

    fn chat_once(
        &mut self,
        manager: &Manager,
        acknowledged: &Sender<String>,
        is_over: &AtomicBool,
    ) -> Result<(), GoingAway> {
        let mut client = Client::upgrade(manager, &self.room);
        client.ask("auth", &fresh_id(), &json!({ "token": self.token }))?;
        loop {
            // With nothing unanswered it may end.
            if self.open.is_none() && is_over.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.repeats += u32::from(self.open.is_some());
            let id = self.open.get_or_insert_with(fresh_id).clone();
            let content = json!({ "content": format!("Rename to Soup {id}") });
            let answer = client.ask("chat_message", &id, &content)?;
            assert_eq!(answer["recipe_data"]["title"], format!("Soup {id}"));
            self.open = None;
            let _ = acknowledged.send(id);
        }
    }
}
