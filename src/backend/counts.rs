//! Metrics of the backend's calls, which any thread may update. What is no number is behind a lock
//! that is held for as long as it takes to copy it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::breaker::Cause;
use crate::node::{Dependency, Histogram, Reading};

/// The kinds of calls to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// Asks whether a user may join a room.
    Join,
    /// Asks for the answer to a message.
    Message,
    /// Reports that a connection has closed. It has no answer.
    Leave,
    /// Reports that a client came back, which is in its room. Nobody waits for the answer.
    Return,
}

impl CallKind {
    /// Every kind, in the order of the metrics.
    pub const ALL: &[Self] = &[Self::Join, Self::Message, Self::Leave, Self::Return];

    /// Its label in the metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Message => "message",
            Self::Leave => "leave",
            Self::Return => "return",
        }
    }

    /// The last segment of the call's URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Return => Self::Join.label(),
            kind => kind.label(),
        }
    }

    /// Whether nobody waits for it: it has all the time that it needs.
    #[must_use]
    pub const fn is_notice(self) -> bool {
        matches!(self, Self::Leave | Self::Return)
    }
}

/// How a call ended, or why it was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// The backend answered as the contract says.
    Answered,
    /// The backend refused a join, or a message whose id it knows with other content.
    Denied,
    /// The backend refused a join, as the session of its token has ended.
    Revoked,
    /// There was no usable response.
    Failed,
    /// There was no response within the time limit.
    TimedOut,
    /// Not made: its time limit passed in the queue, or its asker had given up.
    Expired,
    /// Not made: there was no connection to the backend within its time.
    Unconnected,
    /// Not made: the circuit breaker was open.
    Refused,
    /// Not made: the user's last messages have all failed, and it waits for a moment.
    UserRefused,
    /// Not made: the queue was full.
    QueueFull,
    /// Not made: it waited in a queue that was full, and its user had most in it.
    Shed,
}

impl CallOutcome {
    /// Every outcome, in the order of the metrics.
    pub const ALL: &[Self] = &[
        Self::Answered,
        Self::Denied,
        Self::Revoked,
        Self::Failed,
        Self::TimedOut,
        Self::Expired,
        Self::Unconnected,
        Self::Refused,
        Self::UserRefused,
        Self::QueueFull,
        Self::Shed,
    ];

    /// The label in the metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Denied => "denied",
            Self::Revoked => "revoked",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Expired => "expired",
            Self::Unconnected => "unconnected",
            Self::Refused => "refused",
            Self::UserRefused => "user_refused",
            Self::QueueFull => "queue_full",
            Self::Shed => "shed",
        }
    }
}

/// Counters and durations since the start. They can be read at any time, from any thread.
#[derive(Debug, Default)]
pub struct CallCounts {
    calls: [[AtomicU64; CallOutcome::ALL.len()]; CallKind::ALL.len()],
    /// Because of its connections, and because the calls of most users failed.
    breaker_opens: [AtomicU64; 2],
    /// Why the circuit breaker is open, if it is.
    open: Mutex<Option<&'static str>>,
    /// Why the last call failed.
    last_failure: Mutex<Option<String>>,
    unconnected: AtomicU64,
    durations: [Mutex<Histogram>; CallKind::ALL.len()],
}

impl CallCounts {
    /// How many calls of this kind had this outcome.
    #[must_use]
    pub fn calls(&self, kind: CallKind, outcome: CallOutcome) -> u64 {
        self.counter(kind, outcome).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// How often the circuit breaker opened, failed probes included.
    #[must_use]
    pub fn breaker_opens(&self) -> u64 {
        self.breaker_opens.iter().map(|opens| opens.load(Ordering::Relaxed)).sum()
    }

    /// Whether the circuit breaker is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        lock(&self.open).is_some()
    }

    /// Why the last call failed. `None`: none did. It holds no user's text.
    #[must_use]
    pub fn last_failure(&self) -> Option<String> {
        lock(&self.last_failure).clone()
    }

    /// How the backend is. While the circuit breaker is open, clients cannot join; but those of other
    /// servers cannot either, so this is no reason to send them elsewhere.
    #[must_use]
    pub fn dependency(&self) -> Dependency {
        let backend = Dependency::working("backend");
        let Some(code) = *lock(&self.open) else { return backend };
        let why = self.last_failure().unwrap_or_else(|| "unknown".to_owned());
        backend.degraded(code, format!("Calls to the backend fail, the last one: {why}"))
    }

    /// How often a call could not be sent because no connection could be made. A call that is tried
    /// again counts each time.
    #[must_use]
    pub fn failed_connections(&self) -> u64 {
        self.unconnected.load(Ordering::Relaxed)
    }

