//! A driver without sockets: it does what the node asks for, and throws the output away.

use std::io::IoSlice;
use std::time::Duration;

use criterion::{Bencher, Criterion};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use vestibule::config::{Config, Length};
use vestibule::id::{ConnId, Seed};
use vestibule::node::Action;
use vestibule::time::{Instant, Now, UnixTime};
use vestibule::{Access, MemoryApp, Node};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The start, by the wall clock.
const START: UnixTime = UnixTime::from_millis(1_800_000_000_000);

/// A node with the in-memory application, and its clock.
#[derive(Debug)]
pub struct Driver {
    /// The node.
    pub node: Node,
    /// Virtual time.
    pub now: Now,
}

impl Driver {
    /// A node that takes as many messages and connections as come.
    pub fn with_memory_app() -> Self {
        let mut config = Config::default();
        config.auth.secret = SECRET.to_owned();
        config.auth.reauth_spread = Length::from_secs(0);
        (config.limits.messages_per_minute, config.limits.connections_per_user) = (0, 0);
        let app = MemoryApp::new(&config, Access::Open, &Seed::predictable(1));
        let node = Node::new(&config, &Seed::predictable(1), Box::new(app)).unwrap();
        Self { node, now: Now { monotonic: Instant::START, unix: START } }
    }

    /// A connection comes.
    pub fn accept(&mut self) -> ConnId {
        self.node.handle_accept(self.now, ([127, 0, 0, 1], 9).into()).unwrap()
    }

    /// Bytes come, in the driver's buffer, and everything that follows from them is done, what the
    /// node does in steps too. Returns how many bytes went out, to whomever.
    pub fn bytes(&mut self, id: ConnId, bytes: &mut [u8]) -> usize {
        self.node.handle_bytes(self.now, id, bytes);
        let mut total = self.settle();
        while self.node.poll_timeout().is_some_and(|at| at <= self.now.monotonic) {
            self.node.handle_timeout(self.now);
            total += self.settle();
        }
        total
    }

    /// Polls the actions until there are none, and consumes all output.
    pub fn settle(&mut self) -> usize {
        let mut total = 0;
        while let Some(action) = self.node.poll_action() {
            let Action::Flush(id) = action else { continue };
            loop {
                let mut slices = [IoSlice::new(&[]); 8];
                let filled = self.node.pending_output(id, &mut slices);
                let written = slices.iter().take(filled).map(|slice| slice.len()).sum();
                if written == 0 {
                    break;
                }
                self.node.consume_output(self.now, id, written);
                total += written;
            }
        }
        total
    }

    /// Time passes, and every timer on the way fires.
    pub fn advance(&mut self, length: Duration) {
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

    fn set(&mut self, to: Instant) {
        let unix = self.now.unix + to.since(self.now.monotonic);
        self.now = Now { monotonic: to, unix };
    }
}

/// A token of `user`'s for the next hour of the start.
pub fn token(user: &str) -> String {
    let claims = json!({ "sub": user, "exp": START.as_millis() / 1_000 + 3_600 });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}

/// A good upgrade to a room.
pub fn upgrade(room: &str) -> Vec<u8> {
    format!(
        "GET /v1/chat/{room} HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\nConnection: \
         Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// A client's message in its frame.
pub fn message(kind: &str, id: &str, payload: &Value) -> Vec<u8> {
    let message = json!({ "type": kind, "id": id, "timestamp": "2026-11-22T10:00:00.000Z",
                          "payload": payload });
    frame(0x81, message.to_string().as_bytes())
}

/// A client's frame, masked.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    let mask = [0x12, 0x34, 0x56, 0x78];
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// Measures `iteration` under this name; its median, which a stall of the machine does not move.
pub fn measure(c: &mut Criterion, name: &str, mut iteration: impl FnMut()) -> Duration {
    let mut samples = Vec::new();
    c.bench_function(name, |b: &mut Bencher<'_>| {
        b.iter_custom(|count| {
            let began = now();
            (0..count).for_each(|_| iteration());
            let length = began.elapsed();
            samples.extend(length.checked_div(u32::try_from(count).unwrap_or(u32::MAX)));
            length
        });
    });
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "what is measured here is real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
