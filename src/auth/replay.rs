//! The replay set: an accepted `auth` message is single-use until its token has expired.

mod table;

use std::num::NonZeroU32;

use self::table::{HolderHash, ReservationTable};
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
///
/// Each call takes some microseconds, however many entries there are: see [`ReservationTable`]. So a lowered
/// bound is kept bit by bit, too: each new entry has some of the others counted, and when all are, some
/// forgotten. Two calls take longer, those that begin or end the count by user, which take its memory or give
/// it back, 2 MiB of it in pages that are written at once for a million entries.
#[derive(Debug)]
pub(crate) struct ReplaySet {
    entries: ReservationTable,
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

/// Entries that are counted by user with each new one. Two would do to be done when the set is full.
const COUNTED_AT_ONCE: u32 = 4;
/// Entries that are forgotten with each new one if they have expired. More may have, where nobody came for
/// long; then they are forgotten bit by bit, which takes a new one a few microseconds each.
const FORGOTTEN_AT_ONCE: usize = 16;
/// Entries that are counted with each new one while there are more than the bound: it has been lowered.
const COUNTED_OVER_BOUND: u32 = 64;
/// For each entry that is counted, so many numbers may be passed over that have none: of those that were used
/// while there were more.
const EMPTY_FOR_EACH: u32 = 64;
/// Entries that are forgotten with each new one while there are more than the bound.
const EVICTED_AT_ONCE: usize = 16;
/// Places for up to so many are reserved, which is address space: 32 bytes each. Beyond that the vectors double,
/// and their pages are mapped anew.
const MOST_RESERVED: usize = 1 << 24;

impl ReplaySet {
    /// What an entry costs: 32 bytes with its places in the two lists that find it, some slack, and its
    /// place among its user's, who may have no other.
    #[cfg(feature = "net")]
    pub(crate) const ENTRY_BYTES: usize = 40 + Holdings::ENTRY_BYTES + Holdings::HOLDER_BYTES;

    /// Remembers at most `capacity` entries; 0: without a bound.
    #[must_use]
    pub(crate) fn new(seed: &Seed, capacity: usize) -> Self {
        Self {
            entries: ReservationTable::new(reserved(capacity)),
            by_user: None,
            counted: 0,
            end: 0,
            seed: seed.derive("holders of the replay set"),
            capacity,
            evictions: 0,
            epoch: None,
        }
    }

    /// From here on at most `capacity` entries; what is beyond it goes bit by bit, with those that come.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
        self.entries.reserve(reserved(capacity));
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
        if self.entries.find(hash, expires).is_some() {
            return Err(TokenError::Replayed);
        }
        let user = HolderHash::of(user);
        let number = self.entries.insert(hash, user, expires);
        self.end = self.end.max(number + 1);
        if number < self.counted {
            self.count(number);
        }
        self.count_by_user();
        if self.capacity != 0 && self.entries.len() > self.capacity {
            self.evict(number, user);
        }
        Ok(())
    }

    /// Forgets an entry, or some if the bound was lowered, so that there is room for the new one, `number` of
    /// `user`.
    fn evict(&mut self, number: u32, user: HolderHash) {
        self.count_more(COUNTED_OVER_BOUND);
        if self.counted < self.end {
            // Who has most is not known yet.
            return;
        }
        for _ in 0..EVICTED_AT_ONCE {
            let Some(by_user) = &mut self.by_user else { return };
            // Its number may be that of an older entry, and then it was counted before others.
            by_user.refresh(number);
            let Some(victim) = by_user.victim(user.key(), 0) else { return };
            self.remove(victim);
            self.evictions += 1;
            if self.entries.len() <= self.capacity {
                return;
            }
        }
    }

    /// Takes a reservation back: its join failed.
    pub(crate) fn release(&mut self, hash: u64, expires: UnixTime) {
        if let Some(number) = self.entries.find(hash, second_of(expires)) {
            self.remove(number);
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
        self.entries.len()
    }

    /// How many were forgotten before their expiry because the set was full.
    #[must_use]
    pub(crate) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Forgets some of those that have expired. Tokens that have expired are refused, remembered or not.
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
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some((number, expires)) = self.entries.first() else { return };
            if u64::from(expires.get()) > now {
                return;
            }
            self.remove(number);
        }
    }

    /// Begins, goes on with, or ends the count by user, by how full the set is.
    fn count_by_user(&mut self) {
        let len = self.entries.len();
        if self.by_user.is_none() {
            if self.capacity == 0 || len <= self.capacity / 2 {
                return;
            }
            // There are more for a while where the bound was lowered, and a few come until all are counted.
            let entries = reserved(self.capacity.max(len + len / COUNTED_OVER_BOUND as usize));
            // The numbers go on to the end, as there were more before.
            let entries = entries.max(self.end as usize);
            self.by_user = Some(Box::new(Holdings::new(&self.seed, entries)));
        } else if self.capacity == 0 || len < self.capacity / 4 {
            (self.by_user, self.counted) = (None, 0);
            return;
        }
        self.count_more(COUNTED_AT_ONCE);
    }

    /// Counts so many entries more, if there are.
    fn count_more(&mut self, entries: u32) {
        let mut left = entries * EMPTY_FOR_EACH;
        while left > 0 && self.counted < self.end {
            let cost = if self.count(self.counted) { EMPTY_FOR_EACH } else { 1 };
            left = left.saturating_sub(cost);
            self.counted += 1;
        }
    }

    /// Whether there is such an entry.
    fn count(&mut self, number: u32) -> bool {
        let Some(entry) = self.entries.get(number) else { return false };
        if let Some(by_user) = &mut self.by_user {
            by_user.insert(number, entry.user.key(), 1);
        }
        true
    }

    fn remove(&mut self, number: u32) {
        if self.entries.remove(number)
            && let Some(by_user) = &mut self.by_user
        {
            by_user.remove(number, 1);
        }
    }
}

/// How many places are reserved for so many entries. There is one more for a moment, before another goes.
fn reserved(capacity: usize) -> usize {
    if capacity == 0 { 0 } else { capacity.min(MOST_RESERVED) + 1 }
}

/// An expiry after 2106 counts as one in 2106, and one at the start of 1970 as a second later.
fn second_of(expires: UnixTime) -> NonZeroU32 {
    let second = u32::try_from(expires.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
    NonZeroU32::new(second).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests;
