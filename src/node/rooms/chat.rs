//! From a chat message to its answer: delivered to the others, asked of the application, answered
//! once, and remembered for whoever sends it again.

use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use crate::id::{ConnId, Slot};
use crate::node::app::{Answer, Incoming, Moderation, Reply, Update};
use crate::node::connections::Connections;
use crate::node::connections::frame::Shared;
use crate::node::connections::session::Verdict;
use crate::node::connections::waiting::PendingMessage;
use crate::node::context::Cx;
use crate::node::rooms::Rooms;
use crate::node::rooms::answers::{Lookup, MessageKey};
use crate::node::rooms::held::HeldMessage;
use crate::node::rooms::moderation::is_final;
use crate::node::work::Workload;
use crate::node::work::port::{Completion, Outcome, Payer, Work};
use crate::node::work::questions::{NewQuestion, QuestionKind, cost};
use crate::node::work::ticket::Ticket;
use crate::protocol::{ErrorCode, ErrorPayload, Position, RecipeUpdate, Said};

impl Rooms {
    /// Takes a message: the others in the room get it, unless the application is asked first. Readers
    /// that had no room for it are to be closed before anything else is done: [`Rooms::next_slow`]. Its
    /// length is paid now if it is new: what is sent again reaches nobody else.
    pub(crate) fn chat<'a>(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        work: &mut Workload,
        slot: Slot,
        (said, bytes): (Said<'a>, usize),
    ) -> ChatStep<'a> {
        let id = said.id;
        let Some(addressed) = self.address(cx, slot, said) else { return ChatStep::Done };
        let known = self.answers.find(cx.now.monotonic, addressed.key);
        if known.is_none()
            && let Err(retry_after) = self.pay_length(cx, slot, bytes)
            && let Some(connection) = connections.get_mut(slot)
        {
            let verdict = connection.session.rate_limited(cx.now.monotonic, Some(id), retry_after);
            return ChatStep::Verdict(verdict);
        }
        match known {
            // Whoever publishes it knows that.
            None | Some(Lookup::NotDone) if cx.policy.is_cluster => {
                cx.metrics.chat_messages += 1;
                return ChatStep::Publish(addressed);
            }
            // The others have seen it.
            Some(Lookup::NotDone) => cx.metrics.repeated_messages += 1,
            Some(known) => return self.chat_again(cx, connections, work, slot, (id, known)),
            None => {
                cx.metrics.chat_messages += 1;
                if !cx.policy.moderate && !cx.policy.app_publishes {
                    let sender = connections.id_of(slot);
                    let to = (addressed.room.as_str(), addressed.user.as_str());
                    self.deliver_chat(cx, connections, to, sender, said);
                }
            }
        }
        ChatStep::Ask(addressed)
    }

    /// Asks the application about a message.
    pub(crate) fn ask(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        work: &mut Workload,
        slot: Slot,
        addressed: Addressed,
        said: Said<'_>,
    ) {
        let Said { id, content, data } = said;
        let Addressed { user, room, key } = addressed;
        let asker = connections.id_of(slot);
        let ticket = work.questions.issue();
        let message = Incoming {
            ticket,
            start: work.questions.start(),
            now: cx.now.unix,
            connection: asker,
            room: &room,
            user: &user,
            id,
            content,
            data,
            claims: self.claims.of(slot),
        };
        let claims = message.claims.map_or(0, str::len);
        let data = data.map_or(0, |data| data.get().len());
        let text = room.len() + user.len() + id.len() + content.len() + data + claims;
        let held = cx.policy.moderate.then(|| HeldMessage::new(&user, said));
        let job = match work.app.on_message(&message) {
            Reply::Now(answer) => {
                if is_final(cx, held.is_some(), &answer) {
                    self.answers.answered(cx.now.monotonic, key, &answer);
                }
                if let Ok(update) = &answer {
                    if let Some(held) = &held {
                        self.deliver_held(cx, connections, &room, asker, (held, update));
                    }
                    let to = (room.as_str(), user.as_str());
                    self.tell_of_change(cx, connections, to, Some(asker), update);
                }
                return self.send_answer(cx, connections, work, slot, (id, told(&answer)));
            }
            Reply::Later(job) => Some(Work::Message(job)),
            Reply::Held => None,
        };
        let held_bytes = held.as_ref().map_or(0, |held| held.text_bytes());
        let (also, shared) = (Vec::new(), None);
        let question = NewQuestion {
            asker,
            kind: QuestionKind::Message { key, also, user: user.clone(), room, held, shared },
            deadline: cx.now.monotonic + cx.policy.answer_timeout,
            cost: cost(text).saturating_add(u32::try_from(held_bytes).unwrap_or(u32::MAX)),
            payer: Payer::User(user),
        };
        work.open(cx, ticket, question, job);
        self.answers.asked(cx.now.monotonic, key, ticket);
        await_answer(cx, connections, slot, ticket, id);
    }

    /// The sender, the room, and the key by which the message is known again.
    fn address(&self, cx: &Cx, slot: Slot, said: Said<'_>) -> Option<Addressed> {
        let Said { id, content, data } = said;
        let user = self.users.name_of(slot)?.clone();
        let room = self.rooms.name_of(slot)?.clone();
        let (user_hash, member) = self.hashes_of(slot)?;
        let key = MessageKey {
            user: cx.holder_of(user_hash),
            member,
            // Each is compared with its own kind alone. A text has no byte 0xff, which closes the
            // parts of a hash of several off.
            id: cx.hash_text(id),
            content: match data {
                None => cx.hash_text(content),
                Some(data) => cx.hash(&["content", content, data.get()]),
            },
        };
        Some(Addressed { user, room, key })
    }

    /// A message whose id came before: it is not done again, and another one is not done at all.
    fn chat_again<'a>(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        work: &mut Workload,
        slot: Slot,
        (id, known): (&'a str, Lookup),
    ) -> ChatStep<'a> {
        let asker = connections.id_of(slot);
        let ticket = match known {
            Lookup::OtherContent => {
                cx.metrics.reused_ids += 1;
                let Some(connection) = connections.get_mut(slot) else { return ChatStep::Done };
                let verdict = connection.session.refuse_message(cx.now.monotonic, id, USED_ID);
                return ChatStep::Verdict(verdict);
            }
            Lookup::Answered(answer) => {
                cx.metrics.repeated_messages += 1;
                self.send_answer(cx, connections, work, slot, (id, told(&answer)));
                return ChatStep::Done;
            }
            Lookup::NotDone => return ChatStep::Done,
            Lookup::Asked(ticket) => ticket,
        };
        cx.metrics.repeated_messages += 1;
        let Some(question) = work.questions.find(ticket) else {
            // It had begun when its time ran out, and its answer is not awaited any more.
            let answer = told(&Err(ErrorCode::BackendTimeout));
            self.send_answer(cx, connections, work, slot, (id, answer));
            return ChatStep::Done;
        };
        if question.asker != asker
            && let QuestionKind::Message { also, .. } = &mut question.kind
        {
            also.retain(|&other| other != asker && waits_for(connections, other, ticket));
            also.push(asker);
        }
        let answer_by = cx.now.monotonic + cx.policy.answer_timeout;
        work.questions.wait_until(ticket, answer_by);
        await_answer(cx, connections, slot, ticket, id);
        ChatStep::Done
    }

    /// A message that could not be asked about in its time. What came before is answered all the
    /// same: that needs nobody.
    pub(crate) fn chat_unasked<'a>(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        work: &mut Workload,
        slot: Slot,
        said: Said<'a>,
    ) -> ChatStep<'a> {
        let id = said.id;
        let Some(addressed) = self.address(cx, slot, said) else { return ChatStep::Done };
        match self.answers.find(cx.now.monotonic, addressed.key) {
            None | Some(Lookup::NotDone) => {
                cx.metrics.crowd_timeouts += 1;
                let answer = told(&Err(ErrorCode::BackendTimeout));
                self.send_answer(cx, connections, work, slot, (id, answer));
                ChatStep::Done
            }
            Some(known) => self.chat_again(cx, connections, work, slot, (id, known)),
        }
    }

    /// Remembers what has become of a message, and tells its room what it has changed. Gives back
    /// what its senders are told.
    pub(crate) fn settle(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        done: &Completion,
        (key, room, user): (MessageKey, &str, &str),
        (asker, held): (ConnId, Option<&HeldMessage>),
    ) -> Told {
        let (ticket, now) = (done.ticket, cx.now.monotonic);
        let answer = match &done.outcome {
            outcome @ (Outcome::NotBegun | Outcome::Unreached) if held.is_none() => {
                self.answers.not_done(now, key, ticket);
                return told(&answer_of(outcome));
            }
            Outcome::UsedId => {
                // The application remembers what the id was used for, and we do not.
                self.answers.forget(now, key, ticket);
                cx.metrics.reused_ids += 1;
                return Err((ErrorCode::InvalidMessage, USED_ID));
            }
            outcome => answer_of(outcome),
        };
        if !is_final(cx, held.is_some(), &answer) {
            self.answers.forget(now, key, ticket);
            return told(&answer);
        }
        self.answers.settled(now, key, ticket, &answer);
        if let Ok(update) = &answer {
            if let Some(held) = held {
                self.deliver_held(cx, connections, room, asker, (held, update));
            }
            // A sender that was told that it takes too long hears of the change like the others.
            let waits = waits_for(connections, asker, ticket);
            let except = waits.then_some(asker);
            self.tell_of_change(cx, connections, (room, user), except, update);
        }
        told(&answer)
    }

    /// Answers a message of `slot`.
    pub(crate) fn send_answer(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        work: &mut Workload,
        slot: Slot,
        (id, answer): (&str, Told),
    ) {
        let frame = match answer {
            Ok(update) if update.moderation == Moderation::Refuse => {
                let error = ErrorCode::NotDelivered;
                let reason = Some(&*update.content).filter(|reason| !reason.is_empty());
                error_frame(cx, error, reason.unwrap_or(error.message()), Some(id), None)
            }
            Ok(update) => {
                cx.metrics.updates_out += 1;
                let supports_resume =
                    connections.get(slot).is_some_and(|it| it.session.supports_resume());
                let room = self.rooms.name_of(slot).filter(|_| supports_resume);
                let position = room.and_then(|room| self.logs.head(room));
                update_frame(cx, &update, Some(id), position)
            }
            Err((error, message)) => error_frame(cx, error, message, Some(id), None),
        };
        // What the answer says of the recipe is newer than the news that is still on its way.
        if self.is_behind_room(connections.id_of(slot)) {
            let ticket = work.questions.issue();
            self.answer_behind_room(cx, connections, slot, (ticket, id), frame);
        } else {
            connections.reply(cx, slot, frame);
        }
    }
}

