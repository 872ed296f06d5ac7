//! The parameters of a world.

use std::time::Duration;

use crate::config::{AuthMode, Config, Length, Limits, Size};
use crate::driver::Planted;
use crate::id::Rng;

/// The secret that every simulated token is signed with.
const SECRET: &str = "simulated secret, 32 bytes long.";

/// An upper bound on the users, and on the addresses, of a contended world.
const MOST_CONTENDERS: usize = 24;

/// How many clients of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    /// Connect, authenticate, chat, answer requests, and reconnect as the protocol says.
    pub good: usize,
    /// Good, but read only a few bytes at a time.
    pub slow: usize,
    /// Good, but often begin with an expired token.
    pub expired: usize,
    /// Good, but send an accepted `auth` again.
    pub replaying: usize,
    /// Connect, and never authenticate.
    pub silent: usize,
    /// Send garbage, before and after they authenticate.
    pub garbage: usize,
    /// Send forged tokens, and reconnect as soon as they are refused.
    pub forging: usize,
    /// Disconnect at any point of a good conversation, and begin again.
    pub flapping: usize,
    /// Send thousands of pings, pongs and empty fragments.
    pub flooding: usize,
    /// Good, but of the first protocol version: the token is in the request, messages have neither
    /// an id nor a timestamp, and heartbeats come between them. `config.auth.mode` must allow them.
    pub old: usize,
    /// Keep to every limit, and take as much as they can, each of something else. The links of a
    /// world with such clients are calm, and all clients but those of one user have an address each.
    pub greedy: usize,
    /// Use little, and check that it is left to them: their last token stays single-use, the answer
    /// to their message is remembered, and so is their last end.
    pub frugal: usize,
}

impl Mix {
    /// The number of all clients.
    #[must_use]
    pub fn clients(&self) -> usize {
        let hostile = self.silent + self.garbage + self.forging + self.flapping + self.flooding;
        self.honest() + hostile + self.greedy + self.frugal
    }

    /// The number of clients that must get through after the faults end.
    #[must_use]
    pub fn honest(&self) -> usize {
        self.good + self.slow + self.expired + self.replaying + self.old
    }
}

/// The parameters of a world. [`Scenario::drawn`] sets all of them; a test changes those it needs.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The clients.
    pub clients: Mix,
    /// The number of rooms, at least 1.
    pub rooms: usize,
    /// Do links stall and break, do answers come late or never, does the wall clock jump?
    pub faults: bool,
    /// Do keys and limits change, does an operator disconnect users, does the process stop for a
    /// while? The wall clock then does not jump, because a revocation depends on it. Two honest
    /// clients share an address each, and every other client has its own.
    pub disturbances: bool,
    /// Whether tokens say when they were issued; where there are disturbances, they do.
    pub dates_tokens: bool,
    /// The virtual time until the faults end. The first re-authentication (section 5 of the
    /// protocol) comes after 14 minutes.
    pub length: Duration,
    /// To how many members of a room the node delivers a message in one step: 256 in a server. A
    /// larger room counts as large.
    pub slice: usize,
    /// The length of one turn of the driver.
    pub turn: Duration,
    /// Do the greedy clients all take the same, the first of them four times as fast as the others? Then
    /// each of them has at most twice its part of a table that is full.
    pub rivals: bool,
    /// Do the greedy clients have many pending connections each, all of which act at the same moment?
    /// Then a frugal client, from another address, waits for about one of each.
    pub crowds: bool,
    /// A fault planted in the turn, in tests of the checkers.
    pub planted: Option<Planted>,
    /// The node's configuration. With a JWKS file, of any name, the node fetches its keys from a
    /// simulated issuer. It answers late or not at all until the faults end, and a key that is
    /// disturbed changes without notice.
    pub config: Config,
}

/// What a greedy client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    /// Messages and remembered answers: it comes again to renew its allowance.
    Messages,
    /// Places of the replay set: it has a good token accepted, and goes.
    Tokens,
    /// Places of pending connections, which it keeps silent.
    Pending,
    /// Remembered ends: it comes and goes, with a token or without.
    Ends,
    /// Places of HTTP requests, whose bodies it does not send.
    Bodies,
    /// The same of those that keep users signed in.
    Refreshes,
    /// Answers to HTTP requests, with one token.
    Requests,
    /// Rooms, of which it creates as many as it can.
    Rooms,
    /// The time of threads, by many messages at once.
    Work,
    /// Turns of connections that are not authenticated, or end.
    Crowd,
}

