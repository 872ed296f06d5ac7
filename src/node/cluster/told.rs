//! Publications whose targets the engine is asked about: one is over when it has answered about each.

use std::collections::BTreeMap;

use crate::node::work::publication::{EndedPublication, TargetBits, ToldTarget};

/// Publications that the engine is asked about, by their numbers. There are no more than commands to it
/// that are open, which the link bounds, and publications that are under way.
#[derive(Debug, Default)]
pub(crate) struct ToldTargets(BTreeMap<u64, OpenPublication>);

#[derive(Debug, Default)]
struct OpenPublication {
    /// Targets about which the engine has not answered.
    open: usize,
    failed: TargetBits,
    /// It has no more targets to tell.
    ended: Option<Box<EndedPublication>>,
}

impl ToldTargets {
    /// The engine is asked about a target.
    pub(crate) fn begin(&mut self, target: ToldTarget) {
        self.0.entry(target.publication).or_default().open += 1;
    }

    /// The engine has answered about a target, or never will. The publication and the targets at which it
    /// has failed, if that was the last.
    pub(crate) fn answered(
        &mut self,
        target: ToldTarget,
        is_done: bool,
    ) -> Option<(Box<EndedPublication>, TargetBits)> {
        let open = self.0.get_mut(&target.publication)?;
        open.open = open.open.saturating_sub(1);
        if !is_done {
            open.failed.set(target.index);
        }
        self.take_over(target.publication)
    }

    /// A publication has no more targets. It comes back at once if no answer is open.
    pub(crate) fn ended(
        &mut self,
        publication: u64,
        ended: EndedPublication,
    ) -> Option<(Box<EndedPublication>, TargetBits)> {
        self.0.entry(publication).or_default().ended = Some(Box::new(ended));
        self.take_over(publication)
    }

    fn take_over(&mut self, publication: u64) -> Option<(Box<EndedPublication>, TargetBits)> {
        let open = self.0.get_mut(&publication).filter(|it| it.open == 0)?;
        let failed = open.failed;
        let ended = open.ended.take()?;
        self.0.remove(&publication);
        Some((ended, failed))
    }

    /// Is an answer open?
    #[cfg(test)]
    pub(crate) fn is_open(&self) -> bool {
        self.0.values().any(|it| it.open > 0)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ConnId;
    use crate::node::work::publication::PublishTally;

    fn publication() -> EndedPublication {
        EndedPublication {
            asker: ConnId::from_bits(1),
            awaited: None,
            targets: Vec::new(),
            key: None,
            tally: PublishTally::default(),
            reason: None,
            number: 7,
        }
    }

    #[test]
    fn publication_is_over_with_its_last_answer() {
        let mut told = ToldTargets::default();
        let [first, second] = [0, 63].map(|index| ToldTarget { publication: 7, index });
        told.begin(first);
        told.begin(second);
        assert_eq!(told.answered(second, false), None);
        assert_eq!(told.ended(7, publication()), None);
        let (ended, failed) = told.answered(first, true).unwrap();
        assert_eq!((*ended, failed.has(0), failed.has(63)), (publication(), false, true));
        assert_eq!((told.answered(first, false), told.len()), (None, 0));
    }

    #[test]
    fn answers_that_came_first_end_it_at_once() {
        let mut told = ToldTargets::default();
        let target = ToldTarget { publication: 7, index: 1 };
        told.begin(target);
        assert_eq!(told.answered(target, false), None);
        let (_, failed) = told.ended(7, publication()).unwrap();
        assert!(failed.has(1) && told.len() == 0);
    }
}
