//! The counters in Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

use crate::node::Node;
use crate::node::families::{Family, Kind, Samples};
use crate::node::http::Response;

/// What `Content-Type` calls the format.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Node {
    /// Every family: some 250 lines.
    pub(super) fn exposition(&self) -> Response {
        let mut text = String::new();
        for family in self.families() {
            write(&mut text, &family);
        }
        Response::new(200, MEDIA_TYPE, text.into_bytes())
    }
}

/// Writing into a string cannot fail, so that results are not looked at here.
fn write(text: &mut String, family: &Family<'_>) {
    let Family { name, help, kind, labels, samples } = family;
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    match samples {
        Samples::Numbers(numbers) => {
            for (values, number) in numbers {
                let pairs = labels.iter().zip(values).map(|(label, value)| {
                    // None of our own values has a quote or a backslash to be escaped.
                    format!("{label}=\"{value}\"")
                });
                let pairs = pairs.collect::<Vec<_>>().join(",");
                let _ = match pairs.as_str() {
                    "" => writeln!(text, "{name} {number}"),
                    pairs => writeln!(text, "{name}{{{pairs}}} {number}"),
                };
            }
        }
        Samples::Micros(histogram, powers) => {
            let count = histogram.count();
            for power in powers.clone() {
                // A value is rounded down to whole microseconds, so what is counted below a bound was
                // below it, and at a power of two the histogram counts exactly.
                let bound = 1_u64 << power;
                let below = count - histogram.at_least(bound);
                let _ = writeln!(text, "{name}_bucket{{le=\"{}\"}} {below}", seconds(bound));
            }
            let sum = seconds(histogram.sum());
            let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}");
            let _ = writeln!(text, "{name}_sum {sum}\n{name}_count {count}");
        }
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::metrics::Histogram;

    #[test]
    fn a_histogram_is_cumulative_and_in_seconds() {
        let mut histogram = Histogram::default();
        [3, 127, 128, 300_000].into_iter().for_each(|value| histogram.record(value));
        let family = Family {
            name: "x_seconds",
            help: "X.",
            kind: Kind::Histogram,
            labels: &[],
            samples: Samples::Micros(&histogram, 7..=8),
        };
        let mut text = String::new();
        write(&mut text, &family);
        let expected = "# HELP x_seconds X.\n# TYPE x_seconds histogram\n\
                        x_seconds_bucket{le=\"0.000128\"} 2\nx_seconds_bucket{le=\"0.000256\"} 3\n\
                        x_seconds_bucket{le=\"+Inf\"} 4\nx_seconds_sum 0.300258\nx_seconds_count 4\n";
        assert_eq!(text, expected);
    }
}
