//! The turn, as the mio driver does it, over virtual sockets.
//!
//! Edge-triggered like it, with one read of 64 KiB a unit (4 KiB of a pending connection), writes at
//! the end of each phase, and the same [`Schedule`](crate::node::Schedule). The poller's events come
//! in an order that is drawn.

mod serve;

use std::io::IoSlice;
use std::mem;

use super::check::Life;
use super::engine::Engine;
use super::network::{Edges, Link, LinkId};
use super::trace::Event;
use super::wire::FrameCount;
use crate::id::ConnId;
use crate::node::{Action, Class, Completion, Hangup, Outcome, Phase};

/// Slices of one write.
const SLICES: usize = 32;
/// Answers that one turn takes.
const MAIL_PER_TURN: usize = 256;

/// What one read takes of a connection that is pending or ends.
const PENDING_READ_BYTES: usize = 4 * 1_024;
/// Frames that cost as much as one unit of pending work.
const FRAMES_PER_UNIT: u64 = 32;
/// What one read of a pending connection may cost beyond its unit: it is known when it is done.
pub(super) const MOST_UNITS_OF_READ: u64 = PENDING_READ_BYTES as u64 / 6 / FRAMES_PER_UNIT + 1;
/// Pending reads until a deadline is judged that came before them.
pub(super) const READS_UNTIL_JUDGED: u32 = 6;

/// One connection as the driver knows it.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) id: ConnId,
    pub(super) link: LinkId,
    /// Which ready list it is on.
    queued: Option<Class>,
    ready: bool,
    hangup: bool,
    broken: bool,
    ended: bool,
    reads_until_judged: u32,
    frames: FrameCount,
    pub(super) stalled: bool,
    /// How much pending work had been done when bytes came to this authenticated connection.
    waiting_since: Option<u64>,
    pub(super) life: Life,
    pub(super) is_judged: bool,
}

impl Transport {
    /// Its deadline has come, and its input is read before that is judged.
    pub(super) fn is_read_first(&self) -> bool {
        self.reads_until_judged > 0
    }
}

impl Engine {
    /// Is there anything for a turn?
    pub(super) fn wants_turn(&self) -> bool {
        let now = self.now.monotonic;
        !self.ready.is_empty()
            || self.is_listener_ready
            || !self.mail.is_empty()
            || !self.schedule.is_idle()
            || self.node.poll_timeout().is_some_and(|at| at <= now)
    }

    /// One turn at the present moment.
    pub(super) fn turn(&mut self) {
        self.ledger.lock().now = self.now;
        let before = self.pending_units;
        self.closed_in_turn = 0;
        self.poll();
        self.schedule.begin_turn();
        while let Some(unit) = self.schedule.next_authenticated() {
            self.serve(unit);
        }
        self.take_mail();
        self.act();
        self.write_on();
        self.judge_deadlines();
        self.act();
        loop {
            let mut is_served = false;
            while let Some(unit) = self.schedule.next_pending() {
                is_served = true;
                self.pending_units += 1;
                self.serve(unit);
                self.ambush();
            }
            self.act();
            if !is_served {
                break;
            }
        }
        self.take_held();
        let spent = self.pending_units - before;
        let share = u64::from(self.scenario.config.limits.pending_per_turn);
        if spent > share + MOST_UNITS_OF_READ {
            self.fail(format!("one turn did {spent} units of pending work"));
        }
    }

    // --- The poller ---

    /// Something may have come to `link` that the poller reports.
    pub(super) fn wake_poller(&mut self, link: LinkId) {
        let units = self.pending_units;
        let Some(open) = self.link(link) else { return };
        let (edges, id) = (open.edges, open.id);
        if edges == Edges::default() {
            return;
        }
        if let Some(id) = id
            && edges.readable
            && self.node.is_authenticated(id)
            && self.node.wants_input(id)
            && let Some(transport) = self.transport(id)
        {
            transport.waiting_since.get_or_insert(units);
        }
        if let Some(open) = self.link(link)
            && !mem::replace(&mut open.is_reported, true)
        {
            self.ready.push(link);
        }
    }

