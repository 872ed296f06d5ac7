//! Users whose sessions an operator ended: tokens that were issued until then stay refused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::error::TokenError;
use crate::time::{Instant, Now, UnixTime};

/// When a token was issued, or something else that a revocation undoes was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IssueTime {
    /// By the clock of this server, to the millisecond.
    Here(UnixTime),
    /// By the clock of its issuer: `iat`, of whole seconds as a rule.
    Elsewhere(UnixTime),
    /// The token does not say.
    Unknown,
}

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
    /// Those of `by_moment` that a restart forgets: they could not be stored, and wait nowhere to be
    /// stored again.
    lost: BTreeSet<(UnixTime, u64)>,
    capacity: usize,
    max_token_life: Option<Duration>,
    leeway: Duration,
    evictions: u64,
    /// Other nodes give revocations and issue tokens, by their own clocks.
    is_shared: bool,
    /// The latest revocation that another process gave. Up to it no moment is known to be by this
    /// process's clock. One moment for all users costs an entry nothing, and errs towards the leeway.
    others_until: Option<UnixTime>,
    /// What the wall clock showed at monotonic zero, by the first look at both.
    epoch: Option<UnixTime>,
}

/// Entries that are forgotten with each revocation, at most: of those that have expired, and of those beyond
/// a bound that was lowered. Every client waits for a turn.
const FORGOTTEN_AT_ONCE: usize = 64;

impl Revocations {
    /// What an entry costs: two ordered trees, of a user's hash with a moment and the other way
    /// round (a third holds those that are lost, which are few unless the disk fails); and for each of the two lines that the file may have of it, the same once more while
    /// the file is written anew.
    #[cfg(feature = "net")]
    pub(crate) const ENTRY_BYTES: usize = 120;

