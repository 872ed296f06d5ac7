//! Messages and completions: what was asked is answered, and what comes of the answer is done.

use crate::auth::Address;
use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::cluster::control::ClusterOrder;
use crate::node::connections::waiting::PendingCheck;
use crate::node::gate::operator::OperatorEvent;
use crate::node::gate::tokens::TokenProgress;
use crate::node::observe::metrics::Call;
use crate::node::rooms::answers::MessageKey;
use crate::node::rooms::chat::{ChatStep, Told, answer_of, told, update_frame};
use crate::node::rooms::held::HeldMessage;
use crate::node::rooms::moderation::is_final;
use crate::node::work::events::AppEvent;
use crate::node::work::port::{Completion, Outcome};
use crate::node::work::questions::{Question, QuestionKind};
use crate::node::work::ticket::Ticket;
use crate::protocol::{CloseReason, ErrorCode, Said};

impl Node {
    pub(crate) fn chat(&mut self, slot: Slot, said: Said<'_>, bytes: usize) {
        let Self { cx, connections, work, rooms, .. } = self;
        let step = rooms.chat(cx, connections, work, slot, (said, bytes));
        // Before the application is asked: what it answers may be for the room, too.
        self.close_slow_members();
        match step {
            ChatStep::Done => {}
            ChatStep::Verdict(verdict) => self.carry_out(slot, verdict),
            ChatStep::Publish(addressed) => self.publish_chat(slot, addressed, said),
            ChatStep::Ask(addressed) => {
                let Self { cx, connections, work, rooms, .. } = self;
                rooms.ask(cx, connections, work, slot, addressed, said);
                self.close_slow_members();
            }
        }
    }

    /// A message that could not be asked about in its time.
    pub(crate) fn chat_unasked(&mut self, slot: Slot, said: Said<'_>) {
        let Self { cx, connections, work, rooms, .. } = self;
        let step = rooms.chat_unasked(cx, connections, work, slot, said);
        if let ChatStep::Verdict(verdict) = step {
            self.carry_out(slot, verdict);
        }
    }

    /// Work that somebody else did is done.
    pub(crate) fn on_completion(&mut self, done: Completion) {
        if let Outcome::Event(event) = done.outcome {
            return self.on_app_event(event, done.ticket);
        }
        let is_refused = matches!(done.outcome, Outcome::Refused);
        self.cx.metrics.refused_work += u64::from(is_refused);
        match self.work.questions.close(done.ticket) {
            Some(question) => {
                if let Some(call) = Call::of(&question.kind) {
                    let micros = self.cx.now.monotonic.since(question.asked).as_micros();
                    self.cx.metrics.count_answer(call, u64::try_from(micros).unwrap_or(u64::MAX));
                }
                if matches!(question.kind, QuestionKind::Join) {
                    self.note_join(question.asked, &done.outcome);
                }
                self.answered(question, done);
            }
            // What was withdrawn comes back when its turn comes.
            None if matches!(done.outcome, Outcome::NotBegun | Outcome::Unreached) => {}
            None => match done.outcome {
                Outcome::Order(result) if done.ticket == Ticket::UNASKED => {
                    self.order_unasked_done(&result);
                }
                _ => self.cx.metrics.late_completions += 1,
            },
        }
        // What is done has left a place. What was refused has not, and is not tried at once again.
        if !is_refused {
            self.submit_checks();
        }
    }

    /// The application has deleted or changed a recipe, ended a session, or published something, perhaps
    /// for the question of this ticket.
    fn on_app_event(&mut self, event: AppEvent, ticket: Ticket) {
        match event {
            AppEvent::Published(publication) => self.deliver_publication(&publication, ticket),
            AppEvent::RoomDeleted { room } => {
                self.rooms.logs.forget(&room);
                self.rooms.lingering.end(|left| *left.room == *room);
                let members: Vec<Slot> = self.rooms.rooms.members(&room).collect();
                for slot in members {
                    self.close(slot, CloseReason::AccessDenied);
                }
                self.order_everywhere(
                    ClusterOrder::RoomDeleted { room: room.as_str().into() },
                    0,
                    None,
                );
            }
            AppEvent::MemberRemoved { room, user } => {
                self.rooms.lingering.end(|left| *left.room == *room && *left.user == *user);
                for slot in self.connections_of(&user, &room) {
                    self.close(slot, CloseReason::AccessDenied);
                }
                let (room, user) = (room.as_str().into(), user.as_str().into());
                self.order_everywhere(ClusterOrder::MemberRemoved { room, user }, 0, None);
            }
            AppEvent::AccessChanged { room, user, update } => {
                let frame = update_frame(&mut self.cx, &update, None, None);
                for slot in self.connections_of(&user, &room) {
                    self.cx.metrics.updates_out += 1;
                    self.send(slot, frame.clone());
                }
                self.tell_user_everywhere(&user, Some(&room), &[], &frame);
            }
            AppEvent::RecipeChanged { room, update } => {
                let json = update.recipe_data.as_ref().map_or(0, |json| json.as_raw().get().len());
                self.charge_told(&room, ticket, update.content.len().saturating_add(json));
                // It has no sender, so nobody is told how many it has reached.
                let _ = self.say_in_room(&room, Ok(update));
            }
            AppEvent::SessionEnded { user } => {
                self.ask_user_for_auth(&user);
                self.order_everywhere(
                    ClusterOrder::RequireAuth { user: user.as_str().into() },
                    0,
                    None,
                );
            }
        }
    }

