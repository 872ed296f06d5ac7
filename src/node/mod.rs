//! The deterministic core: the whole server but its sockets.
//!
//! Bytes, completions and `now` go in; bytes, deadlines and commands come out. A [`Node`] reads no
//! clock, socket, file or environment, and knows no thread, so a test can run its 14 minutes in
//! microseconds, the simulator can run it from a seed, and a program can put it into its own loop.
//!
//! # The contract of a driver
//!
//! * In: [`handle_accept`](Node::handle_accept) and
//!   [`handle_accept_admin`](Node::handle_accept_admin), [`handle_bytes`](Node::handle_bytes),
//!   [`handle_hangup`](Node::handle_hangup), [`handle_timeout`](Node::handle_timeout) or
//!   [`handle_deadlines`](Node::handle_deadlines),
//!   [`handle_completion`](Node::handle_completion), [`handle_shutdown`](Node::handle_shutdown).
//! * Out: after any of these, [`poll_action`](Node::poll_action) until it is `None`, and
//!   [`poll_timeout`](Node::poll_timeout) for when to come back. Mutate, then drain.
//! * A `poll_timeout` that is past means that something is left which is cut into steps, such as a
//!   message to a large room: read, write and serve the others, and then come back.
//! * `now` never goes back. Every call with the id of a connection that is gone does nothing.
//!
//! `session` is policy without bytes, `connection` is bytes without policy, and `Node` wires them.

mod admin;
pub mod app;
mod close;
mod connections;
mod deadlines;
mod gate;
mod http;
mod input;
mod observe;
mod overload;
mod policy;
mod reconfigure;
mod rooms;
mod schedule;
mod work;

use std::collections::VecDeque;
use std::fmt;
use std::io::IoSlice;
use std::net::SocketAddr;

use slab::Slab;

pub use self::connections::frame::{Decoder, Encoder, Incoming as Frame, Shared};
pub use self::connections::session::Phase;
pub use self::connections::wheel::{TICK_MICROS, Wheel};
pub use self::gate::legacy::Legacy;
pub use self::http::message::{Method, Request, Response};
pub use self::observe::metrics::{AuthEnd, Call, Histogram, Metrics, REFUSAL_STATUSES};
pub use self::observe::process_metrics::{Probe, Reading};
pub use self::observe::usage::Usage;
pub use self::schedule::{Class, Schedule, Unit};
pub use self::work::operator::{Revocation, RevocationStore};
pub use self::work::port::{
    Action, Command, Completion, Hangup, Outcome, Refused, StartFlag, StoreError, Ticket, Work,
};

use self::admin::Desk;
use self::app::App;
use self::connections::budget::Budget;
use self::connections::connection::{Afterwards, Connection};
use self::connections::outbox::Pool;
use self::connections::session;
use self::gate::checks::Checks;
use self::gate::drain::Drain;
use self::gate::forwarded;
use self::gate::legacy::LogThrottle;
use self::gate::limits::PendingTable;
use self::gate::places::Places;
use self::gate::user_limit::UserLimit;
use self::observe::close_history::Ends;
use self::overload::HeldOutside;
use self::policy::Policy;
use self::rooms::answers::Answers;
use self::rooms::deliveries::Deliveries;
use self::rooms::groups::Groups;
use self::work::operator::{self, Orders};
use self::work::questions::Questions;
use crate::auth::{Address, AddressLimiter, KeyError, ReplaySet, Revocations, Verifier};
use crate::config::Config;
use crate::id::{ConnId, MessageIds, Rng, Seed, SeededState};
use crate::protocol::{Payload, ServerMessage};
use crate::time::{Instant, Now, Rfc3339, UnixTime};

/// Slots beyond the bound on connections: whoever gets one is answered `503` instead of silence.
const SLOTS_FOR_REFUSALS: usize = 64;

