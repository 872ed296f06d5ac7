//! A driver without sockets: it does what the node asks for, and throws the output away.

use std::io::IoSlice;
use std::time::Duration;

use criterion::{Bencher, Criterion};
use serde_json::{Value, json};
use vestibule::config::{Config, Length};
use vestibule::id::{ConnId, Seed};
use vestibule::node::Action;
use vestibule::testing;
pub use vestibule::testing::frame;
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
    /// A node that takes as many messages, connections and tokens as come.
    pub fn with_memory_app() -> Self {
        Self::with_config(|_| {})
    }

    /// The same, with a configuration that is changed.
    pub fn with_config(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.auth.secret = SECRET.to_owned();
        config.auth.reauth_spread = Length::from_secs(0);
        (config.limits.messages_per_minute, config.limits.connections_per_user) = (0, 0);
        config.limits.auth_per_minute_per_user = 0;
        change(&mut config);
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
    testing::token(SECRET, &claims)
}

/// A good upgrade to a room.
pub fn upgrade(room: &str) -> Vec<u8> {
    testing::upgrade(room).into_bytes()
}

/// A client's message in its frame.
pub fn message(kind: &str, id: &str, payload: &Value) -> Vec<u8> {
    frame(0x81, testing::envelope(kind, id, payload).as_bytes())
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
