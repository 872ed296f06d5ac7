//! The turn: its state, its order, and the events it gets between two runs.

use std::time::Duration;

use super::io::{Io, Readiness};
use super::schedule::{Class, LISTS, Schedule};
use super::slots::{Facts, Queued, Slots, Stall};
use crate::config::Config;
use crate::id::ConnId;
use crate::node::planted::{Fault, Planted};
use crate::node::{Node, Phase};
use crate::time::{Instant, Now};

/// The size of the read buffer, which all connections share. The node keeps unfinished input.
pub const READ_BYTES: usize = 64 * 1_024;

/// The most bytes of one read from a pending or ending connection. Units of the share should cost
/// about the same: this holds a token of usual length, or 682 frames without content instead of
/// 10,922.
pub(super) const PENDING_READ_BYTES: usize = 4 * 1_024;

/// The bytes of an ending connection's output that cost one unit of the share: a response can be a
/// hundred times as long as the usual last output, which is a close frame.
pub(super) const WRITE_UNIT_BYTES: usize = 16 * 1_024;

/// After this many reads of authenticated connections, the output they caused is written. A turn
/// may serve all connections, and their answers should neither wait for each other nor pile up.
const UNITS_PER_FLUSH: u32 = 64;

/// The most items of other threads that one turn takes. The rest waits for the next turn.
const DELIVERIES_PER_TURN: usize = 256;

/// The most output that those items may queue in one turn, in bytes; the one that exceeds it is the
/// last. A turn makes them and writes them, some 0.2 ms for each page of 126 KB: it takes three at most, so
/// that chat does not wait for the large pages that many asked for at once.
const DELIVERED_BYTES_PER_TURN: usize = 16 * WRITE_UNIT_BYTES;

/// How long accepting pauses after an error that an immediate retry would meet again, such as a
/// full table of descriptors. Long enough not to spin, short enough for a client that waits.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the connections of a [`Node`] through an [`Io`] whose sockets are `S`.
#[derive(Debug)]
pub struct Turn<S> {
    /// When this turn began. While the share is served, when its current part began.
    pub(super) now: Now,
    /// When work before [`Turn::run`] began, which counts towards the turn's length.
    began: Option<Instant>,
    /// When the last turn ended.
    ended: Instant,
    /// All input that came before this time has been reported.
    pub(super) heard_until: Instant,
    /// How many pending reads may come before a deadline that was due before them is checked: as
    /// many as a whole first message takes.
    pub(super) reads_until_judged: u8,
    pub(super) schedule: Schedule,
    pub(super) slots: Slots<S>,
    /// Connections reported writable after a short write.
    writable: Vec<ConnId>,
    /// Connections whose deadline came before their input was read.
    unread: Vec<ConnId>,
    pub(super) buffer: Box<[u8]>,
    /// Other threads have left something.
    is_woken: bool,
    pub(super) pause: Option<Pause>,
    /// How many actions named a closed connection, which the node must not do.
    pub(super) stray_actions: u64,
    pub(super) fault: Fault,
}

/// A pause in accepting.
#[derive(Debug)]
pub(super) struct Pause {
    until: Instant,
    /// Listeners with waiting connections, which the poller will not report again.
    pub(super) listeners: Vec<usize>,
}

impl Pause {
    pub(super) fn new(now: Instant, listener: usize) -> Self {
        Self { until: now + ACCEPT_PAUSE, listeners: vec![listener] }
    }
}

impl<S> Turn<S> {
    /// A turn without connections. It uses `limits.pending_per_turn`, `limits.connections` and
    /// `limits.pending_message_bytes` of `config`. A reload does not change them here.
    #[must_use]
    pub fn new(config: &Config, now: Now) -> Self {
        Self {
            now,
            began: None,
            ended: now.monotonic,
            heard_until: now.monotonic,
            reads_until_judged: reads_of(config.limits.pending_message_bytes.get()),
            schedule: Schedule::new(config.limits.pending_per_turn),
            slots: Slots::with_capacity(config.limits.connections.min(1 << 20)),
            writable: Vec::new(),
            unread: Vec::new(),
            // Filled with a value other than zero, so that its pages are allocated from the start:
            // an idle server's memory is the same before and after its first read.
            buffer: vec![0xff; READ_BYTES].into_boxed_slice(),
            is_woken: false,
            pause: None,
            stray_actions: 0,
            fault: Fault::default(),
        }
    }

    // --- Between two turns ---

