//! The node by bytes, in virtual time.

mod again;
mod app_publications;
mod auth;
mod chat;
mod checks;
mod clients;
mod cluster;
mod drain;
mod events;
mod frames;
mod hostile;
mod http;
mod keys;
mod later;
mod legacy;
mod limits;
mod lingering;
mod memos;
mod moderation;
mod old_messages;
mod operator;
mod orders;
mod origins;
mod overdue;
mod pings;
mod places;
mod presence;
mod proxies;
mod reconfigure;
mod renewals;
mod requests;
mod resume;
mod rooms;
mod shares;
mod shed;
mod stalls;
mod unknown;
mod unstored;
mod user_limit;

use std::collections::HashMap;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::memory::{Access, MemoryApp};
use crate::protocol::CloseReason;
use crate::testing::{envelope, frame, upgrade};
use crate::time::UnixTime;

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A node, its clock, and the far ends of its connections.
pub(crate) struct World {
    pub(crate) node: Node,
    pub(crate) now: Now,
    /// What came out for each connection, as far as it was not looked at.
    pub(crate) output: HashMap<ConnId, Vec<u8>>,
    /// Which sockets the driver was told to end, and whose write side.
    pub(crate) closed: Vec<ConnId>,
    pub(crate) finished: Vec<ConnId>,
    /// Who is to be read from again.
    pub(crate) resumed: Vec<ConnId>,
    pub(crate) commands: Vec<Command>,
    pub(crate) key_requests: Vec<KeyRequest>,
    /// Bytes that each socket still takes; more waits in the node.
    pub(crate) room: HashMap<ConnId, usize>,
    pub(crate) messages: u64,
}

