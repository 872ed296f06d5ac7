//! Output: what is queued for each connection, and when the driver is asked to write it.

use crate::id::{ConnId, Slot};
use crate::node::connections::Connections;
use crate::node::connections::connection::Connection;
use crate::node::connections::frame::Shared;
use crate::node::connections::outbox::Full;
use crate::node::context::Cx;
use crate::node::work::port::Action;

impl Connections {
    /// Queues `frame` for `slot`.
    ///
    /// # Errors
    /// [`Full`]: the peer reads too slowly for it, and is to be closed.
    pub(crate) fn send(&mut self, cx: &mut Cx, slot: Slot, frame: Shared) -> Result<(), Full> {
        let Some(connection) = self.arena.get_mut(slot.index()) else { return Ok(()) };
        connection.outbox.push(&mut self.pool, frame, cx.policy.outbound_bytes)?;
        cx.metrics.frames_out += 1;
        if !self.output.is_empty() && self.output.has(slot) {
            self.output.set(slot, connection.side(), connection.outbox.weight());
        }
        ask_to_flush(cx, &mut self.flushes, slot, connection);
        Ok(())
    }

    /// Queues what `slot` has asked for. Requests are not taken while half of the outbox is taken,
    /// so this needs no bound of its own: behind a full outbox comes the one answer that was under
    /// way, whatever its length, and an acknowledgement.
    pub(crate) fn reply(&mut self, cx: &mut Cx, slot: Slot, frame: Shared) {
        if self.get(slot).is_some() {
            cx.metrics.frames_out += 1;
            self.queue_last(cx, slot, frame);
        }
    }

    /// Queues `frame` without a bound and without counting it.
    pub(crate) fn queue_last(&mut self, cx: &mut Cx, slot: Slot, frame: Shared) {
        if let Some(connection) = self.arena.get_mut(slot.index()) {
            let taken = connection.outbox.push(&mut self.pool, frame, 0);
            debug_assert!(taken.is_ok(), "a queue without a bound takes every frame");
        }
        self.weigh_output(slot);
        self.flush(cx, slot);
    }

    /// Asks the driver to write what is queued for `slot`.
    pub(crate) fn flush(&mut self, cx: &mut Cx, slot: Slot) {
        if let Some(connection) = self.arena.get_mut(slot.index()) {
            ask_to_flush(cx, &mut self.flushes, slot, connection);
        }
    }

    /// The driver takes the flush of `slot` up.
    pub(crate) fn flush_begins(&mut self, slot: Slot) {
        self.flushes = self.flushes.saturating_sub(1);
        if let Some(connection) = self.get_mut(slot) {
            connection.set_flush_queued(false);
        }
    }

    /// Is there output for `id` that the driver has not tried to write?
    pub(crate) fn awaits_write(&self, id: ConnId) -> bool {
        self.find(id).is_some_and(|connection| !connection.outbox.is_empty())
            && !self.output.has(id.slot())
    }

    /// Is no write asked for that the driver has not begun?
    pub(crate) fn is_all_flushed(&self) -> bool {
        self.flushes == 0
    }

    /// Drops what is queued for `slot` and not partly out: room for its last frame.
    pub(crate) fn drop_unsent(&mut self, slot: Slot) {
        if let Some(connection) = self.arena.get_mut(slot.index()) {
            let needed = connection.needed_frames();
            connection.outbox.drop_unsent(&mut self.pool, needed);
            self.weigh_output(slot);
        }
    }

    /// Drops all that is queued for `slot`.
    pub(crate) fn drop_output(&mut self, slot: Slot) {
        if let Some(connection) = self.arena.get_mut(slot.index()) {
            connection.outbox.clear(&mut self.pool);
        }
        self.weigh_output(slot);
    }

    /// `written` bytes that were queued for `slot` are out. True: all is.
    pub(crate) fn consume(&mut self, slot: Slot, written: usize) -> bool {
        let Some(connection) = self.arena.get_mut(slot.index()) else { return false };
        connection.outbox.consume(&mut self.pool, written);
        let is_out = connection.outbox.is_empty();
        if !is_out || self.output.has(slot) {
            self.count_as_slow(slot);
        }
        is_out
    }

    /// The driver has sealed the next `length` bytes that are queued for `id`.
    pub(crate) fn commit(&mut self, id: ConnId, length: usize) {
        if self.find(id).is_some()
            && let Some(connection) = self.arena.get_mut(id.index())
        {
            connection.outbox.commit(&mut self.pool, length);
        }
    }
}

/// Queues a flush of `connection`, unless one is queued.
fn ask_to_flush(cx: &mut Cx, flushes: &mut usize, slot: Slot, connection: &mut Connection) {
    if !connection.is_flush_queued() {
        connection.set_flush_queued(true);
        *flushes += 1;
        let id = ConnId::new(slot.index() as u32, connection.generation);
        cx.actions.push_back(Action::Flush(id));
    }
}
