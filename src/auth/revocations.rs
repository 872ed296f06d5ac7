//! Users whose sessions an operator ended: their older tokens stay refused until they run out.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::UnixTime;

/// Who was revoked and when, each for as long as a token of that time could live.
///
/// Users are 64-bit hashes under the node's secret seed. About 60 bytes an entry.
#[derive(Debug)]
pub struct Revocations {
    by_user: BTreeMap<u64, Revocation>,
    by_end: BTreeSet<(UnixTime, u64)>,
    capacity: usize,
    forgotten: u64,
}

#[derive(Clone, Copy, Debug)]
struct Revocation {
    at: UnixTime,
    until: UnixTime,
}

impl Revocations {
    /// Remembers at most `capacity` users; 0: without a bound.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { by_user: BTreeMap::new(), by_end: BTreeSet::new(), capacity, forgotten: 0 }
    }

    /// From here on at most `capacity` users; who is beyond it goes with the next that comes.
    pub fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Refuses the user's tokens that were issued up to `now`, until `until`.
    ///
    /// A second call for the same user counts from then on, and never shortens the first. When the
    /// table is full, the one nearest to its end is forgotten, and counted. O(log n).
    pub fn revoke(&mut self, now: UnixTime, user: u64, until: UnixTime) {
        self.forget_over(now);
        let before = self.by_user.get(&user).copied();
        if let Some(before) = before {
            self.by_end.remove(&(before.until, user));
        }
        let until = before.map_or(until, |before| before.until.max(until));
        self.by_user.insert(user, Revocation { at: now, until });
        self.by_end.insert((until, user));
        while self.capacity != 0 && self.by_user.len() > self.capacity {
            self.forget_first();
            self.forgotten += 1;
        }
    }

    /// Is a token of this user refused that was issued then, or that does not say when?
    ///
    /// `iat` counts whole seconds, so a token of the revocation's own second is refused as well.
    #[must_use]
    pub fn refuses(&self, now: UnixTime, user: u64, issued_at: Option<UnixTime>) -> bool {
        self.by_user.get(&user).is_some_and(|revocation| {
            now < revocation.until && issued_at.is_none_or(|issued| issued <= revocation.at)
        })
    }

    /// How many users are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_user.len()
    }

    /// Is nobody remembered?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_user.is_empty()
    }

    /// How many were forgotten before their end because the table was full.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn forget_over(&mut self, now: UnixTime) {
        while self.by_end.first().is_some_and(|&(until, _)| until <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, user)) = self.by_end.pop_first() {
            self.by_user.remove(&user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_millis(seconds * 1_000)
    }

    #[test]
    fn older_tokens_are_refused_until_they_run_out() {
        let mut revocations = Revocations::new(10);
        revocations.revoke(at(100), 1, at(1_000));
        assert!(revocations.refuses(at(100), 1, Some(at(100))));
        assert!(revocations.refuses(at(999), 1, Some(at(50))));
        assert!(revocations.refuses(at(999), 1, None));
        assert!(!revocations.refuses(at(999), 1, Some(at(101))));
        assert!(!revocations.refuses(at(1_000), 1, Some(at(50))));
        assert!(!revocations.refuses(at(100), 2, None));
    }

    #[test]
    fn a_second_revocation_counts_anew_and_shortens_nothing() {
        let mut revocations = Revocations::new(10);
        revocations.revoke(at(100), 1, at(1_000));
        revocations.revoke(at(200), 1, at(500));
        assert!(revocations.refuses(at(999), 1, Some(at(150))));
        assert_eq!((revocations.len(), revocations.by_end.len()), (1, 1));
    }

    #[test]
    fn what_is_over_is_forgotten_and_a_full_table_forgets_the_nearest() {
        let mut revocations = Revocations::new(2);
        for (user, until) in [(1, 900), (2, 500), (3, 700)] {
            revocations.revoke(at(100), user, at(until));
        }
        assert_eq!((revocations.len(), revocations.forgotten()), (2, 1));
        assert!(!revocations.refuses(at(100), 2, None));
        revocations.revoke(at(2_000), 4, at(3_000));
        assert_eq!((revocations.len(), revocations.forgotten()), (1, 1));
    }
}
