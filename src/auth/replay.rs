//! The replay set: an accepted `auth` message is single-use until its token has expired.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
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
    entries: Slab<Reservation>,
    /// The expiry of each entry and its number, the nearest first. Entries that were taken out early
    /// stay here until then, or until they are too many.
    order: BinaryHeap<Reverse<(NonZeroU32, u32)>>,
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
    /// The second of the expiry, rounded up. It is never 0, which lets the slab mark an empty place
    /// without a tag.
    expires: NonZeroU32,
}

/// Entries that are counted by user with each new one. Two would do to be done when the set is full.
const COUNTED_AT_ONCE: u32 = 4;
/// Places for so many are reserved, which is address space: 24 MiB for the entries and 12 MiB for their
/// order.
const MOST_RESERVED: usize = 1 << 20;

impl ReplaySet {
    /// What an entry costs: 24 bytes, its places in the two tables that find it with their slack, and
    /// its place among its user's, who may have no other.
    #[cfg(feature = "net")]
    pub(crate) const ENTRY_BYTES: usize = 48 + Holdings::ENTRY_BYTES + Holdings::HOLDER_BYTES;

    /// Remembers at most `capacity` entries; 0: without a bound.
    #[must_use]
    pub(crate) fn new(seed: &Seed, capacity: usize) -> Self {
        let reserved = capacity.min(MOST_RESERVED);
        Self {
            by_hash: HashTable::new(),
            entries: Slab::with_capacity(reserved),
            order: BinaryHeap::with_capacity(most_ordered(reserved)),
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
        let number = self.insert(Reservation { hash, user, expires });
        self.count_by_user();
        while self.capacity != 0 && self.entries.len() > self.capacity {
            // The bound may have been lowered: all are counted then, whatever that takes.
            self.count_until(self.end);
            let Some(by_user) = &mut self.by_user else { break };
            // Its number may be that of an older entry, and then it was counted before others.
            by_user.refresh(number);
            let Some(victim) = by_user.victim(user, 0) else { break };
            self.remove(victim);
            self.evictions += 1;
        }
        Ok(())
    }

    /// Takes a reservation back: its join failed.
    pub(crate) fn release(&mut self, hash: u64, expires: UnixTime) {
        if let Some(number) = self.find(hash, second_of(expires)) {
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

    /// Each entry is forgotten once, so this is amortised O(log n) a reservation.
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
        while let Some(&Reverse((expires, number))) = self.order.peek()
            && u64::from(expires.get()) <= now
        {
            self.order.pop();
            // The number may be that of a later entry meanwhile.
            if self.entries.get(number as usize).is_some_and(|entry| entry.expires == expires) {
                self.remove(number);
            }
        }
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
        self.order.push(Reverse((expires, number)));
        if self.order.len() > most_ordered(self.entries.len()) {
            let numbered = self.entries.iter();
            self.order.clear();
            self.order.extend(numbered.map(|(number, it)| Reverse((it.expires, number as u32))));
        }
        if number < self.counted {
            self.count(number);
        }
        number
    }

    /// Begins, goes on with, or ends the count by user, by how full the set is.
    fn count_by_user(&mut self) {
        let len = self.entries.len();
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
        if let Some(entry) = self.entries.get_mut(number as usize)
            && let Some(by_user) = &mut self.by_user
        {
            by_user.insert(number, entry.user, 1);
        }
    }

    fn remove(&mut self, number: u32) {
        let Some(entry) = self.entries.try_remove(number as usize) else { return };
        if let Ok(place) = self.by_hash.find_entry(entry.hash, |&other| other == number) {
            place.remove();
        }
        if let Some(by_user) = &mut self.by_user {
            by_user.remove(number, 1);
        }
    }
}

/// Places in the order of that many entries, of those that were taken out early the latest among them.
const fn most_ordered(entries: usize) -> usize {
    entries + entries / 2 + 64
}

/// An expiry after 2106 counts as one in 2106, and one at the start of 1970 as a second later.
fn second_of(expires: UnixTime) -> NonZeroU32 {
    let second = u32::try_from(expires.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
    NonZeroU32::new(second).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: u64 = 1;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_millis(seconds * 1_000)
    }

    fn now(seconds: u64) -> Now {
        let monotonic = Instant::from_micros(seconds * 1_000_000);
        Now { monotonic, unix: at(seconds) }
    }

    fn set(capacity: usize) -> ReplaySet {
        ReplaySet::new(&Seed::predictable(1), capacity)
    }

    #[test]
    fn replay_set_forgets_nothing_when_wall_clock_jumps() {
        let mut set = set(10);
        assert_eq!(set.reserve(now(0), ALICE, 7, at(60)), Ok(()));
        let set_on = Now { unix: at(3_600), ..now(1) };
        assert_eq!(set.reserve(set_on, ALICE, 8, at(3_700)), Ok(()));
        assert_eq!(set.reserve(now(2), ALICE, 7, at(60)), Err(TokenError::Replayed));
    }

    #[test]
    fn a_message_is_single_use_until_its_token_expires() {
        let mut set = set(10);
        assert_eq!(set.reserve(now(0), ALICE, 7, at(60)), Ok(()));
        assert_eq!(set.reserve(now(59), ALICE, 7, at(60)), Err(TokenError::Replayed));
        assert_eq!(set.reserve(now(60), ALICE, 8, at(90)), Ok(()));
        assert_eq!((set.len(), set.by_hash.len(), set.order.len()), (1, 1, 1));
    }

    #[test]
    fn a_reservation_takes_24_bytes() {
        // An Option has a tag exactly where a slab's place has one.
        assert_eq!(size_of::<Option<Reservation>>(), 24);
    }

    #[test]
    fn users_are_counted_while_the_set_is_half_full() {
        let mut set = set(100);
        let fill = |set: &mut ReplaySet, hashes: std::ops::Range<u64>, until| {
            hashes.for_each(|hash| assert_eq!(set.reserve(now(0), hash % 7, hash, until), Ok(())));
        };
        fill(&mut set, 0..50, at(60));
        assert!(set.by_user.is_none());
        fill(&mut set, 50..75, at(60));
        let counted = set.by_user.as_ref().map(|by_user| by_user.len());
        assert_eq!((counted, set.counted), (Some(75), 75), "before the set is full");
        assert_eq!(set.reserve(now(60), ALICE, 1, at(90)), Ok(()));
        assert!(set.by_user.is_none() && set.len() == 1);
        fill(&mut set, 100..175, at(90));
        assert_eq!(set.by_user.as_ref().map(|by_user| by_user.len()), Some(76));
    }

    #[test]
    fn order_of_expiries_does_not_outgrow_the_set() {
        let mut set = set(10);
        for hash in 0..10_000 {
            assert_eq!(set.reserve(now(0), ALICE, hash, at(60)), Ok(()));
        }
        assert!(set.order.len() <= most_ordered(11), "{}", set.order.len());
        assert_eq!(set.reserve(now(60), ALICE, 1, at(90)), Ok(()));
        assert_eq!((set.len(), set.by_hash.len(), set.order.len()), (1, 1, 1));
    }

    #[test]
    fn a_failed_join_frees_its_message() {
        let mut set = set(10);
        assert_eq!(set.reserve(now(0), ALICE, 7, at(60)), Ok(()));
        set.release(7, at(60));
        assert_eq!(set.len(), 0);
        assert_eq!(set.reserve(now(0), ALICE, 7, at(60)), Ok(()));
    }

    #[test]
    fn a_full_set_forgets_the_oldest_of_the_heaviest_user() {
        let mut set = set(100);
        for user in 0..50 {
            assert_eq!(set.reserve(now(0), user, user, at(60)), Ok(()));
        }
        for hash in 1_000..10_000 {
            assert_eq!(set.reserve(now(0), 99, hash, at(900)), Ok(()));
        }
        assert_eq!((set.len(), set.evictions()), (100, 8_950));
        for user in 0..50 {
            assert_eq!(set.reserve(now(0), user, user, at(60)), Err(TokenError::Replayed));
        }
        assert_eq!(set.reserve(now(0), 99, 9_999, at(900)), Err(TokenError::Replayed));
        assert_eq!(set.reserve(now(0), 99, 1_000, at(900)), Ok(()), "its own is forgotten");
    }

    #[test]
    fn a_new_entry_with_a_used_number_goes_last() {
        let mut set = set(0);
        for hash in 0..10 {
            assert_eq!(set.reserve(now(0), ALICE, hash, at(60)), Ok(()));
        }
        set.release(0, at(60));
        set.set_capacity(5);
        assert_eq!(set.reserve(now(0), ALICE, 10, at(60)), Ok(()));
        assert_eq!((set.len(), set.evictions()), (5, 5));
        assert_eq!(set.reserve(now(0), ALICE, 10, at(60)), Err(TokenError::Replayed));
    }

    #[test]
    fn an_expiry_beyond_the_counter_is_remembered_too() {
        let mut set = set(0);
        assert_eq!(set.reserve(now(0), ALICE, 1, UnixTime::MAX), Ok(()));
        assert_eq!(set.reserve(now(0), ALICE, 1, UnixTime::MAX), Err(TokenError::Replayed));
    }
}