    /// When to run the next turn at the latest. A time in the past: work is left or due. `None`:
    /// not before an event comes.
    #[must_use]
    pub fn next(&self, node: &Node) -> Option<Instant> {
        if self.is_woken || !self.schedule.is_idle() {
            return Some(Instant::START);
        }
        let paused_until = self.pause.as_ref().map(|pause| pause.until);
        node.poll_timeout().into_iter().chain(paused_until).min()
    }

    /// When the last turn ended. Compare [`Turn::next`] with this: the turn's start is older by its
    /// length.
    #[must_use]
    pub fn ended(&self) -> Instant {
        self.ended
    }

    /// The poller has returned. The work from now on counts towards the length of the turn
    /// ([`Metrics::turns`](crate::node::Metrics::turns)).
    pub fn begin(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// The poller reports an event of a connection. Events of closed connections are ignored.
    pub fn on_event(&mut self, node: &Node, id: ConnId, readiness: Readiness) {
        let id = self.holder(id);
        let Some(slot) = self.slots.find(id) else { return };
        let Readiness { readable, writable, read_closed, broken } = readiness;
        if slot.stall == Stall::Full && writable {
            self.writable.push(id);
        }
        if broken {
            slot.set(Facts::BROKEN, true);
        }
        if broken || read_closed {
            slot.set(Facts::HANGUP, true);
        }
        // After its end a socket is reported readable with every event; only an error is new.
        let is_news =
            if slot.has(Facts::ENDED) { broken } else { readable || slot.has(Facts::HANGUP) };
        if is_news {
            slot.set(Facts::READY, true);
            self.make_ready(node, id);
        }
    }

    /// The poller reports connections to accept at the listener with this number.
    pub fn on_listener(&mut self, listener: usize) {
        self.schedule.push_listener(listener);
    }

    /// Another thread has left something for [`Io::deliver`].
    pub fn on_wake(&mut self) {
        self.is_woken = true;
    }

    /// The poller had no events besides the reported ones, so all input that came before the end of
    /// the last turn is known. Deadlines wait for this call. Do not make it when the poller's list
    /// of events was full.
    pub fn on_poll_complete(&mut self) {
        self.heard_until = self.ended;
    }

    // --- The turn ---

    /// Runs one turn: handles the reported events within its bounds, and what is due.
    pub fn run(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>) {
        self.now = io.now();
        let began = self.began.take().unwrap_or(self.now.monotonic);
        self.plant_before_reads(node, io);
        let mut served = 0;
        while let Some(unit) = self.schedule.next_authenticated() {
            self.serve(node, io, unit);
            served += 1;
            if served % UNITS_PER_FLUSH == 0 || node.should_flush() {
                self.act(node, io);
            }
        }
        self.take_deliveries(node, io);
        // New output first, then the output that slow readers left.
        self.act(node, io);
        self.write_on(node, io);
        // Deadlines, and one step of each delivery to a large room, whose writes come next.
        self.judge_deadlines(node);
        self.act(node, io);
        self.end_pause();
        self.serve_share(node, io);
        let end = io.now();
        self.ended = end.monotonic;
        let took = self.ended.since(began);
        node.end_turn(end, took, self.schedule.has_arrivals() || io.has_backlog());
        node.metrics_mut().turns.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Hands the node the items that other threads left.
    fn take_deliveries(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>) {
        if !std::mem::take(&mut self.is_woken) {
            return;
        }
        let mut bytes_left = DELIVERED_BYTES_PER_TURN;
        for _ in 0..DELIVERIES_PER_TURN {
            let before = node.queued_output();
            if !io.deliver(node, self.now) {
                return;
            }
            let queued = node.queued_output().saturating_sub(before);
            if !self.fault.is(Planted::WritesCounted) {
                bytes_left = bytes_left.saturating_sub(queued);
            }
            if node.should_flush() {
                self.act(node, io);
            }
            if bytes_left == 0 {
                break;
            }
        }
        self.is_woken = true;
    }

    /// Continues the short writes whose sockets are writable again; those of ending connections
    /// within the share.
    fn write_on(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>) {
        let mut writable = std::mem::take(&mut self.writable);
        for id in writable.drain(..) {
            if node.phase(id) != Some(Phase::Closing) {
                self.write(node, io, id);
            } else if let Some(slot) = self.slots.find(id) {
                slot.stall = Stall::Over;
                self.end_later(node, id);
            }
        }
        self.writable = writable; // Keep the allocation.
    }

    /// Checks the deadlines that have come, for connections whose input has been read.
    fn judge_deadlines(&mut self, node: &mut Node) {
        if self.is_woken {
            // An answer that has arrived is not late: take it before its deadline is checked.
            return node.handle_deliveries(self.now);
        }
        let Self { slots, now, heard_until, reads_until_judged, unread, .. } = self;
        node.handle_deadlines(*now, *heard_until, &mut |id| {
            let Some(slot) = slots.find(id) else { return false };
            let is_unread = slot.has(Facts::READY) && !slot.has(Facts::ENDED);
            if is_unread {
                unread.push(id);
                if slot.reads_until_judged == 0 {
                    slot.reads_until_judged = *reads_until_judged;
                }
            }
            is_unread
        });
        // A connection that began to close under back-pressure accepts input again, and is on no
        // list.
        let mut unread = std::mem::take(&mut self.unread);
        unread.drain(..).for_each(|id| self.make_ready(node, id));
        self.unread = unread; // Keep the allocation.
    }

    /// Accepts again when the pause is over.
    fn end_pause(&mut self) {
        let now = self.now.monotonic;
        if let Some(pause) = self.pause.take_if(|pause| pause.until <= now) {
            pause.listeners.into_iter().for_each(|listener| self.schedule.push_listener(listener));
        }
    }

    /// Serves accepts, pending connections and ending connections within the turn's share.
    fn serve_share(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>) {
        while self.serve_what_is_ready(node, io) {
            // Read the clock again: a write may start a peer's timeout.
            self.now = io.now();
            // Connections that begin to end here are still served in this turn, if the share
            // suffices.
            self.act(node, io);
        }
    }

    /// Returns false if nothing is ready or the share is used up.
    fn serve_what_is_ready(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>) -> bool {
        let mut is_served = false;
        while let Some(unit) = self.schedule.next_pending() {
            is_served = true;
            self.serve(node, io, unit);
            if node.should_flush() {
                self.act(node, io);
            }
        }
        is_served
    }

    /// Adds a connection that may have input to its ready list, once. A pending connection that has
    /// since authenticated or hung up moves to another list.
    pub(super) fn make_ready(&mut self, node: &Node, id: ConnId) {
        let Some(slot) = self.slots.find(id) else { return };
        if !slot.has(Facts::READY) {
            return;
        }
        let class = match slot.has(Facts::HANGUP) {
            true => Class::Ending,
            false if node.is_authenticated(id) => Class::Authenticated,
            false => Class::Pending,
        };
        // Back-pressure stops reads, but not for a broken connection: the error must be read.
        let is_served = slot.has(Facts::BROKEN) || node.wants_input(id);
        if is_served && slot.queued.moves_to(class) {
            slot.queued = Queued::On(class);
            self.schedule.push(id, class, node.turn_list(id, LISTS));
        }
    }

    // --- For tests ---

    /// Plants `fault` in the turns from now on.
    #[cfg(any(test, feature = "sim"))]
    pub fn plant(&mut self, fault: Planted) {
        self.fault.planted = Some(fault);
    }

    /// Begins the turn, with the planted faults that come before its reads.
    fn plant_before_reads(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>) {
        self.schedule.begin_turn();
        if self.fault.is(Planted::DeadlineBeforeInput) {
            node.handle_timeout(self.now);
        }
        if self.fault.is(Planted::PendingFirst) {
            self.serve_share(node, io);
        }
    }

    /// The connection that receives an event for `id`.
    fn holder(&self, id: ConnId) -> ConnId {
        #[cfg(any(test, feature = "sim"))]
        if self.fault.is(Planted::StaleEvent) {
            return self.connections().find(|other| other.index() == id.index()).unwrap_or(id);
        }
        id
    }

    /// The ids of all connections.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn connections(&self) -> impl Iterator<Item = ConnId> {
        self.slots.ids()
    }

    /// Has a deadline of `id` come that waits for its input to be read?
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn is_read_first(&mut self, id: ConnId) -> bool {
        self.slots.find(id).is_some_and(|slot| slot.reads_until_judged > 0)
    }

    /// How many actions named a closed connection.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn stray_actions(&self) -> u64 {
        self.stray_actions
    }
}

/// How many pending reads a message of this many bytes takes, including its frame header.
pub(crate) fn reads_of(message_bytes: usize) -> u8 {
    u8::try_from(message_bytes / PENDING_READ_BYTES + 2).unwrap_or(u8::MAX)
}
