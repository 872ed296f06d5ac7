//! Who holds how much of a bounded table, who holds most, and what each holder's oldest entry is.
//!
//! A table that is full evicts the oldest entry of the holder that has most ([`victim`](Holdings::victim)).
//! So whoever fills a table does it at its own cost, and nobody can make the table forget what belongs to
//! somebody else who has less.
//!
//! # Cost
//!
//! Every call is O(1). An entry has a number of the table's choosing, and is linked with its holder's
//! other entries through a vector that is indexed by that number: 12 bytes. A holder takes 40 bytes,
//! and 4 in the chains that find it.
//!
//! Holders are kept in classes by how much they have: each class is at most a quarter wider than the
//! one below it, and up to 7 exact. So "most" is exact to a quarter. That is what O(1) costs.

use std::hash::BuildHasher;
use std::num::NonZeroU32;

use slab::Slab;

use super::chains::{Chained, Chains, NONE};
use crate::id::{Seed, SeededState};

/// The highest bit of a hash is set, so that it is never 0. The 31 bits below choose the chain.
const HASHED: NonZeroU32 = NonZeroU32::new(1 << 31).unwrap();
/// Classes of weights: 4 for each power of two.
const CLASSES: usize = 256;

/// The entries of a table by holder. A holder is a number: the hash of a user's name, or an address.
#[derive(Debug)]
pub(crate) struct Holdings {
    state: SeededState,
    by_key: Chains,
    holders: Slab<Holder>,
    links: Vec<EntryLink>,
    /// The first holder of each class.
    classes: Box<[u32; CLASSES]>,
    /// Which classes have a holder.
    used: [u64; CLASSES / 64],
    len: usize,
}

#[derive(Debug)]
struct Holder {
    key: u64,
    weight: u64,
    /// Entries, the oldest first.
    oldest: u32,
    newest: u32,
    /// Holders of the same class.
    previous: u32,
    next: u32,
    /// The next one of those that are found in one place.
    next_in_chain: u32,
    /// The low bits of the key's hash. It is never 0, which lets the slab mark an empty place without a tag.
    hash: NonZeroU32,
}

impl Chained for Holder {
    fn hash(&self) -> u64 {
        self.hash.get().into()
    }

    fn next_in_chain(&self) -> u32 {
        self.next_in_chain
    }

    fn next_in_chain_mut(&mut self) -> &mut u32 {
        &mut self.next_in_chain
    }
}

#[derive(Clone, Copy, Debug)]
struct EntryLink {
    holder: u32,
    /// The entry of the same holder that is older, and the one that is newer.
    older: u32,
    newer: u32,
}

const UNLINKED: EntryLink = EntryLink { holder: NONE, older: NONE, newer: NONE };

impl Holdings {
    /// What an entry takes, and what a holder takes.
    pub(crate) const ENTRY_BYTES: usize = 12;
    pub(crate) const HOLDER_BYTES: usize = 44;

    /// No entries, and room for so many, each of another holder: no table is moved until there are more. The
    /// seed keeps peers from choosing keys that collide.
    pub(crate) fn new(seed: &Seed, entries: usize) -> Self {
        let mut by_key = Chains::new();
        by_key.reserve(entries);
        Self {
            state: SeededState::new(seed),
            by_key,
            holders: Slab::with_capacity(entries),
            links: Vec::with_capacity(entries),
            classes: Box::new([NONE; CLASSES]),
            used: [0; CLASSES / 64],
            len: 0,
        }
    }

    /// `entry` belongs to `key` and weighs so much; it is the newest of that holder. An entry that is
    /// there already is moved; its old weight is to be removed first.
    pub(crate) fn insert(&mut self, entry: u32, key: u64, weight: u64) {
        self.remove(entry, 0);
        let hash = self.state.hash_one(key);
        let holder = self.find_hashed(hash, key).unwrap_or_else(|| self.create(hash, key));
        if self.links.len() <= entry as usize {
            self.links.resize(entry as usize + 1, UNLINKED);
        }
        let before = std::mem::replace(&mut self.holder(holder).newest, entry);
        if before == NONE {
            self.holder(holder).oldest = entry;
        } else {
            self.link(before).newer = entry;
        }
        *self.link(entry) = EntryLink { holder, older: before, newer: NONE };
        self.len += 1;
        self.weigh(holder, |before| before.saturating_add(weight));
    }

