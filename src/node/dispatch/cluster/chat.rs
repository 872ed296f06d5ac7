//! A message in the cluster: published, then asked about, and its answer kept for every node.

use std::time::Duration;

use smol_str::SmolStr;

use crate::bus::{BusCommand, BusFault, BusReply, EntryKind, EntryOrigin, LogEntry, LogName};
use crate::id::Slot;
use crate::node::Node;
use crate::node::app::{Answer, Incoming, Reply as AppReply};
use crate::node::cluster::control::{self, Word};
use crate::node::cluster::{COMMAND_TIME, Pending, content_hash, message_id, stored_answer};
use crate::node::planted::Planted;
use crate::node::rooms::chat::Addressed;
use crate::node::rooms::held::Unpublished;
use crate::node::work::port::{self, Action, Completion, Outcome, Payer};
use crate::node::work::questions::QuestionKind;
use crate::node::work::ticket::Ticket;
use crate::protocol::{Position, Said};

impl Node {
    /// Publishes a message; the application is asked when it is published.
    pub(crate) fn publish_chat(&mut self, slot: Slot, addressed: Addressed, said: Said<'_>) {
        let Self { cx, connections, rooms, work, .. } = self;
        let id = message_id(&addressed.user, &addressed.room, said.id);
        let content = content_hash(said.content, said.data.map(|data| data.get()));
        let message = (addressed, said);
        let ticket = rooms.open_unpublished(cx, connections, work, slot, message, (id, content));
        self.publish_again(ticket);
    }

    /// Publishes the message of this question, if it is not published yet, or takes its id.
    pub(super) fn publish_again(&mut self, ticket: Ticket) {
        let now = self.cx.now.monotonic;
        let Self { cluster: Some(cluster), work, .. } = self else { return };
        let Some(question) = work.questions.find(ticket) else { return };
        let (asker, until) = (question.asker, question.deadline());
        let QuestionKind::Message { room, shared: Some(message), .. } = &question.kind else {
            return;
        };
        let Some(unpublished) = &message.unpublished else { return };
        let (log, id, content) = (LogName::Room(room.clone()), message.id, unpublished.content);
        let command = match &unpublished.text {
            None => BusCommand::TakeKey { log, id, content },
            Some(text) => BusCommand::Publish {
                log,
                id,
                content,
                asks: true,
                tag: cluster.next_tag(),
                connection: cluster.origin_of(asker),
                frame: text.clone(),
            },
        };
        let sent = cluster.send(now, command, (Pending::Chat { ticket }, until));
        if let Err((fault, _)) = sent {
            self.chat_published(ticket, Err(fault));
        } else if self.cx.fault.is(Planted::AskedBeforePublished) {
            self.ask_about_published(ticket);
        }
    }

    /// The engine has published a message, or says what has become of its id before.
    pub(super) fn chat_published(&mut self, ticket: Ticket, result: Result<BusReply, BusFault>) {
        let outcome = match result {
            Ok(BusReply::Published { position, previous, .. }) => {
                self.deliver_published(ticket, (position, previous));
                return self.ask_about_published(ticket);
            }
            Ok(BusReply::Unasked { .. }) => {
                self.do_not_hold(ticket);
                return self.ask_about_published(ticket);
            }
            Ok(BusReply::Claimed(true)) => return self.ask_about_published(ticket),
            Ok(BusReply::Asked { by, .. }) => {
                self.cx.metrics.repeated_messages += 1;
                let Some(cluster) = &mut self.cluster else { return };
                if by == cluster.name {
                    return self.ask_about_published(ticket);
                }
                let now = self.cx.now.monotonic;
                if cluster.nodes.is_gone(now, &by) {
                    return self.claim_chat(ticket, by);
                }
                cluster.look_again(now, ticket);
                return self.ask_whether_asking(ticket, by);
            }
            Ok(BusReply::Answered(text)) => {
                self.cx.metrics.repeated_messages += 1;
                match stored_answer::read(&text) {
                    Some(answer) => Outcome::Message(answer),
                    None => Outcome::Panicked,
                }
            }
            Ok(BusReply::OtherContent) => Outcome::UsedId,
            Ok(_) => Outcome::Panicked,
            Err(fault) => {
                self.cx.metrics.cluster_unpublished += 1;
                log::debug!("a message was not published: {fault}");
                Outcome::Unreached
            }
        };
        self.on_completion(Completion { ticket, outcome });
    }

    /// The node that has asked about a message is gone, so this one asks.
    fn claim_chat(&mut self, ticket: Ticket, from: SmolStr) {
        let now = self.cx.now.monotonic;
        let Self { cluster: Some(cluster), work, .. } = self else { return };
        let Some(question) = work.questions.find(ticket) else { return };
        let QuestionKind::Message { room, shared: Some(message), .. } = &question.kind else {
            return;
        };
        let command = BusCommand::Claim { log: LogName::Room(room.clone()), id: message.id, from };
        let sent = cluster.send(now, command, (Pending::Claim { ticket }, now + COMMAND_TIME));
        if sent.is_err() {
            self.chat_published(ticket, Err(BusFault::Down));
        }
    }

    /// This node asks about a message now, or another one was faster.
    pub(super) fn chat_claimed(&mut self, ticket: Ticket, result: &Result<BusReply, BusFault>) {
        match result {
            // Whoever asked before may have published it or not, whatever this node would do: the
            // engine says what is to be done now.
            Ok(BusReply::Claimed(true)) => self.publish_again(ticket),
            _ => {
                let now = self.cx.now.monotonic;
                if let Some(cluster) = &mut self.cluster {
                    cluster.look_again(now, ticket);
                }
            }
        }
    }