    /// Remembers at most `capacity` users; 0: without a bound.
    #[must_use]
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            by_user: BTreeMap::new(),
            by_moment: BTreeSet::new(),
            lost: BTreeSet::new(),
            capacity,
            max_token_life: None,
            leeway: Duration::ZERO,
            evictions: 0,
            is_shared: false,
            others_until: None,
            epoch: None,
        }
    }

    /// From here on at most `capacity` users; those beyond it go bit by bit, with those that come.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// From here on no token is taken that lives longer than `max_token_life` (zero: any is), and
    /// clocks may differ by `leeway`.
    pub(crate) fn set_token_life(&mut self, max_token_life: Duration, leeway: Duration) {
        self.max_token_life = Some(max_token_life).filter(|life| !life.is_zero());
        self.leeway = leeway;
    }

    /// From here on other nodes of a cluster give revocations and issue tokens, too, or do not.
    pub(crate) fn set_shared(&mut self, is_shared: bool) {
        self.is_shared = is_shared;
    }

    /// Refuses the user's tokens as [`revoke`](Self::revoke) does, up to a moment by another process's
    /// clock: an earlier process's, or another node's.
    pub(crate) fn revoke_by_other(&mut self, now: Now, user: u64, at: UnixTime) {
        self.others_until = self.others_until.max(Some(at));
        self.revoke(now, user, at);
    }

    /// Refuses the user's tokens that were issued up to `at`, by this process's clock, from here on. An
    /// earlier moment than the one that is known changes nothing. O(log n).
    ///
    /// When the table is full, the oldest entry is forgotten, and counted; some, if the bound was lowered.
    pub(crate) fn revoke(&mut self, now: Now, user: u64, at: UnixTime) {
        self.forget_over(now);
        if let Some(&known) = self.by_user.get(&user) {
            if known >= at {
                return;
            }
            self.by_moment.remove(&(known, user));
            if self.lost.remove(&(known, user)) {
                // Until this one is stored, a restart forgets both.
                self.lost.insert((at, user));
            }
        }
        self.by_user.insert(user, at);
        self.by_moment.insert((at, user));
        for _ in 0..FORGOTTEN_AT_ONCE {
            if self.capacity == 0 || self.by_user.len() <= self.capacity {
                break;
            }
            self.forget_first();
            self.evictions += 1;
        }
    }

    /// Whether a restart forgets that the user's tokens up to `at` are refused. Where a later revocation of
    /// this user is known, what becomes of that one decides.
    pub(crate) fn set_lost(&mut self, user: u64, at: UnixTime, is_lost: bool) {
        let Some(&known) = self.by_user.get(&user).filter(|&&known| known <= at) else { return };
        if is_lost {
            self.lost.insert((known, user));
        } else {
            self.lost.remove(&(known, user));
        }
    }

    /// How many users a restart forgets whose tokens may still be valid.
    #[must_use]
    pub(crate) fn lost(&self, now: Now) -> usize {
        let Some((latest, _)) = self.lost.last() else { return 0 };
        let is_over = self.over_at(now, self.epoch_at(now)).is_some_and(|before| *latest < before);
        if is_over { 0 } else { self.lost.len() }
    }

    /// Are the user's tokens up to `at` refused already?
    pub(crate) fn knows(&self, user: u64, at: UnixTime) -> bool {
        self.by_user.get(&user).is_some_and(|&known| known >= at)
    }

    /// Whether a token of this user, which was issued then, is good. Every judgement of a token by a
    /// revocation is made here.
    ///
    /// `iat` counts whole seconds, so a token of the revocation's own second is refused as well; and
    /// so is one of the leeway after it, as the issuer's clock may be ahead by as much. A token of this
    /// server is good as soon as it is issued after the revocation, if one clock has shown both.
    ///
    /// # Errors
    /// [`TokenError::Revoked`] when it was issued before the revocation, by clocks that agree, or does
    /// not say when; [`TokenError::IssuedTooSoon`] when it may have been.
    pub(crate) fn check(&self, user: u64, issued: IssueTime) -> Result<(), TokenError> {
        let Some(&at) = self.by_user.get(&user) else { return Ok(()) };
        let has_one_clock = !self.is_shared && self.others_until.is_none_or(|until| at > until);
        let (issued, leeway) = match issued {
            IssueTime::Unknown => return Err(TokenError::Revoked),
            IssueTime::Here(issued) if has_one_clock => (issued, Duration::ZERO),
            IssueTime::Here(issued) | IssueTime::Elsewhere(issued) => (issued, self.leeway),
        };
        if issued <= at {
            return Err(TokenError::Revoked);
        }
        if issued <= at + leeway { Err(TokenError::IssuedTooSoon) } else { Ok(()) }
    }

    /// The moment whose revocations refuse nothing any more, as every token that they are about has
    /// expired. `None`: there is no such moment.
    ///
    /// A token is refused that was issued up to the leeway after the moment. It lives for the life
    /// that a token may have, and is taken for another leeway.
    #[must_use]
    pub(crate) fn over_before(&mut self, now: Now) -> Option<UnixTime> {
        self.max_token_life?;
        let epoch = self.epoch_at(now);
        self.epoch = Some(epoch);
        self.over_at(now, epoch)
    }

    /// Past by both clocks: a wall clock that is set on and back again would else let a token in.
    fn over_at(&self, now: Now, epoch: UnixTime) -> Option<UnixTime> {
        let life = self.max_token_life? + self.leeway * 2;
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        let now = now.unix.min(epoch + now.monotonic.since(Instant::START));
        Some(UnixTime::from_millis(now.as_millis().saturating_sub(life)))
    }

    fn epoch_at(&self, now: Now) -> UnixTime {
        let since_start = now.monotonic.since(Instant::START).as_millis();
        let since_start = u64::try_from(since_start).unwrap_or(u64::MAX);
        let shown = || UnixTime::from_millis(now.unix.as_millis().saturating_sub(since_start));
        self.epoch.unwrap_or_else(shown)
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

    /// Forgets some of those that refuse nothing any more.
    fn forget_over(&mut self, now: Now) {
        let Some(before) = self.over_before(now) else { return };
        for _ in 0..FORGOTTEN_AT_ONCE {
            if self.by_moment.first().is_none_or(|&(at, _)| at >= before) {
                return;
            }
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(first) = self.by_moment.pop_first() {
            self.by_user.remove(&first.1);
            self.lost.remove(&first);
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

    /// Is a token refused that was issued elsewhere then, or does not say when?
    fn refuses(revocations: &Revocations, user: u64, issued: Option<UnixTime>) -> bool {
        let issued = issued.map_or(IssueTime::Unknown, IssueTime::Elsewhere);
        revocations.check(user, issued).is_err()
    }

    #[test]
    fn older_tokens_are_refused_however_long_it_is() {
        let mut revocations = Revocations::new(10);
        revocations.revoke(now(100), 1, at(100));
        for day in [1, 366] {
            revocations.revoke(now(day * DAY), 9, at(day * DAY));
            assert!(refuses(&revocations, 1, Some(at(100))));
            assert!(refuses(&revocations, 1, None));
        }
        assert!(!refuses(&revocations, 1, Some(at(101))));
        assert!(!refuses(&revocations, 2, None));
    }

    #[test]
    fn repeated_revocation_keeps_the_latest_moment() {
        let mut revocations = Revocations::new(10);
        for moment in [100, 200, 150] {
            revocations.revoke(now(200), 1, at(moment));
        }
        assert!(refuses(&revocations, 1, Some(at(200))));
        assert!(!refuses(&revocations, 1, Some(at(201))));
        assert_eq!((revocations.len(), revocations.by_moment.len()), (1, 1));
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_counts_it() {
        let mut revocations = Revocations::new(2);
        for (user, moment) in [(1, 300), (2, 100), (3, 200)] {
            revocations.revoke(now(300), user, at(moment));
        }
        assert_eq!((revocations.len(), revocations.evictions()), (2, 1));
        assert!(!refuses(&revocations, 2, None));
        assert!(refuses(&revocations, 1, None) && refuses(&revocations, 3, None));
    }

    #[test]
    fn lowered_bound_of_revocations_is_kept_bit_by_bit() {
        let mut revocations = Revocations::new(0);
        (0..300).for_each(|user| revocations.revoke(now(user), user, at(user)));
        revocations.set_capacity(100);
        let lengths = (300..304).map(|user| {
            revocations.revoke(now(user), user, at(user));
            revocations.len()
        });
        assert_eq!(lengths.collect::<Vec<_>>(), [237, 174, 111, 100]);
        assert_eq!(revocations.evictions(), 204);
    }

    #[test]
    fn revocation_is_dropped_once_its_last_token_expires() {
        let mut revocations = Revocations::new(10);
        revocations.set_token_life(Duration::from_secs(3_600), Duration::from_secs(5));
        revocations.revoke(now(100), 1, at(100));
        // Issued by a clock that is 5 s ahead, and taken for 5 s after its expiry.
        assert!(
            refuses(&revocations, 1, Some(at(105))) && !refuses(&revocations, 1, Some(at(106)))
        );
        revocations.revoke(now(3_710), 2, at(3_710));
        assert_eq!(revocations.len(), 2);
        revocations.revoke(now(3_711), 3, at(3_711));
        assert_eq!((revocations.len(), revocations.evictions()), (2, 0));
        assert!(!refuses(&revocations, 1, None));
    }

    #[test]
    fn lost_revocation_is_over_when_stored_or_expired() {
        let mut revocations = Revocations::new(3);
        revocations.set_token_life(Duration::from_secs(3_600), Duration::ZERO);
        for user in 1..=3 {
            revocations.revoke(now(user), user, at(user));
            revocations.set_lost(user, at(user), true);
        }
        revocations.set_lost(9, at(9), true);
        assert_eq!(revocations.lost(now(9)), 3, "nobody knows user 9");
        // A later revocation of user 1: only when that one is stored, nothing is forgotten.
        revocations.revoke(now(10), 1, at(10));
        revocations.set_lost(1, at(1), false);
        assert_eq!(revocations.lost(now(10)), 3);
        revocations.set_lost(1, at(10), false);
        assert_eq!(revocations.lost(now(10)), 2);
        // The oldest has to give way: its tokens are good again, restart or not.
        revocations.revoke(now(11), 4, at(11));
        assert_eq!(revocations.lost(now(11)), 1);
        assert_eq!((revocations.lost(now(3_603)), revocations.lost(now(3_604))), (1, 0));
    }

    #[test]
    fn a_wall_clock_that_is_set_on_drops_nothing() {
        let mut revocations = Revocations::new(10);
        revocations.set_token_life(Duration::from_secs(3_600), Duration::ZERO);
        revocations.revoke(now(100), 1, at(100));
        revocations.revoke(Now { unix: at(9_999), ..now(200) }, 2, at(9_999));
        assert!(refuses(&revocations, 1, Some(at(100))));
    }

    /// A moment of issue, some milliseconds after the 100th second.
    fn issued_here(millis: u64) -> IssueTime {
        IssueTime::Here(at(100) + Duration::from_millis(millis))
    }

    #[test]
    fn own_token_after_an_own_revocation_is_good_at_once() {
        let mut revocations = Revocations::new(10);
        revocations.set_token_life(Duration::ZERO, Duration::from_secs(5));
        revocations.revoke_by_other(now(90), 2, at(90));
        revocations.revoke(now(100), 1, at(100));
        assert_eq!(revocations.check(1, issued_here(0)), Err(TokenError::Revoked));
        assert_eq!(revocations.check(1, issued_here(1)), Ok(()));
        let elsewhere = |seconds| IssueTime::Elsewhere(at(seconds));
        assert_eq!(revocations.check(1, elsewhere(105)), Err(TokenError::IssuedTooSoon));
        assert_eq!(revocations.check(1, elsewhere(106)), Ok(()));
    }

    /// Its clock may be ahead of the one that has shown the revocation.
    #[test]
    fn leeway_counts_for_own_tokens_by_other_clocks() {
        let restored: fn(&mut Revocations) = |it| it.revoke_by_other(now(100), 1, at(100));
        let in_a_cluster: fn(&mut Revocations) = |it| {
            it.set_shared(true);
            it.revoke(now(100), 1, at(100));
        };
        // A clock that is set back shows moments again that another process has seen.
        let set_back: fn(&mut Revocations) = |it| {
            it.revoke_by_other(now(100), 2, at(200));
            it.revoke(now(100), 1, at(100));
        };
        for revoke in [restored, in_a_cluster, set_back] {
            let mut revocations = Revocations::new(10);
            revocations.set_token_life(Duration::ZERO, Duration::from_secs(5));
            revoke(&mut revocations);
            assert_eq!(revocations.check(1, issued_here(0)), Err(TokenError::Revoked));
            for millis in [1, 5_000] {
                let issued = issued_here(millis);
                assert_eq!(revocations.check(1, issued), Err(TokenError::IssuedTooSoon));
            }
            assert_eq!(revocations.check(1, issued_here(5_001)), Ok(()));
        }
    }
}
