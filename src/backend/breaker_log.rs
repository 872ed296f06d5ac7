//! What the log says of a circuit breaker: one line a minute for its openings, and one when it has closed.
//!
//! The last line says how the breaker is. So an opening within the minute of another one, after a line that
//! says that it has closed, is told at the end of that minute if it is still open.

use std::time::Duration;

use super::breaker::{Cause, Transition};
use crate::node::MinuteThrottle;
use crate::time::Instant;

/// A line for the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BreakerLine {
    /// No call is made for this long. With how often it has opened since the last such line.
    Opened(Cause, Duration, u64),
    Closed,
}

impl BreakerLine {
    /// Writes it, about the service of this name.
    pub(super) fn log(self, name: &str, last_failure: Option<String>) {
        match self {
            Self::Opened(cause, wait, count) => {
                let why = last_failure.unwrap_or_else(|| "unknown".to_owned());
                log::warn!(
                    "{name} circuit breaker opened for {wait:?}: {cause}, last failure: {why}. \
                     Openings since the last such line: {count}"
                );
            }
            Self::Closed => {
                log::info!("{name} circuit breaker closed: the {name} answered the probe");
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct BreakerLog {
    openings: MinuteThrottle,
    /// The last line says that it is open.
    is_opening_told: bool,
    /// It is open, and the last line says that it is closed.
    untold: Option<(Cause, Duration)>,
}

impl BreakerLog {
    pub(super) fn handle_transition(
        &mut self,
        now: Instant,
        transition: Transition,
    ) -> Option<BreakerLine> {
        match transition {
            Transition::Opened(cause, wait) => {
                if let Some(count) = self.openings.count(now) {
                    return Some(self.tell_opening(cause, wait, count));
                }
                if !self.is_opening_told {
                    self.untold = Some((cause, wait));
                }
                None
            }
            Transition::Closed => {
                self.untold = None;
                std::mem::take(&mut self.is_opening_told).then_some(BreakerLine::Closed)
            }
        }
    }

    /// The line whose minute is over.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<BreakerLine> {
        let (cause, wait) = self.untold?;
        let count = self.openings.take_due(now)?;
        Some(self.tell_opening(cause, wait, count))
    }

    /// When [`BreakerLog::handle_timeout`] has something to say.
    pub(super) fn poll_timeout(&self) -> Instant {
        self.untold.map_or(Instant::NEVER, |_| self.openings.next_line())
    }

    fn tell_opening(&mut self, cause: Cause, wait: Duration, count: u64) -> BreakerLine {
        (self.is_opening_told, self.untold) = (true, None);
        BreakerLine::Opened(cause, wait, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(100);
    const OPENED: Transition = Transition::Opened(Cause::Unconnected, WAIT);

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn opened(count: u64) -> Option<BreakerLine> {
        Some(BreakerLine::Opened(Cause::Unconnected, WAIT, count))
    }

    #[test]
    fn last_line_says_how_the_breaker_is() {
        let mut log = BreakerLog::default();
        assert_eq!(log.handle_transition(at(0), OPENED), opened(1));
        assert_eq!(log.handle_transition(at(1), OPENED), None, "a probe has failed");
        assert_eq!(log.poll_timeout(), Instant::NEVER);
        let closed = log.handle_transition(at(2), Transition::Closed);
        assert_eq!(closed, Some(BreakerLine::Closed));
        // Nobody calls any more, so no failed probe tells it.
        assert_eq!(log.handle_transition(at(3), OPENED), None);
        assert_eq!((log.poll_timeout(), log.handle_timeout(at(59))), (at(60), None));
        assert_eq!(log.handle_timeout(at(60)), opened(2));
        assert_eq!((log.poll_timeout(), log.handle_timeout(at(200))), (Instant::NEVER, None));
        let closed = log.handle_transition(at(200), Transition::Closed);
        assert_eq!(closed, Some(BreakerLine::Closed));
    }

    #[test]
    fn outage_that_ends_within_the_minute_adds_no_line() {
        let mut log = BreakerLog::default();
        assert_eq!(log.handle_transition(at(0), OPENED), opened(1));
        assert_eq!(log.handle_transition(at(1), Transition::Closed), Some(BreakerLine::Closed));
        for second in 2..50 {
            assert_eq!(log.handle_transition(at(second), OPENED), None);
            assert_eq!(log.handle_transition(at(second), Transition::Closed), None);
        }
        assert_eq!((log.poll_timeout(), log.handle_timeout(at(60))), (Instant::NEVER, None));
        assert_eq!(log.handle_transition(at(61), OPENED), opened(49));
    }
}