    /// The members of this node get the message now: what the engine announces of it comes with the
    /// answer, before it or behind it.
    fn deliver_published(&mut self, ticket: Ticket, (position, previous): (Position, Position)) {
        let Self { cluster: Some(cluster), work, .. } = self else { return };
        let Some(question) = work.questions.find(ticket) else { return };
        let connection = cluster.origin_of(question.asker);
        let QuestionKind::Message { room, shared: Some(message), .. } = &mut question.kind else {
            return;
        };
        let Some(unpublished) = &mut message.unpublished else { return };
        let Some(text) = &mut unpublished.text else { return };
        let entry = LogEntry {
            position,
            previous,
            origin: EntryOrigin { node: cluster.name.clone(), connection },
            kind: EntryKind::Message,
            id: message.id,
            frame: std::mem::take(text),
        };
        let room = room.clone();
        self.announced(&room, &entry);
    }

    /// The others have a message that this node would hold: a node that does not hold messages has
    /// published it.
    fn do_not_hold(&mut self, ticket: Ticket) {
        let question = self.work.questions.find(ticket).map(|question| &mut question.kind);
        if let Some(QuestionKind::Message { shared: Some(message), .. }) = question
            && let Some(unpublished) = &mut message.unpublished
        {
            unpublished.text.get_or_insert_default();
        }
    }

    /// Asks the application about a message that is published, or whose id is taken.
    fn ask_about_published(&mut self, ticket: Ticket) {
        let Self { cx, work, .. } = self;
        let Some(question) = work.questions.find(ticket) else { return };
        let connection = question.asker;
        let QuestionKind::Message { room, shared: Some(message), held: kept, .. } =
            &mut question.kind
        else {
            return;
        };
        let Some(unpublished) = message.unpublished.take() else { return };
        let (room, held) = (room.clone(), &unpublished.held);
        let said = held.said();
        let incoming = Incoming {
            ticket,
            start: &unpublished.start,
            now: cx.now.unix,
            connection,
            room: &room,
            user: &held.user,
            id: said.id,
            content: said.content,
            data: said.data,
            claims: unpublished.claims.as_deref(),
        };
        let reply = work.app.on_message(&incoming);
        let payer = Payer::user(&held.user);
        let Unpublished { held, start, text, .. } = *unpublished;
        if text.is_none() {
            // The others get it with the answer.
            *kept = Some(held);
        }
        match reply {
            AppReply::Now(answer) => {
                self.on_completion(Completion { ticket, outcome: Outcome::Message(answer) });
            }
            AppReply::Later(job) => {
                let work = port::Work::Message(job);
                cx.actions.push_back(Action::Submit(port::Command { ticket, work, payer, start }));
            }
            AppReply::Held => work.questions.held(ticket, &start),
        }
    }

    /// Another node is said to ask about a message. After a second it is told that somebody waits, as it
    /// may have forgotten: it may have been started anew under its name.
    fn ask_whether_asking(&mut self, ticket: Ticket, node: SmolStr) {
        let now = self.cx.now.monotonic;
        let Self { cluster: Some(cluster), work, .. } = self else { return };
        let Some(question) = work.questions.find(ticket) else { return };
        let QuestionKind::Message { room, shared: Some(message), .. } = &question.kind else {
            return;
        };
        if question.asked + STILL_ASKING <= now {
            let word = Word::StillAsking { room: room.clone(), id: message.id };
            let command = BusCommand::Tell { node: Some(node), payload: control::write(&word) };
            cluster.send_off(now, command, COMMAND_TIME);
        }
    }

    /// Somebody waits for what this node is said to ask. If it does not, somebody else may.
    pub(super) fn still_asking(&mut self, room: &SmolStr, id: [u8; 16]) {
        let Some(cluster) = &self.cluster else { return };
        if cluster.unkept.contains(&id) {
            self.send_unkept();
        } else if !self.work.questions.asks_about(&id) {
            self.keep_answer(room, id, None);
        }
    }

    /// What was answered is kept for every node; where the application was not asked, somebody may
    /// ask it.
    pub(crate) fn keep_answer(&mut self, room: &str, id: [u8; 16], answer: Option<&Answer>) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        let Some(answer) = answer else {
            // Where this does not arrive, whoever waits says so.
            let command = BusCommand::Release { log: LogName::Room(room.into()), id };
            return cluster.send_off(now, command, 12 * COMMAND_TIME);
        };
        cluster.unkept.add(room.into(), id, stored_answer::write(answer));
        self.send_unkept();
    }

    /// Has the engine keep the answers that it does not have yet.
    pub(super) fn send_unkept(&mut self) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        while let Some((room, id, answer)) = cluster.unkept.next() {
            let command = BusCommand::Answer { log: LogName::Room(room), id, answer };
            let pending = (Pending::Answer { id }, now + 12 * COMMAND_TIME);
            match cluster.send(now, command, pending) {
                Ok(()) => {}
                // The engine never takes it: whoever sends the message again is asked about anew.
                Err((BusFault::TooLong, _)) => cluster.unkept.kept(&id),
                // It is sent when the link is up again.
                Err(_) => return cluster.unkept.failed(&id),
            }
        }
    }

    /// The engine has kept an answer, or not.
    pub(super) fn answer_kept(&mut self, id: [u8; 16], result: &Result<BusReply, BusFault>) {
        let Some(cluster) = &mut self.cluster else { return };
        match result {
            Ok(_) => cluster.unkept.kept(&id),
            Err(_) => cluster.unkept.failed(&id),
        }
    }
}

/// How long whoever sends a message again waits before the node that is said to ask is asked whether it
/// does.
const STILL_ASKING: Duration = Duration::from_secs(1);
