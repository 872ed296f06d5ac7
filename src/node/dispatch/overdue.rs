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
//! A message that nobody has seen before the application has answered (`backend.moderate`) is never late: a
//! late answer would deliver it behind what its sender has said since.
//!
//! For a message that is: at most once, whatever it is answered with, as long as its id is remembered. A
//! publication of an operator is late under its idempotency key in the same way, where the application tells
//! the room itself: so the room is not told twice.

use smol_str::SmolStr;

use crate::id::Slot;
use crate::node::Node;
use crate::node::connections::session::Verdict;
use crate::node::rooms::answers::LIFETIME;
use crate::node::rooms::chat::told;
use crate::node::work::questions::{Question, QuestionKind};
use crate::node::work::ticket::Ticket;
use crate::protocol::{ClientMessage, ErrorCode};
use crate::time::Instant;

/// Questions that are ended in one call, like timers: what is left is due at once again.
const QUESTIONS_A_CALL: usize = 256;

impl Node {
    /// Ends what is overdue. Answers that came up to `until` have been handled.
    pub(crate) fn end_overdue(&mut self, until: Instant) {
        for _ in 0..QUESTIONS_A_CALL {
            let Some(ticket) = self.work.questions.overdue(until) else { break };
            self.end_question(ticket);
        }
    }

    pub(crate) fn end_question(&mut self, ticket: Ticket) {
        let Self { cx, rooms, work, .. } = self;
        let Some(question) = work.questions.find(ticket) else { return };
        let (asked, is_late) = (question.asked, question.is_late);
        let QuestionKind::Message { key, also, room, held, shared, .. } = &question.kind else {
            if !is_late && self.publication_becomes_late(ticket) {
                return;
            }
            self.cx.metrics.never_answered += u64::from(is_late);
            if !self.work.withdraw(&mut self.cx, ticket)
                && let Some(question) = self.work.questions.close(ticket)
            {
                self.question_is_over(question, ticket);
            }
            return;
        };
        if is_late {
            cx.metrics.never_answered += 1;
            work.questions.close(ticket);
            return;
        }
        let (key, is_held, mut askers) = (*key, held.is_some(), also.clone());
        askers.push(question.asker);
        let published = shared.as_ref().filter(|it| it.unpublished.is_none());
        let published = published.map(|it| (room.clone(), it.id));
        if is_held {
            // Nobody has seen it, and nobody will for this answer. Sent again, it is asked about anew.
            if !work.withdraw(cx, ticket) {
                work.questions.close(ticket);
            }
            rooms.answers.forget(cx.now.monotonic, key, ticket);
            self.release_message(published);
        } else if work.withdraw(cx, ticket) {
            rooms.answers.not_done(cx.now.monotonic, key, ticket);
            self.release_message(published);
        } else {
            self.make_late(ticket, asked);
        }
        for asker in askers {
            self.answer_asker(asker, ticket, told(&Err(ErrorCode::BackendTimeout)));
        }
    }

    /// The answer to a question that was `asked` then is awaited behind its time, for as long as an id is
    /// remembered. Where too many are, the oldest is given up.
    pub(crate) fn make_late(&mut self, ticket: Ticket, asked: Instant) {
        self.work.questions.make_late(ticket, asked + LIFETIME);
        while let Some(first) = self.work.questions.late_beyond(self.cx.policy.late_answers) {
            self.cx.metrics.late_answers_given_up += 1;
            if let Some(question) = self.work.questions.close(first) {
                self.question_is_over(question, first);
            }
        }
    }

    /// Lets the next node that gets this message ask about it.
    fn release_message(&mut self, published: Option<(SmolStr, [u8; 16])>) {
        if let Some((room, id)) = published {
            self.keep_answer(&room, id, None);
        }
    }

    /// A question was closed without an answer, which nobody waits for.
    fn question_is_over(&mut self, question: Question, ticket: Ticket) {
        question.call_off();
        if let QuestionKind::Publish { publication } = question.kind {
            self.publish_answered(publication, ticket, Err(ErrorCode::BackendTimeout));
        }
    }

    /// A message has waited for the budget for work for as long as it may. It was not delivered, and
    /// the application was not asked about it, so it can be sent again.
    pub(crate) fn give_up_on_backlog(&mut self, slot: Slot) {
        let policy = &self.cx.policy;
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let was_full = connection.is_full(policy);
        let owes_output = connection.owes_output(policy);
        let is_authenticated = connection.session.phase().is_authenticated();
        let Some(waiting) = connection.waiting.as_mut() else { return };
        waiting.backlog_until = None;
        if owes_output || !is_authenticated || waiting.message.is_some() {
            return; // It waits for something else, and is looked at again when that is over.
        }
        let Some(text) = waiting.pop() else { return };
        let parsed = self.parse(slot, &text);
        if matches!(parsed, Ok(ClientMessage::Chat { .. })) {
            self.note_message(slot, &parsed);
            let Some(connection) = self.connections.get_mut(slot) else { return };
            let Some(share) = self.rooms.users.shared_mut(slot) else { return };
            let now = self.cx.now.monotonic;
            let allowance = &mut share.chat;
            let sent = (&parsed, text.len());
            match connection.session.judge(now, &self.cx.policy, allowance, sent) {
                Verdict::Chat { said, .. } => self.chat_unasked(slot, said),
                verdict => self.carry_out(slot, verdict),
            }
        } else {
            self.take_text(slot, &text, &parsed);
        }
        self.resume(slot, was_full);
    }
}
