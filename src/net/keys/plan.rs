//! When to fetch keys: a plan without a clock or a socket.

use std::time::Duration;

use crate::id::Rng;
use crate::time::Instant;

/// The bounds for how long a response is taken to be fresh.
const AGES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3_600));
/// How long a response that does not say so is fresh.
const USUAL_AGE: Duration = Duration::from_secs(600);
/// The shortest time between two fetches for unknown keys.
const BETWEEN_ASKS: Duration = Duration::from_secs(1);
/// How long after a request a fetch that fails is made again at that pace: its client still waits.
const ASKED_FOR: Duration = Duration::from_secs(5);
/// The longest wait after a fault until there are keys: no client can authenticate before.
const BACK_OFF_WITHOUT_KEYS: Duration = Duration::from_secs(2);
/// The wait after the first fault, and the longest wait.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// When the next fetch is due.
#[derive(Debug)]
pub(super) struct Plan {
    next: Instant,
    last: Option<Instant>,
    faults: u32,
    has_keys: bool,
    /// Somebody waits for keys until then.
    awaited_until: Instant,
    rng: Rng,
}

impl Plan {
    /// The first fetch is due at once.
    pub(super) fn new(rng: Rng) -> Self {
        Self {
            next: Instant::START,
            last: None,
            faults: 0,
            has_keys: false,
            awaited_until: Instant::START,
            rng,
        }
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// A fetch that began at `now` was answered. The text is fresh for `freshness`.
    pub(super) fn answered(&mut self, now: Instant, freshness: Option<Duration>) {
        self.last = Some(now);
        self.next = now + freshness.unwrap_or(USUAL_AGE).clamp(AGES.0, AGES.1);
    }

    /// What was fetched holds usable keys. An answer without any is a fault: see [`Plan::failed`].
    pub(super) fn accepted(&mut self) {
        self.faults = 0;
        self.has_keys = true;
    }

    /// A fetch that began at `now` failed, or brought no usable key. Each wait is twice the last,
    /// less a random part of up to a half, so that nodes that lost the issuer together do not return
    /// together.
    pub(super) fn failed(&mut self, now: Instant) {
        let longest = match self.has_keys {
            _ if now < self.awaited_until => BETWEEN_ASKS,
            true => BACK_OFF.1,
            false => BACK_OFF_WITHOUT_KEYS,
        };
        let wait = BACK_OFF.0.saturating_mul(1 << self.faults.min(9)).min(longest);
        self.faults = self.faults.saturating_add(1);
        let half = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX) / 2;
        self.last = Some(now);
        self.next = now + (wait - Duration::from_micros(self.rng.below(half)));
    }

    /// A token names an unknown key, so there may be new keys: fetches at `at`, but at most once a
    /// second.
    pub(super) fn asked(&mut self, at: Instant) {
        let soonest = self.last.map_or(at, |last| at.max(last + BETWEEN_ASKS));
        self.next = self.next.min(soonest);
        self.awaited_until = self.awaited_until.max(at + ASKED_FOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_micros(1_000_000_000);

    fn wait(plan: &Plan) -> u64 {
        plan.next().since(NOW).as_secs()
    }

    #[test]
    fn key_fetches_start_at_once_and_follow_freshness() {
        let mut plan = Plan::new(Rng::new(1));
        assert_eq!(plan.next(), Instant::START);
        for (says, is) in [(None, 600), (Some(0), 60), (Some(300), 300), (Some(86_400), 3_600)] {
            plan.answered(NOW, says.map(Duration::from_secs));
            assert_eq!(wait(&plan), is);
        }
    }

    #[test]
    fn failed_key_fetches_double_the_wait_from_1s_to_5min() {
        let mut plan = Plan::new(Rng::new(1));
        (0..9).for_each(|_| plan.failed(NOW));
        assert!(wait(&plan) <= 2, "until there are keys");
        plan.answered(NOW, None);
        plan.failed(NOW);
        assert!(wait(&plan) <= 2, "an answer without keys");
        plan.accepted();
        for longest in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
            plan.failed(NOW);
            let wait = plan.next().since(NOW);
            let longest = Duration::from_secs(longest);
            assert!(wait > longest / 2 && wait <= longest, "{wait:?} of {longest:?}");
        }
        (0..100).for_each(|_| plan.failed(NOW));
        assert!(wait(&plan) <= 300);
        plan.accepted();
        plan.failed(NOW);
        assert!(wait(&plan) <= 1);
    }

    #[test]
    fn unknown_keys_ask_for_one_fetch_a_second() {
        let mut plan = Plan::new(Rng::new(1));
        plan.asked(NOW);
        assert_eq!(plan.next(), Instant::START);
        plan.answered(NOW, Some(Duration::from_secs(3_600)));
        plan.accepted();
        plan.asked(NOW + Duration::from_secs(5));
        assert_eq!(wait(&plan), 5);
        (0..100).for_each(|_| plan.asked(NOW));
        assert_eq!(wait(&plan), 1);
    }

    #[test]
    fn failed_fetch_that_is_awaited_is_made_again_soon() {
        let mut plan = Plan::new(Rng::new(1));
        plan.accepted();
        (0..9).for_each(|_| plan.failed(NOW));
        assert!(wait(&plan) > 100);
        plan.asked(NOW);
        plan.failed(NOW);
        assert!(plan.next().since(NOW) <= BETWEEN_ASKS);
        plan.failed(NOW + ASKED_FOR);
        assert!(wait(&plan) > 100);
    }
}
