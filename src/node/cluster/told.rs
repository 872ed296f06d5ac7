//! What the engine has answered about the targets of publications: a publication is done when it has
//! answered about each.

use std::collections::BTreeMap;

/// Publications of which a target has failed and nobody asks any more: beyond this, the first is forgotten.
const MOST: usize = 1_024;

/// A target of a publication, by the number of its round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ToldTarget {
    pub(crate) round: u64,
    /// Its place among the targets, which are at most 64.
    pub(crate) index: usize,
}

/// What is open, and what has failed, by the number of the round.
#[derive(Debug, Default)]
pub(crate) struct ToldTargets(BTreeMap<u64, OpenTargets>);

#[derive(Debug, Default)]
struct OpenTargets {
    /// Targets about which the engine has not answered.
    open: usize,
    /// A bit for each target that has failed.
    failed: u64,
}

impl ToldTargets {
    /// The engine is asked about a target.
    pub(crate) fn begin(&mut self, target: ToldTarget) {
        if self.0.len() >= MOST {
            self.0.pop_first();
        }
        self.0.entry(target.round).or_default().open += 1;
    }

    /// The engine has answered, or never will.
    pub(crate) fn end(&mut self, target: ToldTarget, is_done: bool) {
        let Some(told) = self.0.get_mut(&target.round) else { return };
        told.open = told.open.saturating_sub(1);
        if !is_done {
            told.failed |= 1_u64.checked_shl(target.index as u32).unwrap_or(0);
        }
        if told.open == 0 && told.failed == 0 {
            self.0.remove(&target.round);
        }
    }

    /// Is an answer open?
    pub(crate) fn is_open(&self, round: u64) -> bool {
        self.0.get(&round).is_some_and(|told| told.open > 0)
    }

    /// The targets that have failed, a bit each. It is said once.
    pub(crate) fn take_failed(&mut self, round: u64) -> u64 {
        self.0.remove(&round).map_or(0, |told| told.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_its_answer() {
        let mut told = ToldTargets::default();
        let [first, second] = [0, 63].map(|index| ToldTarget { round: 7, index });
        told.begin(first);
        told.begin(second);
        told.end(second, false);
        assert!(told.is_open(7));
        told.end(first, true);
        assert!(!told.is_open(7));
        assert_eq!((told.take_failed(7), told.take_failed(7)), (1 << 63, 0));
        told.end(first, false);
        assert_eq!(told.take_failed(7), 0);
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten() {
        let mut told = ToldTargets::default();
        for round in 0..2 * MOST as u64 {
            let target = ToldTarget { round, index: 0 };
            told.begin(target);
            told.end(target, false);
        }
        assert_eq!(told.0.len(), MOST);
    }
}
