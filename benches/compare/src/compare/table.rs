//! The markdown table of one scenario.

use std::fmt::Write;

use crate::is_ours;
use crate::plan::Scenario;
use crate::results::{Figure, Measured, Outcome, Run};
use crate::stats::{Summary, ratios, summary};

/// A row: its name, and where its figure is.
type Metric = (&'static str, Figure);

const MEMORY: &str = "resident bytes per connection";

const METRICS: [Metric; 9] = [
    ("CPU µs per operation", Measured::cpu),
    (MEMORY, Measured::memory),
    ("operations/s", |measured| Some(measured.operations_per_second)),
    ("p50 µs", |measured| Some(measured.latency_us.as_ref()?.p50)),
    ("p99 µs", |measured| Some(measured.latency_us.as_ref()?.p99)),
    ("p50 µs in quiet", |measured| Some(measured.quiet_latency_us.as_ref()?.p50)),
    ("p99 µs in quiet", |measured| Some(measured.quiet_latency_us.as_ref()?.p99)),
    ("p50 µs of the others", |measured| Some(measured.others_latency_us.as_ref()?.p50)),
    ("p99 µs of the others", |measured| Some(measured.others_latency_us.as_ref()?.p99)),
];

/// One scenario: a column for each server, then our ratio to each other one. Rows without a
/// figure are left out. What failed is listed below.
pub(crate) fn markdown(scenario: Scenario, servers: &[&str], runs: &[&Run]) -> String {
    let others: Vec<&str> = if servers.iter().any(|name| is_ours(name)) {
        servers.iter().copied().filter(|name| !is_ours(name)).collect()
    } else {
        Vec::new()
    };
    let ours = servers.iter().copied().find(|name| is_ours(name)).unwrap_or_default();
    let mut text = format!("### {scenario}: `load {}`\n\n|", scenario.arguments());
    let heads = servers.iter().map(|name| (*name).to_owned());
    for head in heads.chain(others.iter().map(|name| format!("ours / {name}"))) {
        let _ = write!(text, " | {head}");
    }
    let _ = write!(text, " |\n| ---{} |\n", " | ---:".repeat(servers.len() + others.len()));
    for (name, of) in METRICS {
        if name == MEMORY && !scenario.tells_memory() {
            continue;
        }
        if !runs.iter().any(|run| run.measured().and_then(of).is_some()) {
            continue;
        }
        let _ = write!(text, "| {name}");
        for server in servers {
            let values = runs.iter().filter(|run| run.server == *server);
            cell(&mut text, summary(values.filter_map(|run| of(run.measured()?))));
        }
        for other in &others {
            cell(&mut text, ratios(pairs(runs, ours, other, of)));
        }
        text.push_str(" |\n");
    }
    faults(&mut text, runs);
    text
}

/// The figures of two servers, round by round, where both have one.
pub(crate) fn pairs(runs: &[&Run], ours: &str, other: &str, of: Figure) -> Vec<(f64, f64)> {
    let value = |round: u32, server: &str| {
        let run = runs.iter().find(|run| run.round == round && run.server == server)?;
        of(run.measured()?)
    };
    let rounds = runs.iter().filter(|run| run.server == ours).map(|run| run.round);
    rounds.filter_map(|round| Some((value(round, ours)?, value(round, other)?))).collect()
}

fn cell(text: &mut String, value: Option<Summary>) {
    let _ = match value {
        Some(Summary { median, min, max }) => {
            write!(text, " | {} ({}–{})", number(median), number(min), number(max))
        }
        None => write!(text, " | –"),
    };
}

/// Three digits, or all of a whole number with its thousands apart.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len() - index;
        if index > 0 && left % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// A line for each run that is not clean: its figures are in the table all the same.
fn faults(text: &mut String, runs: &[&Run]) {
    for run in runs.iter().filter(|run| !run.is_clean()) {
        let _ = write!(text, "\n- {}, round {}: ", run.server, run.round + 1);
        match &run.outcome {
            Outcome::Failed(why) => text.push_str(why),
            Outcome::Done(measured) => {
                let _ = write!(text, "{} operations failed", measured.failed);
                for (why, count) in &measured.failures {
                    let _ = write!(text, "; {count} × {why}");
                }
            }
        }
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::parse;
    use crate::results::tests::sample;

    fn run(server: &str, round: u32, cpu: f64, failed: u64) -> Run {
        let outcome = parse(&sample(cpu, failed)).unwrap();
        Run { scenario: Scenario::Storm, round, server: server.to_owned(), outcome }
    }

    #[test]
    fn servers_and_ratios_stand_side_by_side() {
        let runs = [
            run("vestibule", 0, 50.0, 0),
            run("floor", 0, 40.0, 0),
            run("floor", 1, 80.0, 0),
            run("vestibule", 1, 100.0, 0),
        ];
        let runs: Vec<&Run> = runs.iter().collect();
        let text = markdown(Scenario::Storm, &["vestibule", "floor"], &runs);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("### storm: `load storm`"));
        assert_eq!(lines.nth(1), Some("| | vestibule | floor | ours / floor |"));
        assert_eq!(lines.next(), Some("| --- | ---: | ---: | ---: |"));
        let cpu = "| CPU µs per operation | 75.0 (50.0–100) | 60.0 (40.0–80.0) | \
                   1.25 (1.25–1.25) |";
        assert_eq!(lines.next(), Some(cpu));
        assert!(!text.contains("quiet"), "{text}");
        assert!(!text.contains(MEMORY), "{text}");
    }

    #[test]
    fn failures_are_told_below_the_table() {
        let broken = Run { outcome: Outcome::Failed("timed out".to_owned()), ..run("b", 0, 0., 0) };
        let runs = [run("a", 1, 50.0, 3), broken];
        let runs: Vec<&Run> = runs.iter().collect();
        let text = markdown(Scenario::Storm, &["a", "b"], &runs);
        assert!(text.contains("\n- a, round 2: 3 operations failed; 3 × timed out"), "{text}");
        assert!(text.contains("\n- b, round 1: timed out"), "{text}");
        assert!(text.contains(" | –"), "{text}");
        assert!(!text.contains("ours /"), "{text}");
    }

    #[test]
    fn numbers_have_three_digits_or_all() {
        let shown = [0.987, 9.876, 98.76, 987.6, 9_876.0, 1_234_567.0].map(number);
        assert_eq!(shown, ["0.99", "9.88", "98.8", "988", "9,876", "1,234,567"]);
    }
}
