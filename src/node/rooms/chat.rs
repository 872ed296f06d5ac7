//! From a chat message to its answer: delivered to the others, asked of the application, answered
//! once, and remembered for whoever sends it again.

use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use crate::id::ConnId;
use crate::node::Node;
use crate::node::app::{Answer, Incoming, Reply, Update};
use crate::node::connections::connection::PendingMessage;
use crate::node::connections::frame::Shared;
use crate::node::connections::session::Verdict;
use crate::node::observe::metrics::Call;
use crate::node::overload::cost;
use crate::node::rooms::answers::{Known, MessageKey};
use crate::node::rooms::deliveries::Delivered;
use crate::node::work::port::{Completion, Outcome, Ticket, Work};
use crate::node::work::questions::{Kind, NewQuestion, Question};
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
            // What was withdrawn comes back when its turn comes.
            None if matches!(done.outcome, Outcome::NotBegun) => {}
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
                let answer = answer_of(&done.outcome);
                self.published_later(now, question.asker, done.ticket, &room, answer);
            }
            Kind::Message { key, also, room } => {
                self.metrics.answers_after_timeout += u64::from(question.is_late);
                let asker = question.asker;
                let answer = self.settle(now, &done, key, &room, asker);
                for asker in [asker].into_iter().chain(also) {
                    self.answer_asker(now, asker, done.ticket, answer.clone());
                }
            }
        }
    }

    /// Remembers what has become of a message, and tells its room what it has changed. Gives back
    /// what its senders are told.
    fn settle(
        &mut self,
        now: Now,
        done: &Completion,
        key: MessageKey,
        room: &str,
        asker: ConnId,
    ) -> Told {
        let ticket = done.ticket;
        let answer = match &done.outcome {
            Outcome::NotBegun => {
                self.answers.not_done(now.monotonic, key, ticket);
                return told(&Err(ErrorCode::BackendTimeout));
            }
            Outcome::UsedId => {
                // The application remembers what the id was used for, and we do not.
                self.answers.forget(now.monotonic, key, ticket);
                self.metrics.reused_ids += 1;
                return Err((ErrorCode::InvalidMessage, USED_ID));
            }
            outcome => answer_of(outcome),
        };
        self.answers.settled(now.monotonic, key, ticket, &answer);
        if let Ok(update) = &answer {
            // A sender that was told that it takes too long hears of the change like the others.
            let waits = self.waits_for(asker, ticket);
            self.tell_of_change(now, room, waits.then_some(asker), update);
        }
        told(&answer)
    }

    /// Does what the session has decided.
    pub(crate) fn carry_out(&mut self, now: Now, index: usize, verdict: Verdict<'_>) {
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
        let Some(Addressed { user, room, key }) = self.address(index, id, content) else { return };
        let asker = self.id_of(index);
        match self.answers.find(now.monotonic, key) {
            // The others have seen it.
            Some(Known::NotDone) => self.metrics.repeated_messages += 1,
            Some(known) => return self.chat_again(now, index, id, known),
            None => {
                self.metrics.chat_messages += 1;
                if self.rooms.others(index).next().is_some() {
                    let payload = ChatMessage { content, user_id: &user };
                    let timestamp = self.timestamp(now);
                    let message = ServerMessage::relayed(id, timestamp, payload);
                    let frame = self.encoder.text(|buffer| message.write(buffer));
                    self.fan_out(now, &room, Some(asker), frame, Delivered::Chat);
                }
            }
        }
        let ticket = self.questions.issue();
        let message = Incoming {
            ticket,
            start: self.questions.start(),
            now: now.unix,
            connection: asker,
            room: &room,
            user: &user,
            id,
            content,
        };
        let text = room.len() + user.len() + id.len() + content.len();
        let work = match self.app.on_message(&message) {
            Reply::Now(answer) => {
                self.answers.answered(now.monotonic, key, &answer);
                if let Ok(update) = &answer {
                    self.tell_of_change(now, &room, Some(asker), update);
                }
                return self.send_answer(now, index, id, told(&answer));
            }
            Reply::Later(job) => Some(Work::Message(job)),
            Reply::Held => None,
        };
        let question = NewQuestion {
            asker,
            kind: Kind::Message { key, also: Vec::new(), room },
            deadline: now.monotonic + self.policy.answer_timeout,
            cost: cost(text),
        };
        self.open_question(now, ticket, question, work);
        self.answers.asked(now.monotonic, key, ticket);
        self.await_answer(now, index, ticket, id);
    }

    /// Who says this, where, and by what it is known again.
    fn address(&self, index: usize, id: &str, content: &str) -> Option<Addressed> {
        let user = self.users.name_of(index)?.clone();
        let room = self.rooms.name_of(index)?.clone();
        let key = MessageKey {
            member: self.hash(&[&room, &user]),
            id: self.hash(&[id]),
            content: self.hash(&["content", content]),
        };
        Some(Addressed { user, room, key })
    }

    /// A message whose id came before: it is not done again, and another one is not done at all.
    fn chat_again(&mut self, now: Now, index: usize, id: &str, known: Known) {
        let asker = self.id_of(index);
        let ticket = match known {
            Known::OtherContent => {
                self.metrics.reused_ids += 1;
                let Some(connection) = self.connections.get_mut(index) else { return };
                let verdict = connection.session.refuse_message(now.monotonic, id, USED_ID);
                return self.carry_out(now, index, verdict);
            }
            Known::Answered(answer) => {
                self.metrics.repeated_messages += 1;
                return self.send_answer(now, index, id, told(&answer));
            }
            Known::NotDone => return,
            Known::Asked(ticket) => ticket,
        };
        self.metrics.repeated_messages += 1;
        let Some(question) = self.questions.find(ticket) else {
            // It had begun when its time ran out, and its answer is not awaited any more.
            self.send_answer(now, index, id, told(&Err(ErrorCode::BackendTimeout)));
            return;
        };
        if question.asker != asker
            && let Kind::Message { also, .. } = &mut question.kind
        {
            let mut waiting = std::mem::take(also);
            waiting.retain(|&other| other != asker && self.waits_for(other, ticket));
            waiting.push(asker);
            if let Some(Kind::Message { also, .. }) =
                self.questions.find(ticket).map(|question| &mut question.kind)
            {
                *also = waiting;
            }
        }
        self.questions.wait_until(ticket, now.monotonic + self.policy.answer_timeout);
        self.await_answer(now, index, ticket, id);
    }

    /// A message that could not be asked about in its time. What came before is answered all the
    /// same: that needs nobody.
    pub(crate) fn chat_unasked(&mut self, now: Now, index: usize, id: &str, content: &str) {
        let Some(Addressed { key, .. }) = self.address(index, id, content) else { return };
        match self.answers.find(now.monotonic, key) {
            None | Some(Known::NotDone) => {
                self.metrics.crowd_timeouts += 1;
                self.send_answer(now, index, id, told(&Err(ErrorCode::BackendTimeout)));
            }
            Some(known) => self.chat_again(now, index, id, known),
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

    /// Does this connection wait for the answer to this question?
    fn waits_for(&self, asker: ConnId, ticket: Ticket) -> bool {
        let waiting = self.find(asker).and_then(|connection| connection.waiting.as_ref());
        let message = waiting.and_then(|waiting| waiting.message.as_ref());
        message.is_some_and(|message| message.ticket == ticket)
    }

    /// Answers a connection that waits for this ticket, and goes on with what it sent meanwhile.
    pub(crate) fn answer_asker(&mut self, now: Now, asker: ConnId, ticket: Ticket, answer: Told) {
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

    fn send_answer(&mut self, now: Now, index: usize, id: &str, answer: Told) {
        let frame = match answer {
            Ok(update) => {
                self.metrics.updates_out += 1;
                self.update(now, &update, Some(id))
            }
            Err((error, message)) => self.error(now, error, message, Some(id), None),
        };
        // What the answer says of the recipe is newer than the news that is still on its way.
        if self.is_behind_room(index) {
            let ticket = self.questions.issue();
            self.answer_behind_room(index, ticket, id, frame);
        } else {
            self.reply(index, frame);
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
        let frame = self.error(now, error, message, request_id, retry_after);
        self.reply(index, frame);
    }

    fn error(
        &mut self,
        now: Now,
        error: ErrorCode,
        message: &str,
        request_id: Option<&str>,
        retry_after: Option<Duration>,
    ) -> Shared {
        self.metrics.count_error(error);
        // Rounded up, so that a client that waits as long is not refused again.
        let retry_after_ms = retry_after.map(|length| length.as_micros().div_ceil(1_000) as u64);
        self.message(now, ErrorPayload { error, message, request_id, retry_after_ms })
    }

    /// The room gets the update too when it changed the recipe, but for who has it as an answer.
    fn tell_of_change(
        &mut self,
        now: Now,
        room: &str,
        except: Option<ConnId>,
        update: &Arc<Update>,
    ) {
        if update.broadcast {
            let frame = self.update(now, update, None);
            self.fan_out(now, room, except, frame, Delivered::Update);
        }
    }

    pub(crate) fn update(&mut self, now: Now, update: &Update, request_id: Option<&str>) -> Shared {
        let payload = RecipeUpdate {
            request_id,
            content: &update.content,
            recipe_data: update.recipe_data.as_ref().map(|json| json.as_raw()),
            session: None,
            history: None,
        };
        self.message(now, payload)
    }
}

fn answer_of(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Message(answer) => answer.clone(),
        Outcome::Refused => Err(ErrorCode::BackendUnavailable),
        Outcome::NotBegun => Err(ErrorCode::BackendTimeout),
        Outcome::UsedId => Err(ErrorCode::InvalidMessage),
        _ => Err(ErrorCode::Internal),
    }
}

/// What the sender of a message is told: the update, or an error and its text.
pub(crate) type Told = Result<Arc<Update>, (ErrorCode, &'static str)>;

pub(crate) fn told(answer: &Answer) -> Told {
    answer.clone().map_err(|error| (error, error.message()))
}

/// What an id stands for that came with two contents.
const USED_ID: &str = "this id was used for another message";

/// A message's sender and room, and by what it is known again.
struct Addressed {
    user: SmolStr,
    room: SmolStr,
    key: MessageKey,
}
