//! An operator's publication: to rooms once the application has agreed, which may want to store it, and
//! straight to users and connections.
//!
//! Rooms come one after the other, so that one call has one open question. What nobody waits for any more
//! is not begun: when the time of the call is over, or its connection is gone, the rooms that are left
//! have failed.

use std::collections::BTreeSet;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::bus::LogName;
use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::app::{Answer, Publish, Reply, RoomPublication, Update};
use crate::node::cluster::{content_hash, message_id};
use crate::node::connections::frame::payload_of;
use crate::node::gate::operator::OperatorEvent;
use crate::node::rooms::chat::{answer_of, update_frame};
use crate::node::work::idempotency::KeyUse;
use crate::node::work::port::{Outcome, Payer, Work};
use crate::node::work::publication::{
    EndedPublication, IdempotencyKey, Publication, PublishTarget, Published,
};
use crate::node::work::questions::{GRACE, NewQuestion, QuestionKind};
use crate::node::work::ticket::Ticket;
use crate::protocol::ErrorCode;
use crate::time::Now;

impl Node {
    /// Publishes `update` to these, the rooms among them in front: [`OperatorEvent::Published`]. With a
    /// key and what the call says, a call that was made before is not made again.
    pub(crate) fn publish(
        &mut self,
        now: Now,
        asker: ConnId,
        (targets, update): (Vec<PublishTarget>, Arc<Update>),
        key: Option<[&str; 2]>,
    ) {
        self.cx.now = now;
        let cluster = self.cluster.as_ref().filter(|_| update.recipe_data.is_some());
        if let Some(owner) = cluster.and_then(|cluster| cluster.owner_elsewhere()) {
            // Here it would be shown, and not stored.
            let refused = Published::KeptElsewhere(owner.clone());
            return self.tell_operator(asker, OperatorEvent::Published(refused));
        }
        let key = key.map(|[key, content]| IdempotencyKey {
            key: self.cx.hash(&["idempotency key", key]),
            content: self.cx.hash(&["published", content]),
            shared: message_id("idempotency key", "", key),
            shared_content: content_hash(content, None),
        });
        if let Some(key) = key {
            let most = self.cx.policy.idempotency_keys;
            let known = match self.work.idempotency.begin(now.monotonic, key, most) {
                KeyUse::First => None,
                KeyUse::Done(tally) => {
                    self.cx.metrics.repeated_publishes += 1;
                    Some(Published::Done { tally, targets: targets.clone(), reason: None })
                }
                KeyUse::UnderWay => Some(Published::KeyInUse),
                KeyUse::OtherContent => Some(Published::KeyReused),
            };
            if let Some(known) = known {
                return self.tell_operator(asker, OperatorEvent::Published(known));
            }
        }
        let mut publication = Box::new(Publication::new(asker, targets, update, key));
        if let Some(cluster) = &mut self.cluster {
            publication.number = cluster.nodes.next_number();
        }
        if key.is_some() && self.cluster.is_some() {
            return self.take_key(publication);
        }
        self.publish_on(publication, None);
    }

    /// The application has answered for the room that is next; or `Err`: it has not in its time.
    pub(crate) fn publish_answered(
        &mut self,
        mut publication: Box<Publication>,
        ticket: Ticket,
        outcome: Result<&Outcome, ErrorCode>,
    ) {
        let is_over = outcome.is_err();
        if let (Ok(Outcome::NotPublished(refusal)), Some(_)) = (outcome, publication.next()) {
            publication.refuse(refusal);
        } else if let Some(PublishTarget::Room(room)) = publication.next() {
            let answer = outcome.and_then(answer_of);
            let told = match answer {
                // It was published before the answer came.
                Ok(_) if self.cx.policy.app_publishes => Ok(publication.take_reached()),
                answer => self.publish_in_room(&publication, &room.clone(), answer),
            };
            publication.record(told.map_err(Into::into));
        }
        if is_over || !self.connections.awaits_response(publication.asker, ticket) {
            publication.fail_rest(ErrorCode::BackendTimeout);
        }
        self.publish_on(publication, Some(ticket));
    }

