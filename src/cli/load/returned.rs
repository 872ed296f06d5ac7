//! What the return scenario reports.

use serde::Serialize;
use vestibule::time::Instant;

use super::figures::{Percentiles, grouped};

/// What came of a restart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Returned {
    pub(super) attempts_per_client: f64,
    pub(super) peak_attempts_per_second: u64,
    /// From the moment that the server was back.
    pub(super) back_us: Percentiles,
    /// Clients that went on where they were, and those that began anew.
    pub(super) resumed: u64,
    pub(super) anew: u64,
    pub(super) missed: u64,
    pub(super) twice: u64,
}

impl Returned {
    /// For people.
    pub(super) fn rows(&self) -> [(&'static str, String); 4] {
        [
            ("back after the server was", self.back_us.to_string()),
            (
                "attempts",
                format!(
                    "{:.2} a client, {} a second at the peak",
                    self.attempts_per_client,
                    grouped(self.peak_attempts_per_second)
                ),
            ),
            ("went on, began anew", format!("{}, {}", grouped(self.resumed), grouped(self.anew))),
            ("missed, twice", format!("{}, {}", grouped(self.missed), grouped(self.twice))),
        ]
    }
}

/// When clients tried to connect.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// How many in each tenth of a second.
    tenths: Vec<u64>,
}

impl Attempts {
    pub(super) fn add(&mut self, now: Instant) {
        let tenth = (now.since(Instant::START).as_millis() / 100) as usize;
        if self.tenths.len() <= tenth {
            self.tenths.resize(tenth + 1, 0);
        }
        if let Some(count) = self.tenths.get_mut(tenth) {
            *count += 1;
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.tenths.iter().sum()
    }

    pub(super) fn peak_per_second(&self) -> u64 {
        let sums = self.tenths.windows(10).map(|second| second.iter().sum());
        sums.max().unwrap_or_else(|| self.total())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn peak_is_of_any_second() {
        let mut attempts = Attempts::default();
        for millis in [100, 1_050, 1_150, 1_900, 2_040, 2_060, 9_000] {
            attempts.add(Instant::START + Duration::from_millis(millis));
        }
        assert_eq!((attempts.total(), attempts.peak_per_second()), (7, 4));
    }
}
