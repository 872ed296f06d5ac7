//! From a chat message to its answer: delivered to the others, asked of the application, answered
//! once, and remembered for whoever sends it again.

use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use super::Node;
use super::answers::{Known, MessageKey};
use super::app::{Answer, Incoming, Reply, Update};
use super::budget::Side;
use super::connection::PendingMessage;
use super::frame::Shared;
use super::metrics::Call;
use super::port::{Action, Command, Completion, Outcome, Ticket, Work};
use super::questions::{Kind, Question};
use super::session::Verdict;
use super::shed::cost;
use crate::id::ConnId;
use crate::protocol::{ChatMessage, ErrorCode, ErrorPayload, RecipeUpdate, ServerMessage};
use crate::time::Now;

impl Node {
    /// Work that somebody else did is done.
    pub fn handle_completion(&mut self, now: Now, done: Completion) {
        self.on_completion(now, done);
        self.relieve(now);
    }

    fn on_completion(&mut self, now: Now, done: Completion) {
        let is_refused = matches!(done.outcome, Outcome::Refused);
        self.metrics.refused_work += u64::from(is_refused);
        match self.questions.close(done.ticket) {
            Some(question) => {
                if let Some(call) = Call::of(&question.kind) {
                    let micros = now.monotonic.since(question.asked).as_micros();
                    self.metrics.count_answer(call, u64::try_from(micros).unwrap_or(u64::MAX));
                }
                self.answered(now, question, done);
            }
            None => self.metrics.late_completions += 1,
        }
        // What is done has left a place. What was refused has not, and is not tried at once again.
        if !is_refused {
            self.submit_checks(now);
        }
    }

    fn answered(&mut self, now: Now, question: Question, done: Completion) {
        match question.kind {
            Kind::Check { address } => self.checked(now, question.asker, address, done),
            Kind::Request { address } => self.request_done(now, question.asker, address, done),
            Kind::Join => self.join_answered(now, question.asker, done),
            Kind::Collect { is_json } => self.collected(now, question.asker, is_json, done),
            Kind::Order { order, part } => self.order_answered(now, order, part, done.outcome),
            Kind::Publish { room } => {
                let answer = answer_of(done.outcome);
                self.published_later(now, question.asker, done.ticket, &room, answer);
            }
            Kind::Message { key, also, room } => {
                let answer = answer_of(done.outcome);
                self.answers.answered(now.monotonic, key, &answer);
                if let Ok(update) = &answer {
                    self.tell_of_change(now, &room, question.asker, update);
                }
                for asker in [Some(question.asker), also].into_iter().flatten() {
                    self.answer_asker(now, asker, done.ticket, &answer);
                }
            }
        }
    }

    /// Does what the session has decided.
    pub(super) fn carry_out(&mut self, now: Now, index: usize, verdict: Verdict<'_>) {
        match verdict {
            Verdict::Authenticate { id, token } => self.authenticate(now, index, id, token),
            Verdict::Chat { id, content } => self.chat(now, index, id, content),
            Verdict::Refuse { error, message, request_id, retry_after } => {
                self.send_error(now, index, error, message, request_id, retry_after);
            }
            Verdict::Ignore => {}
            Verdict::Close(reason) => self.close(now, index, reason),
        }
    }

    fn chat(&mut self, now: Now, index: usize, id: &str, content: &str) {
        let (Some(user), Some(room)) =
            (self.users.name_of(index).cloned(), self.rooms.name_of(index).cloned())
        else {
            return;
        };
        let key = MessageKey { member: self.hash(&[&room, &user]), id: self.hash(&[id]) };
        if let Some(known) = self.answers.find(now.monotonic, key) {
            self.metrics.repeated_messages += 1;
            self.chat_again(now, index, id, known);
            return;
        }
        self.metrics.chat_messages += 1;
        let payload = ChatMessage { content, user_id: &user };
        let asker = self.id_of(index);
        if self.rooms.others(index).next().is_some() {
            let timestamp = self.timestamp(now);
            let message = ServerMessage::relayed(id, timestamp, payload);
            let frame = self.encoder.text(|buffer| message.write(buffer));
            self.metrics.chats_out += self.fan_out(now, &room, Some(asker), &frame) as u64;
        }
        let ticket = self.questions.issue();
        let message = Incoming {
            ticket,
            now: now.unix,
            connection: asker,
            room: &room,
            user: &user,
            id,
            content,
        };
        let text = room.len() + user.len() + id.len() + content.len();
        match self.app.on_message(&message) {
            Reply::Now(answer) => {
                self.answers.answered(now.monotonic, key, &answer);
                if let Ok(update) = &answer {
                    self.tell_of_change(now, &room, asker, update);
                }
                self.send_answer(now, index, id, &answer);
            }
            reply => {
                let kind = Kind::Message { key, also: None, room };
                let answer_by = now.monotonic + self.policy.answer_timeout;
                let cost = cost(text);
                self.questions.open(now.monotonic, ticket, asker, kind, answer_by, cost);
                self.answers.asked(now.monotonic, key, ticket);
                self.await_answer(now, index, ticket, id);
                if let Reply::Later(job) = reply {
                    let work = Work::Message(job);
                    self.actions.push_back(Action::Submit(Command { ticket, work }));
                }
            }
        }
    }

