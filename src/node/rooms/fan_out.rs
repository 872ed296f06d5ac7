//! From a frame to the outboxes of a room: at once, or [a slice of the members at a
//! time](super::deliveries).

use std::sync::Arc;

use crate::id::ConnId;
use crate::node::Node;
use crate::node::connections::budget::Side;
use crate::node::connections::connection::PendingMessage;
use crate::node::connections::frame::Shared;
use crate::node::rooms::deliveries::{Delivered, Delivery, Item, QUEUE};
use crate::node::rooms::groups::NONE;
use crate::node::work::port::{Action, Ticket};
use crate::protocol::CloseReason;
use crate::time::{Instant, Now};

impl Node {
    /// Hands `frame` to everybody in the room but `except`, or begins to: they share its bytes. For
    /// how many it is.
    pub(crate) fn fan_out(
        &mut self,
        now: Now,
        room: &str,
        except: Option<ConnId>,
        frame: Shared,
        kind: Delivered,
    ) -> usize {
        let Some(group) = self.rooms.number_of(room) else { return 0 };
        let members = self.rooms.size(group);
        self.pool.share(&frame);
        let mut delivery = Delivery { frame, except, kind, next: self.rooms.first(group) };
        let is_small = members <= self.deliveries.slice;
        if is_small && (self.deliveries.is_empty() || !self.deliveries.queues.contains_key(&group))
        {
            let (_, reached) = self.hand_over(now, &mut delivery, usize::MAX);
            self.pool.shared(&delivery.frame);
            return reached;
        }
        self.deliveries.push(group, Item::Message(delivery));
        let is_there = |id: ConnId| {
            self.find(id).is_some()
                && self.rooms.place_of(id.index()).is_some_and(|(place, _)| place == group)
        };
        members - usize::from(except.is_some_and(is_there))
    }

