//! What the node tells of itself: counters, the last closed connections, and what it holds.

pub(crate) mod access;
pub(crate) mod close_history;
pub(crate) mod dependency;
pub(crate) mod families;
pub(crate) mod family;
pub(crate) mod metrics;
pub(crate) mod process_metrics;
pub(crate) mod usage;
pub(crate) mod view;

use std::time::Duration;

use crate::time::Instant;

/// What is told in one line a minute, however often it happens.
#[derive(Debug, Default)]
pub(crate) struct MinuteThrottle {
    /// When the last line was written.
    last_line: Option<Instant>,
    /// What has happened since.
    uncounted: u64,
}

const BETWEEN_LINES: Duration = Duration::from_secs(60);

impl MinuteThrottle {
    /// One more. How many are to be told now, if any.
    pub(crate) fn count(&mut self, now: Instant) -> Option<u64> {
        self.uncounted += 1;
        if self.last_line.is_some_and(|last| now.since(last) < BETWEEN_LINES) {
            return None;
        }
        self.last_line = Some(now);
        Some(std::mem::take(&mut self.uncounted))
    }

    /// How many are to be told now of those that were not told in their minute. `None`: none, or not yet.
    #[cfg(feature = "backend")]
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<u64> {
        if self.uncounted == 0 || now < self.next_line() {
            return None;
        }
        self.last_line = Some(now);
        Some(std::mem::take(&mut self.uncounted))
    }

    /// From when on a line may be written.
    #[cfg(feature = "backend")]
    pub(crate) fn next_line(&self) -> Instant {
        self.last_line.map_or(Instant::START, |last| last + BETWEEN_LINES)
    }
}
