//! Moments to the hundredth of a second, in 4 bytes: for what is kept of every connection.

use std::time::Duration;

use crate::time::Instant;

/// Microseconds in a hundredth of a second.
const STEP_MICROS: u64 = 10_000;

/// A moment of the monotonic clock, rounded down to a hundredth of a second.
///
/// 32 bits of them tell 497 days apart. A connection that is older than that seems younger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoarseInstant(pub(crate) u32);

impl CoarseInstant {
    pub(crate) fn of(instant: Instant) -> Self {
        Self((instant.as_micros() / STEP_MICROS) as u32)
    }

    /// The last such moment up to `now`.
    pub(crate) fn before(self, now: Instant) -> Instant {
        let steps = now.as_micros() / STEP_MICROS;
        let ago = (steps as u32).wrapping_sub(self.0);
        Instant::from_micros(steps.saturating_sub(ago.into()) * STEP_MICROS)
    }
}

/// How long after a moment something was: up to 10 minutes, and then "10 minutes or more".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CoarseDelta(u16);

impl CoarseDelta {
    /// It was not yet.
    pub(crate) const NOT_YET: Self = Self(u16::MAX);

    pub(crate) fn from(moment: CoarseInstant, now: Instant) -> Self {
        let steps = CoarseInstant::of(now).0.wrapping_sub(moment.0);
        Self(u16::try_from(steps).unwrap_or(u16::MAX).min(u16::MAX - 1))
    }

    /// `None`: it was not yet.
    pub(crate) fn since(self, moment: Instant) -> Option<Instant> {
        let length = Duration::from_micros(u64::from(self.0) * STEP_MICROS);
        (self != Self::NOT_YET).then(|| moment + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MICROS: u64 = 86_400 * 1_000_000;

    #[test]
    fn a_moment_is_found_again_for_497_days() {
        for days in [0, 1, 496, 497, 498, 5_000] {
            let then = Instant::from_micros(days * DAY_MICROS + 123_456_789);
            for later in [0, 9_999, 60 * 1_000_000, 496 * DAY_MICROS] {
                let now = then + Duration::from_micros(later);
                let found = CoarseInstant::of(then).before(now);
                assert_eq!(found.as_micros(), days * DAY_MICROS + 123_450_000);
            }
        }
    }

    #[test]
    fn what_came_later_keeps_the_order() {
        let then = Instant::from_micros(19_999);
        let moment = CoarseInstant::of(then);
        let after = |micros| {
            let now = then + Duration::from_micros(micros);
            CoarseDelta::from(moment, now).since(moment.before(now)).map(Instant::as_micros)
        };
        assert_eq!(after(0), Some(10_000));
        assert_eq!(after(1), Some(20_000));
        assert_eq!(after(3_000_000), Some(3_010_000));
        assert_eq!(after(DAY_MICROS), Some(10_000 + 655_340_000));
        assert_eq!(CoarseDelta::NOT_YET.since(then), None);
    }
}
