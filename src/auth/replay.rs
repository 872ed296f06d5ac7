//! The replay set: an accepted `auth` message is single-use until its token has expired.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::error::TokenError;
use crate::id::{Seed, SeededState};
use crate::time::{Instant, Now, UnixTime};

/// What was accepted, each until its token expires, and of which user.
///
/// The same message always carries the same token and user, so both are part of the key: "was it
/// here" is one look-up, and "which is nearest to its expiry" is the first entry. A key is 64 bits of
/// hash under a secret seed, so that no peer can make two messages meet.
///
/// When the set is full, the oldest entry of the user that has most is forgotten. So only a user who
/// has more tokens accepted than the others can have a token forgotten, and it is one of its own.
/// Most users have a few entries; only of those with more is it known which ones.
#[derive(Debug)]
pub(crate) struct ReplaySet {
    entries: BTreeSet<ReplayKey>,
    /// How many entries each user has.
    counts: HashMap<u32, u32, SeededState>,
    /// Of users with more than [`FEW`] entries, those beyond.
    heavy: BTreeMap<u32, BTreeSet<ReplayKey>>,
    /// The same users by how many these are.
    order: BTreeSet<(usize, u32)>,
    capacity: usize,
    evictions: u64,
    /// What the wall clock showed at monotonic zero, by the first look at both.
    epoch: Option<UnixTime>,
}

/// The second of the expiry, rounded up, the hash in halves, so that 4 bytes align it, and a hash of
/// the user.
type ReplayKey = (u32, u32, u32, u32);

/// As many entries as a user has who connects, renews, and connects again, with single-use ids.
const FEW: u32 = 9;

impl ReplaySet {
    /// What an entry costs: 16 bytes of key, the slack of an ordered tree, and its user's count.
    #[cfg(feature = "net")]
    pub(crate) const ENTRY_BYTES: usize = 48;

    /// Remembers at most `capacity` entries; 0: without a bound.
    #[must_use]
    pub(crate) fn new(seed: &Seed, capacity: usize) -> Self {
        let state = SeededState::new(&seed.derive("users of the replay set"));
        Self {
            entries: BTreeSet::new(),
            counts: HashMap::with_hasher(state),
            heavy: BTreeMap::new(),
            order: BTreeSet::new(),
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
        let key = key(user, hash, expires);
        if !self.entries.insert(key) {
            return Err(TokenError::Replayed);
        }
        let count = self.counts.entry(key.3).or_insert(0);
        *count += 1;
        if *count > FEW {
            self.edit_heavy(key.3, |entries| entries.insert(key));
        }
        while self.capacity != 0
            && self.entries.len() > self.capacity
            && let Some(victim) = self.victim(key)
        {
            self.remove(victim);
            self.evictions += 1;
        }
        Ok(())
    }

    /// What is forgotten for `newest`: of the user that has most; where nobody has more than a few,
    /// `newest` itself, as it has no more right than the others; and where it is gone, as the capacity
    /// was lowered, what is nearest to its expiry.
    fn victim(&self, newest: ReplayKey) -> Option<ReplayKey> {
        let heaviest = self.order.last().and_then(|(_, user)| self.heavy.get(user));
        let newest = self.entries.get(&newest);
        heaviest.and_then(BTreeSet::first).or(newest).or(self.entries.first()).copied()
    }

    /// Takes a reservation back: its join failed.
    pub(crate) fn release(&mut self, user: u64, hash: u64, expires: UnixTime) {
        self.remove(key(user, hash, expires));
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
        while let Some(&key) = self.entries.first()
            && u64::from(key.0) <= now
        {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: ReplayKey) {
        if !self.entries.remove(&key) {
            return;
        }
        let user = key.3;
        if let Some(count) = self.counts.get_mut(&user) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&user);
            }
        }
        if self.heavy.contains_key(&user) {
            self.edit_heavy(user, |entries| entries.remove(&key));
        }
    }

    /// Changes which entries of `user` are known.
    fn edit_heavy(&mut self, user: u32, change: impl FnOnce(&mut BTreeSet<ReplayKey>) -> bool) {
        let entries = self.heavy.entry(user).or_default();
        let before = entries.len();
        change(entries);
        let after = entries.len();
        if after == 0 {
            self.heavy.remove(&user);
        }
        if before != after {
            self.order.remove(&(before, user));
            if after > 0 {
                self.order.insert((after, user));
            }
        }
    }
}

/// An expiry after 2106 counts as one in 2106.
fn key(user: u64, hash: u64, expires: UnixTime) -> ReplayKey {
    let second = u32::try_from(expires.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
    (second, (hash >> 32) as u32, hash as u32, user as u32)
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
        assert_eq!((set.len(), set.counts.len()), (1, 1));
    }

    #[test]
    fn a_failed_join_frees_its_message() {
        let mut set = set(10);
        assert_eq!(set.reserve(now(0), ALICE, 7, at(60)), Ok(()));
        set.release(ALICE, 7, at(60));
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
        assert_eq!((set.counts.len(), set.heavy.len(), set.order.len()), (51, 1, 1));
        for user in 0..50 {
            assert_eq!(set.reserve(now(0), user, user, at(60)), Err(TokenError::Replayed));
        }
        assert_eq!(set.reserve(now(0), 99, 9_999, at(900)), Err(TokenError::Replayed));
        assert_eq!(set.reserve(now(0), 99, 1_010, at(900)), Ok(()), "its own is forgotten");
        assert_eq!(set.reserve(now(901), 7, 7, at(960)), Ok(()));
        assert_eq!((set.counts.len(), set.heavy.len(), set.order.len()), (1, 0, 0));
    }

    #[test]
    fn an_expiry_beyond_the_counter_is_remembered_too() {
        let mut set = set(0);
        assert_eq!(set.reserve(now(0), ALICE, 1, UnixTime::MAX), Ok(()));
        assert_eq!(set.reserve(now(0), ALICE, 1, UnixTime::MAX), Err(TokenError::Replayed));
    }
}