    /// `entry` is gone, and with it so much weight. False: it was not there.
    pub(crate) fn remove(&mut self, entry: u32, weight: u64) -> bool {
        let Some(link) = self.links.get_mut(entry as usize) else { return false };
        let EntryLink { holder, older, newer } = std::mem::replace(link, UNLINKED);
        if holder == NONE {
            return false;
        }
        match older {
            NONE => self.holder(holder).oldest = newer,
            older => self.link(older).newer = newer,
        }
        match newer {
            NONE => self.holder(holder).newest = older,
            newer => self.link(newer).older = older,
        }
        self.len -= 1;
        if self.holder(holder).oldest == NONE {
            self.forget(holder);
        } else {
            self.weigh(holder, |before| before.saturating_sub(weight));
        }
        true
    }

    /// `entry` weighs so much more, or less.
    pub(crate) fn reweigh(&mut self, entry: u32, more: u64, less: u64) {
        if let Some(holder) = self.holder_of(entry) {
            self.weigh(holder, |before| before.saturating_add(more).saturating_sub(less));
        }
    }

    /// `entry` is its holder's newest from here on.
    pub(crate) fn refresh(&mut self, entry: u32) {
        let Some(holder) = self.holder_of(entry) else { return };
        if self.holder(holder).newest == entry {
            return;
        }
        let EntryLink { older, newer, .. } = *self.link(entry);
        match older {
            NONE => self.holder(holder).oldest = newer,
            older => self.link(older).newer = newer,
        }
        self.link(newer).older = older;
        let newest = std::mem::replace(&mut self.holder(holder).newest, entry);
        self.link(newest).newer = entry;
        *self.link(entry) = EntryLink { holder, older: newest, newer: NONE };
    }

    /// The entry that goes so that `key` can have one that weighs so much: the oldest of whoever has
    /// most, and of `key` itself where nobody has more than it would have. `None`: `key` has
    /// nothing, and nobody has more than that one entry.
    pub(crate) fn victim(&self, key: u64, weight: u64) -> Option<u32> {
        let own = self.find(key).and_then(|own| self.holders.get(own as usize));
        let own_weight = own.map_or(0, |own| own.weight).saturating_add(weight);
        let heaviest = self.heaviest()?;
        let holder = if class_of(heaviest.weight) > class_of(own_weight) { heaviest } else { own? };
        Some(holder.oldest)
    }

    /// The oldest entry of whoever has most, if that is more than `key` would have with another that
    /// weighs so much.
    pub(crate) fn heavier_than(&self, key: u64, weight: u64) -> Option<u32> {
        let own = self.weight_of(key).saturating_add(weight);
        let heaviest = self.heaviest()?;
        (class_of(heaviest.weight) > class_of(own)).then_some(heaviest.oldest)
    }

    /// The oldest entry of the holder that has most.
    pub(crate) fn first_of_heaviest(&self) -> Option<u32> {
        self.heaviest().map(|holder| holder.oldest)
    }