    /// Hands a message to at most `most` members from its cursor on: how many were looked at, and
    /// how many of them have it in their outbox. A reader that has no room for it is closed.
    fn hand_over(&mut self, now: Now, delivery: &mut Delivery, most: usize) -> (usize, usize) {
        let (mut slow, mut looked_at, mut reached) = (Vec::new(), 0, 0);
        let bound = self.policy.outbound_bytes;
        while delivery.next != NONE && looked_at < most {
            let index = delivery.next as usize;
            delivery.next = self.rooms.next(index);
            looked_at += 1;
            let Some(connection) = self.connections.get_mut(index) else { continue };
            let id = ConnId::new(index as u32, connection.generation);
            if delivery.except == Some(id) {
                continue;
            }
            let frame = Arc::clone(&delivery.frame);
            if connection.outbox.push(&mut self.pool, frame, bound).is_err() {
                slow.push(index);
                continue;
            }
            if !self.output.is_empty() && self.output.has(index) {
                self.output.set(index, Side::Members, connection.outbox.weight());
            }
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
        self.metrics.frames_out += reached as u64;
        match delivery.kind {
            Delivered::Chat => self.metrics.chats_out += reached as u64,
            Delivered::Update => self.metrics.updates_out += reached as u64,
        }
        (looked_at, reached)
    }

    /// One step of what is on its way to large rooms: to [`SLICE`](super::deliveries::SLICE) members
    /// in all, one room after the other. Of each room one message at most, as what is handed out
    /// has to be written before there is room for more.
    pub(crate) fn deliver(&mut self, now: Now) {
        let mut left = self.deliveries.slice;
        for _ in 0..self.deliveries.queues.len() {
            if left > 0 {
                left = left.saturating_sub(self.serve_room(now, left));
            }
        }
        #[cfg(any(test, feature = "sim"))]
        self.deliveries.count_step(left);
    }

    /// Finishes the message of a room whose turn it is: more is on its way than may be, and the
    /// driver writes what becomes of it next.
    pub(crate) fn hurry(&mut self, now: Now) {
        self.serve_room(now, usize::MAX);
    }

    /// Takes more than half of what may be queued for all to be on its way to large rooms?
    pub(crate) fn is_hurried(&self) -> bool {
        self.deliveries.bytes > self.policy.outbound_total / 2
    }

    /// Serves the room whose turn it is: one message, as far as `most` members, and the answers
    /// around it. What that cost, in members.
    fn serve_room(&mut self, now: Now, most: usize) -> usize {
        let Some(group) = self.deliveries.next_room() else { return 0 };
        let (mut cost, mut is_served) = (0, false);
        while cost < most && !(is_served && self.deliveries.is_message_next(group)) {
            cost += match self.deliveries.pop(group) {
                Some(Item::Message(delivery)) => {
                    is_served = true;
                    self.go_on(now, group, delivery, most - cost)
                }
                Some(Item::Answer { to, ticket, frame }) => {
                    self.pool.shared(&frame);
                    self.answer_in_turn(now, to, ticket, frame);
                    1
                }
                Some(Item::Close(id)) => {
                    if self.is_authenticated(id) {
                        self.close(now, id.index(), CloseReason::ShuttingDown);
                    }
                    1
                }
                None => break,
            };
        }
        self.wake_senders(now, group);
        self.deliveries.tidy(group);
        cost
    }

    /// Hands a message to its next members, and puts it back if there are more.
    fn go_on(&mut self, now: Now, group: u32, mut delivery: Delivery, most: usize) -> usize {
        let (looked_at, _) = self.hand_over(now, &mut delivery, most);
        let is_over = delivery.next == NONE;
        let over =
            if is_over { Some(delivery) } else { self.deliveries.put_back(group, delivery).err() };
        if let Some(Delivery { frame, .. }) = over {
            self.pool.shared(&frame);
        }
        looked_at.max(1)
    }

    /// Goes on with members whose messages have waited, the first to come first.
    fn wake_senders(&mut self, now: Now, group: u32) {
        for _ in 0..QUEUE {
            let max_bytes = self.policy.outbound_total / 4;
            let Some(id) = self.deliveries.next_sender(group, max_bytes) else { return };
            if self.find(id).is_none() {
                continue;
            }
            let connection = self.connections.get_mut(id.index());
            if let Some(waiting) = connection.and_then(|connection| connection.waiting.as_mut()) {
                waiting.is_behind_room = false;
                self.resume(now, id.index(), false);
            }
        }
    }

    /// Are so many messages on their way in the room of `index` that its next one has to wait?
    pub(crate) fn is_room_busy(&self, index: usize) -> bool {
        !self.deliveries.is_empty()
            && self.rooms.place_of(index).is_some_and(|(group, _)| {
                self.deliveries.is_full(group, self.policy.outbound_total / 4)
            })
    }

    /// `index` has a message that waits until fewer are on their way in its room.
    pub(crate) fn wait_for_room(&mut self, index: usize) {
        let Some((group, _)) = self.rooms.place_of(index) else { return };
        if let Some(queue) = self.deliveries.queues.get_mut(&group)
            && let Some(connection) = self.connections.get_mut(index)
            && let Some(waiting) = &mut connection.waiting
            && !std::mem::replace(&mut waiting.is_behind_room, true)
        {
            self.metrics.delayed_messages += 1;
            queue.senders.push_back(ConnId::new(index as u32, connection.generation));
        }
    }

    /// Does a message that `index` has to get before its answer wait in the queue of its room?
    /// O(messages on their way in the room).
    pub(crate) fn is_behind_room(&self, index: usize) -> bool {
        let id = self.id_of(index);
        let queue = || {
            let (group, _) = self.rooms.place_of(index)?;
            self.deliveries.queues.get(&group)
        };
        let is_for_it =
            |item: &Item| matches!(item, Item::Message(delivery) if delivery.except != Some(id));
        !self.deliveries.is_empty()
            && queue().is_some_and(|queue| queue.items.iter().any(is_for_it))
    }

    /// Puts an answer behind what is on its way in the room of `index`; its next message waits.
    pub(crate) fn answer_behind_room(
        &mut self,
        index: usize,
        ticket: Ticket,
        request_id: &str,
        frame: Shared,
    ) {
        let to = self.id_of(index);
        let Some((group, _)) = self.rooms.place_of(index) else { return };
        let Some(connection) = self.connections.get_mut(index) else { return };
        // The application has answered, so there is no time that could run out.
        let answer_by = Instant::NEVER;
        let message = PendingMessage { ticket, request_id: request_id.into(), answer_by };
        connection.waiting.get_or_insert_default().message = Some(message);
        self.pool.share(&frame);
        self.deliveries.push(group, Item::Answer { to, ticket, frame });
        self.arm(index);
    }

    /// Everything that an answer had to wait for is delivered.
    fn answer_in_turn(&mut self, now: Now, to: ConnId, ticket: Ticket, frame: Shared) {
        if self.find(to).is_none() {
            return;
        }
        let index = to.index();
        let waiting = self.connections.get_mut(index).and_then(|c| c.waiting.as_mut());
        let message = waiting.and_then(|waiting| waiting.message.take_if(|it| it.ticket == ticket));
        if message.is_some() {
            self.reply(index, frame);
            self.resume(now, index, false);
        }
    }

    /// Closes `id` because the server shuts down, behind what is on its way to it.
    pub(crate) fn close_in_turn(&mut self, now: Now, id: ConnId) {
        let place = self.rooms.place_of(id.index()).filter(|_| self.is_behind_room(id.index()));
        match place {
            Some((group, _)) => self.deliveries.push(group, Item::Close(id)),
            None => self.close(now, id.index(), CloseReason::ShuttingDown),
        }
    }

    /// Takes `index` out of its room. What is on its way there passes it by.
    pub(crate) fn leave_room(&mut self, index: usize) {
        if !self.deliveries.is_empty()
            && let Some((group, next)) = self.rooms.place_of(index)
        {
            self.deliveries.pass_over(group, index as u32, next);
            if self.rooms.size(group) == 1 {
                self.forget_room(group);
            }
        }
        self.rooms.leave(index);
    }

    /// Nobody is in the room any more: what was on its way is for nobody.
    fn forget_room(&mut self, group: u32) {
        while let Some(item) = self.deliveries.pop(group) {
            if let Some(frame) = item.frame() {
                self.pool.shared(frame);
            }
        }
        self.deliveries.queues.remove(&group);
    }

    /// Hands messages to so few members a step, so that a test's rooms are large ones.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn set_slice(&mut self, slice: usize) {
        self.deliveries.slice = slice.max(1);
    }

    /// The most members that one call has handed a message to.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn longest_step(&self) -> usize {
        self.deliveries.longest_step
    }
}
