//! What the driver keeps of each connection's input.

use crate::id::Slot;

/// What the driver keeps of each connection's input, by slot: a byte each, from the first one on of
/// which it keeps something.
#[derive(Debug, Default)]
pub(crate) struct TransportBuffered(Vec<u8>);

impl TransportBuffered {
    /// In whole KiB, begun ones included.
    pub(crate) fn bytes(&self, slot: Slot) -> usize {
        self.0.get(slot.index()).map_or(0, |&kib| 1_024 * usize::from(kib))
    }

    /// True: that is a change.
    pub(crate) fn set(&mut self, slot: Slot, bytes: usize) -> bool {
        let kib = u8::try_from(bytes.div_ceil(1_024)).unwrap_or(u8::MAX);
        if self.0.len() <= slot.index() {
            if kib == 0 {
                return false;
            }
            self.0.resize(slot.index() + 1, 0);
        }
        let Some(place) = self.0.get_mut(slot.index()) else { return false };
        std::mem::replace(place, kib) != kib
    }
}
