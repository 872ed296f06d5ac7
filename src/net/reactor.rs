//! The turn: wait for the poller, serve the authenticated, then the others within their share.
//!
//! ```text
//! poll ─▶ sort events ─▶ reads of the authenticated ─▶ answers from workers ─▶ writes
//!   ▲                                                                            │
//!   └──── writes ◀──── a share of accepts, handshakes, signature checks ◀── timers, writes
//! ```
//!
//! Polling is edge-triggered: a socket is reported when something comes, not while something is
//! there. So whatever a turn leaves undone is remembered here, on the ready lists of [`Schedule`]
//! or as [`Transport::ready`](super::transport::Transport::ready).

mod actions;
mod mail;
#[cfg(feature = "tls")]
mod secure;

use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Poll};

use super::clock::{Clock, wait_until};
use super::handle::Inbox;
use super::keys::KeyWatch;
use super::listener::{Accepted, Listeners};
use super::transport::{Queued, Transports};
use super::worker::Workers;
use crate::config::Config;
use crate::id::ConnId;
use crate::node::{Hangup, Metrics, Node, Probe, Schedule, Unit};
use crate::time::{Instant, Now};

#[cfg(feature = "tls")]
pub(super) use self::secure::Secure;

/// One read's bytes. Shared by all connections: what a connection leaves unfinished is the node's.
const READ_BYTES: usize = 64 * 1_024;

/// Events of one turn: one for every connection, so that nobody inside is left to a later turn
/// behind those outside. At 12 bytes an event; address space, which becomes memory as it is used.
const EVENTS: RangeInclusive<usize> = 1_024..=(1 << 17);

/// Reads of authenticated connections after which what they gave rise to is written: a turn may
/// serve all of them, and their answers should neither wait for each other nor pile up.
const UNITS_PER_FLUSH: u32 = 64;

/// Slices of one write. An answer is one or two, so this is rarely reached.
const SLICES: usize = 16;

/// The waker's token. A ConnId has this value only in the 2³²nd slot of a slab, so never; the same
/// goes for the listeners' tokens, which are below it.
pub(super) const WAKER: usize = usize::MAX;

/// The first listener's token; the others count down.
pub(super) const FIRST_LISTENER: usize = WAKER - 1;

/// The event loop and all that it owns.
#[derive(Debug)]
pub(super) struct Reactor {
    clock: Clock,
    /// When this turn began.
    now: Now,
    /// When the last turn was over.
    turned: Instant,
    poll: Poll,
    pub(super) listeners: Listeners,
    transports: Transports,
    schedule: Schedule,
    /// Reported writable in this turn, after a short write.
    writable: Vec<ConnId>,
    buffer: Box<[u8]>,
    /// How many events one turn takes.
    events: usize,
    workers: Workers,
    inbox: Inbox,
    /// Who is asked when a token names a key that is not there, and how many did so far.
    pub(super) key_watch: Option<KeyWatch>,
    unknown_keys: u64,
    /// The last turn left answers in the mail slot.
    mail_left: bool,
    draining: bool,
    node: Node,
    #[cfg(feature = "tls")]
    pub(super) secure: Secure,
}

impl Reactor {
    pub(super) fn new(
        config: &Config,
        node: Node,
        poll: Poll,
        listeners: Listeners,
        workers: Workers,
        inbox: Inbox,
    ) -> Self {
        let clock = Clock::start();
        let now = clock.now();
        Self {
            clock,
            now,
            turned: now.monotonic,
            poll,
            listeners,
            transports: Transports::with_capacity(config.limits.connections.min(1 << 20)),
            schedule: Schedule::new(config.limits.pending_per_turn),
            writable: Vec::new(),
            // Filled with something else than zero, so that its pages are there from the start: an
            // idle server's memory is then the same before and after its first read.
            buffer: vec![0xff; READ_BYTES].into_boxed_slice(),
            events: config.limits.connections.clamp(*EVENTS.start(), *EVENTS.end()),
            workers,
            inbox,
            key_watch: None,
            unknown_keys: 0,
            mail_left: false,
            draining: false,
            node,
            #[cfg(feature = "tls")]
            secure: Secure::default(),
        }
    }