    /// Takes all that the poller has, in any order.
    fn poll(&mut self) {
        if mem::take(&mut self.is_listener_ready) {
            self.schedule.push_listener(0);
        }
        let mut ready = mem::take(&mut self.ready);
        for end in (1..ready.len()).rev() {
            ready.swap(end, self.rng.below(end as u64 + 1) as usize);
        }
        self.ready = ready.split_off(ready.len().min(self.events_per_turn));
        for link in ready {
            self.sort(link);
        }
    }

    fn sort(&mut self, link: LinkId) {
        let Some(open) = self.link(link) else { return };
        open.is_reported = false;
        let Some(id) = open.id else { return };
        let edges = mem::take(&mut open.edges);
        let Some(transport) = self.transport(id) else { return };
        let is_writable = transport.stalled && (edges.writable || edges.broken);
        transport.broken |= edges.broken;
        transport.hangup |= edges.broken || edges.read_closed;
        let news = if transport.ended { edges.broken } else { edges.readable || edges.read_closed };
        transport.ready |= news;
        if is_writable {
            self.writable.push(id);
        }
        if news {
            self.make_ready(id);
        }
    }

    /// Puts a connection on its ready list, once; one that was let in since goes to the front.
    fn make_ready(&mut self, id: ConnId) {
        let wants_input = self.node.wants_input(id);
        let is_authenticated = self.node.is_authenticated(id);
        let Some(transport) = self.transport(id) else { return };
        let class = match transport.hangup {
            true => Class::Ending,
            false if is_authenticated => Class::Authenticated,
            false => Class::Pending,
        };
        let moves = match transport.queued {
            None => true,
            Some(Class::Pending) => class != Class::Pending,
            Some(Class::Authenticated | Class::Ending) => false,
        };
        if transport.ready && moves && (wants_input || transport.broken) {
            transport.queued = Some(class);
            self.schedule.push(id, class);
        }
    }

    /// A connection that ends writes its last words within the share.
    fn end_later(&mut self, id: ConnId) {
        let Some(transport) = self.transport(id) else { return };
        if transport.queued != Some(Class::Ending) {
            transport.queued = Some(Class::Ending);
            self.schedule.push(id, Class::Ending);
        }
    }

    fn take_mail(&mut self) {
        for _ in 0..MAIL_PER_TURN {
            let Some(done) = self.mail.pop_front() else { return };
            self.complete(done);
        }
    }

    fn complete(&mut self, done: Completion) {
        let ticket = done.ticket;
        self.note(&Event::Completion { ticket });
        {
            let mut ledger = self.ledger.lock();
            // An answer that comes too late, after a stop, may find its question given up.
            let is_awaited = self.node.awaits(ticket)
                && ledger.asker(ticket).is_some_and(|asker| {
                    self.node.phase(asker).is_some_and(|phase| phase != Phase::Closing)
                });
            match &done.outcome {
                Outcome::Join(admission) if is_awaited => ledger.joined(ticket, Some(admission)),
                Outcome::Message(answer) if self.node.awaits(ticket) => {
                    ledger.answered(ticket, answer);
                }
                _ => ledger.joined(ticket, None),
            }
        }
        self.node.handle_completion(self.now, done);
    }

    // --- What the node wants done ---

    pub(super) fn act(&mut self) {
        while let Some(action) = self.node.poll_action() {
            match action {
                Action::Submit(command) => {
                    if let Some(refused) = self.submit(command) {
                        self.complete(refused);
                    }
                }
                Action::Flush(id) | Action::Finish(id) | Action::Resume(id) | Action::Close(id)
                    if self.transport(id).is_none() =>
                {
                    self.fail(format!("{action:?} for a connection that is gone: {id}"));
                }
                Action::Flush(id) if self.node.phase(id) == Some(Phase::Closing) => {
                    self.end_later(id);
                }
                Action::Flush(id) => {
                    self.make_ready(id);
                    if self.transport(id).is_some_and(|transport| !transport.stalled) {
                        self.write(id);
                    }
                }
                Action::Finish(id) => {
                    self.note(&Event::Finish { id });
                    if let Some(link) = self.transport(id).map(|transport| transport.link) {
                        self.on_link(link, Link::finish);
                    }
                }
                Action::Resume(id) => self.make_ready(id),
                Action::Close(id) => self.close(id),
            }
        }
    }