    /// What a collector of metrics is told.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        let call = |kind: CallKind, outcome: CallOutcome| {
            let labels = vec![kind.label().into(), outcome.label().into()];
            (labels, self.calls(kind, outcome) as f64)
        };
        let outcomes = |&kind| CallOutcome::ALL.iter().map(move |&outcome| call(kind, outcome));
        let [unconnected, failing] =
            self.breaker_opens.each_ref().map(|opens| opens.load(Ordering::Relaxed) as f64);
        vec![
            Reading::by(
                "vestibule_backend_calls_total",
                "Calls to the backend, by how they ended or why they were not made.",
                &["call", "outcome"],
                CallKind::ALL.iter().flat_map(outcomes).collect(),
            ),
            Reading::new(
                "vestibule_backend_circuit_open",
                "Whether the circuit breaker is open: calls to the backend wait, or are refused.",
                f64::from(u8::from(self.is_open())),
            ),
            Reading::by(
                "vestibule_backend_circuit_opened_total",
                "Openings of the circuit breaker: no connection, or calls of most users failed.",
                &["cause"],
                vec![(vec!["unconnected".into()], unconnected), (vec!["failing".into()], failing)],
            ),
            Reading::new(
                "vestibule_backend_failed_connections_total",
                "Calls that could not be sent, at each try, because no connection could be made.",
                self.failed_connections() as f64,
            ),
        ]
    }

    /// The durations of the calls of this kind that were made, in microseconds.
    #[must_use]
    pub fn durations(&self, kind: CallKind) -> Histogram {
        let locked = self.durations.get(kind as usize).map(|histogram| histogram.lock());
        locked.map_or_else(Histogram::default, |lock| {
            lock.unwrap_or_else(PoisonError::into_inner).clone()
        })
    }

    pub(super) fn count(&self, kind: CallKind, outcome: CallOutcome) {
        if let Some(counter) = self.counter(kind, outcome) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_opening(&self, cause: Cause) {
        let [unconnected, failing] = &self.breaker_opens;
        let (opens, code) = match cause {
            Cause::Unconnected => (unconnected, "backend_unreachable"),
            Cause::Majority(_) => (failing, "backend_failing"),
        };
        opens.fetch_add(1, Ordering::Relaxed);
        *lock(&self.open) = Some(code);
    }

    pub(super) fn set_closed(&self) {
        *lock(&self.open) = None;
    }

    pub(super) fn set_last_failure(&self, why: &str) {
        *lock(&self.last_failure) = Some(why.to_owned());
    }

    pub(super) fn count_unconnected(&self) {
        self.unconnected.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn record(&self, kind: CallKind, took: Duration) {
        if let Some(histogram) = self.durations.get(kind as usize) {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            histogram.lock().unwrap_or_else(PoisonError::into_inner).record(micros);
        }
    }

    fn counter(&self, kind: CallKind, outcome: CallOutcome) -> Option<&AtomicU64> {
        self.calls.get(kind as usize)?.get(outcome as usize)
    }
}

/// What these locks guard has no invariant that a panic could break.
fn lock<T>(guarded: &Mutex<T>) -> MutexGuard<'_, T> {
    guarded.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One line for the end of the log. Counters of zero are left out.
impl fmt::Display for CallCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "breaker_opens={}", self.breaker_opens())?;
        for &kind in CallKind::ALL {
            write!(f, "; {}:", kind.label())?;
            for &outcome in CallOutcome::ALL {
                match self.calls(kind, outcome) {
                    0 => {}
                    count => write!(f, " {}={count}", outcome.label())?,
                }
            }
            let took = self.durations(kind);
            write!(f, " µs: n={} p99={} max={}", took.count(), took.quantile(0.99), took.max())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_and_outcome_has_a_counter() {
        let counts = CallCounts::default();
        for &kind in CallKind::ALL {
            for &outcome in CallOutcome::ALL {
                counts.count(kind, outcome);
                assert_eq!(counts.calls(kind, outcome), 1);
            }
        }
    }

    #[test]
    fn summary_line_lists_nonzero_counters() {
        let counts = CallCounts::default();
        counts.count(CallKind::Join, CallOutcome::Answered);
        counts.count(CallKind::Join, CallOutcome::Answered);
        counts.count(CallKind::Leave, CallOutcome::QueueFull);
        counts.count_opening(Cause::Unconnected);
        counts.record(CallKind::Join, Duration::from_micros(7));
        assert_eq!(
            counts.to_string(),
            "breaker_opens=1; join: answered=2 µs: n=1 p99=7 max=7; message: µs: n=0 p99=0 max=0; \
             leave: queue_full=1 µs: n=0 p99=0 max=0; return: µs: n=0 p99=0 max=0"
        );
    }
}
