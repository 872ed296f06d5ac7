//! Numbers with the names and labels that are the contract with whoever collects them.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::node::observe::metrics::histogram::Histogram;

/// Numbers of one name.
#[derive(Clone, Debug)]
pub(crate) struct Family<'a> {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: FamilyKind,
    /// The names of the labels that tell the samples apart.
    pub(crate) labels: &'static [&'static str],
    pub(crate) samples: Samples<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FamilyKind {
    /// Its name ends in `_total`.
    Counter,
    Gauge,
    Histogram,
}

/// The values of a sample's labels.
pub(crate) type Labels = Vec<Cow<'static, str>>;
pub(crate) type Numbers = Vec<(Labels, f64)>;

/// The values of a family.
#[derive(Clone, Debug)]
pub(crate) enum Samples<'a> {
    Numbers(Numbers),
    /// Of microseconds; shown with a bucket up to each of these powers of two.
    Micros {
        histograms: Vec<(Labels, Cow<'a, Histogram>)>,
        powers: RangeInclusive<u32>,
    },
}

pub(crate) fn counter(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    numbers: Numbers,
) -> Family<'static> {
    Family { name, help, kind: FamilyKind::Counter, labels, samples: Samples::Numbers(numbers) }
}

pub(crate) fn total(name: &'static str, help: &'static str, count: u64) -> Family<'static> {
    counter(name, help, &[], one(count))
}

pub(crate) fn gauge(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    numbers: Numbers,
) -> Family<'static> {
    Family { kind: FamilyKind::Gauge, ..counter(name, help, labels, numbers) }
}

/// A gauge without labels.
pub(crate) fn level(name: &'static str, help: &'static str, number: u64) -> Family<'static> {
    gauge(name, help, &[], one(number))
}

pub(crate) fn micros<'a>(
    name: &'static str,
    help: &'static str,
    histogram: &'a Histogram,
    powers: RangeInclusive<u32>,
) -> Family<'a> {
    let histograms = vec![(Vec::new(), Cow::Borrowed(histogram))];
    let samples = Samples::Micros { histograms, powers };
    Family { name, help, kind: FamilyKind::Histogram, labels: &[], samples }
}

/// Values of one label.
pub(crate) fn by<const N: usize>(values: [(&'static str, u64); N]) -> Numbers {
    values.map(|(label, count)| (vec![label.into()], count as f64)).into()
}

fn one(number: u64) -> Numbers {
    vec![(Vec::new(), number as f64)]
}
