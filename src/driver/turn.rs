//! The turn: its state, its order, and what it is told between two of them.

use std::time::Duration;

use super::io::{Io, Readiness};
use super::planted::{Fault, Planted};
use super::schedule::{Class, Schedule};
use super::slots::{Queued, Slots};
use crate::config::Config;
use crate::id::ConnId;
use crate::node::Node;
use crate::time::{Instant, Now};

/// One read's bytes. Shared by all connections: what a connection leaves unfinished is the node's.
pub const READ_BYTES: usize = 64 * 1_024;

/// The same of a connection that is pending or ends. A unit of the share should cost what the others
/// do: this holds a token of usual length, or 682 frames without any content, and not 10,922.
pub(super) const PENDING_READ_BYTES: usize = 4 * 1_024;

/// Reads of authenticated connections after which what they gave rise to is written: a turn may
/// serve all of them, and their answers should neither wait for each other nor pile up.
const UNITS_PER_FLUSH: u32 = 64;

/// What other threads have left that one turn takes; more waits for the next one.
const DELIVERIES_PER_TURN: usize = 256;

/// How long nothing is accepted after an error that a retry would only meet again, such as a full
/// table of descriptors. Long enough not to spin, short enough for a client that waits.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the connections of a [`Node`] through an [`Io`] whose sockets are `S`.
#[derive(Debug)]
pub struct Turn<S> {
    /// When this turn began; from the share on, when its last part began.
    pub(super) now: Now,
    /// When the work of this turn began that is done before it runs.
    began: Option<Instant>,
    /// When the last turn was over.
    ended: Instant,
    /// Until then it is known which sockets have had input.
    pub(super) heard_until: Instant,
    /// How many pending reads it may take until a deadline that came before them is judged: as many
    /// as a whole first message takes.
    pub(super) reads_until_judged: u8,
    pub(super) schedule: Schedule,
    pub(super) slots: Slots<S>,
    /// Reported writable after a short write.
    writable: Vec<ConnId>,
    /// Connections whose deadline has come before their input was read.
    unread: Vec<ConnId>,
    pub(super) buffer: Box<[u8]>,
    /// Other threads have left something.
    is_woken: bool,
    pub(super) pause: Option<Pause>,
    /// Actions for connections that are gone, which the node must not ask for.
    pub(super) stray_actions: u64,
    pub(super) fault: Fault,
}

/// Nothing is accepted for a moment.
#[derive(Debug)]
pub(super) struct Pause {
    until: Instant,
    /// Listeners that have connections: the poller will not report them again.
    pub(super) listeners: Vec<usize>,
}

impl Pause {
    pub(super) fn new(now: Instant, listener: usize) -> Self {
        Self { until: now + ACCEPT_PAUSE, listeners: vec![listener] }
    }
}

