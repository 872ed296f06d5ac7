//! The circuit breaker: it stops calls to a backend that fails. A state machine without a clock.
//!
//! ```text
//!          5 consecutive failures          the wait is over: one call, the probe
//!   closed ───────────────────────▶ open ─────────────────────────────────▶ probing
//!      ▲                              ▲                                        │ │
//!      │                              └── the probe failed: twice the wait ────┘ │
//!      └───────────────────────── the probe succeeded ───────────────────────────┘
//! ```

use std::time::Duration;

use crate::time::Instant;

/// Consecutive failures that open the breaker: more than the one or two that a restart of the
/// backend causes, few enough to notice a dead backend within one timeout.
const FAILURES: u32 = 5;
/// How long the breaker stays open the first time, and at most. The wait doubles with each failed
/// probe.
const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Decides by the results of earlier calls whether the backend may be called.
#[derive(Debug)]
pub(super) struct Breaker {
    state: BreakerState,
    /// Counts the changes of state. A result counts only in the epoch in which its call was
    /// admitted: calls that hung before the breaker opened must not prolong it.
    epoch: u32,
}

#[derive(Debug)]
enum BreakerState {
    Closed { failures: u32 },
    Open { until: Instant, wait: Duration },
    Probing { wait: Duration },
}

/// Permission for one call. Its result is recorded with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Permit(u32);

/// A change of state that a recorded result caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    /// No call is made for this long.
    Opened(Duration),
    /// Calls are made again.
    Closed,
}

impl Breaker {
    /// Returns a closed breaker: the backend is assumed to work.
    pub(super) fn new() -> Self {
        Self { state: BreakerState::Closed { failures: 0 }, epoch: 0 }
    }

    /// Whether [`Breaker::admit`] would refuse a call at `now`.
    pub(super) fn refuses(&self, now: Instant) -> bool {
        match self.state {
            BreakerState::Closed { .. } => false,
            BreakerState::Open { until, .. } => now < until,
            BreakerState::Probing { .. } => true,
        }
    }

    /// Returns a permit for one call, or `None` while the breaker is open or probing.
    pub(super) fn admit(&mut self, now: Instant) -> Option<Permit> {
        if self.refuses(now) {
            return None;
        }
        if let BreakerState::Open { wait, .. } = self.state {
            self.enter(BreakerState::Probing { wait });
        }
        Some(Permit(self.epoch))
    }

    /// Records the result of a call that ended at `now`.
    pub(super) fn record(
        &mut self,
        now: Instant,
        permit: Permit,
        is_success: bool,
    ) -> Option<Transition> {
        if permit.0 != self.epoch {
            return None;
        }
        match (&mut self.state, is_success) {
            (BreakerState::Closed { failures }, true) => *failures = 0,
            (BreakerState::Closed { failures }, false) => {
                *failures += 1;
                if *failures >= FAILURES {
                    return Some(self.open(now, WAIT.0));
                }
            }
            (BreakerState::Probing { .. }, true) => {
                self.enter(BreakerState::Closed { failures: 0 });
                return Some(Transition::Closed);
            }
            (BreakerState::Probing { wait }, false) => {
                let wait = wait.saturating_mul(2).min(WAIT.1);
                return Some(self.open(now, wait));
            }
            // Opening begins a new epoch, in which no permit is given.
            (BreakerState::Open { .. }, _) => {}
        }
        None
    }

    fn open(&mut self, now: Instant, wait: Duration) -> Transition {
        self.enter(BreakerState::Open { until: now + wait, wait });
        Transition::Opened(wait)
    }

    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    /// A call that begins and ends at `now`.
    fn call(breaker: &mut Breaker, now: Instant, is_success: bool) -> Option<Transition> {
        let permit = breaker.admit(now).unwrap();
        breaker.record(now, permit, is_success)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new();
        for _ in 0..4 {
            assert_eq!(call(&mut breaker, at(0), false), None);
        }
        assert_eq!(call(&mut breaker, at(0), false), Some(Transition::Opened(WAIT.0)));
        breaker
    }

    #[test]
    fn five_consecutive_failures_open_the_breaker_for_1s() {
        let mut breaker = opened();
        for millis in [0, 999] {
            assert!(breaker.refuses(at(millis)) && breaker.admit(at(millis)).is_none());
        }
        assert!(!breaker.refuses(at(1_000)));
    }

    #[test]
    fn success_among_failures_keeps_the_breaker_closed() {
        let mut breaker = Breaker::new();
        for round in 0..100 {
            assert_eq!(call(&mut breaker, at(0), round % 5 == 4), None);
        }
    }

    #[test]
    fn successful_probe_closes_the_breaker() {
        let mut breaker = opened();
        let probe = breaker.admit(at(1_000)).unwrap();
        assert!(breaker.admit(at(60_000)).is_none(), "one probe at a time");
        assert_eq!(breaker.record(at(60_000), probe, true), Some(Transition::Closed));
        // Closed as at the start: four failures are nothing, and the fifth costs a second.
        for _ in 0..4 {
            assert_eq!(call(&mut breaker, at(60_000), false), None);
        }
        let again = call(&mut breaker, at(60_000), false);
        assert_eq!(again, Some(Transition::Opened(Duration::from_secs(1))));
    }

    #[test]
    fn failed_probe_doubles_the_wait_up_to_30s() {
        let mut breaker = opened();
        let mut now = at(1_000);
        for seconds in [2, 4, 8, 16, 30, 30, 30] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(call(&mut breaker, now, false), Some(Transition::Opened(wait)));
            now = now + wait;
            assert!(breaker.refuses(now - Duration::from_micros(1)));
        }
    }

    #[test]
    fn result_from_an_earlier_epoch_is_ignored() {
        let mut breaker = Breaker::new();
        let old: Vec<_> = (0..20).map(|_| breaker.admit(at(0)).unwrap()).collect();
        let mut changes = old.iter().filter_map(|&permit| breaker.record(at(5_000), permit, false));
        assert_eq!(changes.next(), Some(Transition::Opened(Duration::from_secs(1))));
        assert_eq!(changes.next(), None, "those that hung with them do not prolong it");
        let probe = breaker.admit(at(6_000)).unwrap();
        assert_eq!(breaker.record(at(6_000), old[0], true), None);
        assert_eq!(breaker.record(at(6_001), old[1], false), None);
        assert_eq!(breaker.record(at(6_002), probe, true), Some(Transition::Closed));
    }
}
