//! Questions to the application that are not answered yet, behind their tickets.

use std::collections::VecDeque;

use slab::Slab;
use smol_str::SmolStr;

use super::answers::MessageKey;
use super::operator::Part;
use super::port::Ticket;
use crate::auth::Address;
use crate::id::ConnId;
use crate::time::Instant;

/// A question, and who waits for its answer.
#[derive(Debug)]
pub(crate) struct Question {
    serial: u32,
    /// When it was asked.
    pub(crate) asked: Instant,
    /// What it costs of the budget for work.
    cost: u32,
    /// Who asked.
    pub(crate) asker: ConnId,
    /// What.
    pub(crate) kind: Kind,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Is the asker's token signed?
    Check {
        /// What the token shows is charged there, should the asker be gone by then.
        address: Address,
    },
    /// May the asker come in?
    Join,
    /// What is the answer to the asker's HTTP request?
    Request {
        /// What the answer shows is charged there, should the asker be gone by then.
        address: Address,
    },
    /// May this be said in a room?
    Publish {
        /// Which.
        room: SmolStr,
    },
    /// What does the world outside have to add to the counters?
    Collect {
        /// For a program that reads JSON, and not Prometheus' text.
        is_json: bool,
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
        /// Another connection of the same user that sent the message again meanwhile.
        also: Option<ConnId>,
        /// Whose members are told when the answer changes the recipe.
        room: SmolStr,
    },
}

/// The open questions. A connection has at most two: a message and an `auth`. Those of
/// connections that are gone stay until they are answered or their time is over, so that a message
/// that is sent again after a reconnect finds its answer.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    open: Slab<Question>,
    /// In the order of their deadlines, as all have the same time.
    deadlines: VecDeque<(Instant, Ticket)>,
    /// What all of them cost.
    weight: usize,
    serial: u32,
}

impl Questions {
    /// A ticket for a question that may be opened next. It is never issued again.
    pub(crate) fn issue(&mut self) -> Ticket {
        self.serial = self.serial.wrapping_add(1);
        Ticket { index: self.open.vacant_key() as u32, serial: self.serial }
    }

    /// Opens a question until `deadline` (`NEVER`: for one whose answer surely comes), under the
    /// ticket that was issued last. It costs so much of the budget for work.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        ticket: Ticket,
        asker: ConnId,
        kind: Kind,
        deadline: Instant,
        cost: u32,
    ) {
        let question = Question { serial: ticket.serial, asked: now, cost, asker, kind };
        let index = self.open.insert(question);
        self.weight += cost as usize;
        debug_assert_eq!(index, ticket.index as usize, "nothing was opened since the ticket");
        if deadline != Instant::NEVER {
            self.deadlines.push_back((deadline, ticket));
            self.forget_overdue(now);
        }
    }

    /// Closes a question. `None`: it was closed before, or its time is over.
    pub(crate) fn close(&mut self, ticket: Ticket) -> Option<Question> {
        let index = ticket.index as usize;
        let is_it = self.open.get(index).is_some_and(|open| open.serial == ticket.serial);
        let question = if is_it { self.open.try_remove(index) } else { None }?;
        self.weight = self.weight.saturating_sub(question.cost as usize);
        Some(question)
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

    /// The open question of this ticket. `None`: it was closed, or its time is over.
    pub(crate) fn find(&mut self, ticket: Ticket) -> Option<&mut Question> {
        let question = self.open.get_mut(ticket.index as usize)?;
        (question.serial == ticket.serial).then_some(question)
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Each question is passed once. Its connection's own timer has answered it long before, if
    /// there is still one: a while after the deadline, so that the timer always comes first.
    pub(crate) fn forget_overdue(&mut self, now: Instant) {
        while let Some(&(deadline, ticket)) = self.deadlines.front()
            && deadline + std::time::Duration::from_secs(1) < now
        {
            self.deadlines.pop_front();
            self.close(ticket);
        }
    }
}
