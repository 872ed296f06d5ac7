//! From where accounts were signed in to.

use std::collections::{BTreeSet, VecDeque};

/// The last pairs of an account and an address, as keyed hashes.
///
/// In memory only: after a restart an address is known again with the next sign-in.
#[derive(Debug)]
pub(super) struct KnownAddresses {
    pairs: BTreeSet<u64>,
    /// The same, the oldest first.
    order: VecDeque<u64>,
    capacity: usize,
}

impl KnownAddresses {
    /// A hash in a tree and in a queue, with their slack.
    pub(super) const ENTRY_BYTES: usize = 32;

    pub(super) fn new(capacity: usize) -> Self {
        Self { pairs: BTreeSet::new(), order: VecDeque::new(), capacity }
    }

    pub(super) fn has(&self, pair: u64) -> bool {
        self.pairs.contains(&pair)
    }

    /// Forgets the oldest where there are too many. An account adds one for each address that its
    /// password comes from.
    pub(super) fn insert(&mut self, pair: u64) {
        if self.pairs.insert(pair) {
            self.order.push_back(pair);
        }
        while self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.pairs.remove(&oldest);
        }
    }
}
