//! Questions whose time is over: what has not begun is never begun, and what has begun answers later.
//!
//! ```text
//!               the time is over, or nobody waits
//! asked ──▶ not begun ──▶ withdrawn: a message that is sent again is asked about anew
//!   │
//!   └────▶ begun, or nobody knows ──▶ late: its answer is for who sends the message again
//!                                      └──▶ given up, when its id is forgotten or too many are late
//! ```
//!
//! For a message that is: at most once, whatever it is answered with, as long as its id is remembered.

use crate::node::Node;
use crate::node::connections::session::Verdict;
use crate::node::rooms::answers::LIFETIME;
use crate::node::rooms::chat::told;
use crate::node::work::port::{Action, Command, Ticket, Work};
use crate::node::work::questions::{Kind, NewQuestion};
use crate::protocol::{ClientMessage, ErrorCode};
use crate::time::{Instant, Now};

/// Questions that are ended in one call, like timers: what is left is due at once again.
const QUESTIONS_A_CALL: usize = 256;

impl Node {
    /// Opens the question of the ticket that was issued last, and submits its `work`. `None`: the
    /// application holds it.
    pub(crate) fn open_question(
        &mut self,
        now: Now,
        ticket: Ticket,
        question: NewQuestion,
        work: Option<Work>,
    ) {
        let start = self.questions.open(now.monotonic, ticket, question, work.is_some());
        if let Some(work) = work {
            self.actions.push_back(Action::Submit(Command { ticket, work, start }));
        }
    }

    /// Nobody waits for the answer to this question: its work is not begun, if it has not. True: it
    /// had not, and the question is closed.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> bool {
        let is_withdrawn = self.questions.withdraw(ticket).is_some();
        self.metrics.withdrawn_questions += u64::from(is_withdrawn);
        is_withdrawn
    }

    /// Ends what is overdue. Answers that came up to `until` have been handled.
    pub(crate) fn end_overdue(&mut self, now: Now, until: Instant) {
        for _ in 0..QUESTIONS_A_CALL {
            let Some(ticket) = self.questions.overdue(until) else { break };
            self.end_question(now, ticket);
        }
    }

    fn end_question(&mut self, now: Now, ticket: Ticket) {
        let Some(question) = self.questions.find(ticket) else { return };
        let (asked, is_late) = (question.asked, question.is_late);
        let Kind::Message { key, also, .. } = &question.kind else {
            if !self.withdraw(ticket) {
                self.questions.close(ticket);
            }
            return;
        };
        if is_late {
            self.metrics.never_answered += 1;
            self.questions.close(ticket);
            return;
        }
        let (key, mut askers) = (*key, also.clone());
        askers.push(question.asker);
        if self.withdraw(ticket) {
            self.answers.not_done(now.monotonic, key, ticket);
        } else {
            self.questions.make_late(ticket, asked + LIFETIME);
            while let Some(first) = self.questions.late_beyond(self.policy.late_answers) {
                self.metrics.late_answers_given_up += 1;
                self.questions.close(first);
            }
        }
        for asker in askers {
            self.answer_asker(now, asker, ticket, told(&Err(ErrorCode::BackendTimeout)));
        }
    }

    /// The sender of a message has waited for as long as it may.
    pub(crate) fn give_up_on_answer(&mut self, now: Now, index: usize) {
        let waiting = self.connections.get(index).and_then(|c| c.waiting.as_ref());
        let Some(message) = waiting.and_then(|waiting| waiting.message.as_ref()) else { return };
        let (asker, ticket) = (self.id_of(index), message.ticket);
        let is_over = self.questions.find(ticket).is_some_and(|open| open.is_over(now.monotonic));
        if is_over {
            self.end_question(now, ticket);
        }
        // It may have waited for an answer that others go on to wait for, or that is late.
        self.answer_asker(now, asker, ticket, told(&Err(ErrorCode::BackendTimeout)));
    }

    /// A message has waited for the budget for work for as long as it may. It was not delivered, and
    /// nobody was asked about it, so it can be sent again.
    pub(crate) fn give_up_on_crowd(&mut self, now: Now, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let was_full = connection.is_full(&self.policy);
        let owes_output = connection.owes_output(&self.policy);
        let is_member = connection.session.phase().is_authenticated();
        let Some(waiting) = connection.waiting.as_mut() else { return };
        waiting.crowd_until = None;
        if owes_output || !is_member || waiting.message.is_some() {
            return; // It waits for something else, and is looked at again when that is over.
        }
        let Some(text) = waiting.pop() else { return };
        let parsed = self.parse(now, index, &text);
        if matches!(parsed, Ok(ClientMessage::Chat { .. })) {
            self.note_message(index, &parsed);
            let Some(connection) = self.connections.get_mut(index) else { return };
            match connection.session.judge(now.monotonic, &self.policy, &parsed) {
                Verdict::Chat { id, content } => self.chat_unasked(now, index, id, content),
                verdict => self.carry_out(now, index, verdict),
            }
        } else {
            self.take_text(now, index, &text, &parsed);
        }
        self.resume(now, index, was_full);
    }
}
