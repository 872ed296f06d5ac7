//! The replay set: an accepted `auth` message is single-use until its token has expired.

use std::collections::BTreeSet;

use super::error::TokenError;
use crate::time::{Instant, Now, UnixTime};

/// What was accepted, each until its token expires.
///
/// One ordered set serves both questions. The same message always carries the same token, so its
/// expiry is part of the key: "was it here" is one look-up, and "which is nearest to its expiry" is
/// the first entry. A key is 12 bytes, some 18 with the tree's slack: 64-bit hashes under a secret
/// seed, so that no peer can make two messages meet.
#[derive(Debug)]
pub(crate) struct ReplaySet {
    entries: BTreeSet<ReplayKey>,
    capacity: usize,
    evictions: u64,
    /// What the wall clock showed at monotonic zero, by the first look at both.
    epoch: Option<UnixTime>,
}

/// The second of the expiry, rounded up, and the hash in halves, so that 4 bytes align it.
type ReplayKey = (u32, u32, u32);

impl ReplaySet {
    /// What an entry costs: 12 bytes of key, and the slack of an ordered tree.
    #[cfg(feature = "net")]
    pub(crate) const ENTRY_BYTES: usize = 24;

    /// Remembers at most `capacity` entries; 0: without a bound.
    #[must_use]
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: BTreeSet::new(), capacity, evictions: 0, epoch: None }
    }

    /// From here on at most `capacity` entries; what is beyond it goes with the next that comes.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Remembers the message of this `hash` until `expires`.
    ///
    /// When the set is full, the entry nearest to its expiry is forgotten, and counted. O(log n).
    ///
    /// # Errors
    /// [`TokenError::Replayed`] when it is remembered already.
    pub(crate) fn reserve(
        &mut self,
        now: Now,
        hash: u64,
        expires: UnixTime,
    ) -> Result<(), TokenError> {
        self.forget_expired(now);
        if !self.entries.insert(key(hash, expires)) {
            return Err(TokenError::Replayed);
        }
        while self.capacity != 0 && self.entries.len() > self.capacity {
            self.entries.pop_first();
            self.evictions += 1;
        }
        Ok(())
    }

    /// Takes a reservation back: its join failed.
    pub(crate) fn release(&mut self, hash: u64, expires: UnixTime) {
        self.entries.remove(&key(hash, expires));
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
        while let Some(&(expires, ..)) = self.entries.first()
            && u64::from(expires) <= now
        {
            self.entries.pop_first();
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

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_millis(seconds * 1_000)
    }

    fn now(seconds: u64) -> Now {
        let monotonic = Instant::from_micros(seconds * 1_000_000);
        Now { monotonic, unix: at(seconds) }
    }

    #[test]
    fn replay_set_forgets_nothing_when_wall_clock_jumps() {
        let mut set = ReplaySet::new(10);
        assert_eq!(set.reserve(now(0), 7, at(60)), Ok(()));
        let set_on = Now { unix: at(3_600), ..now(1) };
        assert_eq!(set.reserve(set_on, 8, at(3_700)), Ok(()));
        assert_eq!(set.reserve(now(2), 7, at(60)), Err(TokenError::Replayed));
    }

    #[test]
    fn a_message_is_single_use_until_its_token_expires() {
        let mut set = ReplaySet::new(10);
        assert_eq!(set.reserve(now(0), 7, at(60)), Ok(()));
        assert_eq!(set.reserve(now(59), 7, at(60)), Err(TokenError::Replayed));
        assert_eq!(set.reserve(now(60), 8, at(90)), Ok(()));
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn a_failed_join_frees_its_message() {
        let mut set = ReplaySet::new(10);
        assert_eq!(set.reserve(now(0), 7, at(60)), Ok(()));
        set.release(7, at(60));
        assert_eq!(set.len(), 0);
        assert_eq!(set.reserve(now(0), 7, at(60)), Ok(()));
    }

    #[test]
    fn a_full_set_forgets_what_is_nearest_to_its_expiry() {
        let mut set = ReplaySet::new(2);
        for (hash, expiry) in [(1, 90), (2, 60), (3, 120)] {
            assert_eq!(set.reserve(now(0), hash, at(expiry)), Ok(()));
        }
        assert_eq!((set.len(), set.evictions()), (2, 1));
        assert_eq!(set.reserve(now(0), 1, at(90)), Err(TokenError::Replayed));
        // The one that was forgotten is nearest again, and goes at once.
        assert_eq!(set.reserve(now(0), 2, at(60)), Ok(()));
        assert_eq!((set.len(), set.evictions()), (2, 2));
    }

    #[test]
    fn an_expiry_beyond_the_counter_is_remembered_too() {
        let mut set = ReplaySet::new(0);
        assert_eq!(set.reserve(now(0), 1, UnixTime::MAX), Ok(()));
        assert_eq!(set.reserve(now(0), 1, UnixTime::MAX), Err(TokenError::Replayed));
    }
}
