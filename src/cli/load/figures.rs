//! Latencies and numbers, as they are reported.

use std::fmt::{self, Write as _};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// A histogram of latencies with three significant digits, in constant memory.
#[derive(Clone, Debug)]
pub(super) struct Latency(Option<Histogram<u64>>);

impl Latency {
    pub(super) fn new() -> Self {
        // An hour covers every run. These parameters are always valid.
        Self(Histogram::new_with_bounds(1, 3_600_000_000, 3).ok())
    }

    pub(super) fn record(&mut self, length: Duration) {
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(u64::try_from(length.as_micros()).unwrap_or(u64::MAX));
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    pub(super) fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.0.as_ref().map_or(0, |all| all.value_at_quantile(quantile));
        Percentiles { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Percentiles {
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    pub(super) max: u64,
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p99, p999, max } = *self;
        for (name, value) in [("p50", p50), ("p99", p99), ("p99.9", p999), ("max", max)] {
            let length = time(value);
            let width = if name == "max" { 0 } else { 11 };
            write!(f, "{name} {length:<width$}")?;
        }
        Ok(())
    }
}

/// Formats microseconds with a suitable unit.
fn time(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.2} ms", micros as f64 / 1e3),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}

/// Formats `12345` as `12,345`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        let _ = text.write_char(digit);
    }
    text
}
