//! The event loop of all scenarios: sockets, clock and the clients' life cycle.
//!
//! A [`Script`] decides who connects and sends. The engine takes each client from the TCP connect
//! through upgrade and authentication to its close, notifies the script of events, and counts
//! failures. The life cycle itself is in `life`.

mod life;

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use mio::{Events, Token};
use slab::Slab;
use vestibule::time::Instant;

use super::peer::{Peer, PeerPhase, PeerRole, Visit};
use super::polls::Polls;
use super::report::{Failures, Progress};
use super::secure::LoadTls;
use super::target::Sources;
use super::wire::Wire;

/// An event of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The upgrade request, sent at `requested`, was answered with 101.
    Upgraded { requested: Instant },
    /// The authentication was acknowledged. The TCP connect began at `started`.
    Acknowledged { started: Instant },
    /// A chat message that was due at `due` was answered.
    Answered { due: Instant },
    /// A chat message was answered with an `error`, which is already counted as a failure.
    Refused,
    /// A chat message of another client arrived.
    Delivered,
    /// A silent client was closed with `Authentication timeout`.
    TimedOut,
    /// The connection has ended with this many unanswered messages. A client's last notice.
    Ended { unanswered: u32 },
}

/// What a message to a returning client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextKind {
    /// The client is in its room.
    Acknowledgement,
    /// The answer to its oldest message.
    Answer,
    Other,
}

/// One phase of a scenario.
pub(super) trait Script {
    /// Handles an event of a client.
    fn on_notice(&mut self, engine: &mut LoadEngine, user: u32, notice: Notice, now: Instant);

    /// The `auth` frame of a returning client.
    fn auth_of(&mut self, _user: u32) -> Option<Vec<u8>> {
        None
    }

    /// Reads a message to a returning client, and says what it is.
    fn on_text(&mut self, _user: u32, _text: &str, _now: Instant) -> TextKind {
        TextKind::Other
    }

    /// When to call [`Script::on_wake`], if at all.
    fn wake_at(&self) -> Option<Instant> {
        None
    }

    /// Called when the time of [`Script::wake_at`] has come.
    fn on_wake(&mut self, _engine: &mut LoadEngine, _now: Instant) {}

    /// Whether the script has finished.
    fn is_done(&self) -> bool;

    /// How much is done, and the total, for the progress bar.
    fn progress(&self, now: Instant) -> (u64, u64);
}

/// The clients of a load test, all on one thread.
#[derive(Debug)]
pub(super) struct LoadEngine {
    polls: Polls,
    /// Whether there ever was an urgent client.
    has_urgent: bool,
    wire: Wire,
    peers: Slab<Peer>,
    /// The slot in `peers` of each user.
    seats: Vec<Option<usize>>,
    /// Clients that connect when fewer handshakes are in flight.
    waiting: VecDeque<Visit>,
    handshakes: u32,
    concurrency: u32,
    /// (Deadline, slot, serial) of closing clients. In order of deadlines, as all waits are equal.
    closing: VecDeque<(Instant, usize, u64)>,
    serial: u64,
    target: SocketAddr,
    tls: Option<LoadTls>,
    sources: Sources,
    epoch: std::time::Instant,
    /// When the test is aborted.
    deadline: Instant,
    has_given_up: bool,
    failures: Failures,
    auth_required: u64,
    progress: Progress,
    buffer: Vec<u8>,
}

/// The parameters of an engine.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) target: SocketAddr,
    /// `None`: without TLS.
    pub(super) tls: Option<LoadTls>,
    pub(super) sources: Sources,
    pub(super) wire: Wire,
    pub(super) concurrency: u32,
    pub(super) timeout: Duration,
    pub(super) progress: Progress,
}

