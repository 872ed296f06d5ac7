//! The entries of the replay set, found by what they are of and by when they expire.
//!
//! A step takes some microseconds at most, however many entries there are, as every client waits for it. So no
//! table is rebuilt to grow, and none is cleaned up:
//!
//! * [`Chains`] find an entry by its hash.
//! * The order of expiries is a binary heap in which each entry knows its place, so one that is taken out
//!   early leaves nothing behind.
//!
//! What grows beyond the places that were reserved doubles its vector. The allocator maps the pages of one that
//! is that long anew, and copies none.

use std::num::NonZeroU32;

use slab::Slab;

use crate::shares::chains::{Chained, Chains, NONE};

/// 32 bits of a user's hash. Two users in four billion share them, and then count as one; nobody can choose
/// with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HolderHash(u32);

impl HolderHash {
    /// Of the whole hash.
    pub(super) fn of(user: u64) -> Self {
        Self(user as u32)
    }

    /// As [`Holdings`](crate::shares::Holdings) knows the user.
    pub(super) fn key(self) -> u64 {
        self.0.into()
    }
}

/// One accepted message.
#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) hash: u64,
    /// Whose it is.
    pub(super) user: HolderHash,
    /// The second of the expiry, rounded up. It is never 0, which lets the slab mark an empty place
    /// without a tag.
    pub(super) expires: NonZeroU32,
    /// The next one of its chain, or [`NONE`].
    next_in_chain: u32,
    /// Where it is in the order.
    place: u32,
}

impl Chained for Reservation {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn next_in_chain(&self) -> u32 {
        self.next_in_chain
    }

    fn next_in_chain_mut(&mut self) -> &mut u32 {
        &mut self.next_in_chain
    }
}

/// The entries by their numbers.
#[derive(Debug)]
pub(super) struct ReservationTable {
    entries: Slab<Reservation>,
    chains: Chains,
    /// A heap of the numbers, the nearest expiry first.
    order: Vec<u32>,
}

impl ReservationTable {
    /// No entries, and places for that many.
    pub(super) fn new(entries: usize) -> Self {
        let mut table = Self { entries: Slab::new(), chains: Chains::new(), order: Vec::new() };
        table.reserve(entries);
        table
    }

    /// Reserves places for that many in all, which is address space until they are used.
    pub(super) fn reserve(&mut self, entries: usize) {
        let missing = entries.saturating_sub(self.len());
        self.entries.reserve_exact(missing);
        self.order.reserve_exact(missing);
        self.chains.reserve(entries);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, number: u32) -> Option<&Reservation> {
        self.entries.get(number as usize)
    }

    /// The number of this entry.
    pub(super) fn find(&self, hash: u64, expires: NonZeroU32) -> Option<u32> {
        self.chains
            .find(&self.entries, hash, |entry| (entry.hash, entry.expires) == (hash, expires))
    }

    /// The number of an entry that expires first, and when.
    pub(super) fn first(&self) -> Option<(u32, NonZeroU32)> {
        let number = *self.order.first()?;
        Some((number, self.get(number)?.expires))
    }

    /// Returns the number of the new entry. Numbers of those that are gone are used again.
    pub(super) fn insert(&mut self, hash: u64, user: HolderHash, expires: NonZeroU32) -> u32 {
        let place = self.order.len();
        let entry = Reservation { hash, user, expires, next_in_chain: NONE, place: place as u32 };
        let number = self.chains.insert(&mut self.entries, entry);
        self.order.push(number);
        self.rise(place);
        number
    }

    /// Returns whether there was such an entry.
    pub(super) fn remove(&mut self, number: u32) -> bool {
        let Some(entry) = self.chains.remove(&mut self.entries, number) else { return false };
        let place = entry.place as usize;
        if let Some(last) = self.order.pop()
            && last != number
        {
            self.put(place, last);
            let place = self.rise(place);
            self.sink(place);
        }
        true
    }

    /// Moves what is at this place of the order to the front, as far as it expires before others. Returns
    /// its place.
    fn rise(&mut self, mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.expiry_at(parent) <= self.expiry_at(place) {
                break;
            }
            self.swap(parent, place);
            place = parent;
        }
        place
    }

    /// Moves what is at this place of the order to the back, as far as others expire before it.
    fn sink(&mut self, mut place: usize) {
        loop {
            let children = [2 * place + 1, 2 * place + 2].into_iter();
            let children = children.filter(|child| *child < self.order.len());
            let Some(child) = children.min_by_key(|child| self.expiry_at(*child)) else { return };
            if self.expiry_at(place) <= self.expiry_at(child) {
                return;
            }
            self.swap(place, child);
            place = child;
        }
    }

    fn expiry_at(&self, place: usize) -> Option<NonZeroU32> {
        Some(self.get(*self.order.get(place)?)?.expires)
    }

    fn swap(&mut self, one: usize, other: usize) {
        if let (Some(&first), Some(&second)) = (self.order.get(one), self.order.get(other)) {
            self.put(one, second);
            self.put(other, first);
        }
    }

    fn put(&mut self, place: usize, number: u32) {
        if let Some(at) = self.order.get_mut(place)
            && let Some(entry) = self.entries.get_mut(number as usize)
        {
            *at = number;
            entry.place = place as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::id::Seed;

    #[test]
    fn a_reservation_takes_24_bytes() {
        // An Option has a tag exactly where a slab's place has one.
        assert_eq!(size_of::<Option<Reservation>>(), 24);
    }

    #[test]
    fn table_agrees_with_a_map() {
        let mut rng = Seed::predictable(7).rng();
        let (mut table, mut map) = (ReservationTable::new(8), BTreeMap::new());
        for step in 0..20_000_u64 {
            let phase = if step / 4_000 % 2 == 0 { 3 } else { 1 };
            // Few hashes, so that some have several expiries.
            let (hash, second) = (rng.below(2_000), 1 + rng.below(50) as u32);
            let expires = NonZeroU32::new(second).unwrap();
            assert_eq!(table.find(hash, expires), map.get(&(second, hash)).copied());
            match map.remove(&(second, hash)) {
                Some(number) => assert!(table.remove(number)),
                None if rng.below(4) < phase => {
                    map.insert((second, hash), table.insert(hash, HolderHash::of(hash), expires));
                }
                None => {
                    let first = table.first().map(|(_, expires)| expires.get());
                    assert_eq!(first, map.first_key_value().map(|((second, _), _)| *second));
                    let Some((number, expires)) = table.first() else { continue };
                    // Of several that expire then, any is the first.
                    let hash = table.get(number).unwrap().hash;
                    assert_eq!(map.remove(&(expires.get(), hash)), Some(number));
                    assert!(table.remove(number));
                }
            }
            assert_eq!((table.len(), table.order.len()), (map.len(), map.len()));
        }
    }

    #[test]
    fn no_vector_grows_within_what_was_reserved() {
        let mut table = ReservationTable::new(1_000);
        let capacities = |table: &ReservationTable| {
            (table.entries.capacity(), table.chains.capacity(), table.order.capacity())
        };
        let reserved = capacities(&table);
        for hash in 0..1_000 {
            table.insert(hash, HolderHash::of(1), NonZeroU32::MIN);
        }
        assert_eq!(capacities(&table), reserved);
    }
}