    fn write_on(&mut self) {
        for id in mem::take(&mut self.writable) {
            self.write(id);
        }
    }

    fn write(&mut self, id: ConnId) {
        let mut was_stalled = false;
        loop {
            let Some(link) = self.transport(id).map(|transport| transport.link) else { return };
            let Some(room) = self.link(link).and_then(|link| link.room()) else {
                self.hang_up(id, Hangup::Reset);
                return;
            };
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = self.node.pending_output(id, &mut slices);
            let slices = slices.get(..filled).unwrap_or_default();
            let longest = slices.iter().map(|slice| slice.len()).max().unwrap_or(0);
            let mut bytes = Vec::new();
            slices.iter().for_each(|slice| bytes.extend_from_slice(slice));
            self.largest_frame = self.largest_frame.max(longest);
            let written = bytes.get(..bytes.len().min(room)).unwrap_or_default();
            let is_short = written.len() < bytes.len();
            if let Some(transport) = self.transport(id) {
                was_stalled |= mem::replace(&mut transport.stalled, is_short);
            }
            let length = written.len();
            if length > 0 {
                self.note(&Event::Write { id, bytes: written });
                self.on_link(link, |link, now, rng| link.wrote(now, rng, length));
                self.hear(id, link, written);
            }
            self.node.consume_output(self.now, id, length);
            let now = self.now.monotonic;
            if !self.node.has_output(id)
                && let Some(transport) = self.transport(id)
            {
                transport.life.is_written(now, was_stalled);
            }
            if is_short || bytes.is_empty() {
                return;
            }
        }
    }

    fn hang_up(&mut self, id: ConnId, why: Hangup) {
        if let Some(transport) = self.transport(id) {
            transport.ready = false;
            transport.ended = true;
            transport.life.was_hung_up = true;
        }
        self.note(&Event::Hangup { id, is_reset: why == Hangup::Reset });
        self.node.handle_hangup(self.now, id, why);
    }

    fn close(&mut self, id: ConnId) {
        self.note(&Event::Close { id });
        self.closed_in_turn += 1;
        self.most_closed = self.most_closed.max(self.closed_in_turn);
        let Some(transport) = self.transports.get_mut(id.index()).and_then(Option::take) else {
            return;
        };
        let now = self.now.monotonic;
        if let Some(open) = self.link(transport.link) {
            let hearing = &open.hearing;
            let (is_answered, is_told) = (hearing.has_closed || hearing.is_wild, hearing.is_over());
            let judged = transport.life.judge_end(now, &self.times, is_told, is_answered);
            if let Err(what) = judged.or_else(|what| self.unless_shedding(what)) {
                self.fail(format!("{id}: {what}"));
            }
        }
        self.on_link(transport.link, Link::close);
        self.ledger.lock().gone(id);
    }

    pub(super) fn transport(&mut self, id: ConnId) -> Option<&mut Transport> {
        let transport = self.transports.get_mut(id.index())?.as_mut()?;
        (transport.id == id).then_some(transport)
    }

    /// In a storm, messages come to members in the middle of a turn too.
    fn ambush(&mut self) {
        if self.ambushes.is_empty() || self.rng.below(8) != 0 {
            return;
        }
        if let Some((link, bytes)) = self.ambushes.pop_front() {
            self.link(link).into_iter().for_each(|open| open.hand_over(&bytes));
            self.wake_poller(link);
        }
    }
}
