//! Users whose sessions an operator ended: tokens that were issued until then stay refused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::time::{Instant, Now, UnixTime};

/// The users whose tokens were revoked, and when.
///
/// An entry is dropped when no token that it refuses can be valid any more, where that is known
/// (`auth.max_token_life`), and else when the table is full: the oldest first, and counted.
///
/// Users are 64-bit hashes under the node's secret seed. About 60 bytes an entry.
#[derive(Debug)]
pub(crate) struct Revocations {
    by_user: BTreeMap<u64, UnixTime>,
    /// The same, the oldest first.
    by_moment: BTreeSet<(UnixTime, u64)>,
    capacity: usize,
    max_token_life: Option<Duration>,
    leeway: Duration,
    evictions: u64,
    /// What the wall clock showed at monotonic zero, by the first look at both.
    epoch: Option<UnixTime>,
}

impl Revocations {
    /// What an entry costs: two ordered trees, of a user's hash with a moment and the other way
    /// round; and for each of the two lines that the file may have of it, the same once more while
    /// the file is written anew.
    #[cfg(feature = "net")]
    pub(crate) const ENTRY_BYTES: usize = 120;

    /// Remembers at most `capacity` users; 0: without a bound.
    #[must_use]
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            by_user: BTreeMap::new(),
            by_moment: BTreeSet::new(),
            capacity,
            max_token_life: None,
            leeway: Duration::ZERO,
            evictions: 0,
            epoch: None,
        }
    }

    /// From here on at most `capacity` users; who is beyond it goes with the next that comes.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// From here on no token is taken that lives longer than `max_token_life` (zero: any is), and
    /// clocks may differ by `leeway`.
    pub(crate) fn set_token_life(&mut self, max_token_life: Duration, leeway: Duration) {
        self.max_token_life = Some(max_token_life).filter(|life| !life.is_zero());
        self.leeway = leeway;
    }

    /// Refuses the user's tokens that were issued up to `at`, from here on. An earlier moment than
    /// the one that is known changes nothing. O(log n).
    ///
    /// When the table is full, the oldest entry is forgotten, and counted.
    pub(crate) fn revoke(&mut self, now: Now, user: u64, at: UnixTime) {
        self.forget_over(now);
        if let Some(&known) = self.by_user.get(&user) {
            if known >= at {
                return;
            }
            self.by_moment.remove(&(known, user));
        }
        self.by_user.insert(user, at);
        self.by_moment.insert((at, user));
        while self.capacity != 0 && self.by_user.len() > self.capacity {
            self.forget_first();
            self.evictions += 1;
        }
    }

    /// Are the user's tokens up to `at` refused already?
    pub(crate) fn knows(&self, user: u64, at: UnixTime) -> bool {
        self.by_user.get(&user).is_some_and(|&known| known >= at)
    }

    /// Is a token of this user refused that was issued then, or that does not say when?
    ///
    /// `iat` counts whole seconds, so a token of the revocation's own second is refused as well; and
    /// so is one of the leeway after it, as the issuer's clock may be ahead by as much.
    #[must_use]
    pub(crate) fn refuses(&self, user: u64, issued_at: Option<UnixTime>) -> bool {
        self.by_user
            .get(&user)
            .is_some_and(|&at| issued_at.is_none_or(|issued| issued <= at + self.leeway))
    }

    /// The same of a token that this server has issued then, by the clock of the revocation, and to the
    /// millisecond: so one that is issued after it is taken at once.
    #[must_use]
    pub(crate) fn refuses_own(&self, user: u64, issued: UnixTime) -> bool {
        self.by_user.get(&user).is_some_and(|&at| issued <= at)
    }

    /// Was a token that is refused surely issued before the revocation, by clocks that agree?
    #[must_use]
    pub(crate) fn is_before(&self, user: u64, issued_at: Option<UnixTime>) -> bool {
        let at = self.by_user.get(&user);
        at.is_some_and(|&at| issued_at.is_none_or(|issued| issued <= at))
    }

    /// The moment whose revocations refuse nothing any more, as every token that they are about has
    /// expired. `None`: there is no such moment.
    ///
    /// A token is refused that was issued up to the leeway after the moment. It lives for the life
    /// that a token may have, and is taken for another leeway.
    #[must_use]
    pub(crate) fn over_before(&mut self, now: Now) -> Option<UnixTime> {
        let life = self.max_token_life? + self.leeway * 2;
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        // Past by both clocks: a wall clock that is set on and back again would else let a token in.
        let since_start = now.monotonic.since(Instant::START);
        let epoch = *self.epoch.get_or_insert_with(|| {
            let since_start = u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX);
            UnixTime::from_millis(now.unix.as_millis().saturating_sub(since_start))
        });
        let now = now.unix.min(epoch + since_start);
        Some(UnixTime::from_millis(now.as_millis().saturating_sub(life)))
    }

    /// How many users may be remembered; 0: any number.
    #[must_use]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many users are remembered.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.by_user.len()
    }

    /// How many were forgotten because the table was full, though their tokens may still be valid.
    #[must_use]
    pub(crate) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Each entry is forgotten once, so this is amortised O(log n) a revocation.
    fn forget_over(&mut self, now: Now) {
        let Some(before) = self.over_before(now) else { return };
        while self.by_moment.first().is_some_and(|&(at, _)| at < before) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, user)) = self.by_moment.pop_first() {
            self.by_user.remove(&user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_millis(seconds * 1_000)
    }

    /// A server that was started at 0.
    fn now(seconds: u64) -> Now {
        Now { monotonic: Instant::START + Duration::from_secs(seconds), unix: at(seconds) }
    }

    #[test]
    fn older_tokens_are_refused_however_long_it_is() {
        let mut revocations = Revocations::new(10);
        revocations.revoke(now(100), 1, at(100));
        for day in [1, 366] {
            revocations.revoke(now(day * DAY), 9, at(day * DAY));
            assert!(revocations.refuses(1, Some(at(100))));
            assert!(revocations.refuses(1, None));
        }
        assert!(!revocations.refuses(1, Some(at(101))));
        assert!(!revocations.refuses(2, None));
    }

    #[test]
    fn repeated_revocation_keeps_the_latest_moment() {
        let mut revocations = Revocations::new(10);
        for moment in [100, 200, 150] {
            revocations.revoke(now(200), 1, at(moment));
        }
        assert!(revocations.refuses(1, Some(at(200))));
        assert!(!revocations.refuses(1, Some(at(201))));
        assert_eq!((revocations.len(), revocations.by_moment.len()), (1, 1));
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_counts_it() {
        let mut revocations = Revocations::new(2);
        for (user, moment) in [(1, 300), (2, 100), (3, 200)] {
            revocations.revoke(now(300), user, at(moment));
        }
        assert_eq!((revocations.len(), revocations.evictions()), (2, 1));
        assert!(!revocations.refuses(2, None));
        assert!(revocations.refuses(1, None) && revocations.refuses(3, None));
    }

    #[test]
    fn revocation_is_dropped_once_its_last_token_expires() {
        let mut revocations = Revocations::new(10);
        revocations.set_token_life(Duration::from_secs(3_600), Duration::from_secs(5));
        revocations.revoke(now(100), 1, at(100));
        // Issued by a clock that is 5 s ahead, and taken for 5 s after its expiry.
        assert!(revocations.refuses(1, Some(at(105))) && !revocations.refuses(1, Some(at(106))));
        revocations.revoke(now(3_710), 2, at(3_710));
        assert_eq!(revocations.len(), 2);
        revocations.revoke(now(3_711), 3, at(3_711));
        assert_eq!((revocations.len(), revocations.evictions()), (2, 0));
        assert!(!revocations.refuses(1, None));
    }

    #[test]
    fn a_wall_clock_that_is_set_on_drops_nothing() {
        let mut revocations = Revocations::new(10);
        revocations.set_token_life(Duration::from_secs(3_600), Duration::ZERO);
        revocations.revoke(now(100), 1, at(100));
        revocations.revoke(Now { unix: at(9_999), ..now(200) }, 2, at(9_999));
        assert!(revocations.refuses(1, Some(at(100))));
    }
}