    /// The application has stored something: everybody in the room gets it, and an operator who publishes
    /// it is told how many that are.
    pub(crate) fn deliver_publication(&mut self, stored: &RoomPublication, ticket: Ticket) {
        if !self.cx.policy.app_publishes {
            // Its message has reached the room already, or does so with its answer.
            log::debug!("a publication is not delivered: the application does not publish here");
            return;
        }
        if self.rooms.breaks_log(stored) {
            self.break_log(&stored.room);
        }
        let Self { cx, connections, rooms, work, .. } = self;
        let reached = rooms.deliver_publication(cx, connections, (stored, ticket));
        let question = work.questions.find(ticket).map(|question| &mut question.kind);
        match question {
            Some(QuestionKind::Publish { publication }) => publication.add_reached(reached),
            // Its length was paid when it came.
            Some(QuestionKind::Message { .. }) if stored.message.is_chat() => {}
            _ => self.charge_told(&stored.room, ticket, stored.message.as_str().len()),
        }
        self.close_slow_members();
    }

    /// Charges whoever's question has had others in `room` told of so many bytes.
    pub(crate) fn charge_told(&mut self, room: &str, ticket: Ticket, bytes: usize) {
        let Self { cx, rooms, work, gate, .. } = self;
        match work.questions.find(ticket).map(|question| &question.kind) {
            Some(QuestionKind::Message { user, .. }) => rooms.charge_told(cx, (room, user), bytes),
            Some(QuestionKind::Request { payer }) if rooms.tells_others(cx, room, payer.user) => {
                gate.limits.charge_told(cx, *payer, bytes);
            }
            _ => {}
        }
    }

    /// Who is in `room` may have missed something that was stored: the clients resume from there.
    pub(crate) fn break_log(&mut self, room: &str) {
        log::error!(
            "a publication of the application was not delivered: its room's clients resume"
        );
        self.cx.metrics.broken_logs += 1;
        self.close_members(room);
    }

    /// The time of the call of `slot` is over. True: it publishes, its work has not begun and never will,
    /// and it is answered by how far it came.
    pub(crate) fn end_unbegun_publication(&mut self, slot: Slot, ticket: Ticket) -> bool {
        let question = self.work.questions.find(ticket);
        let is_unbegun = question.is_some_and(|question| {
            matches!(question.kind, QuestionKind::Publish { .. }) && question.call_off()
        });
        let closed = if is_unbegun { self.work.questions.close(ticket) } else { None };
        let Some(QuestionKind::Publish { publication }) = closed.map(|it| it.kind) else {
            return false;
        };
        self.answer_within(slot, self.cx.policy.response_timeout);
        self.publish_answered(publication, ticket, Err(ErrorCode::BackendTimeout));
        true
    }

    /// The time of a publication is over, and its work has begun, or may have. True: its answer is awaited all
    /// the same. Whoever uses its key again is answered with that, and the room is told once. Without a key
    /// nobody could ask; and where neither the application tells the room itself nor the engine does, a
    /// late answer tells nobody.
    pub(crate) fn publication_becomes_late(&mut self, ticket: Ticket) -> bool {
        let Some(question) = self.work.questions.find(ticket) else { return false };
        let asked = question.asked;
        let has_key = match &question.kind {
            QuestionKind::Publish { publication } => publication.key.is_some(),
            _ => false,
        };
        let is_told = self.cx.policy.app_publishes || self.cluster.is_some();
        let becomes_late = has_key && is_told && !question.call_off();
        if becomes_late {
            self.make_late(ticket, asked);
        }
        becomes_late
    }

    /// Goes on with what is left. `awaited`: the answer that its asker has waited for until now.
    pub(crate) fn publish_on(
        &mut self,
        mut publication: Box<Publication>,
        awaited: Option<Ticket>,
    ) {
        while let Some(PublishTarget::Room(room)) = publication.next() {
            let room = room.clone();
            if self.is_cut_off() {
                publication.record(Err(ErrorCode::BackendUnavailable.into()));
                continue;
            }
            let ticket = self.work.questions.issue();
            let start = self.work.questions.start();
            let (now, update) = (self.cx.now.unix, &publication.update);
            let publish = Publish { ticket, start, now, room: &room, update };
            let job = match self.work.app.on_publish(&publish) {
                Reply::Now(answer) => {
                    let told = self.publish_in_room(&publication, &room, answer);
                    publication.record(told.map_err(Into::into));
                    continue;
                }
                Reply::Later(job) => Some(Work::Message(job)),
                Reply::Held => None,
            };
            return self.await_publication(publication, ticket, job);
        }
        if self.cluster.is_some() {
            return self.await_told(publication, awaited);
        }
        self.publish_directly(&mut publication);
        let ended = publication.into_ended(awaited);
        let has_failed = ended.has_failed();
        self.end_publication(ended, has_failed);
    }