    pub(super) fn add_probe(&mut self, probe: Probe) {
        self.node.add_probe(probe);
    }

    /// Turns until a shutdown is asked for and the node is drained. What was counted is left.
    pub(super) fn run(mut self) -> io::Result<Metrics> {
        let mut events = Events::with_capacity(self.events);
        let ended = loop {
            if self.draining && self.node.is_drained() {
                break Ok(());
            }
            if let Err(error) = self.step(&mut events) {
                break Err(error);
            }
        };
        let Self { workers, inbox, node, .. } = self;
        // In this order: a worker that waits for room in the mail slot sees that it is gone.
        drop(inbox);
        workers.end();
        ended.map(|()| node.metrics().clone())
    }

    /// Sleeps until there is something to do, and does a turn of it.
    pub(super) fn step(&mut self, events: &mut Events) -> io::Result<()> {
        match self.poll.poll(events, self.wait()) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            // A signal came: a turn without events does no harm.
            Ok(()) | Err(_) => self.turn(events),
        }
        Ok(())
    }

    /// How long the poller may sleep: not at all while something is left, else to the next deadline.
    pub(super) fn wait(&self) -> Option<Duration> {
        if self.mail_left || !self.schedule.is_idle() {
            return Some(Duration::ZERO);
        }
        let deadlines = [self.node.poll_timeout(), self.listeners.paused_until()];
        let next = deadlines.into_iter().flatten().min()?;
        // Counted from the end of the turn: its `now` is as old as the turn was long.
        Some(wait_until(next, self.turned))
    }

    fn turn(&mut self, events: &Events) {
        self.now = self.clock.now();
        let began = self.now.monotonic;
        for event in events {
            self.sort(event);
        }
        if !self.draining && self.inbox.wants_shutdown() {
            self.draining = true;
            self.node.handle_shutdown(self.now);
        }
        self.schedule.begin_turn();
        let mut served = 0;
        while let Some(unit) = self.schedule.next_authenticated() {
            self.serve(unit);
            served += 1;
            if served % UNITS_PER_FLUSH == 0 || self.node.should_flush() {
                self.act();
            }
        }
        self.take_mail();
        self.act();
        self.write_on();
        self.node.handle_timeout(self.now);
        self.act();
        if self.listeners.resume(self.now.monotonic) {
            (0..self.listeners.len()).for_each(|listener| self.schedule.push_listener(listener));
        }
        while let Some(unit) = self.schedule.next_pending() {
            self.serve(unit);
            if self.node.should_flush() {
                self.act();
            }
        }
        // Read anew: what is written now may start a peer's clock.
        self.now = self.clock.now();
        self.act();
        self.ask_for_keys();
        self.turned = self.clock.monotonic();
        let length = self.turned.since(began).as_micros();
        self.node.metrics_mut().turns.record(u64::try_from(length).unwrap_or(u64::MAX));
    }

    /// Puts what the poller reports where its turn will come.
    fn sort(&mut self, event: &Event) {
        let token = event.token().0;
        if token == WAKER {
            self.inbox.hear();
            self.mail_left = true;
            return;
        }
        let listener = FIRST_LISTENER - token;
        if listener < self.listeners.len() {
            self.schedule.push_listener(listener);
            return;
        }
        let id = ConnId::from_bits(token as u64);
        let Some(transport) = self.transports.find_mut(id) else { return };
        if transport.stalled && (event.is_writable() || event.is_write_closed()) {
            self.writable.push(id);
        }
        let broken = event.is_error();
        transport.hangup |= broken || event.is_read_closed();
        // After its end a socket is reported readable with every event; only an error is news.
        let news = if transport.ended { broken } else { event.is_readable() || transport.hangup };
        if !news {
            return;
        }
        transport.ready = true;
        if broken && !self.node.wants_input(id) {
            // Back-pressure keeps us from reading up to the error, and nobody is left to press.
            self.hang_up(id, Hangup::Reset);
        } else {
            self.make_ready(id);
        }
    }

    /// Puts a connection that may have something to read on its ready list, once. Who was let in
    /// since it was put among the pending does not wait there any longer.
    fn make_ready(&mut self, id: ConnId) {
        let is_in = self.node.is_authenticated(id);
        let queue = if is_in { Queued::Authenticated } else { Queued::Pending };
        let Some(transport) = self.transports.find_mut(id) else { return };
        let is_queued = transport.queued == queue || transport.queued == Queued::Authenticated;
        if transport.ready && !is_queued && self.node.wants_input(id) {
            transport.queued = queue;
            self.schedule.push(id, is_in);
        }
    }

    fn serve(&mut self, unit: Unit) {
        match unit {
            Unit::Authenticated(id) => self.read(id),
            Unit::Pending(id) => {
                let queued = self.transports.find(id).map(|transport| transport.queued);
                if queued == Some(Queued::Pending) {
                    self.read(id);
                }
            }
            Unit::Accept(listener) => self.accept(listener),
        }
    }

    /// One read. Whether there may be more is known without a second one.
    fn read(&mut self, id: ConnId) {
        let Some(transport) = self.transports.find_mut(id) else { return };
        transport.queued = Queued::Nowhere;
        if !self.node.wants_input(id) {
            return; // `ready` stays, for `Action::Resume`.
        }
        #[cfg(feature = "tls")]
        let range = self.room(id);
        #[cfg(not(feature = "tls"))]
        let range = 0..READ_BYTES;
        let Some(transport) = self.transports.find_mut(id) else { return };
        let kept = range.start;
        let Some(room) = self.buffer.get_mut(range) else { return };
        match transport.read(room) {
            Ok(0) => {
                transport.ready = false;
                if !mem::replace(&mut transport.ended, true) {
                    self.node.handle_hangup(self.now, id, Hangup::Eof);
                }
            }
            Ok(length) => {
                transport.ready = length == room.len() || transport.hangup;
                self.take(id, kept + length);
                self.make_ready(id);
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => transport.ready = false,
                ErrorKind::Interrupted => self.make_ready(id),
                _ => self.hang_up(id, Hangup::Reset),
            },
        }
    }

    /// The first `length` bytes of the buffer are for the node.
    fn take(&mut self, id: ConnId, length: usize) {
        #[cfg(feature = "tls")]
        if self.transports.is_secure(id) {
            return self.open(id, length);
        }
        if let Some(bytes) = self.buffer.get_mut(..length) {
            self.node.handle_bytes(self.now, id, bytes);
        }
    }

    fn accept(&mut self, listener: usize) {
        let is_admin = self.listeners.is_admin(listener);
        if !is_admin && self.node.is_draining() && self.listeners.outlive_us() {
            return; // Who comes now waits for the process that has the listener next.
        }
        match self.listeners.accept(listener, self.now.monotonic) {
            Accepted::Stream(stream, peer) => {
                self.admit(stream, peer, is_admin);
                self.schedule.push_listener(listener);
            }
            Accepted::Again => self.schedule.push_listener(listener),
            Accepted::Failed => self.node.metrics_mut().accept_pauses += 1,
            Accepted::Empty | Accepted::Paused => {}
        }
    }

    /// A refused socket is dropped, and counted by the node.
    fn admit(&mut self, stream: TcpStream, peer: SocketAddr, is_admin: bool) {
        let accepted = if is_admin {
            self.node.handle_accept_admin(self.now, peer)
        } else {
            self.node.handle_accept(self.now, peer)
        };
        let Ok(id) = accepted else { return };
        let Some(transport) = self.transports.insert(id, stream) else { return };
        if let Err(error) = transport.register(self.poll.registry(), id) {
            log::warn!(connection:% = id; "cannot be watched: {error}");
            self.hang_up(id, Hangup::Reset);
        }
        #[cfg(feature = "tls")]
        if !is_admin {
            self.begin_tls(id);
        }
    }

    fn hang_up(&mut self, id: ConnId, why: Hangup) {
        if let Some(transport) = self.transports.find_mut(id) {
            transport.ready = false;
            transport.ended = true;
        }
        self.node.handle_hangup(self.now, id, why);
    }
}
