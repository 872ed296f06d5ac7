//! From where accounts were signed in to.

use std::collections::BTreeMap;

use crate::id::Seed;
use crate::shares::Recent;

/// The last pairs of an account and an address, as keyed hashes. A pair that is used again is the
/// newest; where there are too many, the oldest of the address with most of them is forgotten.
///
/// In memory only: after a restart an address is known again with the next sign-in.
#[derive(Debug)]
pub(super) struct KnownAddresses {
    places: BTreeMap<u64, u32>,
    pairs: Recent<u64>,
    last: u64,
    capacity: usize,
}

impl KnownAddresses {
    /// A hash, its place, and what finds it.
    pub(super) const ENTRY_BYTES: usize = 24 + Recent::<u64>::ENTRY_BYTES;

    pub(super) fn new(seed: &Seed, capacity: usize) -> Self {
        let pairs = Recent::new(&seed.derive("known addresses"), 0);
        Self { places: BTreeMap::new(), pairs, last: 0, capacity }
    }

    pub(super) fn has(&self, pair: u64) -> bool {
        self.places.contains_key(&pair)
    }

    /// How many pairs are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The password of the pair's account has come from its address, which `holder` stands for.
    pub(super) fn insert(&mut self, pair: u64, holder: u64) {
        if let Some(place) = self.places.remove(&pair) {
            self.pairs.remove(place);
        }
        self.last += 1;
        let pushed = self.pairs.push(self.last, pair, holder, self.capacity);
        let Some((place, forgotten)) = pushed else { return };
        if let Some(forgotten) = forgotten {
            self.places.remove(&forgotten);
        }
        self.places.insert(pair, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_ups_of_one_address_push_nobody_out() {
        let mut known = KnownAddresses::new(&Seed::predictable(1), 10);
        for owner in 1..=4 {
            known.insert(owner, owner);
        }
        for pair in 100..1_000 {
            known.insert(pair, 99);
        }
        assert!((1..=4).all(|owner| known.has(owner)));
        assert_eq!((known.places.len(), known.pairs.len()), (10, 10));
    }
}
