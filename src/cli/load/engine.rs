//! The loop under all scenarios: sockets, clock and life cycle.
//!
//! A [`Script`] says who connects and what is said; the engine takes each client from TCP connect
//! through upgrade and authentication to its close, tells the script what happened, and counts
//! what should not have.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use mio::event::Event as Readiness;
use mio::{Events, Poll, Token};
use slab::Slab;
use vestibule::time::Instant;

use super::alarm::Alarm;
use super::client::Event;
use super::peer::{Peer, Phase, Visit};
use super::progress::Progress;
use super::report::Failures;
use super::target::Sources;
use super::wire::{Opcode, Wire, frame};

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
    fn on_notice(&mut self, engine: &mut Engine, user: u32, notice: Notice, now: Instant);

    /// When [`Script::on_wake`] is wanted; `None`: not.
    fn wake_at(&self) -> Option<Instant> {
        None
    }

    /// The time of [`Script::wake_at`] has come.
    fn on_wake(&mut self, _engine: &mut Engine, _now: Instant) {}

    /// This part is played.
    fn is_done(&self) -> bool;

    /// How much of how much is done, for the progress bar.
    fn progress(&self, now: Instant) -> (u64, u64);
}

/// All clients, on one thread.
#[derive(Debug)]
pub(super) struct Engine {
    poll: Poll,
    alarm: Alarm,
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

impl Engine {
    /// An engine without clients, its clock at zero.
    pub(super) fn new(setup: Setup) -> io::Result<Self> {
        let poll = Poll::new()?;
        Ok(Self {
            alarm: Alarm::new(poll.registry(), ALARM)?,
            poll,
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
        self.waiting.push_back(visit);
    }

    /// Is this visitor authenticated, and not closing?
    pub(super) fn is_ready(&self, user: u32) -> bool {
        let peer = self.seat(user).and_then(|key| self.peers.get(key));
        peer.is_some_and(|peer| peer.phase == Phase::Ready)
    }

    /// Sends a chat message that was due at `due`; `false`: this visitor cannot.
    pub(super) fn chat(&mut self, user: u32, due: Instant) -> bool {
        let Some(key) = self.seat(user) else { return false };
        let Some(peer) = self.peers.get_mut(key) else { return false };
        if peer.phase != Phase::Ready {
            return false;
        }
        peer.unanswered.push_back(due);
        peer.send(self.wire.chat(), self.poll.registry(), Token(key));
        true
    }

    /// Sends close 1000.
    pub(super) fn close(&mut self, user: u32, now: Instant) {
        let Some(key) = self.seat(user) else { return };
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.phase != Phase::Closing {
            self.handshakes -= u32::from(peer.phase.is_handshake());
            peer.phase = Phase::Closing;
            peer.send(self.wire.close(), self.poll.registry(), Token(key));
            self.closing.push_back((now + CLOSING_TIMEOUT, key, peer.serial));
        }
    }

    /// Plays a script until it is done, or until time is up.
    pub(super) fn run(&mut self, script: &mut dyn Script) -> Result<(), String> {
        let mut events = Events::with_capacity(EVENTS);
        let mut buffer = mem::take(&mut self.buffer);
        let done = self.turns(script, &mut events, &mut buffer);
        self.buffer = buffer;
        done.map_err(|error| format!("the load test's own poll failed: {error}"))
    }

    fn turns(
        &mut self,
        script: &mut dyn Script,
        events: &mut Events,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        while !self.has_given_up {
            let now = self.now();
            if script.wake_at().is_some_and(|at| at <= now) {
                script.on_wake(self, now);
            }
            self.open_waiting(script, now);
            self.end_overdue(script, now);
            if script.is_done() {
                break;
            }
            if now >= self.deadline {
                self.give_up();
                break;
            }
            self.progress.draw(now, || script.progress(now));
            let mut wait = TURN.min(self.deadline.since(now));
            if let Some(at) = script.wake_at()
                && let Some(left) = self.alarm.arm(at, now)?
            {
                wait = wait.min(left);
            }
            match self.poll.poll(events, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in events.iter() {
                self.on_readiness(script, event, buffer);
            }
        }
        Ok(())
    }

    fn open_waiting(&mut self, script: &mut dyn Script, now: Instant) {
        while self.handshakes < self.concurrency {
            let Some(visit) = self.waiting.pop_front() else { return };
            let now = if self.handshakes == 0 { now } else { self.now() };
            if let Err(error) = self.connect(visit, now) {
                self.failures.add(format!("connect: {error}"));
                script.on_notice(self, visit.user, Notice::Ended { unanswered: 0 }, now);
            }
        }
    }

    fn connect(&mut self, visit: Visit, now: Instant) -> io::Result<()> {
        self.serial += 1;
        let source = self.sources.take();
        let mut peer = Peer::connect(visit, self.target, source, self.serial, now)?;
        peer.try_upgrade(self.wire.upgrade(visit.room), now)?;
        let entry = self.peers.vacant_entry();
        let key = entry.key();
        peer.register(self.poll.registry(), Token(key))?;
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

    fn on_readiness(&mut self, script: &mut dyn Script, event: &Readiness, buffer: &mut [u8]) {
        let key = event.token().0;
        let Some(peer) = self.peers.get_mut(key) else { return };
        if event.is_writable() {
            if peer.phase == Phase::Connecting {
                let now = Instant::START + clock().duration_since(self.epoch);
                if let Err(error) = peer.try_upgrade(self.wire.upgrade(peer.visit.room), now) {
                    self.fail(key, || format!("connect: {error}"));
                    self.end(script, key, now);
                    return;
                }
            }
            let Some(peer) = self.peers.get_mut(key) else { return };
            peer.flush(self.poll.registry(), Token(key));
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.on_readable(script, key, event.is_read_closed(), buffer);
        }
    }

    /// Reads until nothing is left. The poll is edge-triggered, so a read that fills the buffer
    /// is followed by another, and one that does not is the last: `epoll(7)` promises a new event
    /// for what comes later.
    fn on_readable(
        &mut self,
        script: &mut dyn Script,
        key: usize,
        is_over: bool,
        buffer: &mut [u8],
    ) {
        loop {
            let Some(peer) = self.peers.get_mut(key) else { return };
            let serial = peer.serial;
            let read = peer.read(buffer);
            let now = self.now();
            let taken = match read {
                Ok(0) => return self.on_end(script, key, None, now),
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.on_end(script, key, Some(&error), now),
            };
            let mut input = buffer.get(..taken).unwrap_or_default();
            loop {
                // A script may have ended it, and another may have its slot.
                let peer = self.peers.get_mut(key).filter(|peer| peer.serial == serial);
                let Some(peer) = peer else { return };
                let Some(event) = peer.client.next(&mut input) else { break };
                self.on_event(script, key, event, now);
            }
            if taken < buffer.len() && !is_over {
                return;
            }
        }
    }

    fn on_event(&mut self, script: &mut dyn Script, key: usize, event: Event, now: Instant) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Visit { user, is_silent, .. } = peer.visit;
        match (event, peer.phase) {
            (Event::Upgraded, _) => {
                let requested = peer.requested;
                if is_silent {
                    peer.phase = Phase::Silent;
                    self.handshakes -= 1;
                } else if let Some(auth) = self.wire.auth(user) {
                    peer.phase = Phase::Authenticating;
                    peer.send(auth, self.poll.registry(), Token(key));
                }
                script.on_notice(self, user, Notice::Upgraded { requested }, now);
            }
            (Event::Update { own: true }, Phase::Authenticating) => {
                peer.phase = Phase::Ready;
                let started = peer.started;
                self.handshakes -= 1;
                script.on_notice(self, user, Notice::Acknowledged { started }, now);
            }
            (Event::Update { own: true }, Phase::Ready) => match peer.unanswered.pop_front() {
                Some(due) => script.on_notice(self, user, Notice::Answered { due }, now),
                None => self.failures.add("an answer to nothing".to_owned()),
            },
            (Event::Chat, Phase::Ready) => script.on_notice(self, user, Notice::Delivered, now),
            (Event::Error(code), Phase::Ready) => {
                self.failures.add(format!("error {code}"));
                if peer.unanswered.pop_front().is_some() {
                    script.on_notice(self, user, Notice::Refused, now);
                }
            }
            (Event::Error(code), Phase::Authenticating) => {
                self.fail(key, || format!("error {code} before the acknowledgement"));
            }
            (Event::Ping(payload), _) => {
                peer.send(&frame(Opcode::Pong, &payload), self.poll.registry(), Token(key));
            }
            (Event::AuthRequired, _) => self.auth_required += 1,
            (Event::Close { code, reason }, _) => self.on_close(script, key, code, &reason, now),
            (Event::Refused { status, code }, _) => {
                self.fail(key, || format!("HTTP {status} {code}").trim_end().to_owned());
                self.end(script, key, now);
            }
            (Event::Broken(what), _) => {
                self.fail(key, || format!("the server broke the protocol: {what}"));
                self.end(script, key, now);
            }
            (Event::Update { .. } | Event::Chat | Event::Error(_) | Event::Unknown, _) => {}
        }
    }

    /// The server's close frame: the answer to ours, or unasked, and then it is answered.
    fn on_close(
        &mut self,
        script: &mut dyn Script,
        key: usize,
        code: u16,
        reason: &str,
        now: Instant,
    ) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.was_closed = true;
        let user = peer.visit.user;
        match peer.phase {
            Phase::Closing if code == 1_000 => {}
            Phase::Silent if code == 1_008 && reason == "Authentication timeout" => {
                self.close(user, now);
                script.on_notice(self, user, Notice::TimedOut, now);
            }
            _ => {
                self.fail(key, || format!("{code} {reason}").trim_end().to_owned());
                self.close(user, now);
            }
        }
    }

    /// The TCP connection ended, or was cut.
    fn on_end(
        &mut self,
        script: &mut dyn Script,
        key: usize,
        error: Option<&io::Error>,
        now: Instant,
    ) {
        let Some(peer) = self.peers.get(key) else { return };
        let during = peer.phase.name();
        if !peer.was_closed {
            self.fail(key, || match error {
                Some(error) => format!("{error} during {during}"),
                None => format!("ended without a close frame during {during}"),
            });
        }
        self.end(script, key, now);
    }

    /// Counts a visitor's first fault.
    fn fail(&mut self, key: usize, reason: impl FnOnce() -> String) {
        if let Some(peer) = self.peers.get_mut(key)
            && !mem::replace(&mut peer.has_failed, true)
        {
            self.failures.add(reason());
        }
    }

    fn end(&mut self, script: &mut dyn Script, key: usize, now: Instant) {
        let Some(peer) = self.peers.try_remove(key) else { return };
        let user = peer.visit.user;
        if let Some(seat) = self.seats.get_mut(user as usize) {
            *seat = None;
        }
        self.handshakes -= u32::from(peer.phase.is_handshake());
        let unanswered = u32::try_from(peer.unanswered.len()).unwrap_or(u32::MAX);
        // The socket is closed before anyone opens the next one.
        drop(peer);
        script.on_notice(self, user, Notice::Ended { unanswered }, now);
    }
}

#[expect(clippy::disallowed_methods, reason = "the engine is a driver: it hands time down")]
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

const ALARM: Token = Token(usize::MAX);
const EVENTS: usize = 1_024;
/// As much as a server has to say in one turn of a busy room.
const READ_BYTES: usize = 64 * 1_024;
/// The progress bar moves at least that often.
const TURN: Duration = Duration::from_millis(100);
/// The protocol gives the server 2 seconds; a loaded one may be late.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);
