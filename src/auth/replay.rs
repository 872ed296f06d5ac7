//! The replay set: an accepted `auth` message is single-use until its token has expired.

use std::num::NonZeroU32;

use hashbrown::HashTable;
use slab::Slab;

use super::error::TokenError;
use crate::id::Seed;
use crate::shares::Holdings;
use crate::time::{Instant, Now, UnixTime};

/// What was accepted, each until its token expires, and of which user.
///
/// The same message always carries the same token, so its expiry is part of the key. The message is 64
/// bits of hash under a secret seed, so that no peer can make two messages meet.
///
/// When the set is full, an entry of the user that has most is forgotten. So only a user who has more
/// tokens accepted than the others can have a token forgotten, and it is one of its own. Who has how
/// many is known only while the set is more than half full: nobody asks before. From then on each new
/// entry has a few others counted, so all are before the set is full.
///
/// Of a user's entries the one that was counted first is forgotten: of those that came after all were
/// counted, the oldest. Those before are counted by their numbers, which are used again, so they go in
/// any order: their ages would cost bytes in each entry.
#[derive(Debug)]
pub(crate) struct ReplaySet {
    /// The numbers of the entries, by their hashes.
    by_hash: HashTable<u32>,
    /// Those that were taken out early stay in their lists until they come up, or are too many.
    entries: Slab<Reservation>,
    /// The first entry of each list. Each has the seconds that are 1,024 apart, so it comes up every 17
    /// minutes; what expires later is passed over then.
    lists: Box<[u32; LISTS]>,
    /// The lists of all seconds up to this one have come up.
    looked_at: u32,
    by_user: Option<Box<Holdings>>,
    /// Entries from this number on may not be counted in `by_user`.
    counted: u32,
    /// No entry ever had this number, or a higher one.
    end: u32,
    seed: Seed,
    capacity: usize,
    evictions: u64,
    /// What the wall clock showed at monotonic zero, by the first look at both.
    epoch: Option<UnixTime>,
}

/// One accepted message.
#[derive(Debug)]
struct Reservation {
    hash: u64,
    user: u64,
    /// The second of the expiry, rounded up; [`TAKEN_OUT`]: the entry counts no more. It is never 0, which
    /// lets the slab mark an empty place without a tag.
    expires: NonZeroU32,
    /// The next entry of its list.
    next: u32,
}

/// No entry.
const NONE: u32 = u32::MAX;
/// Lists of entries by their second: 4 KiB.
const LISTS: usize = 1 << 10;
/// What an entry has for its expiry that was taken out early.
const TAKEN_OUT: NonZeroU32 = NonZeroU32::MIN;

/// Entries that are counted by user with each new one. Two would do to be done when the set is full.
const COUNTED_AT_ONCE: u32 = 4;
/// Places for so many are reserved, and for those that are taken out early: 36 MiB of address space.
const MOST_RESERVED: usize = 1 << 20;

impl ReplaySet {
    /// What an entry costs: 24 bytes, half as much for those that were taken out early, its place in the
    /// table that finds it with its slack, and its place among its user's, who may have no other.
    #[cfg(feature = "net")]
    pub(crate) const ENTRY_BYTES: usize = 48 + Holdings::ENTRY_BYTES + Holdings::HOLDER_BYTES;

    /// Remembers at most `capacity` entries; 0: without a bound.
    #[must_use]
    pub(crate) fn new(seed: &Seed, capacity: usize) -> Self {
        let reserved = capacity.min(MOST_RESERVED);
        Self {
            by_hash: HashTable::new(),
            entries: Slab::with_capacity(most_listed(reserved)),
            lists: Box::new([NONE; LISTS]),
            looked_at: 0,
            by_user: None,
            counted: 0,
            end: 0,
            seed: seed.derive("holders of the replay set"),
            capacity,
            evictions: 0,
            epoch: None,
        }
    }

    /// From here on at most `capacity` entries; what is beyond it goes with the next that comes.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Remembers the message of this `hash`, of this `user`, until `expires`.
    ///
    /// When the set is full, an entry of the user that has most is forgotten, and counted: this one only
    /// if its user has no other, and nobody has more. O(log n).
    ///
    /// # Errors
    /// [`TokenError::Replayed`] when it is remembered already.
    pub(crate) fn reserve(
        &mut self,
        now: Now,
        user: u64,
        hash: u64,
        expires: UnixTime,
    ) -> Result<(), TokenError> {
        self.forget_expired(now);
        let expires = second_of(expires);
        if self.find(hash, expires).is_some() {
            return Err(TokenError::Replayed);
        }
        let number = self.insert(Reservation { hash, user, expires, next: NONE });
        self.count_by_user();
        while self.capacity != 0 && self.len() > self.capacity {
            // The bound may have been lowered: all are counted then, whatever that takes.
            self.count_until(self.end);
            let Some(by_user) = &mut self.by_user else { break };
            // Its number may be that of an older entry, and then it was counted before others.
            by_user.refresh(number);
            let Some(victim) = by_user.victim(user, 0) else { break };
            self.take_out(victim);
            self.evictions += 1;
        }
        Ok(())
    }

    /// Takes a reservation back: its join failed.
    pub(crate) fn release(&mut self, hash: u64, expires: UnixTime) {
        if let Some(number) = self.find(hash, second_of(expires)) {
            self.take_out(number);
        }
    }

    /// How many may be remembered; 0: any number.
    #[must_use]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many of the user who has most are remembered, once the set is half full. The simulator's
    /// checkers ask.
    #[cfg(feature = "sim")]
    pub(crate) fn most_of_user(&self) -> u64 {
        self.by_user.as_ref().map_or(0, |by_user| by_user.most())
    }

