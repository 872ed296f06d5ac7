//! Questions to the application that are not answered yet, behind their tickets.

use std::collections::{BTreeSet, HashSet};
use std::mem;
use std::time::Duration;

use slab::Slab;
use smol_str::SmolStr;

use crate::auth::Address;
use crate::id::ConnId;
use crate::node::rooms::answers::MessageKey;
use crate::node::rooms::held::{HeldMessage, SharedMessage};
use crate::node::work::orders::Part;
use crate::node::work::port::Payer;
use crate::node::work::publication::Publication;
use crate::node::work::ticket::{StartFlag, Ticket};
use crate::time::Instant;

/// How long behind its deadline a question is given up whose connection has a timer of its own, so
/// that the timer always comes first.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// What `limits.work_total` counts for a question beside its texts: its place, and the work itself.
pub(crate) const QUESTION_BYTES: usize = 512;

/// What a question with so many bytes of text costs: it is copied for whoever answers, and perhaps
/// once more to be sent to them.
pub(crate) fn cost(text_bytes: usize) -> u32 {
    let cost = text_bytes.saturating_mul(2).saturating_add(QUESTION_BYTES);
    u32::try_from(cost).unwrap_or(u32::MAX)
}

/// How whoever collects the numbers reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CollectedForm {
    /// Prometheus' text, version 0.0.4.
    Text,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
    Json,
}

/// A question, and who waits for its answer.
#[derive(Debug)]
pub(crate) struct Question {
    serial: u32,
    /// When it was asked.
    pub(crate) asked: Instant,
    /// What it costs of the budget for work.
    cost: u32,
    /// The connection that waits for the answer.
    pub(crate) asker: ConnId,
    /// What is asked, and what its answer is needed for.
    pub(crate) kind: QuestionKind,
    /// Shared with whoever does the work; `None`: nobody knows whether it has begun.
    start: Option<StartFlag>,
    /// When its time is over: for all who wait for it, or, once it is late, for good.
    deadline: Instant,
    /// Its time was over when the work had begun: nobody waits, and the answer is of use to whoever
    /// sends the message again.
    pub(crate) is_late: bool,
}

impl Question {
    /// Its work is not begun, if it has not. True: it had not.
    pub(crate) fn call_off(&self) -> bool {
        self.start.as_ref().is_some_and(StartFlag::withdraw)
    }

    /// When its time is over.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Nobody waits for it any longer than until now.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        !self.is_late && self.deadline <= now
    }
}

/// A question that is to be opened.
#[derive(Debug)]
pub(crate) struct NewQuestion {
    /// The connection that will wait for the answer.
    pub(crate) asker: ConnId,
    /// What is asked, and what its answer is needed for.
    pub(crate) kind: QuestionKind,
    /// Until then; `NEVER`: its answer surely comes.
    pub(crate) deadline: Instant,
    /// What it costs of the budget for work.
    pub(crate) cost: u32,
    /// Who its work is charged to.
    pub(crate) payer: Payer,
}

/// Who a request is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestPayer {
    /// The key of the user whom its token speaks for.
    pub(crate) user: Option<u64>,
    pub(crate) address: Address,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum QuestionKind {
    /// Is the asker's token signed?
    Check {
        /// What the token shows is charged there, should the asker be gone by then.
        address: Address,
    },
    /// May the asker come in?
    Join,
    /// May the asker stay, which came back and is in?
    Return,
    /// What is the answer to the asker's HTTP request?
    Request {
        /// What the answer costs and shows is charged there, should the asker be gone by then.
        payer: RequestPayer,
    },
    /// May this be said in the room that is next?
    Publish {
        /// To whom it goes, and how far it is.
        publication: Box<Publication>,
    },
    /// What does the world outside have to add to the counters?
    Collect {
        /// How they are written.
        form: CollectedForm,
    },
    /// Has this part of an operator's order been done?
    Order {
        /// Which order.
        order: u64,
        /// Which part of it.
        part: Part,
    },
    /// What is the answer to this message?
    Message {
        /// For the memory of answers.
        key: MessageKey,
        /// Other connections of the same user that sent the message again meanwhile: those that
        /// wait, so no more than a user may have.
        also: Vec<ConnId>,
        /// Its user, who is charged for what the answer tells the room, whoever waits for it by then.
        user: SmolStr,
        /// Whose members are told when the answer changes the recipe.
        room: SmolStr,
        /// The message itself, where the application is asked before the others see it.
        held: Option<Box<HeldMessage>>,
        /// In a cluster: how it is known on all nodes.
        shared: Option<Box<SharedMessage>>,
    },
}

