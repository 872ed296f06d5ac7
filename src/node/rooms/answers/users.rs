//! Whose entries are forgotten when the memory of answers is full.
//!
//! Who has how much is known only while more than half of the bound is in use. Until then nobody asks,
//! and 77 bytes an entry are saved. The index is made from the stalest entry on, a part with each answer
//! that comes: for each byte that is added, entries of two bytes, and 1 KiB at least. So it is
//! whole before the bound is reached, as a rule. Where one answer takes a large part of the bound, or an
//! operator has lowered the bound, the entries that are left are indexed at once.

use crate::id::Seed;
use crate::shares::Holdings;

/// No entry.
const NONE: u32 = u32::MAX;

/// The entries of each user, while that is known.
#[derive(Debug)]
pub(super) struct UserIndex {
    seed: Seed,
    pub(super) holdings: Option<Box<Holdings>>,
    /// The next entry that is to be indexed, after which none is; `NONE`: all are.
    pub(super) next: u32,
}

impl UserIndex {
    pub(super) fn new(seed: &Seed) -> Self {
        Self { seed: seed.clone(), holdings: None, next: NONE }
    }

    /// How much the user holds that holds most, if that is known. The simulator's checkers ask.
    #[cfg(feature = "sim")]
    pub(super) fn most(&self) -> u64 {
        self.holdings.as_ref().map_or(0, |holdings| holdings.most())
    }

    /// An entry is at the back. Where others are to be indexed before it, it waits for its turn.
    pub(super) fn linked_back(&mut self, index: u32) {
        if let Some(holdings) = &mut self.holdings {
            let is_indexed = holdings.contains(index);
            if is_indexed {
                holdings.refresh(index);
            } else if self.next == NONE {
                self.next = index;
            }
        }
    }

    /// An entry is where it was no longer; `after` was behind it.
    pub(super) fn unlinked(&mut self, index: u32, after: u32) {
        if self.next == index {
            self.next = after;
        }
    }

    pub(super) fn reweigh(&mut self, index: u32, more: u64, less: u64) {
        if let Some(holdings) = &mut self.holdings {
            holdings.reweigh(index, more, less);
        }
    }

    pub(super) fn remove(&mut self, index: u32, weight: u64) {
        if let Some(holdings) = &mut self.holdings {
            holdings.remove(index, weight);
        }
    }

    /// An index of nobody, for which all entries from `front` on are to be indexed.
    pub(super) fn begin(&mut self, front: u32) {
        (self.holdings, self.next) = (Some(Box::new(Holdings::new(&self.seed, 0))), front);
    }

    /// From here on nobody asks.
    pub(super) fn end(&mut self) {
        (self.holdings, self.next) = (None, NONE);
    }
}
