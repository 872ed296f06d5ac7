//! From a frame to the outboxes of a room: at once, or [a slice of the members at a
//! time](super::deliveries).

use std::sync::Arc;

use crate::id::{ConnId, Slot};
use crate::node::app::{Moderation, Update};
use crate::node::connections::Connections;
use crate::node::connections::frame::{Shared, payload_of};
use crate::node::connections::waiting::PendingMessage;
use crate::node::context::Cx;
use crate::node::policy::Policy;
use crate::node::rooms::chat::update_frame;
use crate::node::rooms::deliveries::{Delivered, Delivery, Item};
use crate::node::rooms::{Outgoing, Rooms};
use crate::node::work::ticket::Ticket;
use crate::protocol::Position;
use crate::time::Instant;

/// Whom a message is for: the room's group, how many are in it, and how many of them get it.
struct Readers {
    group: Option<u32>,
    members: usize,
    count: usize,
}

impl Rooms {
    /// Publishes a message: puts it into the room's log, if there is one, and hands it to everybody in
    /// the room but `except`, or begins to. `write` makes its frame, with its position, unless nobody
    /// would get it. For how many it is.
    ///
    /// In a cluster it is to be published there first, and the number is that of this node.
    pub(crate) fn publish(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        room: &str,
        except: Option<ConnId>,
        (kind, write): (Delivered, impl FnOnce(&mut Cx, Option<Position>) -> Shared),
    ) -> usize {
        let to = self.readers(connections, room, except);
        let readers = to.count;
        if cx.policy.is_cluster {
            let frame = write(cx, None);
            let text = payload_of(&frame).into();
            self.outgoing.push_back(Outgoing { room: room.into(), except, text });
            return readers;
        }
        // Of an application that publishes, only a position that it has stored is one.
        let position = if cx.policy.app_publishes { None } else { self.logs.next(room) };
        if readers == 0 && position.is_none() {
            return 0;
        }
        let frame = write(cx, position);
        self.distribute_to(cx, connections, (room, to), except, (position, frame, kind))
    }

    /// The room gets the update too when it changed the recipe, but for who has it as an answer. The user
    /// whose message did that is charged.
    pub(super) fn tell_of_change(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        (room, user): (&str, &str),
        except: Option<ConnId>,
        update: &Arc<Update>,
    ) {
        let is_news = update.broadcast && update.moderation != Moderation::Refuse;
        if is_news && !cx.policy.app_publishes {
            let mut bytes = 0;
            let write = |cx: &mut Cx, position| {
                let frame = update_frame(cx, update, None, position);
                bytes = frame.len();
                frame
            };
            self.publish(cx, connections, room, except, (Delivered::Update, write));
            self.charge_told(cx, (room, user), bytes);
        }
    }

    /// Whom a message to `room` is for.
    fn readers(&self, connections: &Connections, room: &str, except: Option<ConnId>) -> Readers {
        // The room of the sender, as a rule: its name is compared and not hashed then.
        let own = except.filter(|id| connections.find(*id).is_some());
        let own = own.and_then(|id| self.rooms.group_of(id.slot()));
        let own = own.filter(|&group| self.rooms.is_named(group, room));
        let group = own.or_else(|| self.rooms.number_of(room));
        let members = group.map_or(0, |group| self.rooms.size(group));
        let count = members - usize::from(members > 0 && own.is_some());
        Readers { group, members, count }
    }

    /// Hands the frame of a message to everybody in the room but `except`, or begins to, and puts it
    /// into the room's log where it has a position. For how many it is.
    pub(crate) fn distribute(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        room: &str,
        except: Option<ConnId>,
        message: (Option<Position>, Shared, Delivered),
    ) -> usize {
        let to = self.readers(connections, room, except);
        self.distribute_to(cx, connections, (room, to), except, message)
    }

