//! Measurements of connections, made independently of the node and the turn.

use std::mem;

use super::engine::Engine;
use super::network::LinkId;
use super::trace::TraceEvent;
use super::transport::Transport;
use crate::driver::LISTS;
use crate::id::ConnId;
use crate::node::{Node, Phase};

/// The most bytes that one read of a pending or ending connection takes.
const PENDING_READ_BYTES: u64 = 4 * 1_024;
/// How many frames cost one unit of pending work.
const FRAMES_PER_UNIT: u64 = 32;
/// The most units that a read of a pending connection costs beyond its first, known after the read.
pub(super) const MOST_UNITS_OF_READ: u64 = PENDING_READ_BYTES / 6 / FRAMES_PER_UNIT + 1;

/// Accepts, reads of pending connections, and ends, which are done in turn.
const UNIT_KINDS: u64 = 3;

impl Engine {
    pub(super) fn transport(&mut self, id: ConnId) -> Option<&mut Transport> {
        let transport = self.transports.get_mut(id.index())?.as_mut()?;
        (transport.id == id).then_some(transport)
    }

    pub(super) fn begin_turn(&mut self, node: &Node) {
        self.closed_in_turn = 0;
        self.clock.begin_turn(node.metrics());
        // All others have no input, as they had none before.
        let mut with_input = mem::take(&mut self.active.with_input);
        let mut transports = mem::take(&mut self.transports);
        with_input.retain(|&index| {
            let transport = transports.get_mut(index).and_then(Option::as_mut);
            let Some(transport) = transport else { return false };
            let is_open = node.phase(transport.id).is_some_and(|phase| phase != Phase::Closing);
            let has_input = self.link(transport.link).is_some_and(|link| link.has_arrived());
            transport.is_unread = is_open && has_input && node.wants_input(transport.id);
            has_input
        });
        (self.transports, self.active.with_input) = (transports, with_input);
    }

    pub(super) fn end_turn(&mut self, node: &Node) {
        self.count_frames(node);
        self.take_held();
        let now = self.now.monotonic;
        let mut touched = mem::take(&mut self.active.touched);
        let mut transports = mem::take(&mut self.transports);
        touched.retain(|&index| {
            let transport = transports.get_mut(index).and_then(Option::as_mut);
            let Some(transport) = transport else { return false };
            // Input that was reported but not read was not wanted: it does not wait.
            if !self.link(transport.link).is_some_and(|link| link.is_reported) {
                transport.waiting_since = None;
            }
            if let Some(was_stalled) = transport.written.take()
                && !node.has_output(transport.id)
            {
                transport.life.is_written(now, was_stalled);
            }
            transport.waiting_since.is_some()
        });
        (self.transports, self.active.touched) = (transports, touched);
        self.clock.end_turn();
    }

    /// Adds the cost of the frames in the last read of a pending connection. The next phase tells
    /// which of them count: frames after a close frame are skipped, and the bytes after a refused
    /// request are not frames.
    fn count_frames(&mut self, node: &Node) {
        let Some((id, phase, frames)) = self.last_read.take() else { return };
        let is_over = node.phase(id).is_none_or(|phase| phase == Phase::Closing);
        let is_refused = phase == Phase::Handshaking && is_over;
        if phase != Phase::Closing && !is_refused {
            self.pending_units += frames / FRAMES_PER_UNIT;
        }
    }

    /// Called before a connection is read.
    pub(super) fn note_read(&mut self, node: &Node, id: ConnId, phase: Phase) {
        self.count_frames(node);
        // The last output of a connection and a read of it together are one unit.
        let is_begun = self.last_write.take() == Some(id);
        let Some(transport) = self.transport(id) else { return };
        transport.is_unread &= phase == Phase::Closing;
        let (link, since) = (transport.link, transport.waiting_since.take());
        // A connection that was authenticated when its bytes came is read before the share, even if
        // it has begun to close since.
        self.pending_units += u64::from(!phase.is_authenticated() && !is_begun && since.is_none());
        let units = self.pending_units;
        self.judge_pending_wait(node, id);
        let Some(since) = since.filter(|_| phase.is_authenticated()) else { return };
        self.waits += 1;
        let wait = units - since;
        self.longest_wait = self.longest_wait.max(wait);
        let is_ending = self.link(link).is_some_and(|link| link.has_hung_up());
        if wait > self.most_wait && !is_ending {
            self.fail(format!("{id}: its bytes waited behind {wait} units of pending work"));
        }
    }

    /// A frugal client's connection, which is pending, has readable bytes: its wait begins, if it can be
    /// judged. Whose list is another address's too waits for that one's connections.
    pub(super) fn note_pending_arrival(&mut self, node: &Node, link: LinkId, id: ConnId) {
        let client = self.link(link).map_or(0, |open| open.client);
        if !self.scenario.crowds || !self.scenario.is_frugal(client) {
            return;
        }
        let list = |id| node.turn_list(id, LISTS);
        let is_of_another = |other: &&Transport| {
            let owner = self.links.get(other.link.0 as usize).and_then(Option::as_ref);
            owner.is_some_and(|owner| owner.client != client) && list(other.id) == list(id)
        };
        let is_shared = self.scenario.planted.is_none()
            && self.transports.iter().flatten().any(|other| is_of_another(&other));
        let is_judged = !is_shared && !node.is_authenticated(id) && node.wants_input(id);
        let units = self.pending_units;
        if let Some(transport) = self.transport(id).filter(|_| is_judged) {
            transport.pending_since.get_or_insert(units);
        }
    }

    /// Such a connection is read: it has waited for about one unit of each other address, of each kind.
    fn judge_pending_wait(&mut self, node: &Node, id: ConnId) {
        let units = self.pending_units;
        let Some(since) = self.transport(id).and_then(|it| it.pending_since.take()) else { return };
        if node.is_authenticated(id) {
            return;
        }
        self.crowd_waits += 1;
        let addresses = self.scenario.clients.clients() as u64;
        let (waited, most) = (units - since, UNIT_KINDS * (addresses + 1) + MOST_UNITS_OF_READ);
        if waited > most {
            self.fail(format!("{id}: it waited for {waited} units of pending work of others"));
        }
    }

    pub(super) fn hung_up(&mut self, id: ConnId, is_reset: bool) {
        if let Some(transport) = self.transport(id) {
            transport.life.was_hung_up = true;
        }
        self.note(&TraceEvent::Hangup { id, is_reset });
    }
}