    /// Tells the room that is next what the application has agreed to: for how many it was. In a cluster it
    /// is counted when the engine has it.
    fn publish_in_room(
        &mut self,
        publication: &Publication,
        room: &SmolStr,
        answer: Answer,
    ) -> Result<usize, ErrorCode> {
        if self.cluster.is_none() {
            return self.say_in_room(room, answer);
        }
        let frame = update_frame(&mut self.cx, &*answer?, None, None);
        let log = LogName::Room(room.clone());
        let target = (publication.told_target(), publication.key);
        self.tell_target(target, log, payload_of(&frame).into())
    }

    /// Answers a publication that was delivered, or has failed everywhere.
    pub(crate) fn end_publication(&mut self, ended: EndedPublication, has_failed: bool) {
        match ended.key {
            Some(key) if has_failed => {
                self.work.idempotency.forget(key);
                self.release_key(key);
            }
            Some(key) => {
                self.work.idempotency.end(key, ended.tally);
                if self.cluster.is_some() {
                    return self.keep_key(key, ended);
                }
            }
            None => {}
        }
        self.tell_published(ended);
    }

    /// Answers a publication that is done, or has failed.
    pub(crate) fn tell_published(&mut self, ended: EndedPublication) {
        let EndedPublication { asker, awaited, targets, tally, reason, .. } = ended;
        let event = OperatorEvent::Published(Published::Done { tally, targets, reason });
        match awaited {
            None => self.tell_operator(asker, event),
            Some(ticket) => self.tell_later(asker, ticket, event),
        }
    }

    fn await_publication(
        &mut self,
        publication: Box<Publication>,
        ticket: Ticket,
        work: Option<Work>,
    ) {
        let (asker, length) = (publication.asker, self.cx.policy.answer_timeout);
        if self.unanswered(asker).is_some() {
            self.connections.await_answer(asker.slot(), ticket);
            self.answer_within(asker.slot(), length);
        }
        let kind = QuestionKind::Publish { publication };
        let (deadline, payer) = (self.cx.now.monotonic + length + GRACE, Payer::Operator);
        let question = NewQuestion { asker, kind, deadline, cost: 0, payer };
        self.work.open(&mut self.cx, ticket, question, work);
    }

    /// Tells the users and connections that are here, each connection once, and none that is in a room that was
    /// told. In a cluster, users are counted only: each node tells them when it reads that they are to be told.
    pub(crate) fn publish_directly(&mut self, publication: &mut Publication) {
        let by_entry = self.members_told_by_entry(publication);
        let mut told = BTreeSet::new();
        loop {
            publication.skip_failed();
            let Some(target) = publication.next() else { return };
            let slots: Vec<Slot> = match target {
                PublishTarget::Room(_) => Vec::new(),
                PublishTarget::User(user) => self.rooms.users.members(user).collect(),
                PublishTarget::Connection(id) => {
                    let slot = self.connections.find(*id).map(|_| id.slot());
                    slot.filter(|slot| !by_entry.contains(&slot.index())).into_iter().collect()
                }
            };
            let rooms = &self.rooms.rooms;
            let is_new = |slot: &Slot| {
                let room = rooms.name_of(*slot);
                room.is_some_and(|room| !publication.has_told_room(room))
                    && told.insert(slot.index())
            };
            let slots: Vec<Slot> = slots.into_iter().filter(is_new).collect();
            let is_by_entry = matches!(target, PublishTarget::User(_)) && self.cluster.is_some();
            let mut reached = slots.len();
            if !slots.is_empty() && !is_by_entry {
                let Self { cx, connections, rooms, .. } = self;
                let frame = update_frame(cx, &publication.update, None, None);
                reached = rooms.tell_each(cx, connections, &slots, &frame);
            }
            self.close_slow_members();
            publication.record(Ok(reached));
        }
    }

    /// In a cluster, the connections here that are told as a user's.
    fn members_told_by_entry(&self, publication: &Publication) -> BTreeSet<usize> {
        if self.cluster.is_none() {
            return BTreeSet::new();
        }
        let users = publication.users_left().into_iter();
        let users = users.filter(|(index, _)| !publication.tally.has_failed_at(*index));
        let members = users.flat_map(|(_, user)| {
            self.rooms.users.members(&user).map(Slot::index).collect::<Vec<_>>()
        });
        members.collect()
    }
}
