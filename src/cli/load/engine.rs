//! The loop under all scenarios: sockets, clock and life cycle.
//!
//! A [`Script`] says who connects and what is said; the engine takes each client from TCP connect
//! through upgrade and authentication to its close, tells the script what happened, and counts
//! what should not have. The life cycle itself is in `life`.

mod life;

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use mio::{Events, Token};
use slab::Slab;
use vestibule::time::Instant;

use super::peer::{Peer, PeerPhase, Role, Visit};
use super::polls::Polls;
use super::report::{Failures, Progress};
use super::target::Sources;
use super::wire::Wire;

/// What happened to a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// 101, to a request sent then.
    Upgraded { requested: Instant },
    /// The authentication is acknowledged, of a connect begun then.
    Acknowledged { started: Instant },
    /// The answer to a chat message that was due then.
    Answered { due: Instant },
    /// An `error` instead of that answer; counted as a failure already.
    Refused,
    /// Another's chat message.
    Delivered,
    /// A silent visitor was closed with `Authentication timeout`.
    TimedOut,
    /// The connection is gone, and with it the answers to so many messages. A visitor's last.
    Ended { unanswered: u32 },
}

/// One part of a scenario.
pub(super) trait Script {
    /// Something happened to a visitor.
    fn on_notice(&mut self, engine: &mut LoadEngine, user: u32, notice: Notice, now: Instant);

    /// When [`Script::on_wake`] is wanted; `None`: not.
    fn wake_at(&self) -> Option<Instant> {
        None
    }

    /// The time of [`Script::wake_at`] has come.
    fn on_wake(&mut self, _engine: &mut LoadEngine, _now: Instant) {}

    /// This part is played.
    fn is_done(&self) -> bool;

    /// How much of how much is done, for the progress bar.
    fn progress(&self, now: Instant) -> (u64, u64);
}

/// All clients, on one thread.
#[derive(Debug)]
pub(super) struct LoadEngine {
    polls: Polls,
    /// There is or was someone whose answers go first.
    has_urgent: bool,
    wire: Wire,
    peers: Slab<Peer>,
    /// Each user's slot in `peers`.
    seats: Vec<Option<usize>>,
    /// Who is to connect when there are fewer handshakes.
    waiting: VecDeque<Visit>,
    handshakes: u32,
    concurrency: u32,
    /// (When its end is overdue, slot, serial), the soonest first, for all lengths are the same.
    closing: VecDeque<(Instant, usize, u64)>,
    serial: u64,
    target: SocketAddr,
    sources: Sources,
    epoch: std::time::Instant,
    /// When everything is given up.
    deadline: Instant,
    has_given_up: bool,
    failures: Failures,
    auth_required: u64,
    progress: Progress,
    buffer: Vec<u8>,
}

/// What an engine is made with.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) target: SocketAddr,
    pub(super) sources: Sources,
    pub(super) wire: Wire,
    pub(super) concurrency: u32,
    pub(super) timeout: Duration,
    pub(super) progress: Progress,
}

impl LoadEngine {
    /// An engine without clients, its clock at zero.
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

    /// What went wrong so far.
    pub(super) fn failures(&mut self) -> &mut Failures {
        &mut self.failures
    }

    /// How many `auth_required` came.
    pub(super) fn auth_required(&self) -> u64 {
        self.auth_required
    }

    /// Names what is shown in the progress bar.
    pub(super) fn show(&mut self, label: &'static str) {
        self.progress.show(label);
    }

    /// Ends the progress bar.
    pub(super) fn hide(&mut self) {
        self.progress.hide();
    }

    /// Lets someone connect, when there are fewer handshakes in flight than are allowed.
    pub(super) fn open(&mut self, visit: Visit) {
        self.has_urgent |= visit.role == Role::Urgent;
        self.waiting.push_back(visit);
    }

    /// Is this visitor authenticated, and not closing?
    pub(super) fn is_ready(&self, user: u32) -> bool {
        let peer = self.seat(user).and_then(|key| self.peers.get(key));
        peer.is_some_and(|peer| peer.phase == PeerPhase::Ready)
    }

    /// Sends a chat message that was due at `due`; `false`: this visitor cannot.
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

    /// Sends close 1000.
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

    /// Plays a script until it is done, or until time is up.
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

    /// What must not wait for the crowd: the urgent ones, and messages that are due.
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
            // The crowd's poll tells of this one once: it is left empty.
            if events.iter().count() < EVENTS {
                break;
            }
        }
        let now = self.now();
        wake(script, self, now);
        Ok(())
    }

    /// Connects a slice of those who wait; `true`: more could connect at once.
    fn open_waiting(&mut self, script: &mut dyn Script, mut now: Instant) -> bool {
        for _ in 0..SLICE {
            if self.handshakes >= self.concurrency {
                return false;
            }
            let Some(visit) = self.waiting.pop_front() else { return false };
            if let Err(error) = self.connect(visit, now) {
                self.failures.add(format!("connect: {error}"));
                script.on_notice(self, visit.user, Notice::Ended { unanswered: 0 }, now);
            }
            now = self.now();
        }
        self.handshakes < self.concurrency && !self.waiting.is_empty()
    }

    fn connect(&mut self, visit: Visit, now: Instant) -> io::Result<()> {
        self.serial += 1;
        let source = self.sources.take();
        let mut peer = Peer::connect(visit, self.target, source, self.serial, now)?;
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

    /// Servers that do not end a connection after the close frames.
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
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

const EVENTS: usize = 1_024;
/// Sockets that are handled, some 20 µs each, before the urgent ones are looked at again.
const SLICE: usize = 8;
/// As much as a server has to say in one turn of a busy room.
const READ_BYTES: usize = 64 * 1_024;
/// The progress bar moves at least that often.
const TURN: Duration = Duration::from_millis(100);
/// The protocol gives the server 2 seconds; a loaded one may be late.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);
