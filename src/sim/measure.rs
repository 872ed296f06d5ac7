//! What the simulator measures of the connections, beside the node and the turn.

use std::mem;

use super::engine::Engine;
use super::trace::TraceEvent;
use super::transport::Transport;
use crate::id::ConnId;
use crate::node::{Node, Phase};

/// What one read takes of a connection that is pending or ends.
const PENDING_READ_BYTES: u64 = 4 * 1_024;
/// Frames that cost as much as one unit of pending work.
const FRAMES_PER_UNIT: u64 = 32;
/// What one read of a pending connection may cost beyond its unit: it is known when it is done.
pub(super) const MOST_UNITS_OF_READ: u64 = PENDING_READ_BYTES / 6 / FRAMES_PER_UNIT + 1;

impl Engine {
    pub(super) fn transport(&mut self, id: ConnId) -> Option<&mut Transport> {
        let transport = self.transports.get_mut(id.index())?.as_mut()?;
        (transport.id == id).then_some(transport)
    }

    pub(super) fn begin_turn(&mut self, node: &Node) {
        self.closed_in_turn = 0;
        let mut transports = mem::take(&mut self.transports);
        for transport in transports.iter_mut().flatten() {
            let is_open = node.phase(transport.id).is_some_and(|phase| phase != Phase::Closing);
            let has_input = self.link(transport.link).is_some_and(|link| link.has_arrived());
            transport.is_unread = is_open && has_input && node.wants_input(transport.id);
        }
        self.transports = transports;
    }

    pub(super) fn end_turn(&mut self, node: &Node) {
        self.count_frames(node);
        self.take_held();
        let now = self.now.monotonic;
        let mut transports = mem::take(&mut self.transports);
        for transport in transports.iter_mut().flatten() {
            // What was reported and not read was not wanted.
            if !self.link(transport.link).is_some_and(|link| link.is_reported) {
                transport.waiting_since = None;
            }
            if let Some(was_stalled) = transport.written.take()
                && !node.has_output(transport.id)
            {
                transport.life.is_written(now, was_stalled);
            }
        }
        self.transports = transports;
    }

    /// What was in the last read of a pending connection is counted when it is known what became of
    /// it: what comes behind a close frame is passed over, and behind a refused request is no frame.
    fn count_frames(&mut self, node: &Node) {
        let Some((id, phase, frames)) = self.last_read.take() else { return };
        let is_over = node.phase(id).is_none_or(|phase| phase == Phase::Closing);
        let is_refused = phase == Phase::Handshaking && is_over;
        if phase != Phase::Closing && !is_refused {
            self.pending_units += frames / FRAMES_PER_UNIT;
        }
    }

    /// The connection is about to be read.
    pub(super) fn note_read(&mut self, node: &Node, id: ConnId, phase: Phase) {
        self.count_frames(node);
        // The last output of a connection and a read of it are one unit.
        let is_begun = self.last_write.take() == Some(id);
        let Some(transport) = self.transport(id) else { return };
        transport.is_unread &= phase == Phase::Closing;
        let (link, since) = (transport.link, transport.waiting_since.take());
        // One that was authenticated when its bytes came is read before the share, though it may have
        // been closed by now.
        self.pending_units += u64::from(!phase.is_authenticated() && !is_begun && since.is_none());
        let units = self.pending_units;
        let Some(since) = since.filter(|_| phase.is_authenticated()) else { return };
        self.waits += 1;
        let wait = units - since;
        self.longest_wait = self.longest_wait.max(wait);
        let is_ending = self.link(link).is_some_and(|link| link.has_hung_up());
        if wait > self.most_wait && !is_ending {
            self.fail(format!("{id}: its bytes waited behind {wait} units of pending work"));
        }
    }

    pub(super) fn hung_up(&mut self, id: ConnId, is_reset: bool) {
        if let Some(transport) = self.transport(id) {
            transport.life.was_hung_up = true;
        }
        self.note(&TraceEvent::Hangup { id, is_reset });
    }
}
