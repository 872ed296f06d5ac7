//! The only code that reads the clocks, for the driver and for other threads.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::time::{Instant, Now, UnixTime};

/// The clock of deadlines. Tokens expire while the host is suspended. Linux's `CLOCK_MONOTONIC`
/// stops then, but `CLOCK_BOOTTIME` does not.
#[cfg(target_os = "linux")]
const DEADLINES: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const DEADLINES: ClockId = ClockId::Monotonic;

/// Reads the clocks. The monotonic one counts from the moment at which this was created.
#[derive(Debug)]
pub(crate) struct Clock {
    start_micros: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start_micros: micros() }
    }

    /// Both clocks.
    #[expect(clippy::disallowed_methods, reason = "the driver is where the clocks are read")]
    pub(crate) fn now(&self) -> Now {
        // A wall clock before 1970 reads as 1970, so that every token is from the future.
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now { monotonic: self.monotonic(), unix: UnixTime::from_millis(whole(unix.as_millis())) }
    }

    /// The monotonic clock alone, which is enough for the end of a turn.
    pub(crate) fn monotonic(&self) -> Instant {
        Instant::from_micros(micros().saturating_sub(self.start_micros))
    }
}

fn micros() -> u64 {
    let time = clock_gettime(DEADLINES);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000)
}

/// How long to wait for `deadline`, in whole milliseconds, the unit of pollers. Rounded up, so that
/// a turn never comes before its deadline and never spins on a remainder.
pub(super) fn wait_until(deadline: Instant, now: Instant) -> Duration {
    let micros = whole(deadline.since(now).as_micros());
    Duration::from_millis(micros.div_ceil(1_000))
}

fn whole(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_rounds_up_to_a_millisecond_and_stops_at_zero() {
        let wait = |deadline, now| {
            wait_until(Instant::from_micros(deadline), Instant::from_micros(now)).as_micros()
        };
        assert_eq!(wait(1_001, 1_000), 1_000);
        assert_eq!(wait(3_000, 1_000), 2_000);
        assert_eq!(wait(3_001, 1_000), 3_000);
        assert_eq!(wait(1_000, 1_000), 0);
        assert_eq!(wait(1_000, 2_000), 0);
    }

    #[test]
    fn the_clocks_go_on_from_zero_and_from_today() {
        let clock = Clock::start();
        let (first, second) = (clock.now(), clock.now());
        assert!(first.monotonic <= second.monotonic);
        assert!(first.unix > UnixTime::from_millis(1_700_000_000_000));
    }
}
