//! Metrics of the calls that were answered, which any thread may read.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::backend::counts::CallKind;
use crate::node::Reading;

/// How a call was answered, and the label for it.
const OUTCOMES: &[(&str, &[u16])] = &[
    ("answered", &[200, 204]),
    ("denied", &[403, 409]),
    ("unavailable", &[503]),
    ("unauthorized", &[401]),
    ("gone", &[499]),
    ("failed", &[]),
];
/// The kinds, and requests that are none.
const KINDS: &[&str] = &["join", "message", "leave", "other"];

/// Counters since the start.
#[derive(Debug, Default)]
pub struct ServedCounts {
    calls: [[AtomicU64; OUTCOMES.len()]; KINDS.len()],
    connections: AtomicUsize,
    full: AtomicU64,
    forgotten: AtomicU64,
}

impl ServedCounts {
    pub(super) fn count(&self, kind: Option<CallKind>, status: u16) {
        let label = kind.map_or("other", CallKind::path);
        let kind = KINDS.iter().position(|kind| *kind == label);
        let outcome = OUTCOMES.iter().position(|(_, statuses)| statuses.contains(&status));
        let outcome = outcome.unwrap_or(OUTCOMES.len() - 1);
        let counter = kind.and_then(|kind| self.calls.get(kind)?.get(outcome));
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn set_connections(&self, count: usize) {
        self.connections.store(count, Ordering::Relaxed);
    }

    /// A connection has taken the last place.
    pub(super) fn count_full(&self) {
        self.full.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn full(&self) -> u64 {
        self.full.load(Ordering::Relaxed)
    }

    /// The caller of a message is gone; was another one forgotten for it before its answer?
    pub(super) fn count_forgotten(&self, is_forgotten: bool) {
        self.forgotten.fetch_add(u64::from(is_forgotten), Ordering::Relaxed);
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// What a collector of metrics is told.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        let numbers = KINDS.iter().zip(&self.calls).flat_map(|(kind, counters)| {
            let outcomes = OUTCOMES.iter().zip(counters);
            outcomes.map(move |((outcome, _), counter)| {
                let labels = vec![(*kind).into(), (*outcome).into()];
                (labels, counter.load(Ordering::Relaxed) as f64)
            })
        });
        vec![
            Reading::by(
                "vestibule_recipes_calls_total",
                "Calls of other nodes to the recipe chat, by how they were answered.",
                &["call", "outcome"],
                numbers.collect(),
            ),
            Reading::new(
                "vestibule_recipes_connections",
                "Connections of other nodes to the recipe chat.",
                self.connections.load(Ordering::Relaxed) as f64,
            ),
            Reading::new(
                "vestibule_recipes_connections_full_total",
                "Connections of other nodes that took the last place of recipes.connections.",
                self.full() as f64,
            ),
            Reading::new(
                "vestibule_recipes_calls_forgotten_total",
                "Messages of other nodes that went on without a caller, and whose rooms hear of no change.",
                self.forgotten() as f64,
            ),
        ]
    }
}
