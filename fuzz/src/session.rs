//! A whole node under a script of events: whatever comes, in whatever order, its promises hold and
//! nothing is left when everybody is gone.

mod app;
mod peer;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::IoSlice;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use vestibule::config::{Config, Length, Size};
use vestibule::id::{ConnId, Seed};
use vestibule::node::{Action, Command, Completion, Hangup, Outcome, Ticket, Usage};
use vestibule::protocol::ErrorCode;
use vestibule::testing::{envelope, frame, token, upgrade};
use vestibule::time::{Instant, Now, UnixTime};
use vestibule::{Admission, Node, Update};

use app::Moody;
use peer::Peer;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// Steps of a script; what is longer only takes longer.
const MAX_STEPS: usize = 300;
const MAX_PEERS: usize = 64;
const MESSAGE_BYTES: usize = 2_048;
const OUTBOUND_BYTES: usize = 2_048;
/// The largest piece of input at once, the answers' frames and their escapes: generous, but fixed.
const MAX_BUFFERED: usize = 24 * 1_024;

/// Tickets that the application holds, with the answer to the message; `None`: it is a join.
type Held = Arc<Mutex<Vec<(Ticket, Option<String>)>>>;

/// The input is a script: a letter a step, then its arguments, a byte each. `n` is a peer, counted
/// round. Bytes that are no step are passed over.
///
/// | step | does |
/// | --- | --- |
/// | `A` | a socket is accepted |
/// | `U` n r | a good upgrade for room r: `l` and `h` join later, `d` is denied |
/// | `L` n u t | a fresh `auth` of user u whose token lives t hundred seconds, `0` to `9` |
/// | `C` n text newline | a chat message: `l` and `h` are answered later, `e` is an error, `p` a change |
/// | `D` n k | the k-th chat message once more, whoever sent it |
/// | `F` n first length payload | a masked frame |
/// | `B` n length bytes | bytes as they are |
/// | `P` | what follows is sent in one piece, or again a byte at a time |
/// | `T` d | time passes: 1 ms to 1 h, by the digit d |
/// | `W` k o | the k-th open work or held question ends: `r` right, `f` refused, `p` panicked, `w` wrong |
/// | `R` n k | the peer reads k bytes at most from now on; `-`: everything |
/// | `H` n e | the peer hangs up: `e` in order, else by a reset |
/// | `S` | the server shuts down |
///
/// # Panics
/// When a promise of the node's is broken, or the same script gives two different runs.
pub fn session(data: &[u8]) {
    assert_eq!(run(data), run(data), "two runs of one script");
}

fn run(data: &[u8]) -> u64 {
    let mut world = World::new();
    let mut script = Script(data);
    for _ in 0..MAX_STEPS {
        let Some(step) = script.byte() else { break };
        world.step(step, &mut script);
        world.settle();
        world.check();
    }
    world.end()
}

struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn digit(&mut self) -> u64 {
        u64::from(self.byte().unwrap_or(0) % 16 % 10)
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte().unwrap_or(0)).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn line(&mut self) -> String {
        let end = self.0.iter().position(|&byte| byte == b'\n').unwrap_or(self.0.len()).min(1_000);
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        String::from_utf8_lossy(taken).into_owned()
    }
}

struct World {
    node: Node,
    now: Now,
    peers: Vec<Peer>,
    commands: Vec<Command>,
    held: Held,
    /// Every chat message, as its frame.
    chats: Vec<Vec<u8>>,
    messages: u64,
    a_byte_at_a_time: bool,
}