    pub(crate) fn connections_of(&self, user: &str, room: &str) -> Vec<Slot> {
        let is_there = |slot: &Slot| self.rooms.rooms.name_of(*slot).is_some_and(|it| *it == *room);
        self.rooms.users.members(user).filter(is_there).collect()
    }

    fn answered(&mut self, question: Question, done: Completion) {
        let asker = question.asker;
        match question.kind {
            QuestionKind::Check { address } => self.checked(asker, address, done),
            QuestionKind::Request { payer } => self.request_done(asker, payer, done),
            QuestionKind::Join => self.join_answered(asker, done),
            QuestionKind::Return => self.return_judged(asker, &done.outcome),
            QuestionKind::Collect { form } => {
                let response = match done.outcome {
                    Outcome::Response(response) => Some(response),
                    _ => None,
                };
                let event = OperatorEvent::Collected { form, response };
                self.tell_later(asker, done.ticket, event);
            }
            QuestionKind::Order { order, part } => self.order_answered(order, part, done.outcome),
            QuestionKind::Publish { publication } => {
                self.publish_answered(publication, done.ticket, Ok(&done.outcome));
            }
            QuestionKind::Message { key, also, user, room, held, shared } => {
                self.cx.metrics.answers_after_timeout += u64::from(question.is_late);
                let answer = self.settle(&done, (key, &room, &user), (asker, held.as_deref()));
                if let Some(shared) = shared.filter(|it| it.unpublished.is_none()) {
                    let is_done = !matches!(done.outcome, Outcome::NotBegun | Outcome::Unreached);
                    let kept = is_done.then(|| answer_of(&done.outcome));
                    // Behind the message that it has delivered.
                    let kept = kept.filter(|answer| is_final(&self.cx, held.is_some(), answer));
                    self.keep_answer(&room, shared.id, kept.as_ref());
                }
                for asker in [asker].into_iter().chain(also) {
                    self.answer_asker(asker, done.ticket, answer.clone());
                }
            }
        }
    }

    fn settle(
        &mut self,
        done: &Completion,
        message: (MessageKey, &str, &str),
        from: (ConnId, Option<&HeldMessage>),
    ) -> Told {
        let Self { cx, connections, rooms, .. } = self;
        let answer = rooms.settle(cx, connections, done, message, from);
        self.close_slow_members();
        answer
    }

    /// Answers a connection that waits for this ticket, and goes on with what it sent meanwhile.
    pub(crate) fn answer_asker(&mut self, asker: ConnId, ticket: Ticket, answer: Told) {
        let Self { cx, connections, work, rooms, .. } = self;
        let waiting = connections.find_mut(asker).and_then(|it| it.waiting.as_mut());
        let message = waiting.and_then(|it| it.message.take_if(|it| it.ticket == ticket));
        if let Some(message) = message {
            let slot = asker.slot();
            rooms.send_answer(cx, connections, work, slot, (&message.request_id, answer));
            // An answer may wait for what is on its way to the room.
            if !self.connections.owes_answer(asker) && !self.close_answered(asker) {
                self.resume(slot, false);
            }
        }
    }

    /// The sender of a message has waited for as long as it may.
    pub(crate) fn give_up_on_answer(&mut self, slot: Slot) {
        let waiting = self.connections.get(slot).and_then(|it| it.waiting.as_ref());
        let Some(message) = waiting.and_then(|waiting| waiting.message.as_ref()) else { return };
        let (asker, ticket, now) =
            (self.connections.id_of(slot), message.ticket, self.cx.now.monotonic);
        if self.work.questions.find(ticket).is_some_and(|open| open.is_over(now)) {
            self.end_question(ticket);
        }
        // It may have waited for an answer that others go on to wait for, or that is late.
        self.answer_asker(asker, ticket, told(&Err(ErrorCode::BackendTimeout)));
    }

    /// An answer to a check: what is left to check of its token is checked now.
    fn checked(&mut self, asker: ConnId, address: Address, done: Completion) {
        let Self { cx, connections, gate, .. } = self;
        let Some(pending) =
            gate.checks.take(cx, connections, &mut gate.limits, (asker, address), &done)
        else {
            return;
        };
        let slot = asker.slot();
        let PendingCheck { request_id, check, serial, .. } = &pending;
        let progress =
            |checked| TokenProgress::Checked { verdict: check.verdict(checked), serial: *serial };
        match (done.outcome, request_id) {
            (Outcome::Verified(checked), None) => self.request_judged(slot, progress(checked)),
            (Outcome::Verified(checked), Some(id)) => {
                self.judge_auth(slot, id, check.token(), progress(checked));
            }
            (_, None) => self.fail_request(slot),
            (_, Some(_)) => self.close(slot, CloseReason::Internal),
        }
    }
}