    fn distribute_to(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        (room, to): (&str, Readers),
        except: Option<ConnId>,
        (position, frame, kind): (Option<Position>, Shared, Delivered),
    ) -> usize {
        if let Some(position) = position {
            let most = self.log_bytes(&cx.policy);
            self.logs.put(room, position, &frame, most);
        }
        let Some(group) = to.group.filter(|_| to.count > 0) else { return 0 };
        connections.pool.share(&frame);
        let mut delivery = Delivery { frame, except, kind, next: self.rooms.first(group) };
        let is_small = to.members <= self.deliveries.slice;
        if is_small && (self.deliveries.is_empty() || !self.deliveries.queues.contains_key(&group))
        {
            let (_, reached) = self.hand_over(cx, connections, &mut delivery, usize::MAX);
            connections.pool.shared(&delivery.frame);
            return reached;
        }
        self.deliveries.push(group, Item::Message(delivery));
        to.count
    }

    /// Hands a message to at most `most` members from its cursor on: how many were looked at, and
    /// how many of them have it in their outbox. A reader that has no room for it is to be closed:
    /// [`Rooms::next_slow`].
    fn hand_over(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        delivery: &mut Delivery,
        most: usize,
    ) -> (usize, usize) {
        let (mut looked_at, mut reached) = (0, 0);
        while looked_at < most
            && let Some(slot) = delivery.next
        {
            delivery.next = self.rooms.next(slot);
            looked_at += 1;
            let is_excepted = |id: ConnId| id.slot() == slot && id == connections.id_of(slot);
            if delivery.except.is_some_and(is_excepted) {
                continue;
            }
            match connections.send(cx, slot, delivery.frame.clone()) {
                Ok(()) => reached += 1,
                Err(_) => self.slow.push_back(slot),
            }
        }
        match delivery.kind {
            Delivered::Chat => cx.metrics.chats_out += reached as u64,
            Delivered::Update => cx.metrics.updates_out += reached as u64,
        }
        (looked_at, reached)
    }

    /// Hands a `recipe_update` to these and nobody else: for how many it is. It has no position in their
    /// rooms.
    pub(crate) fn tell_each(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        slots: &[Slot],
        frame: &Shared,
    ) -> usize {
        connections.pool.share(frame);
        let mut reached = 0;
        for &slot in slots {
            match connections.send(cx, slot, frame.clone()) {
                Ok(()) => reached += 1,
                Err(_) => self.slow.push_back(slot),
            }
        }
        connections.pool.shared(frame);
        cx.metrics.updates_out += reached as u64;
        reached
    }

    /// Is there something to be published in the cluster?
    pub(crate) fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Something is to be published.
    #[cfg(test)]
    pub(crate) fn outgoing_for_test(&mut self, room: &str, text: &[u8]) {
        self.outgoing.push_back(Outgoing { room: room.into(), except: None, text: text.into() });
    }

    /// What is to be published in the cluster next.
    pub(crate) fn next_outgoing(&mut self) -> Option<Outgoing> {
        self.outgoing.pop_front()
    }

    /// A reader that had no room for a frame of its room.
    pub(crate) fn next_slow(&mut self) -> Option<Slot> {
        self.slow.pop_front()
    }

    /// Hands a message to its next members, and puts it back if there are more. How many were looked
    /// at.
    pub(crate) fn hand_on(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        group: u32,
        mut delivery: Delivery,
        most: usize,
    ) -> usize {
        let (looked_at, _) = self.hand_over(cx, connections, &mut delivery, most);
        let is_over = delivery.next.is_none();
        let over =
            if is_over { Some(delivery) } else { self.deliveries.put_back(group, delivery).err() };
        if let Some(Delivery { frame, .. }) = over {
            connections.pool.shared(&frame);
        }
        looked_at.max(1)
    }

    /// Takes more than half of what may be queued for all to be on its way to large rooms?
    pub(crate) fn is_hurried(&self, policy: &Policy) -> bool {
        self.deliveries.bytes > policy.outbound_total / 2
    }

