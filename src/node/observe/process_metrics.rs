//! Numbers that the node cannot know, as it knows no process and no log: asked of whoever does, on a
//! worker, each time that somebody collects the counters.

use std::fmt;
use std::sync::Arc;

/// One number of the world outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// As it is shown: `process_open_fds`. A counter's ends in `_total`.
    pub name: &'static str,
    /// What it counts, in a sentence.
    pub help: &'static str,
    /// The number at this moment.
    pub value: f64,
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
