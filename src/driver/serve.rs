//! The units of work of a turn: reads, accepts and ends.

use std::io;
use std::net::SocketAddr;

use super::io::{Accepted, Input, Io, Remaining, Role};
use super::schedule::{Class, LISTS, WorkUnit};
use super::slots::{Facts, Queued, Stall};
use super::turn::{PENDING_READ_BYTES, Pause, READ_BYTES, Turn, WRITE_UNIT_BYTES};
use crate::admin;
use crate::id::ConnId;
use crate::node::planted::Planted;
use crate::node::{Hangup, Node, Phase};

impl<S> Turn<S> {
    pub(super) fn serve(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>, unit: WorkUnit) {
        let (id, class) = match unit {
            WorkUnit::Authenticated(id) => (id, Class::Authenticated),
            WorkUnit::Pending(id) => (id, Class::Pending),
            WorkUnit::Ending(id) => (id, Class::Ending),
            WorkUnit::Accept(listener) => return self.accept(node, io, listener),
        };
        let queued = self.slots.find(id).filter(|slot| slot.queued == Queued::On(class));
        let Some(slot) = queued else {
            // It is on another list by now, or gone.
            return self.schedule.found_stale(class);
        };
        slot.queued = Queued::Nowhere;
        if class == Class::Ending {
            return self.end(node, io, id);
        }
        self.read(node, io, id);
    }

    /// Adds an ending connection to its list: writing its last output and closing the socket costs
    /// as much as serving a pending connection.
    pub(super) fn end_later(&mut self, node: &Node, id: ConnId) {
        let Some(slot) = self.slots.find(id) else { return };
        if slot.queued != Queued::On(Class::Ending) {
            slot.queued = Queued::On(Class::Ending);
            self.schedule.push(id, Class::Ending, node.turn_list(id, LISTS));
        }
    }

    /// Serves one unit of an ending connection: its last output, and its peer's input.
    fn end(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>, id: ConnId) {
        let Some(slot) = self.slots.find(id) else { return };
        // Nobody can hear any more whether a newcomer is let in, so that is not begun. Where an overload makes
        // thousands wait for longer than they like, it would be all that is done.
        if slot.has(Facts::BROKEN) && !(node.wants_input(id) && node.is_authenticated(id)) {
            return self.hang_up(node, id, Hangup::Reset);
        }
        let is_due = match slot.stall {
            Stall::No => node.has_output(id),
            Stall::Full => false,
            // Also without output, so that the poller need not watch for it any more.
            Stall::Over => true,
        };
        if is_due && node.phase(id) == Some(Phase::Closing) {
            let written = self.write(node, io, id);
            let units = u32::try_from(written / WRITE_UNIT_BYTES).unwrap_or(u32::MAX);
            if !self.fault.is(Planted::WritesCounted) {
                self.schedule.charge(units);
            }
        }
        if self.slots.find(id).is_some_and(|slot| slot.has(Facts::READY)) {
            self.read(node, io, id);
        }
    }

    /// Reads once. The result tells whether there may be more, without a second read.
    fn read(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>, id: ConnId) {
        if !node.wants_input(id) {
            return; // `ready` stays set, for `Action::Resume`.
        }
        let is_pending = !node.is_authenticated(id);
        let most = if is_pending { PENDING_READ_BYTES } else { READ_BYTES };
        let end = loop {
            let Some(slot) = self.slots.find(id) else { return };
            let input = io.read(node, id, &mut slot.socket, &mut self.buffer, most);
            let Input { bytes, remaining, is_part, units, kept, end } = input;
            let is_ready = match remaining {
                Remaining::Perhaps => true,
                Remaining::NoBytes => slot.has(Facts::HANGUP),
                Remaining::Nothing => false,
            };
            slot.set(Facts::READY, is_ready);
            node.hold_input(self.now, id, kept);
            let mut units = units;
            if !bytes.is_empty() {
                units = units.saturating_add(node.handle_bytes(self.now, id, bytes));
                // Before the end of its input: an operator's call may come with it.
                admin::answer(node, self.now);
            }
            // Authenticated connections have no share, but each is served only once in a turn.
            if is_pending && !self.fault.is(Planted::ReadsCounted) {
                self.schedule.charge(units);
            }
            if !is_part || node.phase(id).is_none() {
                break end;
            }
        };
        self.write_after_read(node, io, id);
        match end {
            None => {}
            Some(Hangup::Eof) => self.end_input(node, id),
            Some(why) => return self.hang_up(node, id, why),
        }
        self.judge_after_read(node, id);
        self.make_ready(node, id);
    }