    /// Are so many messages on their way in the room of `slot` that its next one has to wait?
    pub(crate) fn is_busy(&self, policy: &Policy, slot: Slot) -> bool {
        !self.deliveries.is_empty()
            && self
                .rooms
                .group_of(slot)
                .is_some_and(|group| self.deliveries.is_full(group, policy.outbound_total / 4))
    }

    /// `slot` has a message that waits until fewer are on their way in its room.
    pub(crate) fn wait_for_room(&mut self, cx: &mut Cx, connections: &mut Connections, slot: Slot) {
        let Some(group) = self.rooms.group_of(slot) else { return };
        let id = connections.id_of(slot);
        if let Some(queue) = self.deliveries.queues.get_mut(&group)
            && let Some(connection) = connections.get_mut(slot)
            && let Some(waiting) = &mut connection.waiting
            && !std::mem::replace(&mut waiting.is_behind_room, true)
        {
            cx.metrics.delayed_messages += 1;
            queue.senders.push_back(id);
        }
    }

    /// Does a message that `id` has to get before its answer wait in the queue of its room?
    /// O(messages on their way in the room).
    pub(crate) fn is_behind_room(&self, id: ConnId) -> bool {
        let queue = || self.deliveries.queues.get(&self.rooms.group_of(id.slot())?);
        let is_for_it =
            |item: &Item| matches!(item, Item::Message(delivery) if delivery.except != Some(id));
        !self.deliveries.is_empty()
            && queue().is_some_and(|queue| queue.items.iter().any(is_for_it))
    }

    /// Puts an answer behind what is on its way in the room of `slot`; its next message waits.
    pub(crate) fn answer_behind_room(
        &mut self,
        cx: &Cx,
        connections: &mut Connections,
        slot: Slot,
        (ticket, request_id): (Ticket, &str),
        frame: Shared,
    ) {
        let to = connections.id_of(slot);
        let Some(group) = self.rooms.group_of(slot) else { return };
        let Some(connection) = connections.get_mut(slot) else { return };
        // The application has answered, so there is no time that could run out.
        let answer_by = Instant::NEVER;
        let message = PendingMessage { ticket, request_id: request_id.into(), answer_by };
        connection.waiting.get_or_insert_default().message = Some(message);
        connections.pool.share(&frame);
        self.deliveries.push(group, Item::Answer { to, ticket, frame });
        connections.arm(&cx.policy, slot);
    }

    /// Closes `id` behind what is on its way to it, where there is something. False: nothing is.
    pub(crate) fn close_behind_room(&mut self, id: ConnId) -> bool {
        let group = self.rooms.group_of(id.slot()).filter(|_| self.is_behind_room(id));
        if let Some(group) = group {
            self.deliveries.push(group, Item::Close(id));
        }
        group.is_some()
    }

    /// Takes `slot` out of its room. What is on its way there passes it by. Those who watch the room are
    /// told, unless the leave `lingers`.
    pub(crate) fn leave(
        &mut self,
        cx: &Cx,
        connections: &mut Connections,
        slot: Slot,
        lingers: bool,
    ) {
        let (now, window) = (cx.now.monotonic, cx.policy.resume_window);
        self.presence_left(now, connections, slot, lingers);
        if !self.deliveries.is_empty()
            && let Some(group) = self.rooms.group_of(slot)
        {
            self.deliveries.pass_over(group, slot, self.rooms.next(slot));
            if self.rooms.size(group) == 1 {
                self.forget_room(connections, group);
            }
        }
        if self.logs.len() > 0
            && let Some(room) = self.rooms.name_of(slot)
            && self.rooms.count(room) == 1
        {
            self.logs.emptied(room, now + window);
        }
        self.rooms.leave(slot);
    }

    /// Nobody is in the room any more: what was on its way is for nobody.
    fn forget_room(&mut self, connections: &mut Connections, group: u32) {
        while let Some(item) = self.deliveries.pop(group) {
            if let Some(frame) = item.frame() {
                connections.pool.shared(frame);
            }
        }
        self.deliveries.queues.remove(&group);
    }
}
