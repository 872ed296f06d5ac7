//! Budgets: what each connection holds of what all may.

use crate::id::Slot;
use crate::node::connections::Connections;
#[cfg(any(test, feature = "sim"))]
use crate::node::connections::budget::Side;
#[cfg(any(test, feature = "sim"))]
use crate::node::connections::connection::Connection;

impl Connections {
    /// Counts what `slot` holds of its input's budget.
    pub(crate) fn weigh_input(&mut self, slot: Slot) {
        if let Some(connection) = self.arena.get(slot.index())
            && !connection.is_admin()
        {
            let buffered = self.buffered.bytes(slot);
            let held = if connection.is_dropped() { 0 } else { connection.held_input(buffered) };
            self.input.set(slot, connection.side(), held);
        }
    }

    /// Counts what is queued for `slot`, if it is a slow reader.
    pub(crate) fn weigh_output(&mut self, slot: Slot) {
        if self.output.has(slot) {
            self.count_as_slow(slot);
        }
    }

    /// The socket of `slot` has not taken all that was queued for it.
    pub(crate) fn count_as_slow(&mut self, slot: Slot) {
        if let Some(connection) = self.arena.get(slot.index())
            && !connection.is_admin()
        {
            self.output.set(slot, connection.side(), connection.outbox.weight());
        }
    }

    /// The driver keeps `bytes` of the input of `slot`. True: that is a change.
    pub(crate) fn set_buffered(&mut self, slot: Slot, bytes: usize) -> bool {
        let is_changed = self.buffered.set(slot, bytes);
        if is_changed {
            self.weigh_input(slot);
        }
        is_changed
    }

    /// Does the driver keep input of `slot`? It is gone with the connection only.
    pub(crate) fn is_buffered(&self, slot: Slot) -> bool {
        self.buffered.bytes(slot) > 0
    }

    /// Drops what `slot` has sent. It ends: what it sends from here on is passed over.
    pub(crate) fn discard_input(&mut self, slot: Slot) {
        if let Some(connection) = self.get_mut(slot) {
            connection.decoder = Default::default();
        }
        self.weigh_input(slot);
    }

    /// What connections of this side hold of input: as it was counted, and added up anew.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn audit_input(&self, side: Side) -> (usize, usize) {
        let of_side = self.iter().filter(|(_, connection)| {
            connection.side() == side && !connection.is_admin() && !connection.is_dropped()
        });
        let held = |(slot, connection): (Slot, &Connection)| {
            connection.held_input(self.buffered.bytes(slot))
        };
        (self.input.total(side), of_side.map(held).sum())
    }
}