    /// Writes output that waited for input, and the transport's own bytes.
    fn write_after_read(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>, id: ConnId) {
        let Some(slot) = self.slots.find(id) else { return };
        if slot.stall == Stall::No && (slot.has(Facts::WRITES_AFTER_READ) || io.has_unsent(id)) {
            self.write(node, io, id);
        }
    }

    /// Checks a deadline that has come once the socket is empty, or after as many reads as a first
    /// message takes. So a peer that sends without end postpones nothing.
    fn judge_after_read(&mut self, node: &mut Node, id: ConnId) {
        let Some(slot) = self.slots.find(id) else { return };
        if slot.reads_until_judged == 0 {
            return;
        }
        slot.reads_until_judged -= 1;
        if !slot.has(Facts::READY) || slot.reads_until_judged == 0 {
            slot.reads_until_judged = 0;
            node.handle_deadline(self.now, self.heard_until, id);
        }
    }

    fn accept(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>, listener: usize) {
        if let Some(pause) = &mut self.pause {
            // The poller will not report it again.
            return pause.listeners.push(listener);
        }
        match io.accept(node, listener) {
            Accepted::Connection(socket, peer, role) => self.admit(node, io, socket, peer, role),
            Accepted::Again => {}
            Accepted::Empty => return,
            Accepted::Failed => {
                node.metrics_mut().accept_pauses += 1;
                self.pause = Some(Pause::new(self.now.monotonic, listener));
                return;
            }
        }
        self.schedule.push_listener(listener);
    }

    /// The node counts a refused socket.
    fn admit(
        &mut self,
        node: &mut Node,
        io: &mut impl Io<Socket = S>,
        mut socket: S,
        peer: SocketAddr,
        role: Role,
    ) {
        let accepted = match role {
            Role::Client => node.handle_accept(self.now, peer),
            Role::Operator => node.handle_accept_admin(self.now, peer),
            Role::Collector => node.handle_accept_collector(self.now, peer),
        };
        let Ok(id) = accepted else { return io.refuse(socket) };
        let opened = io.open(id, &mut socket, role);
        self.slots.insert(id, socket);
        if let Err(error) = opened {
            log::warn!(connection:% = id; "cannot be opened: {error}");
            self.hang_up(node, id, Hangup::Reset);
        }
        // An operator's request is usually in the socket already. It is read now, before a newer
        // connection can replace this one as the oldest without a request.
        if role != Role::Client {
            self.schedule.charge(1);
            self.read(node, io, id);
        }
    }

    /// The peer has ended its side.
    fn end_input(&mut self, node: &mut Node, id: ConnId) {
        let Some(slot) = self.slots.find(id) else { return };
        if !slot.has(Facts::ENDED) {
            slot.set(Facts::ENDED, true);
            node.handle_hangup(self.now, id, Hangup::Eof);
        }
    }

    pub(super) fn broke(&mut self, node: &mut Node, id: ConnId, error: &io::Error) {
        log::debug!(connection:% = id; "broke: {error}");
        self.hang_up(node, id, Hangup::Reset);
    }

    fn hang_up(&mut self, node: &mut Node, id: ConnId, why: Hangup) {
        if let Some(slot) = self.slots.find(id) {
            slot.set(Facts::READY, false);
            slot.set(Facts::ENDED, true);
        }
        node.handle_hangup(self.now, id, why);
    }
}
