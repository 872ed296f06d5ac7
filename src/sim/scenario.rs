//! What a world is made of.

use std::time::Duration;

use crate::config::{AuthMode, Config, Length, Size};
use crate::driver::Planted;
use crate::id::Rng;

/// The secret that every simulated token is signed with.
const SECRET: &str = "simulated secret, 32 bytes long.";

/// How many clients of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    /// Connect, say who they are, chat, answer what they are asked, come back by the protocol.
    pub good: usize,
    /// Good, but read a few bytes at a time.
    pub slow: usize,
    /// Good, but often come with an expired token first.
    pub expired: usize,
    /// Good, but send an `auth` again that was accepted before.
    pub replaying: usize,
    /// Connect, and never say who they are.
    pub silent: usize,
    /// Send what no client should, before and after they say who they are.
    pub garbage: usize,
    /// Send forged tokens, as fast as they are answered.
    pub forging: usize,
    /// Break off anywhere in a good conversation, and begin again.
    pub flapping: usize,
    /// Send pings, pongs and empty fragments by the thousand.
    pub flooding: usize,
    /// Good, but of the first version: the token is in the request, messages have no id and no
    /// timestamp, and heartbeats come between them. `config.auth.mode` must let them in.
    pub old: usize,
}

impl Mix {
    /// All of them.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.honest() + self.silent + self.garbage + self.forging + self.flapping + self.flooding
    }

    /// Those that must get through when everything heals.
    #[must_use]
    pub fn honest(&self) -> usize {
        self.good + self.slow + self.expired + self.replaying + self.old
    }
}

/// What a world is made of. [`Scenario::drawn`] has everything; change what a test is about.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The clients.
    pub clients: Mix,
    /// Over so many rooms, at least 1.
    pub rooms: usize,
    /// Do links stall and break, do answers come late or never, does the wall clock jump?
    pub faults: bool,
    /// Do keys and limits change, are users thrown out, is the process stopped for a while? The wall
    /// clock is then left alone, as a revocation counts by it; and each two honest clients have an
    /// address of their own, and every other client one.
    pub disturbances: bool,
    /// Virtual time until everything heals. The re-authentication of section 5 of the protocol
    /// comes after 14 minutes.
    pub length: Duration,
    /// How many members of a room the node hands a message to in one step: 256 in a server. A room
    /// of more is a large one.
    pub slice: usize,
    /// How long one turn of the driver takes.
    pub turn: Duration,
    /// A fault of the turn, in tests of the checkers.
    pub planted: Option<Planted>,
    /// The node's configuration.
    pub config: Config,
}

/// Something that is done to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Disturbance {
    /// From here on another key is good, and the old one is not.
    NewKey,
    /// The limits change.
    NewLimits,
    /// A user is asked for a fresh token.
    RequireAuth,
    /// A user's sessions are ended.
    Disconnect,
    /// The process does nothing for a while, and time goes on: a debugger, a machine that is moved.
    Stop,
}

impl Scenario {
    /// The scenario of `seed`: up to 19 clients in up to 3 rooms, with every fault, for 16 minutes.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x005c_e4a1);
        let mut up_to = |most: u64| rng.below(most + 1) as usize;
        let mut clients = Mix {
            good: 2 + up_to(3),
            slow: up_to(1),
            expired: up_to(1),
            replaying: up_to(1),
            silent: up_to(2),
            garbage: up_to(2),
            forging: 0,
            flapping: up_to(2),
            flooding: up_to(1),
            old: 0,
        };
        let mut config = Config::default();
        config.auth.secret = SECRET.to_owned();
        // All clients of a world come from one address, good ones and forgers alike.
        (config.limits.pending_per_ip, config.limits.auth_per_minute_per_ip) = (0, 0);
        config.limits.pending_per_turn = pick(&mut rng, 1, &[4, 64]);
        config.limits.waiting_messages = pick(&mut rng, 1, &[4, 16]);
        config.limits.outbound_bytes = pick(&mut rng, Size::kib(4), &[Size::kib(256)]);
        config.limits.ping = Length::from_secs(pick(&mut rng, 10, &[30]));
        config.limits.recent_ends = 8;
        // One world in five lets old clients in, beside the others.
        if seed % 5 == 3 {
            config.auth.mode = AuthMode::Both;
            clients.old = 1 + (seed / 5 % 2) as usize;
        }
        // In every fourth world the two clients of a user have no place to spare.
        if seed % 4 == 1 {
            config.limits.connections_per_user = 2;
        }
        Self {
            clients,
            rooms: 1 + rng.below(3) as usize,
            faults: true,
            disturbances: false,
            planted: None,
            length: Duration::from_secs(16 * 60),
            // In every other world, rooms of three are large ones.
            slice: if seed.is_multiple_of(2) { 2 } else { 256 },
            turn: Duration::from_micros(pick(&mut rng, 0, &[50, 2_000])),
            config,
        }
    }
}

impl Scenario {
    /// The scenario of `seed` with 200 clients in one room, which hear each other a slice at a time,
    /// for a minute.
    #[must_use]
    pub fn crowded(seed: u64) -> Self {
        let mut scenario = Self::drawn(seed);
        scenario.clients = Mix { good: 180, slow: 5, flapping: 15, ..Mix::default() };
        (scenario.rooms, scenario.slice) = (1, 16);
        scenario.length = Duration::from_secs(60);
        scenario
    }

    /// The scenario of `seed` with forgers, the limits of an address, and disturbances.
    #[must_use]
    pub fn chaotic(seed: u64) -> Self {
        let mut scenario = Self::drawn(seed);
        scenario.clients.forging = 1 + (seed % 2) as usize;
        let defaults = Config::default().limits;
        let limits = &mut scenario.config.limits;
        limits.pending_per_ip = if seed.is_multiple_of(3) { 8 } else { defaults.pending_per_ip };
        limits.auth_per_minute_per_ip = defaults.auth_per_minute_per_ip;
        // Two of three worlds have budgets that their hostile clients exceed.
        if !seed.is_multiple_of(3) {
            limits.pending_input_total = Size::kib(4 + 4 * (seed % 5) as usize);
            limits.member_input_total = Size::kib(16 + 16 * (seed % 4) as usize);
            limits.outbound_total = Size::kib(8 + 8 * (seed % 4) as usize);
            limits.work_total = Size::kib(8);
        }
        scenario.disturbances = true;
        scenario
    }
}

/// One of these, each as likely as the others.
pub(super) fn pick<T: Copy>(rng: &mut Rng, first: T, others: &[T]) -> T {
    let drawn = rng.below(others.len() as u64 + 1) as usize;
    drawn.checked_sub(1).and_then(|at| others.get(at)).copied().unwrap_or(first)
}