/// The server, but its sockets.
pub struct Node {
    policy: Policy,
    app: Box<dyn App>,
    verifier: Verifier,
    replays: ReplaySet,
    revocations: Revocations,
    orders: Orders,
    limiter: AddressLimiter,
    pending_by_address: PendingTable,
    legacy_log: LogThrottle,
    /// HTTP requests that are read, asked or answered.
    requests: usize,
    admin: Desk,
    /// Connections beyond the bound, each in a slot for a refusal.
    refusals: Places,
    /// A socket has given its place to another, and the driver does not know yet.
    is_place_given: bool,
    connections: Slab<Connection>,
    wheel: Wheel,
    rooms: Groups,
    users: Groups,
    /// What is on its way to large rooms.
    deliveries: Deliveries,
    /// Users with new connections and no place for them.
    user_limit: UserLimit,
    questions: Questions,
    answers: Answers,
    checks: Checks,
    actions: VecDeque<Action>,
    metrics: Metrics,
    encoder: Encoder,
    pool: Pool,
    /// What connections have sent and is not finished.
    input: Budget,
    /// What is queued for slow readers.
    output: Budget,
    /// Who waits until the application was asked less.
    crowd: VecDeque<ConnId>,
    ids: MessageIds,
    rng: Rng,
    hashing: SeededState,
    last_timestamp: (UnixTime, Rfc3339),
    /// Connections by phase.
    phases: [u32; Phase::ALL.len()],
    last_generation: u32,
    /// Frames that the bytes at hand have held so far.
    frames: u32,
    drain: Option<Drain>,
    /// What the driver keeps of the input of connections.
    held_outside: HeldOutside,
    /// Writes that are asked for and not begun.
    flushes: usize,
    /// When budgets were last held to.
    relieved_at: Now,
    ends: Ends,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("connections", &self.connections.len())
            .field("rooms", &self.rooms.len())
            .field("users", &self.users.len())
            .finish_non_exhaustive()
    }
}

impl Node {
    /// A node without connections. The same `seed` and the same calls give the same node; whoever
    /// knows it can compute ids and make tables collide, so a server takes it from the operating
    /// system.
    ///
    /// A `connections` of 0 is no bound here: what the descriptors allow is the driver's to know.
    ///
    /// # Errors
    /// [`KeyError`] when the configured key cannot be used.
    pub fn new(config: &Config, seed: &Seed, app: Box<dyn App>) -> Result<Self, KeyError> {
        let policy = Policy::new(config);
        let slots = policy.reserved_slots();
        let checks = Checks::new(policy.checks_at_once);
        Ok(Self {
            policy,
            app,
            verifier: Verifier::new(&config.auth)?,
            replays: ReplaySet::new(config.limits.replay_entries),
            revocations: operator::revocations(config),
            orders: Orders::default(),
            limiter: AddressLimiter::new(
                config.limits.auth_per_minute_per_ip,
                config.limits.addresses,
            ),
            pending_by_address: PendingTable::default(),
            legacy_log: LogThrottle::default(),
            requests: 0,
            admin: Desk::default(),
            refusals: Places::default(),
            is_place_given: false,
            connections: Slab::with_capacity(slots),
            wheel: Wheel::with_capacity(slots),
            rooms: Groups::new(&seed.derive("rooms"), slots),
            users: Groups::new(&seed.derive("users"), slots),
            deliveries: Deliveries::default(),
            user_limit: UserLimit::default(),
            questions: Questions::default(),
            answers: Answers::new(config.limits.answer_bytes.get(), slots),
            checks,
            actions: VecDeque::new(),
            metrics: Metrics::default(),
            encoder: Encoder::default(),
            pool: Pool::default(),
            input: Budget::default(),
            output: Budget::default(),
            crowd: VecDeque::new(),
            ids: MessageIds::new(seed.derive("message ids")),
            hashing: SeededState::new(&seed.derive("replays, answers and revocations")),
            rng: seed.derive("spread of re-authentications").rng(),
            last_timestamp: (UnixTime::default(), UnixTime::default().to_rfc3339()),
            phases: [0; Phase::ALL.len()],
            last_generation: 0,
            frames: 0,
            drain: None,
            held_outside: HeldOutside::default(),
            flushes: 0,
            relieved_at: Now { monotonic: Instant::START, unix: UnixTime::default() },
            ends: Ends::new(config.limits.recent_ends),
        })
    }

