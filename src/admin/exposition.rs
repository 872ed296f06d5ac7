//! The counters in Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write as _};
use std::ops::RangeInclusive;

use crate::node::{Family, FamilyKind, Histogram, Labels, Reading, Samples};

/// What `Content-Type` calls the format.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every family: some 350 lines. Writing into a string cannot fail, so no result is looked at here.
pub(super) fn write(families: &[Family<'_>]) -> String {
    let mut text = String::new();
    families.iter().for_each(|family| write_one(&mut text, family));
    text
}

/// One number of the world outside.
pub(super) fn append(text: &mut String, reading: &Reading) {
    let Reading { name, help, value } = reading;
    let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
}

fn write_one(text: &mut String, family: &Family<'_>) {
    let Family { name, help, kind, labels, samples } = family;
    let kind = match kind {
        FamilyKind::Counter => "counter",
        FamilyKind::Gauge => "gauge",
        FamilyKind::Histogram => "histogram",
    };
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    match samples {
        Samples::Numbers(numbers) => {
            for (values, number) in numbers {
                let _ = writeln!(text, "{name}{} {number}", braces(labels, values, None));
            }
        }
        Samples::Micros { histograms, powers } => {
            for (values, histogram) in histograms {
                let mut line = |suffix: &str, le: Option<&str>, value: &dyn Display| {
                    let labels = braces(labels, values, le);
                    let _ = writeln!(text, "{name}{suffix}{labels} {value}");
                };
                for (bound, below) in buckets(histogram, powers.clone()) {
                    line("_bucket", Some(&bound.to_string()), &below);
                }
                line("_bucket", Some("+Inf"), &histogram.count());
                line("_sum", None, &seconds(histogram.sum()));
                line("_count", None, &histogram.count());
            }
        }
    }
}

/// `{state="connected"}`, or nothing. None of our own values has a quote or a backslash in it that
/// would have to be escaped.
fn braces(names: &[&str], values: &Labels, le: Option<&str>) -> String {
    let pairs = names.iter().copied().zip(values.iter().map(AsRef::as_ref));
    let pairs =
        pairs.chain(le.map(|le| ("le", le))).map(|(name, value)| format!("{name}=\"{value}\""));
    let pairs = pairs.collect::<Vec<_>>().join(",");
    if pairs.is_empty() { pairs } else { format!("{{{pairs}}}") }
}

/// Each bound in seconds, and how many values were below it. Values are rounded down to whole
/// microseconds, so what is counted below a bound was below it, and at a power of two the histogram
/// counts exactly.
fn buckets(
    histogram: &Histogram,
    powers: RangeInclusive<u32>,
) -> impl Iterator<Item = (f64, u64)> + '_ {
    let count = histogram.count();
    powers.map(move |power| {
        let bound = 1_u64 << power;
        (seconds(bound), count - histogram.at_least(bound))
    })
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_cumulative_and_in_seconds() {
        let mut histogram = Histogram::default();
        [3, 127, 128, 300_000].into_iter().for_each(|value| histogram.record(value));
        let family = Family {
            name: "x_seconds",
            help: "X.",
            kind: FamilyKind::Histogram,
            labels: &[],
            samples: Samples::Micros { histograms: vec![(vec![], &histogram)], powers: 7..=8 },
        };
        let mut text = write(&[family]);
        append(&mut text, &Reading { name: "y_total", help: "Y.", value: 1.5 });
        let expected = "# HELP x_seconds X.\n# TYPE x_seconds histogram\n\
                        x_seconds_bucket{le=\"0.000128\"} 2\nx_seconds_bucket{le=\"0.000256\"} 3\n\
                        x_seconds_bucket{le=\"+Inf\"} 4\nx_seconds_sum 0.300258\nx_seconds_count 4\n\
                        # HELP y_total Y.\n# TYPE y_total counter\ny_total 1.5\n";
        assert_eq!(text, expected);
    }
}