/// The open questions. A connection has at most two: a message and an `auth`. Those of
/// connections that are gone stay until they are answered or their time is over, so that a message
/// that is sent again after a reconnect finds its answer. A message whose work had begun then stays
/// for longer: it is late.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    open: Slab<Question>,
    /// The deadlines of those that are not late, with their places in `open`.
    deadlines: BTreeSet<(Instant, u32)>,
    /// When those that are late are given up, the first of them in front.
    late: BTreeSet<(Instant, u32)>,
    /// What all of them cost.
    weight: usize,
    /// How many of them are joins.
    joins: usize,
    serial: u32,
    /// The next question's. Most are answered at once, and then it is the one after that.
    start: StartFlag,
}

impl Questions {
    /// A ticket for a question that may be opened next. It is never issued again.
    pub(crate) fn issue(&mut self) -> Ticket {
        self.serial = self.serial.wrapping_add(1);
        if !self.start.is_unused() {
            self.start = StartFlag::default();
        }
        Ticket { index: self.open.vacant_key() as u32, serial: self.serial }
    }

    /// The flag of the question whose ticket was issued last.
    pub(crate) fn start(&self) -> &StartFlag {
        &self.start
    }

    /// Opens a question under the ticket that was issued last. Gives back the flag for the work, if
    /// that is the node's own to submit.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        ticket: Ticket,
        question: NewQuestion,
        is_submitted: bool,
    ) -> StartFlag {
        let NewQuestion { asker, kind, deadline, cost, .. } = question;
        self.joins += usize::from(matches!(kind, QuestionKind::Join));
        let is_known = is_submitted || self.start.is_shared();
        let start = mem::take(&mut self.start);
        let index = self.open.insert(Question {
            serial: ticket.serial,
            asked: now,
            cost,
            asker,
            kind,
            start: is_known.then(|| start.clone()),
            deadline,
            is_late: false,
        });
        debug_assert_eq!(index, ticket.index as usize, "nothing was opened since the ticket");
        self.weight += cost as usize;
        if deadline != Instant::NEVER {
            self.deadlines.insert((deadline, ticket.index));
        }
        start
    }

    /// Closes a question. `None`: it was closed before.
    pub(crate) fn close(&mut self, ticket: Ticket) -> Option<Question> {
        self.find(ticket)?;
        let question = self.open.try_remove(ticket.index as usize)?;
        self.weight = self.weight.saturating_sub(question.cost as usize);
        self.joins -= usize::from(matches!(question.kind, QuestionKind::Join));
        let place = (question.deadline, ticket.index);
        if question.is_late {
            self.late.remove(&place)
        } else {
            self.deadlines.remove(&place)
        };
        Some(question)
    }

    /// Closes a question whose work has not begun, and now never will. `None`: it has begun, or
    /// nobody knows, or there is no such question. An order is carried out whoever waits for it, and
    /// a publication is ended by what it belongs to.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> Option<Question> {
        let is_kept = |kind: &QuestionKind| {
            matches!(kind, QuestionKind::Order { .. } | QuestionKind::Publish { .. })
        };
        let question = self.find(ticket).filter(|it| !is_kept(&it.kind))?;
        let is_withdrawn = question.start.as_ref().is_some_and(StartFlag::withdraw);
        if is_withdrawn { self.close(ticket) } else { None }
    }

    /// The application holds this question, and has its flag, or keeps none: then nobody knows whether
    /// the work has begun.
    pub(crate) fn held(&mut self, ticket: Ticket, start: &StartFlag) {
        // This question's, and the caller's.
        if start.holders() <= 2
            && let Some(question) = self.find(ticket)
        {
            question.start = None;
        }
    }

    /// What the open ones cost of the budget for work.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Is the question of this ticket open?
    #[cfg(feature = "sim")]
    pub(crate) fn is_open(&self, ticket: Ticket) -> bool {
        self.open.get(ticket.index as usize).is_some_and(|open| open.serial == ticket.serial)
    }

    /// The open question of this ticket. `None`: it was closed.
    pub(crate) fn find(&mut self, ticket: Ticket) -> Option<&mut Question> {
        let question = self.open.get_mut(ticket.index as usize)?;
        (question.serial == ticket.serial).then_some(question)
    }

    /// The rooms which an answer that is awaited may still change. `None`: it may be any.
    pub(crate) fn concerned_rooms(&self) -> Option<HashSet<&str>> {
        let rooms = self.open.iter().flat_map(|(_, question)| match &question.kind {
            QuestionKind::Message { room, .. } => vec![Some(room.as_str())],
            QuestionKind::Publish { publication } => publication.rooms_left().map(Some).collect(),
            QuestionKind::Request { .. } | QuestionKind::Order { .. } => vec![None],
            QuestionKind::Check { .. }
            | QuestionKind::Join
            | QuestionKind::Return
            | QuestionKind::Collect { .. } => Vec::new(),
        });
        rooms.collect()
    }

    /// Is there one about this message of the cluster? O(questions): asked where somebody waits for long.
    pub(crate) fn asks_about(&self, id: &[u8; 16]) -> bool {
        self.open.iter().any(|(_, question)| match &question.kind {
            QuestionKind::Message { shared: Some(message), .. } => message.id == *id,
            _ => false,
        })
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// How many joins are open.
    pub(crate) fn joins(&self) -> usize {
        self.joins
    }

    /// How many are late.
    pub(crate) fn late(&self) -> usize {
        self.late.len()
    }

    /// Somebody waits for this question until then.
    pub(crate) fn wait_until(&mut self, ticket: Ticket, deadline: Instant) {
        let Some(question) = self.find(ticket) else { return };
        if !question.is_late && question.deadline < deadline {
            let before = mem::replace(&mut question.deadline, deadline);
            self.deadlines.remove(&(before, ticket.index));
            self.deadlines.insert((deadline, ticket.index));
        }
    }

    /// The question's answer is awaited until then, though its time is over. It costs nothing of the
    /// budget for work any more: that is for what somebody waits for.
    pub(crate) fn make_late(&mut self, ticket: Ticket, until: Instant) {
        let Some(question) = self.find(ticket) else { return };
        let cost = mem::take(&mut question.cost);
        let before = mem::replace(&mut question.deadline, until);
        question.is_late = true;
        self.weight = self.weight.saturating_sub(cost as usize);
        self.deadlines.remove(&(before, ticket.index));
        self.late.insert((until, ticket.index));
    }

    /// The late question that is given up first, where there are more than `most`.
    pub(crate) fn late_beyond(&self, most: usize) -> Option<Ticket> {
        let (_, index) = self.late.first().filter(|_| self.late.len() > most)?;
        self.ticket_of(*index)
    }

    /// When the next question's time is over.
    pub(crate) fn next(&self) -> Option<Instant> {
        let first = |set: &BTreeSet<(Instant, u32)>| set.first().map(|&(deadline, _)| deadline);
        [first(&self.deadlines), first(&self.late)].into_iter().flatten().min()
    }

    /// A question whose time is over.
    pub(crate) fn overdue(&self, now: Instant) -> Option<Ticket> {
        let firsts = [self.deadlines.first(), self.late.first()].into_iter().flatten();
        let (_, index) = firsts.min().filter(|(deadline, _)| *deadline <= now)?;
        self.ticket_of(*index)
    }

    fn ticket_of(&self, index: u32) -> Option<Ticket> {
        let question = self.open.get(index as usize)?;
        Some(Ticket { index, serial: question.serial })
    }
}