/// A disturbance of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Disturbance {
    /// A new key replaces the current one.
    NewKey,
    /// Limits change.
    NewLimits,
    /// An operator requires a fresh token from a user.
    RequireAuth,
    /// An operator ends all sessions of a user.
    Disconnect,
    /// The process stops for a while and time goes on, as under a debugger or in a virtual machine
    /// that migrates.
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
            greedy: 0,
            frugal: 0,
        };
        let mut config = Config::default();
        config.auth.secret = SECRET.to_owned();
        // All clients of a world come from one address, so its limits are off.
        (config.limits.pending_per_ip, config.limits.auth_per_minute_per_ip) = (0, 0);
        config.limits.pending_per_turn = pick(&mut rng, 1, &[4, 64]);
        config.limits.waiting_messages = pick(&mut rng, 1, &[4, 16]);
        config.limits.outbound_bytes = pick(&mut rng, Size::kib(4), &[Size::kib(256)]);
        config.limits.ping = Length::from_secs(pick(&mut rng, 10, &[30]));
        config.limits.recent_ends = 8;
        // One world in five allows old clients next to the others.
        if seed % 5 == 3 {
            config.auth.mode = AuthMode::Both;
            clients.old = 1 + (seed / 5 % 2) as usize;
        }
        // In one world in four, the two clients of a user take all of the user's connections.
        if seed % 4 == 1 {
            config.limits.connections_per_user = 2;
        }
        // In one world in four, the keys are fetched.
        if seed % 4 == 2 {
            config.auth.jwks_file = "simulated".to_owned();
        }
        Self {
            clients,
            rooms: 1 + rng.below(3) as usize,
            faults: true,
            disturbances: false,
            dates_tokens: false,
            rivals: false,
            crowds: false,
            planted: None,
            length: Duration::from_secs(16 * 60),
            // In every other world, rooms of three members are large.
            slice: if seed.is_multiple_of(2) { 2 } else { 256 },
            turn: Duration::from_micros(pick(&mut rng, 0, &[50, 2_000])),
            config,
        }
    }
}

impl Scenario {
    /// The scenario of `seed` with 200 clients in one room for a minute. Messages reach them in
    /// steps.
    #[must_use]
    pub fn crowded(seed: u64) -> Self {
        let mut scenario = Self::drawn(seed);
        scenario.clients = Mix { good: 180, slow: 5, flapping: 15, ..Mix::default() };
        (scenario.rooms, scenario.slice) = (1, 16);
        scenario.length = Duration::from_secs(60);
        scenario
    }