pub(super) fn await_answer(
    cx: &Cx,
    connections: &mut Connections,
    slot: Slot,
    ticket: Ticket,
    id: &str,
) {
    let answer_by = cx.now.monotonic + cx.policy.answer_timeout;
    let message = PendingMessage { ticket, request_id: SmolStr::new(id), answer_by };
    if let Some(connection) = connections.get_mut(slot) {
        connection.waiting.get_or_insert_default().message = Some(message);
        connections.arm(&cx.policy, slot);
    }
}

/// Does this connection wait for the answer to this question?
pub(super) fn waits_for(connections: &Connections, asker: ConnId, ticket: Ticket) -> bool {
    let waiting = connections.find(asker).and_then(|connection| connection.waiting.as_ref());
    let message = waiting.and_then(|waiting| waiting.message.as_ref());
    message.is_some_and(|message| message.ticket == ticket)
}

/// An `error`, framed and counted.
pub(crate) fn error_frame(
    cx: &mut Cx,
    error: ErrorCode,
    message: &str,
    request_id: Option<&str>,
    retry_after: Option<Duration>,
) -> Shared {
    cx.metrics.count_error(error);
    // Rounded up, so that a client that waits as long is not refused again.
    let retry_after_ms = retry_after.map(|length| length.as_micros().div_ceil(1_000) as u64);
    cx.message(ErrorPayload { error, message, request_id, retry_after_ms })
}

/// A `recipe_update`, framed: to a room, or, with the id that it answers, to one sender.
pub(crate) fn update_frame(
    cx: &mut Cx,
    update: &Update,
    request_id: Option<&str>,
    position: Option<Position>,
) -> Shared {
    cx.message(RecipeUpdate {
        request_id,
        content: &update.content,
        recipe_data: update.recipe_data.as_ref().map(|json| json.as_raw()),
        session: None,
        history: None,
        source: update.source,
        position,
        resumed: None,
        missed: None,
    })
}

pub(crate) fn answer_of(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Message(answer) => answer.clone(),
        Outcome::Refused | Outcome::Unreached => Err(ErrorCode::BackendUnavailable),
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

/// What is left to do about a message.
pub(crate) enum ChatStep<'a> {
    Done,
    /// What its session has decided.
    Verdict(Verdict<'a>),
    /// It is to be published in the cluster.
    Publish(Addressed),
    /// The application is to be asked about it.
    Ask(Addressed),
}

/// A message's sender and room, and by what it is known again.
pub(crate) struct Addressed {
    pub(crate) user: SmolStr,
    pub(crate) room: SmolStr,
    pub(super) key: MessageKey,
}
