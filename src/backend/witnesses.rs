//! What each user's last calls say about the backend.
//!
//! Users are counted, not calls: a user whose messages the backend cannot answer is one witness,
//! however many it sends, and no evidence against the backend as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use smol_str::SmolStr;

use crate::time::Instant;

/// For how long a call counts, at least; and at least as long as so many calls may take, so that the
/// time-outs of a slow backend are seen together.
const LEAST_WINDOW: Duration = Duration::from_secs(10);
const TIMEOUTS: u32 = 2;
/// Users that are remembered: at most 350 bytes each, with a name of 256.
const USERS: usize = 1_024;
/// The backend fails when the last call of so many users failed, of at least half of all who
/// called, and when so many calls were made: the first failures after a pause say little.
const WITNESSES: usize = 3;
const CALLS: usize = 10;
/// After so many messages in a row that failed, a user waits this long before the next one is sent.
/// More than a client sends again on its own.
const FAILURES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// The users who called last, and what became of it. O(log users) a call.
#[derive(Debug)]
pub(super) struct Witnesses {
    /// For how long a call counts.
    window: Duration,
    users: BTreeMap<SmolStr, Witness>,
    /// Who has not called for longest is first.
    order: BTreeSet<(Instant, SmolStr)>,
    failing: usize,
    calls: usize,
}

#[derive(Clone, Copy, Debug)]
struct Witness {
    last: Instant,
    /// Since the user is in the table.
    calls: usize,
    is_failing: bool,
    /// Messages in a row that failed.
    failures: u32,
}

/// How many users' last calls failed, and of how many users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Majority {
    pub(super) failing: usize,
    pub(super) users: usize,
}

impl Witnesses {
    /// Nobody has called yet. A call takes at most `timeout`.
    pub(super) fn new(timeout: Duration) -> Self {
        let (users, order) = (BTreeMap::new(), BTreeSet::new());
        Self { window: window(timeout), users, order, failing: 0, calls: 0 }
    }

    /// From here on a call takes at most `timeout`.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.window = window(timeout);
    }

    /// Records the end of a user's call.
    pub(super) fn record(
        &mut self,
        now: Instant,
        user: &SmolStr,
        is_message: bool,
        is_failing: bool,
    ) {
        self.forget_old(now);
        let before = self.forget(user).unwrap_or(Witness {
            last: now,
            calls: 0,
            is_failing: false,
            failures: 0,
        });
        let failures = match (is_message, is_failing) {
            (true, true) => before.failures.saturating_add(1),
            (true, false) => 0,
            (false, _) => before.failures,
        };
        if self.users.len() >= USERS
            && let Some((_, oldest)) = self.order.first().cloned()
        {
            self.forget(&oldest);
        }
        let calls = before.calls.saturating_add(1);
        let witness = Witness { last: now, calls, is_failing, failures };
        self.failing += usize::from(is_failing);
        self.calls = self.calls.saturating_add(calls);
        self.order.insert((now, user.clone()));
        self.users.insert(user.clone(), witness);
    }

    /// Whether the backend fails for users in general, as of the last call.
    pub(super) fn majority(&self) -> Option<Majority> {
        let Self { failing, calls, .. } = *self;
        let users = self.users.len();
        let is_general = failing >= WITNESSES && calls >= CALLS && failing * 2 >= users;
        is_general.then_some(Majority { failing, users })
    }

    /// Whether a message of this user has to wait because its last ones have all failed.
    pub(super) fn is_paused(&self, now: Instant, user: &SmolStr) -> bool {
        let witness = self.users.get(user);
        witness.is_some_and(|it| it.failures >= FAILURES && now < it.last + PAUSE)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.users.clear();
        self.order.clear();
        (self.failing, self.calls) = (0, 0);
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some((last, _)) = self.order.first()
            && *last + self.window <= now
            && let Some((_, user)) = self.order.first().cloned()
        {
            self.forget(&user);
        }
    }

    fn forget(&mut self, user: &SmolStr) -> Option<Witness> {
        let witness = self.users.remove(user)?;
        self.order.remove(&(witness.last, user.clone()));
        self.failing -= usize::from(witness.is_failing);
        self.calls = self.calls.saturating_sub(witness.calls);
        Some(witness)
    }
}

fn window(timeout: Duration) -> Duration {
    LEAST_WINDOW.max(timeout.saturating_mul(TIMEOUTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    fn user(number: usize) -> SmolStr {
        SmolStr::new(format!("user {number}"))
    }

    /// Failed messages of these users, one a millisecond from 0 on.
    fn failed(users: impl IntoIterator<Item = usize>) -> Witnesses {
        let mut witnesses = Witnesses::new(Duration::from_secs(3));
        for (millis, number) in users.into_iter().enumerate() {
            witnesses.record(at(millis as u64), &user(number), true, true);
        }
        witnesses
    }

    #[test]
    fn three_of_five_users_are_a_majority() {
        let mut witnesses = failed([1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
        assert_eq!(witnesses.majority(), None, "two users");
        witnesses.record(at(20), &user(3), false, true);
        assert_eq!(witnesses.majority(), Some(Majority { failing: 3, users: 3 }));
        for number in 4..8 {
            witnesses.record(at(21), &user(number), true, false);
        }
        assert_eq!(witnesses.majority(), None, "three of seven");
        witnesses.record(at(22), &user(4), true, true);
        assert_eq!(witnesses.majority(), Some(Majority { failing: 4, users: 7 }));
        assert_eq!(failed([1, 2, 3]).majority(), None, "three calls");
    }

    #[test]
    fn call_counts_for_10_seconds() {
        let mut witnesses = failed([1, 2, 3, 1, 2, 3, 1, 2, 3]);
        witnesses.record(at(10_008), &user(4), true, true);
        assert_eq!(witnesses.users.len(), 1);
        assert_eq!((witnesses.failing, witnesses.calls, witnesses.order.len()), (1, 1, 1));
    }

    #[test]
    fn user_pauses_after_five_failed_messages_in_a_row() {
        let mut witnesses = failed([1, 1, 1, 1]);
        witnesses.record(at(4), &user(1), false, true);
        assert!(!witnesses.is_paused(at(4), &user(1)), "a join is no message");
        witnesses.record(at(5), &user(1), true, true);
        assert!(witnesses.is_paused(at(1_004), &user(1)) && !witnesses.is_paused(at(5), &user(2)));
        assert!(!witnesses.is_paused(at(1_005), &user(1)));
        witnesses.record(at(1_010), &user(1), true, true);
        assert!(witnesses.is_paused(at(2_000), &user(1)));
        witnesses.record(at(2_010), &user(1), true, false);
        assert!(!witnesses.is_paused(at(2_010), &user(1)));
    }

    #[test]
    fn users_who_fill_the_table_evict_the_oldest() {
        let witnesses = failed(0..5_000);
        assert_eq!((witnesses.users.len(), witnesses.order.len()), (USERS, USERS));
        assert_eq!((witnesses.failing, witnesses.calls), (USERS, USERS));
        assert!(witnesses.users.contains_key(&user(4_999)));
    }
}