    /// The scenario of `seed` with forgers, limits by address, and disturbances.
    #[must_use]
    pub fn chaotic(seed: u64) -> Self {
        let mut scenario = Self::drawn(seed);
        scenario.clients.forging = 1 + (seed % 2) as usize;
        let defaults = Config::default().limits;
        let limits = &mut scenario.config.limits;
        limits.pending_per_ip = if seed.is_multiple_of(3) { 8 } else { defaults.pending_per_ip };
        limits.auth_per_minute_per_ip = defaults.auth_per_minute_per_ip;
        // In two worlds of three, the hostile clients exceed the budgets.
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

impl Scenario {
    /// The scenario of `seed` with greedy and frugal clients, and tables that are soon full, for
    /// three minutes. In every other world users have no allowances, so that only the tables hold
    /// them.
    #[must_use]
    pub fn contended(seed: u64) -> Self {
        let mut scenario = Self::drawn(seed);
        // The greedy would use the fetches up.
        scenario.config.auth.jwks_file.clear();
        // What these take is refused to others at times, which they do not expect.
        let drawn = Mix { expired: 0, replaying: 0, ..scenario.clients };
        scenario.clients = Mix { greedy: 1 + (seed / 2 % 4) as usize, frugal: 2, ..drawn };
        (scenario.faults, scenario.length) = (false, Duration::from_secs(180));
        let limits = &mut scenario.config.limits;
        // Room for two of each user or address and more, so that whoever has one is below average.
        limits.pending = 2 * MOST_CONTENDERS;
        limits.replay_entries = 2 * MOST_CONTENDERS;
        limits.recent_ends = 2 * MOST_CONTENDERS;
        limits.answer_bytes = Size::kib(MOST_CONTENDERS);
        limits.rooms = 2 * MOST_CONTENDERS;
        limits.requests_per_minute_per_user = 60;
        limits.pending_per_turn = 64;
        if !seed.is_multiple_of(2) {
            (limits.messages_per_minute, limits.auth_per_minute_per_user) = (0, 0);
        }
        scenario.config.http.requests = 2 * MOST_CONTENDERS / 3;
        scenario
    }
}

impl Scenario {
    /// The [contended](Self::contended) scenario of `seed` with four to seven users who all want the
    /// same table, and no allowances: only the table holds them. Which one, `seed % 7` says: answers,
    /// replays, pending connections, closed ones, HTTP requests, refreshes, and rooms in memory, which
    /// [`MemoryApp`](crate::memory::MemoryApp) has.
    #[must_use]
    pub fn rivals(seed: u64) -> Self {
        let mut scenario = Self::contended(2 * seed + 1);
        scenario.clients = Mix { greedy: 4 + (seed / 7 % 4) as usize, ..Mix::default() };
        scenario.rivals = true;
        let Config { limits, auth, http, .. } = &mut scenario.config;
        // Silent connections stay, and nothing but the table ends them.
        (auth.timeout, http.header_timeout) = (Length::from_secs(5), Length::from_secs(5));
        (limits.auth_per_minute_per_ip, limits.pending_per_ip) = (0, 0);
        if matches!(seed % 7, 4 | 5) {
            // Places of requests are what there is least of.
            (http.requests, http.refreshes) = (limits.pending, limits.pending);
            limits.pending *= 2;
        }
        // What is forgotten is all that a user has said in a room: the table holds many of those.
        limits.answer_bytes = Size::kib(12 * MOST_CONTENDERS);
        scenario
    }
}

impl Scenario {
    /// The [contended](Self::contended) scenario of `seed` with three to six users who have all of their 200
    /// pending connections act at once, for 40 seconds, and six frugal ones.
    #[must_use]
    pub fn crowds(seed: u64) -> Self {
        let mut scenario = Self::contended(2 * seed + 1);
        let greedy = 3 + (seed % 4) as usize;
        scenario.clients = Mix { greedy, frugal: 6, ..Mix::default() };
        (scenario.crowds, scenario.length) = (true, Duration::from_secs(40));
        let Config { limits, .. } = &mut scenario.config;
        (limits.pending, limits.pending_per_ip) = (2_000, 0);
        // 8,000 units a second: a crowd takes some tens of milliseconds.
        (limits.pending_per_turn, scenario.turn) = (16, Duration::from_millis(2));
        scenario
    }

    /// The same without crowds: with `rivals` users who have messages wait in a queue for threads, and no
    /// allowances.
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests of those who own a queue"))]
    pub(super) fn served(seed: u64, rivals: usize) -> Self {
        let mut scenario = Self { crowds: false, ..Self::crowds(seed) };
        scenario.clients.greedy = rivals;
        let Config { limits, .. } = &mut scenario.config;
        let usual = Limits::default();
        (limits.connections_per_user, limits.pending_per_turn) = (0, 64);
        (limits.answer_bytes, limits.rooms) = (usual.answer_bytes, usual.rooms);
        limits.replay_entries = usual.replay_entries;
        scenario
    }

    /// The number of the first greedy client.
    pub(super) fn first_greedy(&self) -> usize {
        self.clients.clients() - self.clients.greedy
    }

    /// Is this the number of a frugal client? They come right before the greedy ones.
    pub(super) fn is_frugal(&self, client: usize) -> bool {
        let first = self.first_greedy();
        (first - self.clients.frugal..first).contains(&client)
    }
}

/// Draws one of the values, each with the same probability.
pub(super) fn pick<T: Copy>(rng: &mut Rng, first: T, others: &[T]) -> T {
    let drawn = rng.below(others.len() as u64 + 1) as usize;
    drawn.checked_sub(1).and_then(|at| others.get(at)).copied().unwrap_or(first)
}