    /// How many are remembered.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// How many were forgotten before their expiry because the set was full.
    #[must_use]
    pub(crate) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// A second that has passed costs O(1), and what is in its list.
    ///
    /// An expiry must be past by both clocks: a wall clock that is set on and back again would
    /// else let a message in twice.
    fn forget_expired(&mut self, now: Now) {
        let since_start = now.monotonic.since(Instant::START);
        let epoch = *self.epoch.get_or_insert_with(|| {
            let since_start = u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX);
            UnixTime::from_millis(now.unix.as_millis().saturating_sub(since_start))
        });
        let now = now.unix.min(epoch + since_start).as_millis() / 1_000;
        let now = u32::try_from(now).unwrap_or(u32::MAX);
        // After a turn of all lists each has come up.
        let first = self.looked_at.saturating_add(1).max(now.saturating_sub(LISTS as u32 - 1));
        for second in first..=now {
            self.forget_expired_in(second, now);
        }
        self.looked_at = self.looked_at.max(now);
    }

    /// The list of this second comes up: what has expired at `now` goes, what expires later stays.
    fn forget_expired_in(&mut self, second: u32, now: u32) {
        let mut number = std::mem::replace(self.list(second), NONE);
        while let Some(entry) = self.entries.get(number as usize) {
            let (next, expires) = (entry.next, entry.expires);
            if expires.get() > now {
                self.link(number, second);
            } else {
                self.take_out(number);
                self.entries.try_remove(number as usize);
            }
            number = next;
        }
    }

    /// Puts an entry into the list of this second.
    fn link(&mut self, number: u32, second: u32) {
        let next = std::mem::replace(self.list(second), number);
        if let Some(entry) = self.entries.get_mut(number as usize) {
            entry.next = next;
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the number of a list is below 1,024")]
    fn list(&mut self, second: u32) -> &mut u32 {
        &mut self.lists[second as usize % LISTS]
    }

    fn find(&self, hash: u64, expires: NonZeroU32) -> Option<u32> {
        let is_it = |&number: &u32| {
            let entry = self.entries.get(number as usize);
            entry.is_some_and(|entry| (entry.hash, entry.expires) == (hash, expires))
        };
        self.by_hash.find(hash, is_it).copied()
    }

    /// The number of the new entry.
    fn insert(&mut self, entry: Reservation) -> u32 {
        let (hash, expires) = (entry.hash, entry.expires);
        let number = self.entries.insert(entry) as u32;
        self.end = self.end.max(number + 1);
        let Self { by_hash, entries, .. } = self;
        let hash_of = |&number: &u32| entries.get(number as usize).map_or(0, |entry| entry.hash);
        by_hash.insert_unique(hash, number, hash_of);
        // What has expired already goes with the next list that comes up.
        self.link(number, expires.get().max(self.looked_at.saturating_add(1)));
        if self.entries.len() > most_listed(self.len()) {
            self.drop_taken_out();
        }
        if number < self.counted {
            self.count(number);
        }
        number
    }

    /// Empties the places of all entries that were taken out, and makes the lists of the others anew.
    /// O(n), after as many were taken out as half of those that are left.
    fn drop_taken_out(&mut self) {
        self.entries.retain(|_, entry| entry.expires != TAKEN_OUT);
        self.lists.fill(NONE);
        for number in 0..self.end {
            if let Some(entry) = self.entries.get(number as usize) {
                let second = entry.expires.get().max(self.looked_at.saturating_add(1));
                self.link(number, second);
            }
        }
    }

    /// Begins, goes on with, or ends the count by user, by how full the set is.
    fn count_by_user(&mut self) {
        let len = self.len();
        if self.by_user.is_none() {
            if self.capacity == 0 || len <= self.capacity / 2 {
                return;
            }
            self.by_user = Some(Box::new(Holdings::new(&self.seed, 0)));
        } else if self.capacity == 0 || len < self.capacity / 4 {
            (self.by_user, self.counted) = (None, 0);
            return;
        }
        self.count_until(self.counted.saturating_add(COUNTED_AT_ONCE));
    }

    /// Counts the entries up to this number.
    fn count_until(&mut self, number: u32) {
        while self.counted < number.min(self.end) {
            self.count(self.counted);
            self.counted += 1;
        }
    }

    fn count(&mut self, number: u32) {
        if let Some(entry) = self.entries.get(number as usize)
            && entry.expires != TAKEN_OUT
            && let Some(by_user) = &mut self.by_user
        {
            by_user.insert(number, entry.user, 1);
        }
    }

    /// An entry counts no more. Its place is free when its list comes up, as it is linked in one
    /// direction only.
    fn take_out(&mut self, number: u32) {
        let Some(entry) = self.entries.get_mut(number as usize) else { return };
        if std::mem::replace(&mut entry.expires, TAKEN_OUT) == TAKEN_OUT {
            return;
        }
        if let Ok(place) = self.by_hash.find_entry(entry.hash, |&other| other == number) {
            place.remove();
        }
        if let Some(by_user) = &mut self.by_user {
            by_user.remove(number, 1);
        }
    }
}

/// Entries that are in lists of that many that count, at most.
const fn most_listed(entries: usize) -> usize {
    entries + entries / 2 + 64
}

/// An expiry after 2106 counts as one in 2106, and one at the start of 1970 as two seconds later.
fn second_of(expires: UnixTime) -> NonZeroU32 {
    let second = u32::try_from(expires.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
    NonZeroU32::new(second.max(TAKEN_OUT.get() + 1)).unwrap_or(TAKEN_OUT)
}

#[cfg(test)]
mod tests;
