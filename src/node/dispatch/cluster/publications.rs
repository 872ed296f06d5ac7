//! Publications of operators in a cluster: their keys, which all nodes share, and for how many connections
//! they were at all nodes.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use crate::bus::{BusCommand, BusFault, BusReply, LogName};
use crate::id::Slot;
use crate::node::Node;
use crate::node::cluster::control::{self, Word};
use crate::node::cluster::nodes::{ROUND, RoundPurpose};
use crate::node::cluster::{COMMAND_TIME, Pending, stored_answer};
use crate::node::gate::operator::OperatorEvent;
use crate::node::rooms::chat::update_frame;
use crate::node::work::publication::{
    EndedPublication, IdempotencyKey, Publication, PublishTarget, Published, ToldTarget,
};
use crate::node::work::ticket::Ticket;
use crate::protocol::ErrorCode;

impl Node {
    /// Takes the key of a publication at all nodes. It is published when the engine has given the key to
    /// this node.
    pub(crate) fn take_key(&mut self, publication: Box<Publication>) {
        let ticket = self.work.questions.issue();
        let slot = publication.asker.slot();
        self.connections.await_answer(slot, ticket);
        self.answer_within(slot, COMMAND_TIME + ROUND);
        // In front of that: it may be this key that is owed.
        self.release_owed_keys();
        self.ask_for_key(publication, ticket, None);
    }

    /// Asks the engine for the key; `from` a node that has it, and is gone.
    fn ask_for_key(
        &mut self,
        publication: Box<Publication>,
        ticket: Ticket,
        from: Option<SmolStr>,
    ) {
        let now = self.cx.now.monotonic;
        let (Some(cluster), Some(key)) = (&mut self.cluster, publication.key) else { return };
        let (id, content) = (key.shared, key.shared_content);
        let command = match from {
            Some(from) => BusCommand::Claim { log: LogName::Control, id, from },
            None => BusCommand::TakeKey { log: LogName::Control, id, content },
        };
        let pending = Pending::Key { publication, ticket };
        let sent = cluster.send(now, command, (pending, now + COMMAND_TIME));
        if let Err((fault, Pending::Key { publication, ticket })) = sent {
            self.key_taken(publication, ticket, Err(fault));
        }
    }

    /// The engine has given a key to this node, or says what has become of it before.
    pub(super) fn key_taken(
        &mut self,
        mut publication: Box<Publication>,
        ticket: Ticket,
        result: Result<BusReply, BusFault>,
    ) {
        let now = self.cx.now.monotonic;
        let (Some(cluster), Some(key)) = (&mut self.cluster, publication.key) else { return };
        let known = match result {
            Ok(BusReply::Claimed(true)) => {
                if !self.connections.awaits_response(publication.asker, ticket) {
                    publication.fail_rest(ErrorCode::BackendTimeout);
                }
                return self.publish_on(publication, Some(ticket));
            }
            Ok(BusReply::Asked { by, .. }) if cluster.nodes.is_gone(now, &by) => {
                return self.ask_for_key(publication, ticket, Some(by));
            }
            Ok(BusReply::Asked { .. } | BusReply::Claimed(false)) => Published::KeyInUse,
            Ok(BusReply::OtherContent) => Published::KeyReused,
            Ok(BusReply::Answered(text)) => {
                self.cx.metrics.repeated_publishes += 1;
                let tally = stored_answer::read_tally(&text);
                self.work.idempotency.end(key, tally);
                let targets = std::mem::take(&mut publication.targets);
                Published::Done { tally, targets, reason: None }
            }
            Ok(_) | Err(_) => {
                // Nothing was published. The engine may have given the key all the same, or gives it later.
                publication.fail_rest(ErrorCode::BackendUnavailable);
                self.work.idempotency.forget(key);
                self.release_key(key);
                let (tally, targets) =
                    (publication.tally, std::mem::take(&mut publication.targets));
                Published::Done { tally, targets, reason: None }
            }
        };
        if !matches!(known, Published::Done { .. }) {
            self.work.idempotency.forget(key);
        }
        self.tell_later(publication.asker, ticket, OperatorEvent::Published(known));
    }

    /// A publication has failed everywhere: its key may be used again, at any node. It stays another node's.
    pub(crate) fn release_key(&mut self, key: IdempotencyKey) {
        if let Some(cluster) = &mut self.cluster {
            cluster.owed_keys.add(key);
        }
        self.release_owed_keys();
    }

