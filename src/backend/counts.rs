//! What is counted of the backend: by any thread, without a lock but for how long calls took.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::node::Histogram;

/// What the backend is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// May this user enter this room?
    Join,
    /// What is the answer to this message?
    Message,
    /// A connection is gone. Told, not asked.
    Leave,
}

impl Call {
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
pub enum Fate {
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

impl Fate {
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
pub struct Counts {
    calls: [[AtomicU64; Fate::ALL.len()]; Call::ALL.len()],
    breaker_opens: AtomicU64,
    durations: [Mutex<Histogram>; Call::ALL.len()],
}

impl Counts {
    /// How many calls for this had this fate.
    #[must_use]
    pub fn calls(&self, call: Call, fate: Fate) -> u64 {
        self.counter(call, fate).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// How often the backend was left alone after failures in a row.
    #[must_use]
    pub fn breaker_opens(&self) -> u64 {
        self.breaker_opens.load(Ordering::Relaxed)
    }

    /// How long the calls for this took that were made, in microseconds, whatever their fate.
    #[must_use]
    pub fn durations(&self, call: Call) -> Histogram {
        let locked = self.durations.get(call as usize).map(|histogram| histogram.lock());
        locked.map_or_else(Histogram::default, |lock| {
            lock.unwrap_or_else(PoisonError::into_inner).clone()
        })
    }

    pub(super) fn count(&self, call: Call, fate: Fate) {
        if let Some(counter) = self.counter(call, fate) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_opening(&self) {
        self.breaker_opens.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn record(&self, call: Call, took: Duration) {
        if let Some(histogram) = self.durations.get(call as usize) {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            histogram.lock().unwrap_or_else(PoisonError::into_inner).record(micros);
        }
    }

    fn counter(&self, call: Call, fate: Fate) -> Option<&AtomicU64> {
        self.calls.get(call as usize)?.get(fate as usize)
    }
}

/// One line, for the end of a log: what never came is left out.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "breaker_opens={}", self.breaker_opens())?;
        for &call in Call::ALL {
            write!(f, "; {}:", call.label())?;
            for &fate in Fate::ALL {
                match self.calls(call, fate) {
                    0 => {}
                    count => write!(f, " {}={count}", fate.label())?,
                }
            }
            let took = self.durations(call);
            write!(f, " µs: n={} p99={} max={}", took.count(), took.quantile(0.99), took.max())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_and_fate_has_its_counter() {
        let counts = Counts::default();
        for &call in Call::ALL {
            for &fate in Fate::ALL {
                counts.count(call, fate);
                assert_eq!(counts.calls(call, fate), 1);
            }
        }
    }

    #[test]
    fn the_line_tells_what_came() {
        let counts = Counts::default();
        counts.count(Call::Join, Fate::Answered);
        counts.count(Call::Join, Fate::Answered);
        counts.count(Call::Leave, Fate::QueueFull);
        counts.count_opening();
        counts.record(Call::Join, Duration::from_micros(7));
        assert_eq!(
            counts.to_string(),
            "breaker_opens=1; join: answered=2 µs: n=1 p99=7 max=7; message: µs: n=0 p99=0 max=0; \
             leave: queue_full=1 µs: n=0 p99=0 max=0"
        );
    }
}