impl World {
    fn new() -> Self {
        let mut config = Config::default();
        config.auth.secret = SECRET.to_owned();
        config.auth.single_use_jti = true;
        config.drain = Length::from_secs(2);
        let limits = &mut config.limits;
        (limits.connections, limits.pending, limits.connections_per_user) = (6, 4, 2);
        (limits.waiting_messages, limits.messages_per_minute) = (3, 12);
        limits.message_bytes = Size::bytes(MESSAGE_BYTES);
        limits.pending_message_bytes = Size::bytes(1_024);
        limits.outbound_bytes = Size::bytes(OUTBOUND_BYTES);
        (limits.replay_entries, limits.rooms) = (4, 3);
        (limits.pending_per_ip, limits.auth_per_minute_per_ip) = (3, 40);
        limits.answer_bytes = Size::bytes(2_048);
        let held = Held::default();
        let app = Moody::new(&config, Arc::clone(&held));
        let node = Node::new(&config, &Seed::predictable(1), Box::new(app));
        Self {
            node: node.unwrap_or_else(|fault| unreachable!("{fault}")),
            now: Now { monotonic: Instant::START, unix: UnixTime::from_millis(1_800_000_000_000) },
            peers: Vec::new(),
            commands: Vec::new(),
            held,
            chats: Vec::new(),
            messages: 0,
            a_byte_at_a_time: false,
        }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step {
            b'A' => self.accept(),
            b'P' => self.a_byte_at_a_time = !self.a_byte_at_a_time,
            b'S' => self.node.handle_shutdown(self.now),
            b'T' => {
                let digit = script.digit() as usize;
                let lengths = [1, 8, 500, 1_000, 2_500, 5_000, 31_000, 61_000, 840_000, 3_600_000];
                self.advance(lengths.get(digit).copied().unwrap_or(1));
            }
            b'W' => {
                let number = script.digit() as usize;
                self.complete(number, script.byte().unwrap_or(0));
            }
            b'U' | b'L' | b'C' | b'D' | b'F' | b'B' | b'R' | b'H' if !self.peers.is_empty() => {
                let number = script.digit() as usize % self.peers.len();
                self.peer_step(step, number, script);
            }
            _ => {}
        }
    }

    fn peer_step(&mut self, step: u8, number: usize, script: &mut Script<'_>) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        let id = peer.id;
        let bytes = match step {
            b'U' => upgrade(&char::from(script.byte().unwrap_or(0)).to_string()).into_bytes(),
            b'L' => self.auth(number, script),
            b'C' => {
                let content = script.line();
                self.messages += 1;
                let chat = self.message("chat_message", &json!({ "content": content }));
                self.chats.push(chat.clone());
                chat
            }
            b'D' => {
                let number = script.digit() as usize;
                number.checked_rem(self.chats.len()).map_or(Vec::new(), |n| self.chats[n].clone())
            }
            b'F' => frame(script.byte().unwrap_or(0), script.bytes()),
            b'B' => script.bytes().to_vec(),
            b'R' => {
                let room = script.byte().unwrap_or(b'-');
                peer.room = (room != b'-').then(|| usize::from(room));
                self.flush(id);
                return;
            }
            _ => {
                let why = script.byte().unwrap_or(0);
                let why = if why == b'e' { Hangup::Eof } else { Hangup::Reset };
                return self.node.handle_hangup(self.now, id, why);
            }
        };
        let size = if self.a_byte_at_a_time { 1 } else { usize::MAX };
        for piece in bytes.chunks(size) {
            // Who is gone may still be spoken to: nothing happens. Who is full may not.
            let is_gone = self.peers.get(number).is_some_and(|peer| peer.is_gone);
            if is_gone || self.node.wants_input(id) {
                self.node.handle_bytes(self.now, id, &mut piece.to_vec());
                self.settle();
            }
        }
    }

    fn accept(&mut self) {
        if self.peers.len() < MAX_PEERS
            && let Ok(id) = self.node.handle_accept(self.now, ([127, 0, 0, 1], 9).into())
        {
            assert!(self.peers.iter().all(|peer| peer.id != id), "{id} is given out again");
            self.peers.push(Peer::new(id));
        }
    }

    fn auth(&mut self, number: usize, script: &mut Script<'_>) -> Vec<u8> {
        self.messages += 1;
        let user = char::from(script.byte().unwrap_or(b'a')).to_string();
        let life = 100 * script.digit();
        let exp = self.now.unix.as_millis() / 1_000 + life;
        let mut claims = json!({ "sub": user, "exp": exp, "nonce": self.messages });
        if user == "j" {
            claims["jti"] = "once".into();
        }
        let payload = json!({ "token": token(SECRET, &claims) });
        if let Some(peer) = self.peers.get_mut(number) {
            peer.users.push(user);
        }
        self.message("auth", &payload)
    }

    /// The frame of the latest message.
    fn message(&self, kind: &str, payload: &Value) -> Vec<u8> {
        frame(0x81, envelope(kind, &format!("m{}", self.messages), payload).as_bytes())
    }