    /// The entries of `key`, the oldest first.
    #[cfg(test)]
    fn entries_of(&self, key: u64) -> impl Iterator<Item = u32> + '_ {
        let holder = self.find(key).and_then(|holder| self.holders.get(holder as usize));
        let oldest = holder.map_or(NONE, |holder| holder.oldest);
        std::iter::successors(existing(oldest), |&entry| {
            existing(self.links.get(entry as usize)?.newer)
        })
    }

    /// How much `key` has.
    pub(crate) fn weight_of(&self, key: u64) -> u64 {
        let holder = self.find(key).and_then(|holder| self.holders.get(holder as usize));
        holder.map_or(0, |holder| holder.weight)
    }

    /// Is `entry` there?
    pub(crate) fn contains(&self, entry: u32) -> bool {
        self.holder_of(entry).is_some()
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many holders have an entry.
    pub(crate) fn holders(&self) -> usize {
        self.holders.len()
    }

    /// How much the holder has that has most, exact to a quarter. The simulator's checkers ask.
    #[cfg(feature = "sim")]
    pub(crate) fn most(&self) -> u64 {
        self.heaviest().map_or(0, |holder| holder.weight)
    }

    fn heaviest(&self) -> Option<&Holder> {
        let (word, bits) = self.used.iter().enumerate().rfind(|(_, bits)| **bits != 0)?;
        let class = word * 64 + bits.ilog2() as usize;
        self.holders.get(*self.classes.get(class)? as usize)
    }

    fn holder_of(&self, entry: u32) -> Option<u32> {
        existing(self.links.get(entry as usize)?.holder)
    }

    fn find(&self, key: u64) -> Option<u32> {
        self.find_hashed(self.state.hash_one(key), key)
    }

    fn find_hashed(&self, hash: u64, key: u64) -> Option<u32> {
        self.by_key.find(&self.holders, hash, |holder| holder.key == key)
    }

    fn create(&mut self, hash: u64, key: u64) -> u32 {
        let number = self.by_key.insert(
            &mut self.holders,
            Holder {
                key,
                weight: 0,
                oldest: NONE,
                newest: NONE,
                previous: NONE,
                next: NONE,
                next_in_chain: NONE,
                hash: HASHED | hash as u32,
            },
        );
        self.enter_class(number);
        number
    }

    fn forget(&mut self, holder: u32) {
        self.leave_class(holder);
        self.by_key.remove(&mut self.holders, holder);
    }

    fn weigh(&mut self, holder: u32, change: impl FnOnce(u64) -> u64) {
        let before = self.holder(holder).weight;
        let after = change(before);
        if class_of(before) == class_of(after) {
            self.holder(holder).weight = after;
        } else {
            self.leave_class(holder);
            self.holder(holder).weight = after;
            self.enter_class(holder);
        }
    }

    fn enter_class(&mut self, holder: u32) {
        let class = class_of(self.holder(holder).weight);
        let next = std::mem::replace(self.class(class), holder);
        if next != NONE {
            self.holder(next).previous = holder;
        }
        let it = self.holder(holder);
        (it.previous, it.next) = (NONE, next);
        self.mark(class, true);
    }

    fn leave_class(&mut self, holder: u32) {
        let Holder { weight, previous, next, .. } = *self.holder(holder);
        let class = class_of(weight);
        if next != NONE {
            self.holder(next).previous = previous;
        }
        if previous == NONE {
            *self.class(class) = next;
            self.mark(class, next != NONE);
        } else {
            self.holder(previous).next = next;
        }
    }

    fn mark(&mut self, class: usize, is_used: bool) {
        if let Some(bits) = self.used.get_mut(class / 64) {
            let bit = 1 << (class % 64);
            *bits = if is_used { *bits | bit } else { *bits & !bit };
        }
    }

    #[expect(clippy::indexing_slicing, reason = "a class is below 256")]
    fn class(&mut self, class: usize) -> &mut u32 {
        &mut self.classes[class]
    }

    #[expect(clippy::indexing_slicing, reason = "indices are this table's own, never a peer's")]
    fn holder(&mut self, holder: u32) -> &mut Holder {
        &mut self.holders[holder as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "indices are this table's own, never a peer's")]
    fn link(&mut self, entry: u32) -> &mut EntryLink {
        &mut self.links[entry as usize]
    }
}

/// The class of a weight: itself up to 7, and then 4 classes for each power of two. Below 256.
fn class_of(weight: u64) -> usize {
    let Some(power) = weight.checked_ilog2().filter(|&power| power >= 3) else {
        return weight as usize;
    };
    let quarter = (weight >> (power - 2)) & 3;
    (power as usize - 1) * 4 + quarter as usize
}

fn existing(number: u32) -> Option<u32> {
    (number != NONE).then_some(number)
}

#[cfg(test)]
mod tests;
