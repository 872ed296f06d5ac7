//! The replay set: an accepted `auth` message is single-use until its token has expired.

use std::collections::BTreeMap;

use slab::Slab;

use super::error::TokenError;
use crate::id::Seed;
use crate::shares::Holdings;
use crate::time::{Instant, Now, UnixTime};

/// What was accepted, each until its token expires, and of which user.
///
/// The same message always carries the same token, so its expiry is part of the key: "was it here" is
/// one look-up, and "which is nearest to its expiry" is the first entry. A key is 64 bits of hash
/// under a secret seed, so that no peer can make two messages meet.
///
/// When the set is full, the oldest entry of the user that has most is forgotten. So only a user who
/// has more tokens accepted than the others can have a token forgotten, and it is one of its own.
#[derive(Debug)]
pub(crate) struct ReplaySet {
    entries: BTreeMap<ReplayKey, u32>,
    /// The key of each entry, by its number.
    keys: Slab<ReplayKey>,
    by_user: Holdings,
    capacity: usize,
    evictions: u64,
    /// What the wall clock showed at monotonic zero, by the first look at both.
    epoch: Option<UnixTime>,
}

/// The second of the expiry, rounded up, and the hash in halves, so that 4 bytes align it.
type ReplayKey = (u32, u32, u32);

impl ReplaySet {
    /// What an entry costs: 12 bytes of key twice, the slack of an ordered tree, and its place among
    /// its user's, who may have no other.
    #[cfg(feature = "net")]
    pub(crate) const ENTRY_BYTES: usize = 48 + Holdings::ENTRY_BYTES + Holdings::HOLDER_BYTES;

    /// Remembers at most `capacity` entries; 0: without a bound.
    #[must_use]
    pub(crate) fn new(seed: &Seed, capacity: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            keys: Slab::new(),
            by_user: Holdings::new(&seed.derive("holders of the replay set"), 0),
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
    /// When the set is full, the oldest entry of the user that has most is forgotten, and counted.
    /// O(log n).
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
        let key = key(hash, expires);
        if self.entries.contains_key(&key) {
            return Err(TokenError::Replayed);
        }
        let number = self.keys.insert(key) as u32;
        self.entries.insert(key, number);
        self.by_user.insert(number, user, 1);
        while self.capacity != 0
            && self.entries.len() > self.capacity
            && let Some(victim) = self.by_user.victim(user, 0)
        {
            self.remove(victim);
            self.evictions += 1;
        }
        Ok(())
    }

    /// Takes a reservation back: its join failed.
    pub(crate) fn release(&mut self, hash: u64, expires: UnixTime) {
        if let Some(&number) = self.entries.get(&key(hash, expires)) {
            self.remove(number);
        }
    }

    /// How many may be remembered; 0: any number.
    #[must_use]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many of the user who has most are remembered. The simulator's checkers ask.
    #[cfg(feature = "sim")]
    pub(crate) fn most_of_user(&self) -> u64 {
        self.by_user.most()
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
        while let Some((&(expires, ..), &number)) = self.entries.first_key_value()
            && u64::from(expires) <= now
        {
            self.remove(number);
        }
    }

    fn remove(&mut self, number: u32) {
        if let Some(key) = self.keys.try_remove(number as usize) {
            self.entries.remove(&key);
            self.by_user.remove(number, 1);
        }
    }
}

/// An expiry after 2106 counts as one in 2106.
fn key(hash: u64, expires: UnixTime) -> ReplayKey {
    let second = u32::try_from(expires.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
    (second, (hash >> 32) as u32, hash as u32)
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
        assert_eq!((set.len(), set.keys.len(), set.by_user.len()), (1, 1, 1));
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
    fn an_expiry_beyond_the_counter_is_remembered_too() {
        let mut set = set(0);
        assert_eq!(set.reserve(now(0), ALICE, 1, UnixTime::MAX), Ok(()));
        assert_eq!(set.reserve(now(0), ALICE, 1, UnixTime::MAX), Err(TokenError::Replayed));
    }
}