    fn complete(&mut self, number: usize, how: u8) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let open = self.commands.len() + held.len();
        let Some(number) = number.checked_rem(open) else { return };
        let done = if number < self.commands.len() {
            let command = self.commands.swap_remove(number);
            let ticket = command.ticket;
            match how {
                b'f' => Completion { ticket, outcome: Outcome::Refused },
                b'p' => Completion { ticket, outcome: Outcome::Panicked },
                _ => command.run(),
            }
        } else {
            let (ticket, answer) = held.swap_remove(number - self.commands.len());
            let outcome = match (how, answer) {
                (b'f', _) => Outcome::Refused,
                (b'p', _) => Outcome::Panicked,
                (b'w', None) => Outcome::Message(Err(ErrorCode::Internal)),
                (b'w', Some(_)) => Outcome::Join(Admission::Deny),
                (_, None) => Outcome::Join(Admission::Admit(Update::text("in"))),
                (_, Some(answer)) => Outcome::Message(Ok(Update::text(answer))),
            };
            Completion { ticket, outcome }
        };
        drop(held);
        let ticket = done.ticket;
        self.node.handle_completion(self.now, done);
        self.settle();
        // A second answer to the same question does nothing.
        let late = Completion { ticket, outcome: Outcome::Panicked };
        let before = self.node.metrics().late_completions;
        self.node.handle_completion(self.now, late);
        assert_eq!(self.node.metrics().late_completions, before + 1);
    }

    /// Time passes, and every timer on the way fires.
    fn advance(&mut self, millis: u64) {
        let end = self.now.monotonic + Duration::from_millis(millis);
        let mut turns = 0;
        while let Some(next) = self.node.poll_timeout()
            && next <= end
        {
            turns += 1;
            assert!(turns < 20_000, "the node asks to be called without end");
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

    /// Does what the node asks for, as a driver would.
    fn settle(&mut self) {
        let mut actions = 0;
        while let Some(action) = self.node.poll_action() {
            actions += 1;
            assert!(actions < 20_000, "the node acts without end");
            match action {
                Action::Flush(id) => self.flush(id),
                Action::FetchKeys(_) => {}
                Action::Close(id) => {
                    let peer = self.peers.iter_mut().find(|peer| peer.id == id);
                    let was_gone = peer.map(|peer| std::mem::replace(&mut peer.is_gone, true));
                    assert_eq!(was_gone, Some(false), "{id} is closed once");
                }
                Action::Submit(command) => self.commands.push(command),
                Action::Finish(_) | Action::Resume(_) => {}
            }
        }
    }

    fn flush(&mut self, id: ConnId) {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == id) else { return };
        loop {
            let mut slices = [IoSlice::new(&[]); 3];
            let filled = self.node.pending_output(id, &mut slices);
            let room = peer.room.unwrap_or(usize::MAX);
            let bytes = slices.iter().take(filled).flat_map(|slice| slice.iter());
            let bytes: Vec<u8> = bytes.take(room).copied().collect();
            if bytes.is_empty() {
                return;
            }
            peer.room = peer.room.map(|room| room - bytes.len());
            peer.read(&bytes);
            self.node.consume_output(self.now, id, bytes.len());
        }
    }

    fn check(&self) {
        let usage = self.node.usage();
        let living = self.peers.iter().filter(|peer| !peer.is_gone).count();
        assert_eq!(usage.connections, living, "a slot for each connection");
        assert_eq!(usage.timers, living, "a timer for each connection");
        assert!(usage.rooms <= living && usage.users <= living, "{usage:?}");
        assert!(usage.buffered_bytes <= living * MAX_BUFFERED, "{usage:?}");
        // A token's message, and its id where it has one, is forgotten when there is no room.
        assert!(usage.replays <= 4 + 1, "{usage:?}");
    }

    /// Everybody hangs up and every question is answered: nothing is left. Returns what all saw.
    fn end(mut self) -> u64 {
        for number in 0..self.peers.len() {
            let Some(peer) = self.peers.get(number) else { continue };
            self.node.handle_hangup(self.now, peer.id, Hangup::Reset);
            self.settle();
        }
        while !self.commands.is_empty() || self.held.lock().is_ok_and(|held| !held.is_empty()) {
            self.complete(0, b'r');
        }
        let usage = self.node.usage();
        assert_eq!(Usage { replays: 0, addresses: 0, ..usage }, Usage::default());
        // Leaves linger for 10 seconds.
        self.advance(11_000);
        assert_eq!(self.node.poll_timeout(), None);
        let mut hasher = DefaultHasher::new();
        for peer in &self.peers {
            peer.everything.hash(&mut hasher);
        }
        hasher.finish()
    }
}
