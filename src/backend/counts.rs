//! What is counted of the backend: by any thread, without a lock but for how long calls took.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::node::Histogram;

/// What the backend is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// May this user enter this room?
    Join,
    /// What is the answer to this message?
    Message,
    /// A connection is gone. Told, not asked.
    Leave,
}

impl CallKind {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Join, Self::Message, Self::Leave];

    /// The last part of its URL, and the label in the metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Message => "message",
            Self::Leave => "leave",
        }
    }
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// The backend has answered, as its contract says.
    Answered,
    /// It has said no: to a join, or to a message whose id it knows with other content.
    Denied,
    /// There was no answer that could be used.
    Failed,
    /// There was none in time.
    TimedOut,
    /// It was never made: it waited for a thread for as long as it had, or nobody waited for it.
    Expired,
    /// It was not made: the breaker was open.
    Refused,
    /// It was not made: too many waited already.
    QueueFull,
}

impl CallOutcome {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Answered,
        Self::Denied,
        Self::Failed,
        Self::TimedOut,
        Self::Expired,
        Self::Refused,
        Self::QueueFull,
    ];

    /// The label in the metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::QueueFull => "queue_full",
        }
    }
}

/// Counters since the start. They can be read at any time.
#[derive(Debug, Default)]
pub struct CallCounts {
    calls: [[AtomicU64; CallOutcome::ALL.len()]; CallKind::ALL.len()],
    breaker_opens: AtomicU64,
    durations: [Mutex<Histogram>; CallKind::ALL.len()],
}

impl CallCounts {
    /// How many calls for this had this fate.
    #[must_use]
    pub fn calls(&self, kind: CallKind, outcome: CallOutcome) -> u64 {
        self.counter(kind, outcome).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// How often the backend was left alone after failures in a row.
    #[must_use]
    pub fn breaker_opens(&self) -> u64 {
        self.breaker_opens.load(Ordering::Relaxed)
    }

    /// How long the calls for this took that were made, in microseconds, whatever their fate.
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

    pub(super) fn count_opening(&self) {
        self.breaker_opens.fetch_add(1, Ordering::Relaxed);
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

/// One line, for the end of a log: what never came is left out.
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
        counts.count_opening();
        counts.record(CallKind::Join, Duration::from_micros(7));
        assert_eq!(
            counts.to_string(),
            "breaker_opens=1; join: answered=2 µs: n=1 p99=7 max=7; message: µs: n=0 p99=0 max=0; \
             leave: queue_full=1 µs: n=0 p99=0 max=0"
        );
    }
}
