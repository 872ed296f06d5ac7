//! Finds the entries of a slab by their hashes, in a table that is never rebuilt.
//!
//! Entries of some hashes are a chain, which runs through the entries themselves. With each entry there is one
//! more chain, which takes over its part of one other (linear hashing: Litwin, "Linear hashing: a new tool for
//! file and table addressing", 1980). So an insert costs the same however many entries there are, and few
//! entries use few pages of what is reserved for many.

use std::mem;

use slab::Slab;

/// No entry has this number.
pub(crate) const NONE: u32 = u32::MAX;

/// An entry that is found by its hash.
pub(crate) trait Chained {
    /// Of what it is found by. The low bits count, of which there must be more than entries.
    fn hash(&self) -> u64;
    /// The next one of its chain, or [`NONE`], which it is for a new entry.
    fn next_in_chain(&self) -> u32;
    /// The place of the same.
    fn next_in_chain_mut(&mut self) -> &mut u32;
}

/// The chains of one slab's entries: 4 bytes for each entry.
#[derive(Debug)]
pub(crate) struct Chains {
    /// The first of each chain, or [`NONE`]. There is at least one chain.
    heads: Vec<u32>,
}

impl Chains {
    /// No entries.
    pub(crate) fn new() -> Self {
        Self { heads: vec![NONE; 1] }
    }

    /// Reserves places for that many entries in all, which is address space until they are used. What grows
    /// beyond doubles its vector. The allocator maps the pages of one that is that long anew, and copies none.
    pub(crate) fn reserve(&mut self, entries: usize) {
        self.heads.reserve_exact((entries + 1).saturating_sub(self.heads.len()));
    }

    /// The number of the entry with this hash that `is_it` means.
    pub(crate) fn find<E: Chained>(
        &self,
        entries: &Slab<E>,
        hash: u64,
        is_it: impl Fn(&E) -> bool,
    ) -> Option<u32> {
        let mut number = *self.heads.get(chain_of(hash, self.heads.len()))?;
        while let Some(entry) = entries.get(number as usize) {
            if is_it(entry) {
                return Some(number);
            }
            number = entry.next_in_chain();
        }
        None
    }

    /// Puts `entry` into the slab and into its chain. Returns its number. Numbers of those that are gone are used
    /// again.
    pub(crate) fn insert<E: Chained>(&mut self, entries: &mut Slab<E>, entry: E) -> u32 {
        if self.heads.len() <= entries.len() {
            self.add_chain(entries);
        }
        let hash = entry.hash();
        let number = entries.insert(entry) as u32;
        self.link(entries, number, hash);
        number
    }

    /// Takes the entry with this number out of the slab and out of its chain.
    pub(crate) fn remove<E: Chained>(&mut self, entries: &mut Slab<E>, number: u32) -> Option<E> {
        let removed = entries.try_remove(number as usize)?;
        let chain = chain_of(removed.hash(), self.heads.len());
        let head = self.heads.get_mut(chain)?;
        if *head == number {
            *head = removed.next_in_chain();
            return Some(removed);
        }
        let mut before = *head;
        while let Some(entry) = entries.get_mut(before as usize) {
            if entry.next_in_chain() == number {
                *entry.next_in_chain_mut() = removed.next_in_chain();
                break;
            }
            before = entry.next_in_chain();
        }
        Some(removed)
    }

    /// Puts an entry at the head of its chain.
    fn link<E: Chained>(&mut self, entries: &mut Slab<E>, number: u32, hash: u64) {
        let chain = chain_of(hash, self.heads.len());
        let Some(head) = self.heads.get_mut(chain) else { return };
        let next = mem::replace(head, number);
        if let Some(entry) = entries.get_mut(number as usize) {
            *entry.next_in_chain_mut() = next;
        }
    }

    /// Adds a chain, which takes over what belongs to it now. All of that is in one other chain.
    fn add_chain<E: Chained>(&mut self, entries: &mut Slab<E>) {
        let added = self.heads.len();
        let halved = chain_of(added as u64, added);
        self.heads.push(NONE);
        let Some(head) = self.heads.get_mut(halved) else { return };
        let mut number = mem::replace(head, NONE);
        while let Some(entry) = entries.get(number as usize) {
            let (hash, next) = (entry.hash(), entry.next_in_chain());
            self.link(entries, number, hash);
            number = next;
        }
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.heads.capacity()
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

    struct Entry {
        key: u64,
        next_in_chain: u32,
    }

    impl Chained for Entry {
        fn hash(&self) -> u64 {
            // Some share a hash.
            self.key / 3
        }

        fn next_in_chain(&self) -> u32 {
            self.next_in_chain
        }

        fn next_in_chain_mut(&mut self) -> &mut u32 {
            &mut self.next_in_chain
        }
    }

    #[test]
    fn chains_agree_with_a_map() {
        let mut rng = Seed::predictable(7).rng();
        let (mut chains, mut entries, mut map) = (Chains::new(), Slab::new(), BTreeMap::new());
        for step in 0..20_000_u64 {
            let mostly = if step / 4_000 % 2 == 0 { 3 } else { 1 };
            let key = rng.below(3_000);
            let found = chains.find(&entries, key / 3, |entry: &Entry| entry.key == key);
            assert_eq!(found, map.get(&key).copied());
            if rng.below(4) < mostly {
                let entry = Entry { key, next_in_chain: NONE };
                map.entry(key).or_insert_with(|| chains.insert(&mut entries, entry));
            } else if let Some(number) = map.remove(&key) {
                assert_eq!(chains.remove(&mut entries, number).map(|entry| entry.key), Some(key));
            }
            assert_eq!(entries.len(), map.len());
        }
        assert!(chains.remove(&mut entries, NONE).is_none());
    }

    #[test]
    fn a_chain_stays_short_however_many_entries() {
        let mut rng = Seed::predictable(7).rng();
        let (mut chains, mut entries) = (Chains::new(), Slab::new());
        for _ in 0..50_000 {
            chains.insert(&mut entries, Entry { key: rng.next_u64(), next_in_chain: NONE });
        }
        assert_eq!(chains.heads.len(), 50_000);
        let length = |head: &u32| {
            let first = entries.get(*head as usize);
            std::iter::successors(first, |entry| entries.get(entry.next_in_chain as usize)).count()
        };
        let longest = chains.heads.iter().map(length).max().unwrap();
        assert!(longest < 16, "{longest}");
    }

    #[test]
    fn few_entries_use_the_first_chains_alone() {
        let (mut chains, mut entries) = (Chains::new(), Slab::new());
        chains.reserve(100_000);
        for key in 0..50 {
            chains.insert(&mut entries, Entry { key: key << 20, next_in_chain: NONE });
        }
        assert_eq!(chains.heads.len(), 50);
    }
}