impl LoadEngine {
    /// Creates an engine without clients, with its clock at zero.
    pub(super) fn new(setup: Setup) -> io::Result<Self> {
        Ok(Self {
            polls: Polls::new()?,
            has_urgent: false,
            wire: setup.wire,
            peers: Slab::new(),
            seats: Vec::new(),
            waiting: VecDeque::new(),
            handshakes: 0,
            concurrency: setup.concurrency.max(1),
            closing: VecDeque::new(),
            serial: 0,
            target: setup.target,
            tls: setup.tls,
            sources: setup.sources,
            epoch: clock(),
            deadline: Instant::START + setup.timeout,
            has_given_up: false,
            failures: Failures::default(),
            auth_required: 0,
            progress: setup.progress,
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Microseconds since the engine was made.
    pub(super) fn now(&self) -> Instant {
        Instant::START + clock().duration_since(self.epoch)
    }

    /// The failures so far.
    pub(super) fn failures(&mut self) -> &mut Failures {
        &mut self.failures
    }

    /// The number of `auth_required` messages received.
    pub(super) fn auth_required(&self) -> u64 {
        self.auth_required
    }

    /// Restarts the progress bar with this label.
    pub(super) fn show(&mut self, label: &'static str) {
        self.progress.show(label);
    }

    /// Removes the progress bar.
    pub(super) fn hide(&mut self) {
        self.progress.hide();
    }

    /// Connects a client, as soon as fewer handshakes are in flight than allowed.
    pub(super) fn open(&mut self, visit: Visit) {
        self.has_urgent |= visit.role == PeerRole::Urgent;
        self.waiting.push_back(visit);
    }

    /// Whether this client is authenticated and not closing.
    pub(super) fn is_ready(&self, user: u32) -> bool {
        let peer = self.seat(user).and_then(|key| self.peers.get(key));
        peer.is_some_and(|peer| peer.phase == PeerPhase::Ready)
    }

    /// From now on, TLS clients keep tickets and resume: user `n` those of user `n % clients`.
    pub(super) fn keep_tickets(&mut self, clients: u32) -> Result<(), String> {
        let tls = self.tls.as_mut().ok_or("--resume is for wss://")?;
        tls.keep_tickets(clients);
        Ok(())
    }

    /// Whether this client's TLS handshake resumed an earlier session.
    pub(super) fn has_resumed(&self, user: u32) -> bool {
        let peer = self.seat(user).and_then(|key| self.peers.get(key));
        peer.is_some_and(Peer::has_resumed)
    }

    /// Sends a chat message that was due at `due`. Returns false if the client is not ready.
    pub(super) fn chat(&mut self, user: u32, due: Instant) -> bool {
        let Some(key) = self.seat(user) else { return false };
        let Some(peer) = self.peers.get_mut(key) else { return false };
        if peer.phase != PeerPhase::Ready {
            return false;
        }
        peer.unanswered.push_back(due);
        peer.send(self.wire.chat(), self.polls.registry(peer.is_urgent()), Token(key));
        true
    }

    /// Sends a close frame with code 1000.
    pub(super) fn close(&mut self, user: u32, now: Instant) {
        let Some(key) = self.seat(user) else { return };
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.phase != PeerPhase::Closing {
            self.handshakes -= u32::from(peer.phase.is_handshake());
            peer.phase = PeerPhase::Closing;
            peer.send(self.wire.close(), self.polls.registry(peer.is_urgent()), Token(key));
            self.closing.push_back((now + CLOSING_TIMEOUT, key, peer.serial));
        }
    }

    /// Runs a script until it is done, or until the time is up.
    pub(super) fn run(&mut self, script: &mut dyn Script) -> Result<(), String> {
        let mut buffer = mem::take(&mut self.buffer);
        let done = self.turns(script, &mut buffer);
        self.buffer = buffer;
        done.map_err(|error| format!("the load test's own poll failed: {error}"))
    }

    fn turns(&mut self, script: &mut dyn Script, buffer: &mut [u8]) -> io::Result<()> {
        let mut crowd = Events::with_capacity(EVENTS);
        let mut urgent = Events::with_capacity(EVENTS);
        while !self.has_given_up {
            let now = self.now();
            wake(script, self, now);
            let may_open = self.open_waiting(script, now);
            self.end_overdue(script, now);
            if script.is_done() {
                break;
            }
            if now >= self.deadline {
                self.give_up();
                break;
            }
            self.progress.draw(now, || script.progress(now));
            let wait = if may_open { Duration::ZERO } else { TURN.min(self.deadline.since(now)) };
            self.polls.wait(&mut crowd, wait, script.wake_at(), now)?;
            for (at, event) in crowd.iter().enumerate() {
                if at.is_multiple_of(SLICE) {
                    self.attend_urgent(script, &mut urgent, buffer)?;
                }
                self.on_readiness(script, event, buffer);
            }
        }
        Ok(())
    }

    /// Handles what must not wait for the other clients: urgent clients, and messages that are due.
    fn attend_urgent(
        &mut self,
        script: &mut dyn Script,
        events: &mut Events,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        if !self.has_urgent {
            return Ok(());
        }
        loop {
            self.polls.urgent(events)?;
            for event in events.iter() {
                self.on_readiness(script, event, buffer);
            }
            // The outer poll reports the inner one only once, so the inner one is drained.
            if events.iter().count() < EVENTS {
                break;
            }
        }
        let now = self.now();
        wake(script, self, now);
        Ok(())
    }

    /// Connects a few of the waiting clients. Returns true if more could connect at once.
    fn open_waiting(&mut self, script: &mut dyn Script, mut now: Instant) -> bool {
        for _ in 0..SLICE {
            if self.handshakes >= self.concurrency {
                return false;
            }
            let Some(visit) = self.waiting.pop_front() else { return false };
            if let Err(error) = self.connect(visit, now) {
                if visit.role != PeerRole::Returning {
                    self.failures.add(format!("connect: {error}"));
                }
                script.on_notice(self, visit.user, Notice::Ended { unanswered: 0 }, now);
            }
            now = self.now();
        }
        self.handshakes < self.concurrency && !self.waiting.is_empty()
    }

    fn connect(&mut self, visit: Visit, now: Instant) -> io::Result<()> {
        self.serial += 1;
        let source = self.sources.take();
        let returns = visit.role == PeerRole::Returning;
        let tls = self.tls.as_mut().map(|tls| tls.session(visit.user, returns)).transpose()?;
        let mut peer = Peer::connect(visit, self.target, source, (tls, self.serial), now)?;
        peer.try_upgrade(self.wire.upgrade(visit.room), now)?;
        let entry = self.peers.vacant_entry();
        let key = entry.key();
        peer.register(self.polls.registry(peer.is_urgent()), Token(key))?;
        entry.insert(peer);
        self.handshakes += 1;
        let user = visit.user as usize;
        if self.seats.len() <= user {
            self.seats.resize(user + 1, None);
        }
        if let Some(seat) = self.seats.get_mut(user) {
            *seat = Some(key);
        }
        Ok(())
    }

    fn seat(&self, user: u32) -> Option<usize> {
        self.seats.get(user as usize).copied().flatten()
    }

    /// Ends the connections that the server did not end in time after the close frames.
    fn end_overdue(&mut self, script: &mut dyn Script, now: Instant) {
        while let Some(&(overdue, key, serial)) = self.closing.front() {
            if overdue > now {
                return;
            }
            self.closing.pop_front();
            let Some(peer) = self.peers.get(key).filter(|peer| peer.serial == serial) else {
                continue;
            };
            peer.set_abrupt();
            let what = if peer.was_closed { "TCP end" } else { "close frame" };
            let seconds = CLOSING_TIMEOUT.as_secs();
            self.fail(key, || format!("no {what} within {seconds} s of the client's close frame"));
            self.end(script, key, now);
        }
    }

    fn give_up(&mut self) {
        self.has_given_up = true;
        let length = self.deadline.since(Instant::START);
        let left = (self.peers.len() + self.waiting.len()).max(1);
        self.failures.add_many(format!("not done within --timeout ({length:?})"), left as u64);
        for (_, peer) in &self.peers {
            peer.set_abrupt();
        }
    }
}

fn wake(script: &mut dyn Script, engine: &mut LoadEngine, now: Instant) {
    if script.wake_at().is_some_and(|at| at <= now) {
        script.on_wake(engine, now);
    }
}

#[expect(clippy::disallowed_methods, reason = "the engine is a driver: it hands time down")]
pub(super) fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

const EVENTS: usize = 1_024;
/// Sockets handled, at about 20 µs each, before the urgent clients are polled again.
const SLICE: usize = 8;
/// The read buffer: as much as a server sends at once in a busy room.
const READ_BYTES: usize = 64 * 1_024;
/// The longest wait, so that the progress bar moves at least that often.
const TURN: Duration = Duration::from_millis(100);
/// How long to wait for the end of a closing connection. The protocol allows 2 seconds, but a
/// loaded server may be late.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);
