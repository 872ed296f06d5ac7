//! Orders for every node: what an operator or the application has ended, closed or told.

use smol_str::SmolStr;

use crate::bus::{BusCommand, BusFault, BusReply, LogEntry, LogName};
use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::cluster::control::{self, ClusterOrder, OrderEntry, Word};
use crate::node::cluster::nodes::{ROUND, RoundPurpose};
use crate::node::cluster::{COMMAND_TIME, Pending};
use crate::node::connections::frame::payload_of;
use crate::node::gate::operator::OperatorEvent;
use crate::node::work::orders::{ConfirmedBy, NotShared};
use crate::node::work::port::{Completion, Outcome};
use crate::node::work::publication::{IdempotencyKey, ToldTarget};
use crate::protocol::{CloseReason, ErrorCode};
use crate::time::UnixTime;

impl Node {
    /// Gives an order to every other node, which this one has carried out for `count` connections.
    /// Where there is a purpose, they confirm it.
    pub(crate) fn order_everywhere(
        &mut self,
        order: ClusterOrder,
        count: usize,
        purpose: Option<RoundPurpose>,
    ) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        let name = cluster.name.clone();
        let round = purpose.map(|purpose| cluster.nodes.begin_round(now, (&name, count), purpose));
        let frame =
            control::write(&OrderEntry { round, run: cluster.run, is_for_all: false, order });
        let command = cluster.publication(LogName::Control, None, frame);
        let pending = Pending::Order { round };
        if let Err((fault, _)) = cluster.send(now, command, (pending, now + COMMAND_TIME)) {
            self.order_published(round, &Err(fault));
        }
    }

    /// An order is on its way to every node, or is not.
    pub(super) fn order_published(
        &mut self,
        round: Option<u64>,
        result: &Result<BusReply, BusFault>,
    ) {
        let Some(cluster) = &mut self.cluster else { return };
        let Err(fault) = result else {
            if let Some(round) = round {
                cluster.nodes.round_published(round);
            }
            return self.end_rounds();
        };
        let Some(round) = round.and_then(|round| cluster.nodes.fail_round(round)) else {
            cluster.nodes.owes_orders |= cluster.nodes.is_owner;
            self.cx.metrics.cluster_unpublished += 1;
            return;
        };
        let is_order = !matches!(round.purpose, RoundPurpose::Publication(_));
        self.cx.metrics.cluster_unpublished += u64::from(is_order);
        match round.purpose {
            // It is stored, and the others do not know: whoever gave it is told to give it again.
            RoundPurpose::EndSessions { ticket } => self.revocation_failed(ticket, fault),
            // This node has carried it out, and the others never will.
            RoundPurpose::Call { asker, .. } => {
                let fault = NotShared { connections: round.count };
                self.tell_operator(asker, OperatorEvent::NotShared(fault));
            }
            // It was told, and the others do not count.
            RoundPurpose::Publication(mut ended) => {
                ended.tally.count_nodes(round.count, 1, 1 + round.expected.len());
                self.end_publication(*ended, false);
            }
            RoundPurpose::List(list) => self.end_list(*list, round.expected),
        }
    }

    /// Ends the rounds in which all nodes have answered, or whose time is over.
    pub(super) fn end_rounds(&mut self) {
        let now = self.cx.now.monotonic;
        while let Some((round, nodes)) =
            self.cluster.as_mut().and_then(|cluster| cluster.nodes.take_ended(now))
        {
            match round.purpose {
                RoundPurpose::EndSessions { ticket } => {
                    let (count, confirmed) = (round.count, round.confirmed);
                    let outcome = Outcome::Confirmed { count, nodes: confirmed, of: nodes };
                    self.on_completion(Completion { ticket, outcome });
                }
                RoundPurpose::Call { asker, noun } => {
                    let count = (noun, round.count);
                    self.tell_confirmed(asker, count, (round.confirmed, nodes));
                }
                RoundPurpose::Publication(mut ended) => {
                    ended.tally.count_nodes(round.count, round.confirmed, nodes);
                    self.end_publication(*ended, false);
                }
                RoundPurpose::List(list) => self.end_list(*list, round.expected),
            }
        }
    }

    fn tell_confirmed(
        &mut self,
        asker: ConnId,
        (noun, count): (&'static str, usize),
        (confirmed, total): (usize, usize),
    ) {
        let by = ConfirmedBy { confirmed, total };
        self.tell_operator(asker, OperatorEvent::Confirmed { noun, count, by });
    }

    /// Has the other nodes do what this one has done for `count` connections, and tells the operator
    /// when they have. `Some`: there are no other nodes.
    pub(crate) fn confirm(
        &mut self,
        asker: ConnId,
        order: ClusterOrder,
        (noun, count): (&'static str, usize),
    ) -> Option<usize> {
        if self.cluster.is_none() {
            return Some(count);
        }
        let ticket = self.work.questions.issue();
        self.connections.await_answer(asker.slot(), ticket);
        self.answer_within(asker.slot(), 2 * ROUND);
        self.order_everywhere(order, count, Some(RoundPurpose::Call { asker, noun }));
        None
    }

    /// An entry of the control log was announced.
    pub(super) fn ordered(&mut self, entry: &LogEntry) {
        let Some(cluster) = &mut self.cluster else { return };
        match cluster.control_head {
            // It is read from there on.
            None => {}
            Some(head) if entry.position == head => {}
            Some(head) if entry.previous == head => self.carry_out_order(entry),
            Some(_) => {
                self.cx.metrics.cluster_gaps += 1;
                self.read_control();
            }
        }
    }

    /// Reads the control log from the last order on that was carried out.
    pub(super) fn read_control(&mut self) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        let head = cluster.control_head;
        // A link that is down reads it when it is up again.
        let _ = cluster.read_log(now, LogName::Control, head, Pending::Control);
    }

    /// The control log was read.
    pub(super) fn control_read(&mut self, result: Result<BusReply, BusFault>) {
        let Ok(BusReply::Entries { base, entries, follows, .. }) = result else { return };
        let newest = entries.last().map_or(base, |entry| entry.position);
        let Some(cluster) = &mut self.cluster else { return };
        match cluster.control_head {
            // What was ordered before is in the revocations.
            None => {
                cluster.control_head = Some(newest);
                self.begin_revocations();
            }
            Some(_) if follows => entries.iter().for_each(|entry| self.carry_out_new(entry)),
            // Orders are missing, and the revocations are not all of them.
            Some(_) => {
                cluster.control_head = Some(newest);
                self.begin_revocations();
                self.ask_everybody_for_auth();
            }
        }
    }

    /// What the application has ordered while the engine was gone is not known any more: who may not be in a
    /// room is found out by asking again.
    pub(super) fn make_up_for_orders(&mut self) {
        let owes = self.cluster.as_mut().map(|it| std::mem::take(&mut it.nodes.owes_orders));
        if owes == Some(true) {
            self.order_everywhere(ClusterOrder::AskEverybody, 0, None);
        }
    }

    /// Asks every connection for a fresh token, upon which the application is asked again.
    fn ask_everybody_for_auth(&mut self) {
        let now = self.cx.now.monotonic;
        for slot in self.authenticated() {
            let policy = &self.cx.policy;
            self.connections.edit(policy, slot, |session, _| session.require_auth(now));
        }
    }

    fn carry_out_new(&mut self, entry: &LogEntry) {
        let head = self.cluster.as_ref().and_then(|cluster| cluster.control_head);
        if head == Some(entry.previous) {
            self.carry_out_order(entry);
        }
    }

    /// Carries an order out that another node has given, and confirms it.
    fn carry_out_order(&mut self, entry: &LogEntry) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        cluster.control_head = Some(entry.position);
        let node = cluster.name.clone();
        let Ok(read) = serde_json::from_slice::<OrderEntry>(&entry.frame) else {
            return;
        };
        let OrderEntry { round, run, is_for_all, order } = read;
        if cluster.is_own(&entry.origin.node, run) && !is_for_all {
            return;
        }
        let count = self.obey(order);
        let Some(cluster) = self.cluster.as_mut().filter(|_| round.is_some()) else { return };
        let word = Word::Done { round: round.unwrap_or_default(), node, count };
        let to = Some(entry.origin.node.clone());
        let command = BusCommand::Tell { node: to, payload: control::write(&word) };
        cluster.send_off(now, command, COMMAND_TIME);
    }

    /// For how many connections it was.
    fn obey(&mut self, order: ClusterOrder) -> usize {
        match order {
            ClusterOrder::EndSessions { user, at } => {
                self.revoke_here(&user, UnixTime::from_millis(at))
            }
            ClusterOrder::RequireAuth { user } => self.ask_user_for_auth(&user),
            ClusterOrder::CloseRoom { room } => {
                let members: Vec<Slot> = self.rooms.rooms.members(&room).collect();
                self.close_all(members, CloseReason::Disconnected)
            }
            ClusterOrder::RoomDeleted { room } => {
                self.rooms.logs.forget(&room);
                let members: Vec<Slot> = self.rooms.rooms.members(&room).collect();
                self.close_all(members, CloseReason::AccessDenied)
            }
            ClusterOrder::MemberRemoved { room, user } => {
                let members = self.connections_of(&user, &room);
                self.close_all(members, CloseReason::AccessDenied)
            }
            ClusterOrder::TellUser { user, room, except, text } => {
                self.tell_user(&user, (room.as_deref(), &except), &text)
            }
            ClusterOrder::AskEverybody => {
                self.ask_everybody_for_auth();
                0
            }
            ClusterOrder::Unknown => 0,
        }
    }

    pub(super) fn close_all(&mut self, members: Vec<Slot>, reason: CloseReason) -> usize {
        let count = members.len();
        for slot in members {
            self.close(slot, reason);
        }
        count
    }

    /// Has the other nodes tell a user what this one has told it, as [`ClusterOrder::TellUser`] says.
    pub(crate) fn tell_user_everywhere(
        &mut self,
        user: &str,
        room: Option<&str>,
        except: &[SmolStr],
        frame: &[u8],
    ) {
        if self.cluster.is_some() {
            let text = String::from_utf8_lossy(payload_of(frame)).into_owned();
            let (user, room) = (user.into(), room.map(SmolStr::new));
            let order = ClusterOrder::TellUser { user, room, except: except.to_vec(), text };
            self.order_everywhere(order, 0, None);
        }
    }

    /// The same for a target of a publication, which fails if that does: in all rooms but these. This node tells
    /// the user with the others, when it reads the entry: so each does it once, whichever node is called again.
    pub(crate) fn tell_user_for(
        &mut self,
        target: (ToldTarget, Option<IdempotencyKey>),
        user: SmolStr,
        except: Vec<SmolStr>,
        frame: &[u8],
    ) -> Result<usize, ErrorCode> {
        let Some(cluster) = &self.cluster else { return Ok(0) };
        let text = String::from_utf8_lossy(payload_of(frame)).into_owned();
        let order = ClusterOrder::TellUser { user, room: None, except, text };
        let entry = OrderEntry { round: None, run: cluster.run, is_for_all: true, order };
        self.tell_target(target, LogName::Control, control::write(&entry))
    }

    /// Tells the connections of a user a message of this text.
    fn tell_user(
        &mut self,
        user: &str,
        (room, except): (Option<&str>, &[SmolStr]),
        text: &str,
    ) -> usize {
        let rooms = &self.rooms.rooms;
        let is_meant = |slot: &Slot| match rooms.name_of(*slot) {
            Some(name) => room.is_none_or(|room| *name == *room) && !except.contains(name),
            None => false,
        };
        let slots: Vec<Slot> = self.rooms.users.members(user).filter(is_meant).collect();
        let Self { cx, connections, rooms, .. } = self;
        let frame = cx.encoder.text(|buffer| buffer.extend_from_slice(text.as_bytes()));
        let reached = rooms.tell_each(cx, connections, &slots, &frame);
        self.close_slow_members();
        reached
    }

    /// Another node says something.
    pub(super) fn told_by_node(&mut self, payload: &[u8]) {
        let Some(cluster) = &mut self.cluster else { return };
        match serde_json::from_slice(payload) {
            Ok(Word::Done { round, node, count }) => {
                cluster.nodes.confirmed(round, &node, count);
                self.end_rounds();
            }
            Ok(Word::CountDelivered { round, node, run, rooms, users }) => {
                if !cluster.is_own(&node, run) {
                    self.tell_delivered((round, node), (rooms, users));
                }
            }
            Ok(Word::List(question)) => self.list_asked(question),
            Ok(Word::Listed(part)) => self.list_reported(part),
            Ok(Word::StillAsking { room, id }) => self.still_asking(&room, id),
            Ok(Word::Rooms { node, run, rooms }) => self.hear_of_rooms((&node, run), rooms),
            Ok(Word::Users { node, run, users }) => self.hear_of_users((&node, run), users),
            Ok(Word::Forged { node, addresses }) => self.hear_of_forged(&node, addresses),
            Ok(Word::Unknown) | Err(_) => {}
        }
    }
}