/// What a peer sees of the server, one frame at a time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Message(Value),
    Close(u16, String),
    Ping,
    Pong(Vec<u8>),
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.auth.reauth_spread = crate::config::Length::from_secs(0);
        change(&mut config);
        let app = MemoryApp::new(&config, Access::Open, &Seed::predictable(1));
        Self::with_app(config, Box::new(app))
    }

    pub(crate) fn with_app(mut config: Config, app: Box<dyn App>) -> Self {
        config.auth.secret = SECRET.to_owned();
        crate::logs::in_process("lib");
        crate::logs::known(SECRET);
        Self {
            node: Node::new(&config, &Seed::predictable(1), app).unwrap(),
            now: Now { monotonic: Instant::START, unix: UnixTime::from_millis(1_800_000_000_000) },
            output: HashMap::new(),
            closed: Vec::new(),
            finished: Vec::new(),
            resumed: Vec::new(),
            commands: Vec::new(),
            key_requests: Vec::new(),
            room: HashMap::new(),
            messages: 0,
        }
    }

    /// Time passes, and every timer that is due on the way fires at the tick it is due in.
    pub(crate) fn advance(&mut self, length: Duration) {
        let end = self.now.monotonic + length;
        while let Some(next) = self.node.poll_timeout()
            && next <= end
        {
            self.set(next.max(self.now.monotonic));
            self.node.handle_timeout(self.now);
            self.settle();
        }
        self.set(end);
    }

    pub(crate) fn set(&mut self, to: Instant) {
        let passed = to.since(self.now.monotonic);
        // Milliseconds are what the wall clock has; the rest is carried by the monotonic one.
        self.now = Now { monotonic: to, unix: self.now.unix + passed };
    }

    pub(crate) fn seconds(&mut self, seconds: u64) {
        self.advance(Duration::from_secs(seconds));
    }

    /// Does what the node asks for, as a driver would.
    pub(crate) fn settle(&mut self) {
        loop {
            crate::admin::answer(&mut self.node, self.now);
            let Some(action) = self.node.poll_action() else { return };
            match action {
                Action::Flush(id) => self.flush(id),
                Action::Finish(id) => self.finished.push(id),
                Action::Close(id) => self.closed.push(id),
                Action::Submit(command) => self.commands.push(command),
                Action::FetchKeys(request) => self.key_requests.push(request),
                Action::Resume(id) => self.resumed.push(id),
            }
        }
    }

    pub(crate) fn flush(&mut self, id: ConnId) {
        loop {
            let room = self.room.get(&id).copied().unwrap_or(usize::MAX);
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = self.node.pending_output(id, &mut slices);
            let bytes: Vec<u8> =
                slices[..filled].iter().flat_map(|s| s.to_vec()).take(room).collect();
            if bytes.is_empty() {
                self.node.consume_output(self.now, id, 0);
                return;
            }
            if let Some(room) = self.room.get_mut(&id) {
                *room -= bytes.len();
            }
            self.output.entry(id).or_default().extend(&bytes);
            self.node.consume_output(self.now, id, bytes.len());
        }
    }

    pub(crate) fn accept(&mut self) -> ConnId {
        self.accept_from("127.0.0.1")
    }

    pub(crate) fn accept_from(&mut self, ip: &str) -> ConnId {
        let peer = SocketAddr::new(ip.parse().unwrap(), 9);
        self.node.handle_accept(self.now, peer).unwrap()
    }

    pub(crate) fn bytes(&mut self, id: ConnId, bytes: &[u8]) {
        self.node.handle_bytes(self.now, id, &mut bytes.to_vec());
        self.settle();
    }

    /// A connection that may say who it is.
    pub(crate) fn authenticating(&mut self, room: &str) -> ConnId {
        self.authenticating_from("127.0.0.1", room)
    }

    pub(crate) fn authenticating_from(&mut self, ip: &str, room: &str) -> ConnId {
        let id = self.accept_from(ip);
        self.bytes(id, upgrade(room).as_bytes());
        let answer = self.raw(id);
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        id
    }

    /// A connection in its room.
    pub(crate) fn connected(&mut self, room: &str, user: &str) -> ConnId {
        let id = self.authenticating(room);
        let token = self.token(user, 900);
        self.auth(id, &token);
        let seen = self.see(id);
        assert!(
            matches!(&seen[..], [Seen::Message(m)] if m["type"] == "recipe_update"),
            "{seen:?}"
        );
        id
    }

    pub(crate) fn token(&self, user: &str, life: u64) -> String {
        let exp = self.now.unix.as_millis() / 1_000 + life;
        self.sign(&json!({ "sub": user, "exp": exp, "nonce": self.messages }))
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        crate::logs::known(&crate::testing::token(SECRET, claims)).to_owned()
    }

    /// Sends a fresh `auth`; returns its id.
    pub(crate) fn auth(&mut self, id: ConnId, token: &str) -> String {
        self.say(id, "auth", json!({ "token": crate::logs::known(token) }))
    }

    /// Sends a chat message; returns its id.
    pub(crate) fn chat(&mut self, id: ConnId, content: &str) -> String {
        self.say(id, "chat_message", json!({ "content": content }))
    }

    pub(crate) fn say(&mut self, id: ConnId, kind: &str, payload: Value) -> String {
        self.messages += 1;
        let message = format!("{kind}_{}", self.messages);
        self.bytes(id, &text(&envelope(kind, &message, payload)));
        message
    }

    pub(crate) fn raw(&mut self, id: ConnId) -> String {
        String::from_utf8(self.output.remove(&id).unwrap_or_default()).unwrap()
    }

    /// What the peer of `id` sees that it has not seen yet.
    pub(crate) fn see(&mut self, id: ConnId) -> Vec<Seen> {
        let bytes = self.output.remove(&id).unwrap_or_default();
        let mut rest = &bytes[..];
        let mut seen = Vec::new();
        while let [first, second, tail @ ..] = rest {
            let (length, tail) = match second {
                126 => (usize::from(u16::from_be_bytes([tail[0], tail[1]])), &tail[2..]),
                127 => (u64::from_be_bytes(tail[..8].try_into().unwrap()) as usize, &tail[8..]),
                short => (usize::from(*short), tail),
            };
            let (payload, tail) = tail.split_at(length);
            rest = tail;
            seen.push(match first {
                0x81 => Seen::Message(serde_json::from_slice(payload).unwrap()),
                0x88 if payload.is_empty() => Seen::Close(1005, String::new()),
                0x88 => Seen::Close(
                    u16::from_be_bytes([payload[0], payload[1]]),
                    String::from_utf8(payload[2..].to_vec()).unwrap(),
                ),
                0x89 => Seen::Ping,
                0x8a => Seen::Pong(payload.to_vec()),
                other => panic!("frame {other:x}"),
            });
        }
        seen
    }

    /// The only message that the peer of `id` sees.
    #[track_caller]
    pub(crate) fn message(&mut self, id: ConnId) -> Value {
        match &self.see(id)[..] {
            [Seen::Message(message)] => message.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The reason that the peer of `id` is closed with.
    #[track_caller]
    pub(crate) fn close_reason(&mut self, id: ConnId) -> String {
        match &self.see(id)[..] {
            [.., Seen::Close(_, reason)] => reason.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn assert_nothing_is_left(&mut self) {
        let usage = Usage { replays: 0, addresses: 0, ..self.node.usage() };
        assert_eq!(usage, Usage::default());
    }
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(0x81, text.as_bytes())
}

pub(crate) fn close_frame(reason: CloseReason) -> Seen {
    Seen::Close(reason.code(), reason.text().to_owned())
}
