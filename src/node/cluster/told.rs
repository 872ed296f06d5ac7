//! Publications whose targets the engine is asked about: one goes on when it has answered about each.

use std::collections::BTreeMap;

use crate::node::work::publication::{Publication, TargetBits, ToldTarget};
use crate::node::work::ticket::Ticket;
use crate::protocol::ErrorCode;

/// Publications that the engine is asked about, by their numbers. There are no more than commands to it
/// that are open, which the link bounds, and publications that are under way.
#[derive(Debug, Default)]
pub(crate) struct ToldTargets(BTreeMap<u64, OpenPublication>);

#[derive(Debug, Default)]
struct OpenPublication {
    /// Targets about which the engine has not answered.
    open: usize,
    failed: TargetBits,
    /// It waits for these answers.
    waiting: Option<WaitingPublication>,
}

/// A publication, and the answer that its asker waits for.
type WaitingPublication = (Box<Publication>, Ticket);

impl ToldTargets {
    /// The engine is asked about a target.
    pub(crate) fn begin(&mut self, target: ToldTarget) {
        self.0.entry(target.publication).or_default().open += 1;
    }

    /// The engine has answered about a target, or never will. The publication, if it waits and that was the
    /// last: it has failed at the targets at which the engine has.
    pub(crate) fn answered(
        &mut self,
        target: ToldTarget,
        is_done: bool,
    ) -> Option<WaitingPublication> {
        let open = self.0.get_mut(&target.publication)?;
        open.open = open.open.saturating_sub(1);
        if !is_done {
            open.failed.set(target.index);
        }
        self.take_over(target.publication)
    }

    /// A publication waits for the answers that are open. It comes back at once if there are none.
    pub(crate) fn wait(
        &mut self,
        publication: Box<Publication>,
        ticket: Ticket,
    ) -> Option<WaitingPublication> {
        let number = publication.number;
        self.0.entry(number).or_default().waiting = Some((publication, ticket));
        self.take_over(number)
    }

    fn take_over(&mut self, number: u64) -> Option<WaitingPublication> {
        let open = self.0.get_mut(&number).filter(|it| it.open == 0)?;
        let failed = open.failed;
        let (mut publication, ticket) = open.waiting.take()?;
        self.0.remove(&number);
        for index in (0..publication.targets.len()).filter(|index| failed.has(*index)) {
            publication.tally.fail(index, ErrorCode::BackendUnavailable.into());
        }
        Some((publication, ticket))
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
    use crate::node::app::Update;
    use crate::node::work::publication::PublishTarget;

    fn publication() -> Box<Publication> {
        let targets = (0..64).map(|n| PublishTarget::User(format!("u{n}").into())).collect();
        let asker = ConnId::from_bits(1);
        let mut publication = Box::new(Publication::new(asker, targets, Update::text("x"), None));
        publication.number = 7;
        publication
    }

    #[test]
    fn publication_goes_on_with_its_last_answer() {
        let mut told = ToldTargets::default();
        let [first, second] = [0, 63].map(|index| ToldTarget { publication: 7, index });
        told.begin(first);
        told.begin(second);
        assert!(told.answered(second, false).is_none());
        assert!(told.wait(publication(), Ticket::UNASKED).is_none());
        let (publication, _) = told.answered(first, true).unwrap();
        let failed = [0, 63].map(|index| publication.tally.has_failed_at(index));
        assert_eq!(failed, [false, true]);
        assert!(told.answered(first, false).is_none() && told.len() == 0);
    }

    #[test]
    fn answers_that_came_first_let_it_go_on_at_once() {
        let mut told = ToldTargets::default();
        let target = ToldTarget { publication: 7, index: 1 };
        told.begin(target);
        assert!(told.answered(target, false).is_none());
        let (publication, _) = told.wait(publication(), Ticket::UNASKED).unwrap();
        assert!(publication.tally.has_failed_at(1) && told.len() == 0);
    }
}
