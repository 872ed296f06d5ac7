//! The switchboard: what one owner has decided becomes calls on the others.
//!
//! An owner ([`Connections`](super::connections::Connections), [`Gate`](super::gate::Gate),
//! [`Rooms`](super::rooms::Rooms), [`Workload`](super::work::Workload)) knows only the owners below it,
//! and returns what is to be done elsewhere. All of that is done here, and nowhere else, so that a
//! connection that ends in the middle of something leaves every table.

mod accept;
mod arrivals;
mod authentication;
mod calls;
mod closing;
mod cluster;
mod deadlines;
mod delivery;
mod drain;
mod history;
mod input;
mod leaves;
mod memos;
mod messages;
mod orders;
mod output;
mod overdue;
mod overload;
mod publish;
mod queries;
mod request_places;
mod request_tokens;
mod requests;
#[cfg(feature = "sim")]
mod sim;

use crate::id::Slot;
use crate::node::Node;
use crate::node::connections::session::Verdict;
use crate::node::connections::waiting::PendingResume;
use crate::node::rooms::chat::error_frame;
use crate::node::work::port::Action;
use crate::protocol::{ClientMessage, Parsed, Pong, ResumeFrom};

impl Node {
    /// Does what a session has decided about a message.
    fn carry_out(&mut self, slot: Slot, verdict: Verdict<'_>) {
        match verdict {
            Verdict::Authenticate { id, token, wants } => {
                if let Some(connection) = self.connections.get_mut(slot)
                    && !connection.session.phase().is_authenticated()
                {
                    connection.session.set_wants(wants);
                    if wants.resume != ResumeFrom::Unsupported {
                        let seen = match wants.resume {
                            ResumeFrom::Position(position) => Some(position),
                            _ => None,
                        };
                        let pending =
                            PendingResume { seen, memo: wants.memo, ..Default::default() };
                        let waiting = connection.waiting.get_or_insert_default();
                        waiting.resume = Some(Box::new(pending));
                    }
                }
                self.authenticate(slot, id, token);
            }
            Verdict::Chat { said, bytes } => self.chat(slot, said, bytes),
            Verdict::Pong { id } => {
                self.cx.metrics.pongs_out += 1;
                let frame = self.cx.message(Pong { request_id: id });
                self.connections.reply(&mut self.cx, slot, frame);
            }
            Verdict::Refuse { error, message, request_id, retry_after } => {
                let frame = error_frame(&mut self.cx, error, message, request_id, retry_after);
                self.connections.reply(&mut self.cx, slot, frame);
            }
            Verdict::Ignore => {}
            Verdict::Close(reason) => self.close(slot, reason),
        }
    }

    /// An answer is there, or output has gone: what waited for it is handled, and then what waits in
    /// the socket, if nothing was taken from there because the connection `was_full`.
    ///
    /// The texts that wait are taken in their order, and each only when the one before it is answered.
    /// An `auth` that waits is not behind them: it would keep its client out for their sake.
    pub(crate) fn resume(&mut self, slot: Slot, mut was_full: bool) {
        let (mut over_work_budget, mut is_delayed) = (false, false);
        while let Some(connection) = self.connections.get(slot) {
            let waiting = connection.waiting.as_ref();
            let next = waiting.filter(|waiting| waiting.message.is_none());
            let next = next.and_then(|waiting| waiting.next_bytes());
            let policy = &self.cx.policy;
            over_work_budget = next.is_some_and(|bytes| self.work.over_work_budget(policy, bytes));
            is_delayed = next.is_some() && self.rooms.is_busy(policy, slot);
            let Some(connection) = self.connections.get_mut(slot) else { break };
            was_full |= connection.is_full(policy);
            if connection.owes_output(policy) {
                break;
            }
            let is_authenticated = connection.session.phase().is_authenticated();
            let is_renewing = connection.is_renewing();
            let waiting = connection.waiting.as_mut().filter(|_| is_authenticated);
            let Some(waiting) = waiting else { break };
            let auth = if is_renewing { None } else { waiting.next_auth.take() };
            let is_free = waiting.message.is_none() && !over_work_budget && !is_delayed;
            let next = auth.or_else(|| is_free.then(|| waiting.pop()).flatten());
            let Some(text) = next else { break };
            let parsed = self.parse(slot, &text);
            self.take_text(slot, &text, &parsed);
        }
        if over_work_budget {
            self.wait_in_backlog(slot);
        } else if is_delayed {
            self.rooms.wait_for_room(&mut self.cx, &mut self.connections, slot);
        }
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.tidy();
        if was_full && !connection.is_full(&self.cx.policy) {
            let id = self.connections.id_of(slot);
            self.cx.actions.push_back(Action::Resume(id));
            self.on_frames(slot, &mut []);
        }
        self.connections.weigh_input(slot);
    }
}

fn is_auth(parsed: &Parsed<'_>) -> bool {
    matches!(parsed, Ok(ClientMessage::Auth { .. }))
}

/// Whether a message of an authenticated client is handled at once, ahead of the texts that wait for
/// an answer of the application.
fn is_immediate(parsed: &Parsed<'_>) -> bool {
    is_auth(parsed) || matches!(parsed, Ok(ClientMessage::Ping { .. } | ClientMessage::Unknown))
}