    /// Has the engine keep the answers that it does not have yet, and take keys back.
    pub(super) fn send_owed(&mut self) {
        self.send_unkept();
        self.release_owed_keys();
    }

    /// Gives the keys back that the engine has not taken back yet.
    pub(super) fn release_owed_keys(&mut self) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        while let Some(key) = cluster.owed_keys.pop() {
            let command = BusCommand::Release { log: LogName::Control, id: key.shared };
            let pending = (Pending::Release { key }, now + 12 * COMMAND_TIME);
            if cluster.send(now, command, pending).is_err() {
                // It is sent when the link is up again, or with the next lease.
                return cluster.owed_keys.add(key);
            }
        }
    }

    /// The engine has taken a key back, or not: then it is told again, unless the key is in use again.
    pub(super) fn key_released(
        &mut self,
        key: IdempotencyKey,
        result: &Result<BusReply, BusFault>,
    ) {
        let Some(cluster) = &mut self.cluster else { return };
        if result.is_err() && !self.work.idempotency.knows(key) {
            cluster.owed_keys.add(key);
        }
    }

    /// What has become of a key is to be known to all nodes. The publication is answered behind that, so
    /// that whoever calls another node next gets the same answer.
    pub(crate) fn keep_key(&mut self, key: IdempotencyKey, ended: EndedPublication) {
        let now = self.cx.now.monotonic;
        if ended.awaited.is_some_and(|it| self.connections.awaits_response(ended.asker, it)) {
            self.answer_within(ended.asker.slot(), COMMAND_TIME + ROUND);
        }
        let Some(cluster) = &mut self.cluster else { return };
        let answer = stored_answer::write_tally(&ended.tally);
        let command = BusCommand::Answer { log: LogName::Control, id: key.shared, answer };
        let pending = Pending::KeyKept { ended: Box::new(ended) };
        let sent = cluster.send(now, command, (pending, now + COMMAND_TIME));
        if let Err((_, Pending::KeyKept { ended })) = sent {
            self.tell_published(*ended);
        }
    }

    /// A publication goes on when the engine has answered about each target that it was asked about: rooms,
    /// then users. `awaited`: the answer that its asker has waited for until now.
    pub(crate) fn await_told(&mut self, publication: Box<Publication>, awaited: Option<Ticket>) {
        let asker = publication.asker;
        let slot = asker.slot();
        let ticket = match awaited {
            Some(ticket) => ticket,
            None => {
                let ticket = self.work.questions.issue();
                self.connections.await_answer(slot, ticket);
                ticket
            }
        };
        if self.connections.awaits_response(asker, ticket) {
            self.answer_within(slot, 3 * ROUND);
        }
        let Some(cluster) = &mut self.cluster else { return };
        if let Some((publication, ticket)) = cluster.nodes.told.wait(publication, ticket) {
            self.publish_behind(publication, ticket);
        }
    }

    /// The engine has answered about each target that it was asked about. Users are told behind the rooms, as
    /// those in a room that has failed are not told there.
    fn publish_behind(&mut self, mut publication: Box<Publication>, ticket: Ticket) {
        if !std::mem::replace(&mut publication.has_told_users, true) {
            if !self.connections.awaits_response(publication.asker, ticket) {
                publication.fail_rest(ErrorCode::BackendTimeout);
            }
            self.publish_to_users(&mut publication);
            return self.await_told(publication, Some(ticket));
        }
        self.publish_directly(&mut publication);
        let ended = publication.into_ended(Some(ticket));
        if ended.has_failed() {
            return self.end_publication(ended, true);
        }
        self.ask_for_counts(ended);
    }

    /// Has every node tell the users of a publication.
    fn publish_to_users(&mut self, publication: &mut Publication) {
        let (users, rooms) = (publication.users_left(), publication.told_rooms());
        if users.is_empty() {
            return;
        }
        let frame = update_frame(&mut self.cx, &publication.update, None, None);
        let is_cut_off = self.is_cut_off();
        for (index, user) in users {
            let target = (publication.told_target_at(index), publication.key);
            let told = if is_cut_off {
                Err(ErrorCode::BackendUnavailable)
            } else {
                self.tell_user_for(target, user, rooms.clone(), &frame)
            };
            if let Err(error) = told {
                publication.tally.fail(index, error.into());
            }
        }
    }

    /// All nodes say for how many connections a publication was there, and then it is answered.
    fn ask_for_counts(&mut self, ended: EndedPublication) {
        let now = self.cx.now.monotonic;
        let (rooms, users) = ended.told();
        let Some(cluster) = &mut self.cluster else { return };
        let (node, run) = (cluster.name.clone(), cluster.run);
        let here = rooms.iter().map(|room| self.rooms.rooms.count(room) as usize).sum();
        let purpose = RoundPurpose::Publication(Box::new(ended));
        let round = cluster.nodes.begin_round(now, (&node, here), purpose);
        let payload = control::write(&Word::CountDelivered { round, node, run, rooms, users });
        let pending = Pending::Order { round: Some(round) };
        let command = BusCommand::Tell { node: None, payload };
        if let Err((fault, _)) = cluster.send(now, command, (pending, now + ROUND)) {
            self.order_published(Some(round), &Err(fault));
        }
    }

    /// There is a cluster that cannot be reached, or is not known yet: nobody can be told anything.
    pub(crate) fn is_cut_off(&self) -> bool {
        let cluster = self.cluster.as_ref();
        cluster.is_some_and(|cluster| !cluster.link.is_up() || !cluster.nodes.is_listed())
    }

    /// Has every node tell a target of a publication: what is in `log` is announced to this one, too.
    pub(crate) fn tell_target(
        &mut self,
        target: (ToldTarget, Option<IdempotencyKey>),
        log: LogName,
        text: Box<[u8]>,
    ) -> Result<usize, ErrorCode> {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return Ok(0) };
        match cluster.publish_target(now, target, (log, text)) {
            Ok(()) => Ok(0),
            Err(fault) => {
                self.count_unpublished(&fault);
                Err(ErrorCode::BackendUnavailable)
            }
        }
    }

    fn count_unpublished(&mut self, fault: &BusFault) {
        self.cx.metrics.cluster_unpublished += 1;
        log::debug!("a publication was not published: {fault}");
    }

    /// The engine has what a target of a publication is told, or never will.
    pub(super) fn target_told(&mut self, target: ToldTarget, result: &Result<BusReply, BusFault>) {
        if let Err(fault) = result {
            self.count_unpublished(fault);
        }
        // Known with other content, it was not told.
        let is_done = matches!(result, Ok(BusReply::Published { .. } | BusReply::Unasked { .. }));
        let Some(cluster) = &mut self.cluster else { return };
        if let Some((publication, ticket)) = cluster.nodes.told.answered(target, is_done) {
            self.publish_behind(publication, ticket);
        }
    }

    /// Another node has published to these rooms and users: for how many connections here? What it has
    /// published was announced before this question.
    pub(super) fn tell_delivered(
        &mut self,
        (round, node): (u64, SmolStr),
        (rooms, users): (Vec<SmolStr>, Vec<SmolStr>),
    ) {
        let now = self.cx.now.monotonic;
        let groups = &self.rooms;
        let in_rooms: usize = rooms.iter().map(|room| groups.rooms.count(room) as usize).sum();
        let told: BTreeSet<usize> = users
            .iter()
            .flat_map(|user| groups.users.members(user))
            .filter(|slot: &Slot| {
                groups.rooms.name_of(*slot).is_some_and(|room| !rooms.contains(room))
            })
            .map(Slot::index)
            .collect();
        let Some(cluster) = &mut self.cluster else { return };
        let count = in_rooms + told.len();
        let word = Word::Done { round, node: cluster.name.clone(), count };
        let command = BusCommand::Tell { node: Some(node), payload: control::write(&word) };
        cluster.send_off(now, command, COMMAND_TIME);
    }
}

impl EndedPublication {
    /// The rooms that were told, and the users.
    fn told(&self) -> (Vec<SmolStr>, Vec<SmolStr>) {
        let (mut rooms, mut users) = (Vec::new(), Vec::new());
        for target in self.tally.told(&self.targets) {
            match target {
                PublishTarget::Room(room) => rooms.push(room.clone()),
                PublishTarget::User(user) => users.push(user.clone()),
                PublishTarget::Connection(_) => {}
            }
        }
        (rooms, users)
    }
}
