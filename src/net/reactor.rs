//! The turn: wait for the poller, serve the authenticated, then the others within their share.
//!
//! ```text
//! poll ─▶ sort events ─▶ reads of the authenticated ─▶ answers from workers ─▶ writes
//!   ▲                                                                            │
//!   └─ writes ◀─ a share of accepts, pending reads, ends of connections ◀─ deadlines, writes
//! ```
//!
//! Input is read before a deadline is judged. A deadline is judged only up to a moment from before
//! the last poll that reported everything, and a connection whose socket had input by then is read
//! first. So a process that stood still, for whatever reason, closes nobody whose message had come.
//!
//! Polling is edge-triggered: a socket is reported when something comes, not while something is
//! there. So whatever a turn leaves undone is remembered here, on the ready lists of [`Schedule`]
//! or as [`Transport::ready`](super::transport::Transport::ready).

mod actions;
mod alarm;
mod mail;
#[cfg(feature = "tls")]
mod secure;
mod serve;

use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll};

use self::alarm::Alarm;
use super::clock::{Clock, wait_until};
use super::handle::Inbox;
use super::keys::KeyWatch;
use super::listener::Listeners;
use super::revocations::FileStore;
use super::transport::Transports;
use super::worker::Pools;
use crate::config::Config;
use crate::id::ConnId;
use crate::node::{Metrics, Node, Probe, Schedule};
use crate::time::{Instant, Now, UnixTime};

#[cfg(feature = "tls")]
pub(super) use self::secure::Secure;

/// One read's bytes. Shared by all connections: what a connection leaves unfinished is the node's.
const READ_BYTES: usize = 64 * 1_024;

/// The buffer, and the copies that a message's way through it makes for a moment.
pub(crate) const SCRATCH_BYTES: usize = READ_BYTES + (448 << 10);

/// The same of a connection that is pending or ends. A unit of the share should cost what the others
/// do: this holds a token of usual length, or 682 frames without any content, and not 10,922.
const PENDING_READ_BYTES: usize = 4 * 1_024;

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

/// The token of the timer that outlives a suspended host.
const ALARM: usize = WAKER - 1;

/// The first listener's token; the others count down.
pub(super) const FIRST_LISTENER: usize = ALARM - 1;

/// The event loop and all that it owns.
#[derive(Debug)]
pub(super) struct Reactor {
    clock: Clock,
    /// When this turn began.
    now: Now,
    /// When the last turn was over.
    turned: Instant,
    /// Until then it is known which sockets have had input.
    heard_until: Instant,
    /// How many pending reads it may take until a deadline that came before them is judged: as many
    /// as a whole first message takes.
    reads_until_judged: u8,
    poll: Poll,
    alarm: Alarm,
    pub(super) listeners: Listeners,
    transports: Transports,
    schedule: Schedule,
    /// Reported writable in this turn, after a short write.
    writable: Vec<ConnId>,
    buffer: Box<[u8]>,
    /// How many events one turn takes.
    events: usize,
    workers: Pools,
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
        workers: Pools,
        inbox: Inbox,
    ) -> io::Result<Self> {
        let clock = Clock::start();
        let now = clock.now();
        Ok(Self {
            alarm: Alarm::new(poll.registry(), ALARM)?,
            clock,
            now,
            turned: now.monotonic,
            heard_until: now.monotonic,
            reads_until_judged: reads_of(config.limits.pending_message_bytes.get()),
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
        })
    }

    pub(super) fn add_probe(&mut self, probe: Probe) {
        self.node.add_probe(probe);
    }

    /// A revocation of an earlier process holds from here on.
    pub(super) fn restore_revocation(&mut self, user: &str, at: UnixTime) {
        self.node.restore_revocation(self.now, user, at);
    }

    pub(super) fn keep_revocations(&mut self, store: FileStore) {
        self.node.keep_revocations(Box::new(store));
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
        let wait = self.wait();
        self.alarm.set(self.turned, wait);
        match self.poll.poll(events, wait) {
            // All that came by the end of the last turn is among the events, or was before.
            Ok(()) if events.iter().count() < self.events => self.heard_until = self.turned,
            // There may be more events: deadlines wait for them.
            Ok(()) => {}
            // A signal came, and no events: the process may have been stopped for long. A turn
            // without events does no harm, as no deadline is judged in it that was not before.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        self.turn(events);
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
        // Deadlines, and one step of what is on its way to large rooms, whose writes come next.
        self.judge_deadlines();
        self.act();
        if self.listeners.resume(self.now.monotonic) {
            (0..self.listeners.len()).for_each(|listener| self.schedule.push_listener(listener));
        }
        self.serve_share();
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
        if token == ALARM {
            return; // It has woken the poller: that is all it is for.
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
        transport.broken |= broken;
        transport.hangup |= broken || event.is_read_closed();
        // After its end a socket is reported readable with every event; only an error is news.
        let news = if transport.ended { broken } else { event.is_readable() || transport.hangup };
        if news {
            transport.ready = true;
            self.make_ready(id);
        }
    }
}

/// Pending reads that a message of so many bytes takes, its frame's header included.
fn reads_of(message_bytes: usize) -> u8 {
    u8::try_from(message_bytes / PENDING_READ_BYTES + 2).unwrap_or(u8::MAX)
}