    /// A socket was accepted on a public listener.
    ///
    /// # Errors
    /// [`Refused`]: there is no slot; the driver drops the socket.
    pub fn handle_accept(&mut self, now: Now, peer: SocketAddr) -> Result<ConnId, Refused> {
        // A proxy's sockets are its clients', and not counted before they are known.
        let is_proxy = forwarded::is_trusted(peer.ip(), &self.policy.trusted_proxies);
        if !is_proxy && self.holds_too_many(Address::from(peer.ip())) {
            self.metrics.dropped_by_address += 1;
            return Err(Refused::Address);
        }
        let beyond = |beyond: usize| {
            self.public_connections() >= self.policy.connections.saturating_add(beyond)
                || self.pending() >= self.policy.pending.saturating_add(beyond)
        };
        let (is_full, has_no_slot) = (beyond(0), beyond(SLOTS_FOR_REFUSALS));
        if has_no_slot && !self.make_room_for_refusal(now) {
            self.metrics.dropped_at_accept += 1;
            return Err(Refused::Full);
        }
        let index = self.insert(now, peer);
        if is_full {
            // Of each of the two bounds there are as many slots.
            self.refusals.push(self.id_of(index), 2 * SLOTS_FOR_REFUSALS);
        }
        self.count_phase(Phase::Handshaking, 1);
        if is_proxy {
            self.expect_client(index);
        } else {
            self.count_pending(index);
        }
        self.metrics.accepted += 1;
        Ok(self.id_of(index))
    }

    fn insert(&mut self, now: Now, peer: SocketAddr) -> usize {
        self.last_generation = self.last_generation.wrapping_add(1);
        let connection = Connection::new(now.monotonic, peer, self.last_generation, &self.policy);
        let index = self.connections.insert(connection);
        self.arm(index);
        index
    }

