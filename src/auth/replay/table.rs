//! The entries of the replay set, found by what they are of and by when they expire.
//!
//! A step takes some microseconds at most, however many entries there are, as every client waits for it. So no
//! table is rebuilt to grow, and none is cleaned up:
//!
//! * Entries of some hashes are a chain. With each entry there is one more chain, which takes over its part of
//!   one other (linear hashing).
//! * The order of expiries is a binary heap in which each entry knows its place, so one that is taken out
//!   early leaves nothing behind.
//!
//! What grows beyond the places that were reserved doubles its vector. The allocator maps the pages of one that
//! is that long anew, and copies none.

use std::mem;
use std::num::NonZeroU32;

use slab::Slab;

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
    next: u32,
    /// Where it is in the order.
    place: u32,
}

/// The entries by their numbers.
#[derive(Debug)]
pub(super) struct ReservationTable {
    entries: Slab<Reservation>,
    /// The first of each chain, or [`NONE`]. There is at least one chain.
    chains: Vec<u32>,
    /// A heap of the numbers, the nearest expiry first.
    order: Vec<u32>,
}

/// No entry has this number.
const NONE: u32 = u32::MAX;

impl ReservationTable {
    /// No entries, and places for that many.
    pub(super) fn new(entries: usize) -> Self {
        let mut table = Self { entries: Slab::new(), chains: vec![NONE; 1], order: Vec::new() };
        table.reserve(entries);
        table
    }

    /// Reserves places for that many in all, which is address space until they are used.
    pub(super) fn reserve(&mut self, entries: usize) {
        let missing = entries.saturating_sub(self.len());
        self.entries.reserve_exact(missing);
        self.order.reserve_exact(missing);
        self.chains.reserve_exact((entries + 1).saturating_sub(self.chains.len()));
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, number: u32) -> Option<&Reservation> {
        self.entries.get(number as usize)
    }

    /// The number of this entry.
    pub(super) fn find(&self, hash: u64, expires: NonZeroU32) -> Option<u32> {
        let mut number = *self.chains.get(chain_of(hash, self.chains.len()))?;
        while let Some(entry) = self.get(number) {
            if (entry.hash, entry.expires) == (hash, expires) {
                return Some(number);
            }
            number = entry.next;
        }
        None
    }

    /// The number of an entry that expires first, and when.
    pub(super) fn first(&self) -> Option<(u32, NonZeroU32)> {
        let number = *self.order.first()?;
        Some((number, self.get(number)?.expires))
    }

    /// Returns the number of the new entry. Numbers of those that are gone are used again.
    pub(super) fn insert(&mut self, hash: u64, user: HolderHash, expires: NonZeroU32) -> u32 {
        if self.chains.len() <= self.len() {
            self.add_chain();
        }
        let place = self.order.len();
        let entry = Reservation { hash, user, expires, next: NONE, place: place as u32 };
        let number = self.entries.insert(entry) as u32;
        self.link(number, hash);
        self.order.push(number);
        self.rise(place);
        number
    }

    /// Returns whether there was such an entry.
    pub(super) fn remove(&mut self, number: u32) -> bool {
        let Some(entry) = self.entries.try_remove(number as usize) else { return false };
        self.unlink(number, &entry);
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

    /// Puts an entry at the head of its chain.
    fn link(&mut self, number: u32, hash: u64) {
        let chain = chain_of(hash, self.chains.len());
        let Some(head) = self.chains.get_mut(chain) else { return };
        let next = mem::replace(head, number);
        if let Some(entry) = self.entries.get_mut(number as usize) {
            entry.next = next;
        }
    }

    /// Takes an entry out of its chain.
    fn unlink(&mut self, number: u32, entry: &Reservation) {
        let chain = chain_of(entry.hash, self.chains.len());
        let Some(head) = self.chains.get_mut(chain) else { return };
        if *head == number {
            *head = entry.next;
            return;
        }
        let mut before = *head;
        while let Some(it) = self.entries.get_mut(before as usize) {
            if it.next == number {
                it.next = entry.next;
                return;
            }
            before = it.next;
        }
    }

    /// Adds a chain, which takes over what belongs to it now. All of that is in one other chain.
    fn add_chain(&mut self) {
        let added = self.chains.len();
        let halved = chain_of(added as u64, added);
        self.chains.push(NONE);
        let Some(head) = self.chains.get_mut(halved) else { return };
        let mut number = mem::replace(head, NONE);
        while let Some(entry) = self.get(number) {
            let (hash, next) = (entry.hash, entry.next);
            self.link(number, hash);
            number = next;
        }
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

/// The chain of a hash where there are that many. The low bits say which; where that one is not there yet, it
/// is the one that will be halved for it.
fn chain_of(hash: u64, chains: usize) -> usize {
    let mask = chains.next_power_of_two() - 1;
    let chain = hash as usize & mask;
    if chain < chains { chain } else { chain & (mask >> 1) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::id::Seed;

    impl ReservationTable {
        /// The most entries of a chain.
        fn longest_chain(&self) -> usize {
            let length = |head: &u32| {
                let first = self.get(*head);
                std::iter::successors(first, |entry| self.get(entry.next)).count()
            };
            self.chains.iter().map(length).max().unwrap()
        }
    }

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
    fn a_chain_stays_short_however_many_entries() {
        let mut rng = Seed::predictable(7).rng();
        let mut table = ReservationTable::new(0);
        for _ in 0..50_000 {
            table.insert(rng.next_u64(), HolderHash::of(1), NonZeroU32::MIN);
        }
        assert_eq!(table.chains.len(), 50_000);
        assert!(table.longest_chain() < 16, "{}", table.longest_chain());
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
