//! What a row found, and the Markdown table of all rows.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use crate::Bench;
use crate::contest::{ByKind, Contest, Samples};

/// One line of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) measure: String,
    pub(crate) without: String,
    /// With the attack at another server.
    pub(crate) elsewhere: String,
    pub(crate) with: String,
    /// `elsewhere` to `without`: what the host does.
    pub(crate) host: String,
    /// `with` to `without`.
    pub(crate) ratio: String,
    pub(crate) attacker: String,
}

/// A shared resource, and an attacker inside its limits.
pub(crate) struct Row {
    /// For `--only`.
    pub(crate) name: &'static str,
    /// What the attacker does.
    pub(crate) attack: &'static str,
    pub(crate) run: fn(&Bench) -> Result<Report, Box<dyn Error>>,
}

/// What a row found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) lines: Vec<Line>,
    /// What a victim met that it must not, however slow the machine is.
    pub(crate) faults: Vec<String>,
}

impl Report {
    /// A line for each kind of victim.
    pub(crate) fn of(contest: Contest) -> Self {
        let mut report = Self::default();
        for (kind, with) in &contest.with {
            let of = |phase: &ByKind| phase.get(kind).cloned().unwrap_or_default();
            let (without, elsewhere) = (of(&contest.without), of(&contest.elsewhere));
            report.lines.push(Line {
                measure: format!("{kind}: median / p99, ms"),
                without: times(&without),
                elsewhere: times(&elsewhere),
                with: times(with),
                host: ratios(&without, &elsewhere),
                ratio: ratios(&without, with),
                attacker: contest.attack.clone(),
            });
            let phases =
                [("no attacker", &without), ("one elsewhere", &elsewhere), ("an attacker", with)];
            for (phase, samples) in phases {
                if let Some(why) = &samples.why {
                    let refused = samples.refused;
                    report.faults.push(format!("{kind}, with {phase}: {refused} × {why}"));
                }
            }
        }
        report
    }

    /// Adds a line with a share, such as "refused 50 of 50".
    pub(crate) fn share(&mut self, measure: &str, with: impl Into<String>) {
        let (measure, with) = (measure.to_owned(), with.into());
        self.lines.push(Line { measure, with, ..Line::default() });
    }

    /// Adds a line with how long a victim had to try, at most for `patience`.
    pub(crate) fn wait(&mut self, measure: &str, waited: Option<Duration>, patience: Duration) {
        match waited {
            Some(waited) => self.share(measure, format!("{:.1} s", waited.as_secs_f64())),
            None => self.share(measure, format!("over {} s", patience.as_secs())),
        }
    }

    /// Adds a line with how many of `all` victims kept what they should. Those that did not are a
    /// fault.
    pub(crate) fn kept(&mut self, measure: &str, kept: usize, all: usize, attacker: String) {
        let with = format!("{kept} of {all}");
        if kept < all {
            self.faults.push(format!("{measure}: {with}"));
        }
        self.lines.push(Line { measure: measure.to_owned(), with, attacker, ..Line::default() });
    }
}

fn times(samples: &Samples) -> String {
    let (Some(median), Some(p99)) = (samples.quantile(0.5), samples.quantile(0.99)) else {
        return format!("none; {} refused", samples.refused);
    };
    let mut text = format!("{} / {}", millis(median), millis(p99));
    for (count, what) in [(samples.late, "late"), (samples.refused, "refused")] {
        if count > 0 {
            let _ = write!(text, "; {count} {what}");
        }
    }
    text
}

fn ratios(without: &Samples, with: &Samples) -> String {
    let ratio = |share| {
        let (before, after) = (without.quantile(share)?, with.quantile(share)?);
        Some(format!("{:.1}", after.as_secs_f64() / before.as_secs_f64().max(1e-9)))
    };
    match (ratio(0.5), ratio(0.99)) {
        (Some(median), Some(p99)) => format!("{median} / {p99}"),
        _ => String::new(),
    }
}

/// Milliseconds with three digits or so.
fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    let decimals = match millis {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{millis:.decimals$}")
}

/// The table, and the faults below it.
pub(crate) fn markdown(reports: &[(&Row, Report)]) -> String {
    let mut text = String::from(
        "| row | attacker | measured | without it | elsewhere | with it | host | ratio | what it did |\n\
         | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
    );
    for (row, report) in reports {
        for (index, line) in report.lines.iter().enumerate() {
            let Line { measure, without, elsewhere, with, host, ratio, attacker } = line;
            // A row of several lines is named once.
            let (name, attack) = if index == 0 { (row.name, row.attack) } else { ("", "") };
            let filled = [without, elsewhere, with, host, ratio, attacker];
            let filled = filled.map(|cell| if cell.is_empty() { "–" } else { cell });
            let _ = writeln!(text, "| {name} | {attack} | {measure} | {} |", filled.join(" | "));
        }
    }
    if reports.iter().any(|(_, report)| !report.faults.is_empty()) {
        text.push('\n');
    }
    for (row, report) in reports {
        for fault in &report.faults {
            let _ = writeln!(text, "- {}: {fault}", row.name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn victims_that_lost_something_are_a_fault() {
        let mut report = Report::default();
        report.kept("all", 2, 2, String::new());
        assert!(report.faults.is_empty());
        report.kept("some", 1, 3, "5 done".to_owned());
        assert_eq!(report.faults, ["some: 1 of 3"]);
        let row = Row { name: "a", attack: "takes all", run: |_| Ok(Report::default()) };
        let text = markdown(&[(&row, report)]);
        assert!(text.contains("| a | takes all | all | – | – | 2 of 2 | – | – | – |\n"), "{text}");
        assert!(text.contains("|  |  | some | – | – | 1 of 3 | – | – | 5 done |\n"), "{text}");
        assert!(text.ends_with("\n\n- a: some: 1 of 3\n"), "{text}");
    }

    #[test]
    fn times_have_a_median_a_p99_and_what_failed() {
        let times_of = |millis: &[u64]| Samples {
            times: millis.iter().copied().map(Duration::from_millis).collect(),
            ..Samples::default()
        };
        let (without, mut with) = (times_of(&[1, 2, 3]), times_of(&[4, 5, 600]));
        with.late = 1;
        assert_eq!(times(&without), "2.00 / 3.00");
        assert_eq!(times(&with), "5.00 / 600; 1 late");
        assert_eq!(ratios(&without, &with), "2.5 / 200.0");
        assert_eq!(times(&Samples::default()), "none; 0 refused");
    }
}
