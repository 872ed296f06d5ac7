//! Faults that tests plant in the turn, to see that the simulator finds them.

/// A fault of the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(any(test, feature = "sim")),
    expect(unreachable_pub, dead_code, reason = "of tests")
)]
pub enum Planted {
    /// The share counts reads, whatever is in them.
    ReadsCounted,
    /// Deadlines are judged before input that has come is read.
    DeadlineBeforeInput,
    /// What the node has to say is not written.
    NeverFlushes,
    /// The share of pending work is served before the authenticated connections.
    PendingFirst,
    /// An event for a connection that is gone is taken for the one that has its slot.
    StaleEvent,
    /// A connection that is over keeps its slot.
    CloseWithoutRemove,
}

/// Which fault a turn has. Outside of tests and simulations: none, and no memory for it.
#[derive(Debug, Default)]
pub(super) struct Fault {
    #[cfg(any(test, feature = "sim"))]
    pub(super) planted: Option<Planted>,
}

impl Fault {
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn is(&self, fault: Planted) -> bool {
        self.planted == Some(fault)
    }

    #[cfg(not(any(test, feature = "sim")))]
    pub(super) const fn is(&self, _: Planted) -> bool {
        false
    }
}
