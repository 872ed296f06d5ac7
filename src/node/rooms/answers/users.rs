//! Whose entries are forgotten when the memory of answers is full.
//!
//! Who has how much is known only while more than half of the bound is in use. Until then nobody asks,
//! and 77 bytes an entry are saved. The index is made from the stalest entry on, a part with each answer
//! that comes: for each byte that is added, entries of more than a byte. So it is whole before the bound
//! is reached. Only a bound that an operator has lowered makes it at once.

use super::{DedupCache, ENTRY_WEIGHT, NONE};
use crate::id::Seed;
use crate::shares::Holdings;

/// The least that is indexed with an answer.
const LEAST_INDEXED: u64 = 1 << 10;

/// The entries of each user, while that is known.
#[derive(Debug)]
pub(super) struct UserIndex {
    seed: Seed,
    holdings: Option<Box<Holdings>>,
    /// The next entry that is to be indexed, after which none is; `NONE`: all are.
    next: u32,
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
}

impl DedupCache {
    /// Goes on with the index, after `added` bytes have come; begins it, or drops it.
    pub(super) fn keep_index(&mut self, added: u64) {
        if self.by_user.holdings.is_some() {
            if self.weight < self.max_weight / 4 || self.max_weight == 0 {
                (self.by_user.holdings, self.by_user.next) = (None, NONE);
            } else if self.by_user.next != NONE {
                self.index(added.saturating_mul(2).max(LEAST_INDEXED));
            }
        } else if self.max_weight != 0 && self.weight > self.max_weight / 2 {
            self.by_user.holdings = Some(Box::new(Holdings::new(&self.by_user.seed, 0)));
            self.by_user.next = self.front;
            self.index(added.saturating_mul(2).max(LEAST_INDEXED));
        }
    }

    /// Forgets the stalest entry of the user that has most, while more is remembered than may be.
    pub(super) fn forget_heaviest(&mut self, user: u64) {
        while self.max_weight != 0 && self.weight > self.max_weight {
            self.index(u64::MAX);
            let holdings = self.by_user.holdings.as_ref();
            let Some(victim) = holdings.and_then(|it| it.victim(user, 0)) else { return };
            self.forgotten += 1;
            self.remove(victim);
        }
    }

    /// Indexes entries that weigh so much, if there are as many that are not indexed.
    fn index(&mut self, bytes: u64) {
        let mut indexed = 0;
        while indexed < bytes
            && let Some(entry) = self.entries.get(self.by_user.next as usize)
        {
            let (index, user, next) = (self.by_user.next, entry.user, entry.next);
            let messages = self.walk(entry.newest);
            let weight: u64 = messages.map(|(_, message)| self.charge_of(message)).sum();
            let weight = ENTRY_WEIGHT as u64 + weight;
            self.by_user.next = next;
            if let Some(holdings) = &mut self.by_user.holdings
                && !holdings.contains(index)
            {
                holdings.insert(index, user, weight);
            }
            indexed = indexed.saturating_add(weight);
        }
    }
}