    /// A message that came before: it is not done again.
    fn chat_again(&mut self, now: Now, index: usize, id: &str, known: Known) {
        let asker = self.id_of(index);
        match known {
            Known::Answered(answer) => self.send_answer(now, index, id, &answer),
            Known::Asked(ticket) => {
                let Some(question) = self.questions.find(ticket) else {
                    // Its time ran out without an answer.
                    self.send_answer(now, index, id, &Err(ErrorCode::BackendTimeout));
                    return;
                };
                if let Kind::Message { also, .. } = &mut question.kind {
                    *also = Some(asker);
                }
                self.await_answer(now, index, ticket, id);
            }
        }
    }

    fn await_answer(&mut self, now: Now, index: usize, ticket: Ticket, id: &str) {
        let answer_by = now.monotonic + self.policy.answer_timeout;
        let message = PendingMessage { ticket, request_id: SmolStr::new(id), answer_by };
        if let Some(connection) = self.connections.get_mut(index) {
            connection.waiting.get_or_insert_default().message = Some(message);
            self.arm(index);
        }
    }

    /// Answers a connection that waits for this ticket, and goes on with what it sent meanwhile.
    fn answer_asker(&mut self, now: Now, asker: ConnId, ticket: Ticket, answer: &Answer) {
        if self.find(asker).is_none() {
            return;
        }
        let index = asker.index();
        let waiting = self.connections.get_mut(index).and_then(|c| c.waiting.as_mut());
        let message =
            waiting.and_then(|waiting| waiting.message.take_if(|message| message.ticket == ticket));
        if let Some(message) = message {
            self.send_answer(now, index, &message.request_id, answer);
            self.resume(now, index, false);
        }
    }

    /// The application did not answer in time: the sender is told, and what waits goes on.
    pub(super) fn give_up_on_answer(&mut self, now: Now, index: usize) {
        let waiting = self.connections.get(index).and_then(|c| c.waiting.as_ref());
        let Some(message) = waiting.and_then(|waiting| waiting.message.as_ref()) else { return };
        let (asker, ticket) = (self.id_of(index), message.ticket);
        let answer = Err(ErrorCode::BackendTimeout);
        if self.questions.find(ticket).is_some_and(|open| open.asker == asker) {
            let outcome = Outcome::Message(answer);
            self.handle_completion(now, Completion { ticket, outcome });
        } else {
            // It waits for another connection's question, which has its own time.
            self.answer_asker(now, asker, ticket, &answer);
        }
    }

    fn send_answer(&mut self, now: Now, index: usize, id: &str, answer: &Answer) {
        match answer {
            Ok(update) => {
                let frame = self.update(now, update, Some(id));
                self.metrics.updates_out += 1;
                self.reply(index, frame);
            }
            Err(error) => {
                self.send_error(now, index, *error, error.message(), Some(id), None);
            }
        }
    }

    fn send_error(
        &mut self,
        now: Now,
        index: usize,
        error: ErrorCode,
        message: &str,
        request_id: Option<&str>,
        retry_after: Option<Duration>,
    ) {
        self.metrics.count_error(error);
        // Rounded up, so that a client that waits as long is not refused again.
        let retry_after_ms = retry_after.map(|length| length.as_micros().div_ceil(1_000) as u64);
        let frame = self.message(now, ErrorPayload { error, message, request_id, retry_after_ms });
        self.reply(index, frame);
    }

    /// The others in the room get the update too, when it changed the recipe.
    fn tell_of_change(&mut self, now: Now, room: &str, asker: ConnId, update: &Arc<Update>) {
        if update.broadcast {
            let frame = self.update(now, update, None);
            self.metrics.updates_out += self.fan_out(now, room, Some(asker), &frame) as u64;
        }
    }

    pub(super) fn update(&mut self, now: Now, update: &Update, request_id: Option<&str>) -> Shared {
        let payload = RecipeUpdate {
            request_id,
            content: &update.content,
            recipe_data: update.recipe_data.as_ref().map(|json| json.as_raw()),
            session: None,
            history: None,
        };
        self.message(now, payload)
    }

    /// Hands one frame to everybody in the room but `except`: they share its bytes. How many got it.
    pub(super) fn fan_out(
        &mut self,
        now: Now,
        room: &str,
        except: Option<ConnId>,
        frame: &Shared,
    ) -> usize {
        let (mut slow, mut reached) = (Vec::new(), 0);
        self.pool.share(frame);
        for index in self.rooms.members(room) {
            let Some(connection) = self.connections.get_mut(index) else { continue };
            let id = ConnId::new(index as u32, connection.generation);
            if except == Some(id) {
                continue;
            }
            let bound = self.policy.outbound_bytes;
            if connection.outbox.push(&mut self.pool, Arc::clone(frame), bound).is_err() {
                slow.push(index);
                continue;
            }
            if !self.output.is_empty() && self.output.has(index) {
                self.output.set(index, Side::Members, connection.outbox.weight());
            }
            self.metrics.frames_out += 1;
            reached += 1;
            if !std::mem::replace(&mut connection.is_flush_queued, true) {
                self.flushes += 1;
                self.actions.push_back(Action::Flush(id));
            }
        }
        for index in slow {
            self.metrics.slow_consumers += 1;
            self.close_slow_consumer(now, index);
        }
        self.pool.shared(frame);
        reached
    }
}

fn answer_of(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Message(answer) => answer,
        Outcome::Refused => Err(ErrorCode::BackendUnavailable),
        _ => Err(ErrorCode::Internal),
    }
}
