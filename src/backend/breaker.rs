//! The circuit breaker: it stops calls to a backend that fails. A state machine without a clock.
//!
//! ```text
//!          no connection, 3 times in a row           the probe succeeded
//!   closed ─────────────────────────────────▶ open ─────────────────────▶ closed
//!          calls of a majority of users fail  │  ▲
//!                                             └──┘ the probe failed: twice the wait
//! ```
//!
//! No single user can open it: a call that is answered with an error, or not in time, is evidence
//! against the backend only together with those of other users ([`Witnesses`]). A connection that
//! cannot be made is evidence by itself, as no call has any part in it; so a backend that is down is
//! found with one user, too.
//!
//! While it is open, one question at a time is sent as a probe. The others wait for its result at
//! first, so that a short outage costs no answer. After [`PATIENCE`] they are refused.

use std::fmt;
use std::time::Duration;

use smol_str::SmolStr;

use super::witnesses::{Majority, Witnesses};
use crate::time::Instant;

/// So many failed connections in a row open the breaker: more than one that a restart of one of
/// several processes costs.
const UNCONNECTED: u32 = 3;
/// How long the breaker waits before its first probe, and at most. The wait doubles with each probe
/// that fails.
const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// A probe that has not ended after this long holds up no other one.
const PROBE_TIME: Duration = Duration::from_secs(1);
/// For how long calls wait for an open breaker, before they are refused.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a call says about the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallEvidence {
    /// It responded, if only with an error that is about this call.
    Works,
    /// It failed at this call, which may be because of the call.
    Fails,
    /// It did not respond in time.
    TimedOut,
    /// No connection could be made.
    Unconnected,
    /// Nothing: the call had less time than a call should have.
    Nothing,
}

/// Decides by the results of earlier calls whether the backend may be called.
#[derive(Debug)]
pub(super) struct Breaker {
    state: BreakerState,
    /// Counts the changes of state. A result counts only in the epoch in which its call was
    /// admitted: calls that hung before the breaker opened must not prolong it.
    epoch: u32,
    witnesses: Witnesses,
}

#[derive(Debug)]
enum BreakerState {
    Closed {
        /// Connections in a row that failed.
        unconnected: u32,
    },
    Open {
        cause: Cause,
        since: Instant,
        wait: Duration,
        next_probe: Instant,
        /// The user whose call failed last as a probe. Others go first, so that nobody whose calls
        /// always fail keeps the breaker open for all.
        last_prober: Option<SmolStr>,
    },
}

/// Permission for one call. Its result is recorded with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Permit(u32);

/// Why the breaker has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Unconnected,
    Majority(Majority),
}

/// A change of state that a recorded result caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    /// No call is made for this long.
    Opened(Cause, Duration),
    /// Calls are made again.
    Closed,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unconnected => f.write_str("no connection can be made"),
            Self::Majority(Majority { failing, users }) => {
                write!(f, "the calls of {failing} of {users} users fail")
            }
        }
    }
}

impl Breaker {
    /// Returns a closed breaker: the backend is assumed to work. A call takes at most `timeout`.
    pub(super) fn new(timeout: Duration) -> Self {
        let state = BreakerState::Closed { unconnected: 0 };
        Self { state, epoch: 0, witnesses: Witnesses::new(timeout) }
    }