    /// The next thing to do; `None`: nothing more for now.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.is_place_given &= !self.actions.is_empty();
        // Also a connection that ends by an order or a hang-up moves what it holds to another budget.
        let is_over_budget =
            self.has_too_much_output() || self.is_hurried() || self.exceeds_input();
        if self.actions.is_empty() && is_over_budget {
            if self.is_hurried() {
                self.hurry(self.relieved_at);
            }
            // All was tried by now: who has not taken what is queued is slow.
            self.relieve(self.relieved_at);
        }
        let action = self.actions.pop_front()?;
        match &action {
            Action::Flush(id) => {
                self.flushes = self.flushes.saturating_sub(1);
                if let Some(connection) = self.connections.get_mut(id.index()) {
                    connection.is_flush_queued = false;
                }
            }
            Action::Close(id) => self.free(id.index()),
            _ => {}
        }
        Some(action)
    }

    /// When to call [`Node::handle_timeout`]; it may be past already. `None`: nothing is armed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let drain = self.drain.as_ref().and_then(Drain::next);
        // What is on its way goes on in the next turn, and is not waited for.
        let delivery = (!self.deliveries.is_empty()).then_some(Instant::START);
        let next =
            [self.wheel.next(), self.questions.next(), drain, delivery, self.user_limit.next()];
        next.into_iter().flatten().min()
    }

    /// Fills `slices` from its start with what is to be written next, and says how many there are:
    /// for one vectored write.
    pub fn pending_output<'a>(&'a self, id: ConnId, slices: &mut [IoSlice<'a>]) -> usize {
        self.find(id).map_or(0, |connection| connection.outbox.slices(slices))
    }

    /// Copies what is to be written next into `buffer`, as much as fits, and says how much that is:
    /// for a driver whose vectored write would name fewer frames than are queued.
    pub fn copy_output(&self, id: ConnId, buffer: &mut [u8]) -> usize {
        self.find(id).map_or(0, |connection| connection.outbox.copy(buffer))
    }

    /// Is there anything to write?
    #[must_use]
    pub fn has_output(&self, id: ConnId) -> bool {
        self.find(id).is_some_and(|connection| !connection.outbox.is_empty())
    }

    /// The driver has sealed the next `length` bytes of the pending output, and the kernel did not
    /// take all of what came of it: until they are out, none of their frames is dropped.
    pub fn commit_output(&mut self, id: ConnId, length: usize) {
        if self.find(id).is_some()
            && let Some(connection) = self.connections.get_mut(id.index())
        {
            connection.outbox.commit(&mut self.pool, length);
        }
    }

    /// The driver keeps `bytes` of `id` that it cannot hand over yet, as a record of TLS is not
    /// whole: they count among the unfinished input of all. Who has to go for them is dropped.
    pub fn hold_input(&mut self, now: Now, id: ConnId, bytes: usize) {
        if self.find(id).is_some() && self.held_outside.set(id.index(), bytes) {
            self.weigh_input(id.index());
            self.relieve(now);
        }
    }

    /// `written` bytes of the pending output are out. 0, too, is worth telling: the socket takes no
    /// more, and what is queued beyond it is a slow reader's.
    pub fn consume_output(&mut self, now: Now, id: ConnId, written: usize) {
        if !self.has_output(id) {
            return;
        }
        let Some(connection) = self.connections.get_mut(id.index()) else { return };
        let owed_output = connection.owes_output(&self.policy);
        connection.outbox.consume(&mut self.pool, written);
        let owes_output = connection.owes_output(&self.policy);
        let is_out = connection.outbox.is_empty();
        if !is_out || self.output.has(id.index()) {
            self.is_slow(id.index());
        }
        if is_out {
            self.everything_is_out(now, id.index());
        }
        if owed_output && !owes_output {
            self.resume(now, id.index(), true);
        }
        self.relieve(now);
    }

    /// Does the connection take input? If not, the driver leaves it in the socket until
    /// [`Action::Resume`].
    #[must_use]
    pub fn wants_input(&self, id: ConnId) -> bool {
        self.find(id).is_some_and(|connection| !connection.is_full(&self.policy))
    }

    /// Is the connection in its room? Decides who is served first in a turn.
    #[must_use]
    pub fn is_authenticated(&self, id: ConnId) -> bool {
        self.phase(id).is_some_and(Phase::is_authenticated)
    }

    /// Where the connection is in its life; `None`: it is gone.
    #[must_use]
    pub fn phase(&self, id: ConnId) -> Option<Phase> {
        self.find(id).map(|connection| connection.session.phase())
    }

    /// How many connections are in this phase.
    #[must_use]
    pub fn connections_in(&self, phase: Phase) -> usize {
        self.phases.get(phase as usize).map_or(0, |&count| count as usize)
    }

    /// What was counted so far.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How often one of the bounded memories forgot something early because it was full, by the name
    /// of its limit.
    #[must_use]
    pub fn forgotten_early(&self) -> [(&'static str, u64); 4] {
        [
            ("replay_entries", self.replays.evictions()),
            ("answer_bytes", self.answers.forgotten()),
            ("revocations", self.revocations.evictions()),
            ("addresses", self.limiter.evictions()),
        ]
    }

    /// For what only the driver can count.
    pub fn metrics_mut(&mut self) -> &mut Metrics {
        &mut self.metrics
    }

    fn find(&self, id: ConnId) -> Option<&Connection> {
        let connection = self.connections.get(id.index())?;
        let is_it = connection.generation == id.generation() && !connection.is_over;
        is_it.then_some(connection)
    }

    fn id_of(&self, index: usize) -> ConnId {
        let generation = self.connections.get(index).map_or(0, |c| c.generation);
        ConnId::new(index as u32, generation)
    }

    /// Without those of the admin listener.
    fn public_connections(&self) -> usize {
        self.connections.len().saturating_sub(self.admin.connections)
    }

    fn pending(&self) -> usize {
        let counts = Phase::ALL.iter().zip(&self.phases);
        counts.filter(|(phase, _)| phase.is_pending()).map(|(_, &count)| count as usize).sum()
    }

    fn count_phase(&mut self, phase: Phase, by: i32) {
        if let Some(count) = self.phases.get_mut(phase as usize) {
            *count = count.wrapping_add_signed(by);
        }
    }

    /// Changes the session of `index`, and keeps the count of phases and the wheel in step.
    fn with_session<T>(
        &mut self,
        index: usize,
        change: impl FnOnce(&mut session::Session, &Policy) -> T,
    ) -> Option<T> {
        let connection = self.connections.get_mut(index)?;
        let before = connection.session.phase();
        let result = change(&mut connection.session, &self.policy);
        let after = connection.session.phase();
        if before != after && !connection.is_admin {
            self.count_phase(before, -1);
            self.count_phase(after, 1);
        }
        if before.is_pending() && !after.is_pending() {
            self.uncount_pending(index);
        }
        if before.is_authenticated() != after.is_authenticated() {
            self.weigh_input(index);
            self.weigh_output(index);
        }
        self.arm(index);
        Some(result)
    }

    /// Arms the wheel at the nearest deadline of `index`.
    fn arm(&mut self, index: usize) {
        if let Some(connection) = self.connections.get(index) {
            self.wheel.arm(index, connection.next_deadline(&self.policy));
        }
    }

    /// One message of the server's, framed for whoever it is for.
    fn message<P: Payload>(&mut self, now: Now, payload: P) -> Shared {
        let id = self.ids.next(now.unix);
        let timestamp = self.timestamp(now);
        self.encoder.text(|buffer| ServerMessage::new(&id, timestamp, payload).write(buffer))
    }

    /// The turn's moment as text: made once for all messages of a millisecond.
    fn timestamp(&mut self, now: Now) -> Rfc3339 {
        if self.last_timestamp.0 != now.unix {
            self.last_timestamp = (now.unix, now.unix.to_rfc3339());
        }
        self.last_timestamp.1
    }

    /// Queues `frame` for `index`; who reads too slowly for it is closed.
    fn send(&mut self, now: Now, index: usize, frame: Shared) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let bound = self.policy.outbound_bytes;
        if connection.outbox.push(&mut self.pool, frame, bound).is_ok() {
            self.metrics.frames_out += 1;
            self.weigh_output(index);
            self.flush(index);
        } else {
            self.metrics.slow_consumers += 1;
            self.close_slow_consumer(now, index);
        }
    }

    /// Queues what `index` has asked for. Requests are not taken while half of the outbox is taken,
    /// so this needs no bound of its own: behind a full outbox comes the one answer that was under
    /// way, whatever its length, and an acknowledgement.
    fn reply(&mut self, index: usize, frame: Shared) {
        if let Some(connection) = self.connections.get_mut(index) {
            let taken = connection.outbox.push(&mut self.pool, frame, 0);
            debug_assert!(taken.is_ok(), "a queue without a bound takes every frame");
            self.metrics.frames_out += 1;
            self.weigh_output(index);
            self.flush(index);
        }
    }

    fn flush(&mut self, index: usize) {
        if let Some(connection) = self.connections.get_mut(index)
            && !std::mem::replace(&mut connection.is_flush_queued, true)
        {
            let id = ConnId::new(index as u32, connection.generation);
            self.flushes += 1;
            self.actions.push_back(Action::Flush(id));
        }
    }

    /// The last byte of the outbox of `index` is written.
    fn everything_is_out(&mut self, now: Now, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        connection.session.output_written(now.monotonic, &self.policy);
        match connection.afterwards {
            Afterwards::Nothing => {}
            // The time to authenticate counts from when the 101 went out, so it is never early.
            Afterwards::Clock => {
                connection.afterwards = Afterwards::Nothing;
                if connection.session.phase() == Phase::Authenticating {
                    let start = |session: &mut session::Session, policy: &_| {
                        session.upgraded(now.monotonic, policy);
                    };
                    self.with_session(index, start);
                }
            }
            Afterwards::Finish => {
                connection.afterwards = Afterwards::Nothing;
                // What is left of it is a socket, which costs nobody's request its place.
                self.requests -= usize::from(std::mem::take(&mut connection.is_request));
                connection.session.said(now.monotonic);
                let id = ConnId::new(index as u32, connection.generation);
                self.actions.push_back(Action::Finish(id));
                self.arm(index);
            }
            Afterwards::Close => self.drop_connection(now, index),
        }
    }
}

#[cfg(test)]
mod tests;
