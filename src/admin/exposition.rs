//! The counters as text: in Prometheus' format, version 0.0.4, and as OpenMetrics, version 1.0.0.
//!
//! The two differ in the media type, in the name by which a counter is described (OpenMetrics leaves
//! `_total` off), and in the last line.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::ops::RangeInclusive;

use crate::node::{Family, FamilyKind, Histogram, Labels, Samples};

/// What `Content-Type` calls the formats.
pub(super) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Behind the last family of OpenMetrics.
pub(super) const END: &str = "# EOF\n";

/// Every family: some 350 lines.
pub(super) fn write(families: &[Family<'_>], is_open: bool) -> String {
    let mut text = String::new();
    families.iter().for_each(|family| append(&mut text, family, is_open));
    text
}

/// One family. Writing into a string cannot fail, so no result is looked at here.
pub(super) fn append(text: &mut String, family: &Family<'_>, is_open: bool) {
    let Family { name, help, kind, labels, samples } = family;
    let (kind, described) = match kind {
        FamilyKind::Counter if is_open => ("counter", name.trim_end_matches("_total")),
        FamilyKind::Counter => ("counter", *name),
        FamilyKind::Gauge => ("gauge", *name),
        FamilyKind::Histogram => ("histogram", *name),
    };
    let _ = writeln!(text, "# HELP {described} {help}\n# TYPE {described} {kind}");
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

/// `{state="connected"}`, or nothing.
fn braces(names: &[&str], values: &Labels, le: Option<&str>) -> String {
    let pairs = names.iter().copied().zip(values.iter().map(AsRef::as_ref));
    let pairs = pairs
        .chain(le.map(|le| ("le", le)))
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
    let pairs = pairs.collect::<Vec<_>>().join(",");
    if pairs.is_empty() { pairs } else { format!("{{{pairs}}}") }
}

/// An issuer's name may hold anything.
fn escaped(value: &str) -> Cow<'_, str> {
    if value.contains(['\\', '"', '\n']) {
        value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").into()
    } else {
        value.into()
    }
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
    use crate::node::Reading;

    #[test]
    fn a_histogram_is_cumulative_and_in_seconds() {
        let mut histogram = Histogram::default();
        [3, 127, 128, 300_000].into_iter().for_each(|value| histogram.record(value));
        let spread = Reading::micros("x_seconds", "X.", histogram, 7..=8);
        let total = Reading::new("y_total", "Y.", 1.5);
        let text = write(&[spread.0, total.0], false);
        let expected = "# HELP x_seconds X.\n# TYPE x_seconds histogram\n\
                        x_seconds_bucket{le=\"0.000128\"} 2\nx_seconds_bucket{le=\"0.000256\"} 3\n\
                        x_seconds_bucket{le=\"+Inf\"} 4\nx_seconds_sum 0.300258\nx_seconds_count 4\n\
                        # HELP y_total Y.\n# TYPE y_total counter\ny_total 1.5\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn open_metrics_describes_a_counter_without_total() {
        let labels = vec![(vec!["a\"b\\\n".into()], 1.0)];
        let total = Reading::by("y_total", "Y.", &["l"], labels);
        let expected = "# HELP y Y.\n# TYPE y counter\ny_total{l=\"a\\\"b\\\\\\n\"} 1\n";
        assert_eq!(write(&[total.0], true), expected);
    }
}