    /// From here on a call takes at most `timeout`.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.witnesses.set_timeout(timeout);
    }

    /// Whether every call may be made.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, BreakerState::Closed { .. })
    }

    /// Whether calls no longer wait for the breaker to close.
    pub(super) fn refuses(&self, now: Instant) -> bool {
        match self.state {
            BreakerState::Closed { .. } => false,
            BreakerState::Open { since, .. } => since + PATIENCE <= now,
        }
    }

    /// Whether a question may be sent now, if [`Breaker::admits`] allows it for its user.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        match self.state {
            BreakerState::Closed { .. } => true,
            BreakerState::Open { next_probe, .. } => next_probe <= now,
        }
    }

    /// Whether a question of this user may be sent now.
    pub(super) fn admits(&self, now: Instant, user: &SmolStr) -> bool {
        match &self.state {
            BreakerState::Closed { .. } => true,
            BreakerState::Open { next_probe, wait, last_prober, .. } => {
                let more = if last_prober.as_ref() == Some(user) { *wait } else { Duration::ZERO };
                *next_probe + more <= now
            }
        }
    }

    /// Whether a message of this user is refused because its last ones have all failed.
    pub(super) fn pauses(&self, now: Instant, user: &SmolStr) -> bool {
        self.witnesses.is_paused(now, user)
    }

    /// Takes note that a question is sent, which [`Breaker::admits`] has allowed.
    pub(super) fn permit(&mut self, now: Instant) -> Permit {
        if let BreakerState::Open { wait, next_probe, .. } = &mut self.state {
            *next_probe = now + (*wait).max(PROBE_TIME);
        }
        Permit(self.epoch)
    }

    /// The next moment after `now` at which [`Breaker::admits`] or [`Breaker::refuses`] changes.
    pub(super) fn poll_timeout(&self, now: Instant) -> Instant {
        let BreakerState::Open { since, wait, next_probe, .. } = self.state else {
            return Instant::NEVER;
        };
        let moments = [next_probe, next_probe + wait, since + PATIENCE];
        moments.into_iter().filter(|&moment| now < moment).min().unwrap_or(Instant::NEVER)
    }

    /// Records the result of a user's question that ended at `now`.
    pub(super) fn record(
        &mut self,
        now: Instant,
        permit: Permit,
        (user, is_message): (&SmolStr, bool),
        evidence: CallEvidence,
    ) -> Option<Transition> {
        if permit.0 != self.epoch {
            return None;
        }
        let is_failing = match evidence {
            CallEvidence::Nothing => return None,
            CallEvidence::Unconnected => return self.record_unconnected(now, user),
            CallEvidence::Works => false,
            CallEvidence::Fails | CallEvidence::TimedOut => true,
        };
        match &mut self.state {
            BreakerState::Closed { unconnected } => {
                *unconnected = 0;
                self.witnesses.record(now, user, is_message, is_failing);
                let majority = self.witnesses.majority()?;
                Some(self.open(now, Cause::Majority(majority)))
            }
            // Whatever the response is, there is a connection again.
            BreakerState::Open { cause, .. } if !is_failing || *cause == Cause::Unconnected => {
                self.enter(BreakerState::Closed { unconnected: 0 });
                self.witnesses.record(now, user, is_message, is_failing);
                Some(Transition::Closed)
            }
            BreakerState::Open { .. } => self.prolong(now, user),
        }
    }

    fn record_unconnected(&mut self, now: Instant, user: &SmolStr) -> Option<Transition> {
        match &mut self.state {
            BreakerState::Closed { unconnected } => {
                *unconnected += 1;
                (*unconnected >= UNCONNECTED).then(|| self.open(now, Cause::Unconnected))
            }
            BreakerState::Open { .. } => self.prolong(now, user),
        }
    }

    fn open(&mut self, now: Instant, cause: Cause) -> Transition {
        let (since, wait, next_probe) = (now, WAIT.0, now + WAIT.0);
        self.enter(BreakerState::Open { cause, since, wait, next_probe, last_prober: None });
        Transition::Opened(cause, wait)
    }

    /// A probe of `user` has failed.
    fn prolong(&mut self, now: Instant, user: &SmolStr) -> Option<Transition> {
        let BreakerState::Open { cause, wait, next_probe, last_prober, .. } = &mut self.state
        else {
            return None;
        };
        *wait = wait.saturating_mul(2).min(WAIT.1);
        *next_probe = now + *wait;
        *last_prober = (*cause != Cause::Unconnected).then(|| user.clone());
        // Other probes that are still under way do not count any more.
        self.epoch = self.epoch.wrapping_add(1);
        Some(Transition::Opened(*cause, *wait))
    }

    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
        self.witnesses.clear();
    }
}

#[cfg(test)]
mod tests;