impl<S> Turn<S> {
    /// Without connections. Of `config` it takes `limits.pending_per_turn`, `limits.connections` and
    /// `limits.pending_message_bytes`, which a reload does not change here.
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
            // Filled with something else than zero, so that its pages are there from the start: an
            // idle server's memory is then the same before and after its first read.
            buffer: vec![0xff; READ_BYTES].into_boxed_slice(),
            is_woken: false,
            pause: None,
            stray_actions: 0,
            fault: Fault::default(),
        }
    }

    // --- Between two turns ---

    /// When to run the next turn, at the latest. Past: something is left to do, or due. `None`: not
    /// before something comes.
    #[must_use]
    pub fn next(&self, node: &Node) -> Option<Instant> {
        if self.is_woken || !self.schedule.is_idle() {
            return Some(Instant::START);
        }
        let paused_until = self.pause.as_ref().map(|pause| pause.until);
        node.poll_timeout().into_iter().chain(paused_until).min()
    }

    /// When the last turn was over: what [`Turn::next`] is to be compared with, as a turn's beginning
    /// is as old as the turn was long.
    #[must_use]
    pub fn ended(&self) -> Instant {
        self.ended
    }

    /// The poller has returned: what is done from here on counts towards the length of the turn
    /// ([`Metrics::turns`](crate::node::Metrics::turns)).
    pub fn begin(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// The poller reports something of a connection. One that is gone is nobody's.
    pub fn on_event(&mut self, node: &Node, id: ConnId, readiness: Readiness) {
        let id = self.holder(id);
        let Some(slot) = self.slots.find(id) else { return };
        let Readiness { readable, writable, read_closed, broken } = readiness;
        if slot.stalled && writable {
            self.writable.push(id);
        }
        slot.broken |= broken;
        slot.hangup |= broken || read_closed;
        // After its end a socket is reported readable with every event; only an error is news.
        let is_news = if slot.ended { broken } else { readable || slot.hangup };
        if is_news {
            slot.ready = true;
            self.make_ready(node, id);
        }
    }

    /// The poller reports connections to accept at the listener of this number.
    pub fn on_listener(&mut self, listener: usize) {
        self.schedule.push_listener(listener);
    }

    /// Another thread has left something for [`Io::deliver`].
    pub fn on_wake(&mut self) {
        self.is_woken = true;
    }

    /// The poller had no events but those that were reported: all that came by the end of the last
    /// turn is known. Without this call, as when the poller's list of events was full, deadlines wait.
    pub fn on_poll_complete(&mut self) {
        self.heard_until = self.ended;
    }

    // --- The turn ---

    /// One turn: does what was reported, as far as its bounds go, and what is due.
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
        // What is fresh first, and then the readers that are slow.
        self.act(node, io);
        self.write_on(node, io);
        // Deadlines, and one step of what is on its way to large rooms, whose writes come next.
        self.judge_deadlines(node);
        self.act(node, io);
        self.end_pause();
        self.serve_share(node, io);
        self.ended = io.now().monotonic;
        let micros = self.ended.since(began).as_micros();
        node.metrics_mut().turns.record(u64::try_from(micros).unwrap_or(u64::MAX));
    }

    /// Hands the node what other threads have left.
    fn take_deliveries(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>) {
        if !std::mem::take(&mut self.is_woken) {
            return;
        }
        for _ in 0..DELIVERIES_PER_TURN {
            if !io.deliver(node, self.now) {
                return;
            }
            if node.should_flush() {
                self.act(node, io);
            }
        }
        self.is_woken = true;
    }

    /// Writes on where a short write stopped.
    fn write_on(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>) {
        let mut writable = std::mem::take(&mut self.writable);
        for id in writable.drain(..) {
            self.write(node, io, id);
        }
        self.writable = writable; // Its memory is used again.
    }

    /// Judges the deadlines that have come, of connections whose input was read.
    fn judge_deadlines(&mut self, node: &mut Node) {
        if self.is_woken {
            // An answer that has come is no late one: it is taken first.
            return node.handle_deliveries(self.now);
        }
        let Self { slots, now, heard_until, reads_until_judged, unread, .. } = self;
        node.handle_deadlines(*now, *heard_until, &mut |id| {
            let Some(slot) = slots.find(id) else { return false };
            let is_unread = slot.ready && !slot.ended;
            if is_unread {
                unread.push(id);
                if slot.reads_until_judged == 0 {
                    slot.reads_until_judged = *reads_until_judged;
                }
            }
            is_unread
        });
        // One that began to close under back-pressure takes input again, and is on no list.
        let mut unread = std::mem::take(&mut self.unread);
        unread.drain(..).for_each(|id| self.make_ready(node, id));
        self.unread = unread; // Its memory is used again.
    }

    /// Accepts again when the pause is over.
    fn end_pause(&mut self) {
        let now = self.now.monotonic;
        if let Some(pause) = self.pause.take_if(|pause| pause.until <= now) {
            pause.listeners.into_iter().for_each(|listener| self.schedule.push_listener(listener));
        }
    }

    /// Serves accepts, pending connections, and those that end, as far as the turn's share goes.
    fn serve_share(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>) {
        while self.serve_what_is_ready(node, io) {
            // Read again: what is written now may start a peer's clock.
            self.now = io.now();
            // What this begins to end is still served in this turn, if the share reaches.
            self.act(node, io);
        }
    }

    /// False: nothing is ready, or the share is used up.
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

    /// Puts a connection that may have something to read on its ready list, once. One that was
    /// authenticated or has hung up since it was put among the pending waits there no longer.
    pub(super) fn make_ready(&mut self, node: &Node, id: ConnId) {
        let Some(slot) = self.slots.find(id) else { return };
        if !slot.ready {
            return;
        }
        let class = match slot.hangup {
            true => Class::Ending,
            false if node.is_authenticated(id) => Class::Authenticated,
            false => Class::Pending,
        };
        // Back-pressure keeps us from reading up to an error, and nobody is left to press.
        let is_served = slot.broken || node.wants_input(id);
        if is_served && slot.queued.moves_to(class) {
            slot.queued = Queued::On(class);
            self.schedule.push(id, class);
        }
    }

    // --- What tests plant and ask ---

    /// Plants `fault` in the turns from here on.
    #[cfg(any(test, feature = "sim"))]
    pub fn plant(&mut self, fault: Planted) {
        self.fault.planted = Some(fault);
    }

    /// Begins the turn, as the faults have it that come before its reads.
    fn plant_before_reads(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>) {
        self.schedule.begin_turn();
        if self.fault.is(Planted::DeadlineBeforeInput) {
            node.handle_timeout(self.now);
        }
        if self.fault.is(Planted::PendingFirst) {
            self.serve_share(node, io);
        }
    }

    /// The connection that an event for `id` is for.
    fn holder(&self, id: ConnId) -> ConnId {
        #[cfg(any(test, feature = "sim"))]
        if self.fault.is(Planted::StaleEvent) {
            return self.connections().find(|other| other.index() == id.index()).unwrap_or(id);
        }
        id
    }

    /// The connections whose sockets are here.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn connections(&self) -> impl Iterator<Item = ConnId> {
        self.slots.ids()
    }

    /// Has a deadline of `id` come that is judged when its input was read?
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn is_read_first(&mut self, id: ConnId) -> bool {
        self.slots.find(id).is_some_and(|slot| slot.reads_until_judged > 0)
    }

    /// How often the node asked for something to be done for a connection that is gone.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn stray_actions(&self) -> u64 {
        self.stray_actions
    }
}

/// Pending reads that a message of so many bytes takes, its frame's header included.
pub(crate) fn reads_of(message_bytes: usize) -> u8 {
    u8::try_from(message_bytes / PENDING_READ_BYTES + 2).unwrap_or(u8::MAX)
}
