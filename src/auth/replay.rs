//! The replay set: an accepted `auth` message is single-use until its token has expired.

use std::collections::BTreeMap;

use crate::id::ConnId;
use crate::time::UnixTime;

/// The same was accepted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed;

/// What was accepted, each until its token expires.
///
/// One ordered map serves both questions. The same message always carries the same token, so its
/// expiry is part of the key: "was it here" is one look-up, and "which is nearest to its expiry" is
/// the first entry. About 36 bytes an entry; 64-bit hashes under a secret seed, so that no peer can
/// make two messages meet.
#[derive(Debug)]
pub struct ReplaySet {
    entries: BTreeMap<(UnixTime, u64), ConnId>,
    capacity: usize,
    forgotten: u64,
}

impl ReplaySet {
    /// Remembers at most `capacity` entries; 0: without a bound.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { entries: BTreeMap::new(), capacity, forgotten: 0 }
    }

    /// Remembers the message of this `hash` until `expires`, for `owner`.
    ///
    /// When the set is full, the entry nearest to its expiry is forgotten, and counted. O(log n).
    ///
    /// # Errors
    /// [`Replayed`] when it is remembered already, for whomever.
    pub fn reserve(
        &mut self,
        now: UnixTime,
        hash: u64,
        expires: UnixTime,
        owner: ConnId,
    ) -> Result<(), Replayed> {
        self.forget_expired(now);
        if self.entries.contains_key(&(expires, hash)) {
            return Err(Replayed);
        }
        if self.capacity != 0 && self.entries.len() >= self.capacity {
            self.entries.pop_first();
            self.forgotten += 1;
        }
        self.entries.insert((expires, hash), owner);
        Ok(())
    }

    /// Who reserved it, while it is remembered.
    #[must_use]
    pub fn owner(&self, hash: u64, expires: UnixTime) -> Option<ConnId> {
        self.entries.get(&(expires, hash)).copied()
    }

    /// Takes a reservation back: its join failed.
    pub fn release(&mut self, hash: u64, expires: UnixTime) {
        self.entries.remove(&(expires, hash));
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is nothing remembered?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many were forgotten before their expiry because the set was full.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Each entry is forgotten once, so this is amortised O(log n) a reservation.
    fn forget_expired(&mut self, now: UnixTime) {
        while let Some(entry) = self.entries.first_entry()
            && entry.key().0 <= now
        {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: ConnId = ConnId::new(1, 1);

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_message_is_single_use_until_its_token_expires() {
        let mut set = ReplaySet::new(10);
        assert_eq!(set.reserve(at(0), 7, at(60), OWNER), Ok(()));
        assert_eq!(set.reserve(at(59), 7, at(60), OWNER), Err(Replayed));
        assert_eq!(set.owner(7, at(60)), Some(OWNER));
        assert_eq!(set.reserve(at(60), 8, at(90), OWNER), Ok(()));
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn a_failed_join_frees_its_message() {
        let mut set = ReplaySet::new(10);
        assert_eq!(set.reserve(at(0), 7, at(60), OWNER), Ok(()));
        set.release(7, at(60));
        assert!(set.is_empty());
        assert_eq!(set.reserve(at(0), 7, at(60), OWNER), Ok(()));
    }

    #[test]
    fn a_full_set_forgets_what_is_nearest_to_its_expiry() {
        let mut set = ReplaySet::new(2);
        for (hash, expiry) in [(1, 90), (2, 60), (3, 120)] {
            assert_eq!(set.reserve(at(0), hash, at(expiry), OWNER), Ok(()));
        }
        assert_eq!((set.len(), set.forgotten()), (2, 1));
        assert_eq!(set.owner(2, at(60)), None);
        assert_eq!(set.reserve(at(0), 1, at(90), OWNER), Err(Replayed));
    }
}
