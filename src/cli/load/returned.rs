//! What the return scenario reports.

use serde::Serialize;
use vestibule::config::Config;
use vestibule::time::Instant;

use super::super::ask::AdminClient;
use super::figures::{Percentiles, grouped};

/// What came of a restart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Returned {
    pub(super) attempts_per_client: f64,
    pub(super) peak_attempts_per_second: u64,
    /// From the moment that the server listened again; where it never stopped, that the first client got
    /// through.
    pub(super) back_us: Percentiles,
    /// Clients that went on where they were, and those that began anew.
    pub(super) resumed: u64,
    pub(super) anew: u64,
    pub(super) missed: u64,
    pub(super) twice: u64,
    /// Not there without `--admin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) joins: Option<Joins>,
}

/// The joins since the restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Joins {
    /// The application decided them.
    pub(super) asked: u64,
    /// It only heard of them.
    pub(super) told: u64,
}

impl Joins {
    /// As the server counts them.
    ///
    /// # Errors
    /// One line: the admin listener does not answer.
    pub(super) fn read(admin: &str) -> Result<Self, String> {
        let metrics = AdminClient::of(Some(admin), &Config::default())?.get("/metrics")?;
        Ok(Self { asked: joins(&metrics, "asked"), told: joins(&metrics, "told") })
    }
}

fn joins(metrics: &str, how: &str) -> u64 {
    let name = format!("vestibule_joins_total{{how=\"{how}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

impl Returned {
    /// For people.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("back after the server was", self.back_us.to_string()),
            (
                "attempts",
                format!(
                    "{:.2} a client, {} a second at the peak",
                    self.attempts_per_client,
                    grouped(self.peak_attempts_per_second)
                ),
            ),
            (
                "went on, started again",
                format!("{}, {}", grouped(self.resumed), grouped(self.anew)),
            ),
            ("missed, twice", format!("{}, {}", grouped(self.missed), grouped(self.twice))),
        ];
        if let Some(Joins { asked, told }) = self.joins {
            rows.push(("joins asked, told", format!("{}, {}", grouped(asked), grouped(told))));
        }
        rows
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
    fn joins_are_read_from_the_metrics() {
        let text = "# TYPE vestibule_joins_total counter\n\
                    vestibule_joins_total{how=\"asked\"} 3\nvestibule_joins_total{how=\"told\"} 70\n";
        assert_eq!((joins(text, "asked"), joins(text, "told")), (3, 70));
    }

    #[test]
    fn peak_is_of_any_second() {
        let mut attempts = Attempts::default();
        for millis in [100, 1_050, 1_150, 1_900, 2_040, 2_060, 9_000] {
            attempts.add(Instant::START + Duration::from_millis(millis));
        }
        assert_eq!((attempts.total(), attempts.peak_per_second()), (7, 4));
    }
}
