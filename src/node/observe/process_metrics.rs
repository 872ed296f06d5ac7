//! Numbers that the node cannot know, as it knows no process and no log: asked of whoever does, on a
//! worker, each time that somebody collects the counters.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::node::observe::family::{Family, FamilyKind, Labels, Samples};
use crate::node::observe::metrics::histogram::Histogram;

/// Numbers of one name from outside the node. They are shown as a counter if the name ends in
/// `_total`, else as a gauge or a histogram.
#[derive(Clone, Debug)]
pub struct Reading(pub(crate) Family<'static>);

impl Reading {
    /// One number. `help` says in a sentence what it counts.
    #[must_use]
    pub fn new(name: &'static str, help: &'static str, value: f64) -> Self {
        Self::by(name, help, &[], vec![(Vec::new(), value)])
    }

    /// Numbers that differ in the values of these labels. A label must have few values, all of which
    /// are the server's own: each is a series that a collector keeps.
    #[must_use]
    pub fn by(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        numbers: Vec<(Labels, f64)>,
    ) -> Self {
        let is_counter = name.ends_with("_total");
        let kind = if is_counter { FamilyKind::Counter } else { FamilyKind::Gauge };
        Self(Family { name, help, kind, labels, samples: Samples::Numbers(numbers) })
    }

    /// How microseconds are spread, shown in seconds with a bucket up to each of these powers of two.
    #[must_use]
    pub fn micros(
        name: &'static str,
        help: &'static str,
        histogram: Histogram,
        powers: RangeInclusive<u32>,
    ) -> Self {
        let samples =
            Samples::Micros { histograms: vec![(Vec::new(), Cow::Owned(histogram))], powers };
        Self(Family { name, help, kind: FamilyKind::Histogram, labels: &[], samples })
    }

    /// As it is shown: `process_open_fds`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// The number with these values of the labels; for a histogram, how many values it counts.
    #[must_use]
    pub fn value(&self, labels: &[&str]) -> Option<f64> {
        let is_it = |found: &Labels| found.iter().eq(labels.iter());
        match &self.0.samples {
            Samples::Numbers(numbers) => {
                numbers.iter().find(|(found, _)| is_it(found)).map(|(_, number)| *number)
            }
            Samples::Micros { histograms, .. } => {
                let found = histograms.iter().find(|(found, _)| is_it(found));
                found.map(|(_, histogram)| histogram.count() as f64)
            }
        }
    }
}

/// Reads some of them. It runs on a worker, and may block.
pub type Probe = Arc<dyn Fn() -> Vec<Reading> + Send + Sync>;

/// The probes that are read when the counters are collected.
#[derive(Clone, Default)]
pub(crate) struct Probes(Vec<Probe>);

impl Probes {
    pub(crate) fn add(&mut self, probe: Probe) {
        self.0.push(probe);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn read(&self) -> Vec<Reading> {
        self.0.iter().flat_map(|probe| probe()).collect()
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} probes", self.0.len())
    }
}
