//! Messages on their way to large rooms: a step of them at a time.

use crate::id::ConnId;
use crate::node::Node;
use crate::node::connections::frame::Shared;
use crate::node::rooms::deliveries::{Item, QUEUE};
use crate::node::work::ticket::Ticket;
use crate::protocol::CloseReason;

impl Node {
    /// One step of what is on its way to large rooms: to
    /// [`SLICE`](crate::node::rooms::deliveries::SLICE) members in all, one room after the other. Of
    /// each room one message at most, as what is handed out has to be written before there is room
    /// for more.
    pub(crate) fn deliver(&mut self) {
        let mut left = self.rooms.deliveries.slice;
        for _ in 0..self.rooms.deliveries.queues.len() {
            if left > 0 {
                left = left.saturating_sub(self.serve_room(left));
            }
        }
        #[cfg(any(test, feature = "sim"))]
        self.rooms.deliveries.count_step(left);
    }

    /// Finishes the message of a room whose turn it is: more is on its way than may be, and the
    /// driver writes what becomes of it next.
    pub(crate) fn hurry(&mut self) {
        self.serve_room(usize::MAX);
    }

    /// Serves the room whose turn it is: one message, as far as `most` members, and the answers
    /// around it. What that cost, in members.
    fn serve_room(&mut self, most: usize) -> usize {
        let Some(group) = self.rooms.deliveries.next_room() else { return 0 };
        let (mut cost, mut is_served) = (0, false);
        while cost < most && !(is_served && self.rooms.deliveries.is_message_next(group)) {
            cost += match self.rooms.deliveries.pop(group) {
                Some(Item::Message(delivery)) => {
                    is_served = true;
                    let Self { cx, connections, rooms, .. } = self;
                    let looked_at = rooms.hand_on(cx, connections, group, delivery, most - cost);
                    self.close_slow_members();
                    looked_at
                }
                Some(Item::Answer { to, ticket, frame }) => {
                    self.connections.pool.shared(&frame);
                    self.answer_in_turn(to, ticket, frame);
                    1
                }
                Some(Item::Close(id)) => {
                    if self.is_authenticated(id) {
                        self.close(id.slot(), CloseReason::ShuttingDown);
                    }
                    1
                }
                None => break,
            };
        }
        self.wake_senders(group);
        self.rooms.deliveries.tidy(group);
        cost
    }

    /// Goes on with members whose messages have waited, the first to come first.
    fn wake_senders(&mut self, group: u32) {
        for _ in 0..QUEUE {
            let max_bytes = self.cx.policy.outbound_total / 4;
            let Some(id) = self.rooms.deliveries.next_sender(group, max_bytes) else { return };
            let connection = self.connections.find_mut(id);
            if let Some(waiting) = connection.and_then(|connection| connection.waiting.as_mut()) {
                waiting.is_behind_room = false;
                self.resume(id.slot(), false);
            }
        }
    }

    /// Everything that an answer had to wait for is delivered.
    fn answer_in_turn(&mut self, to: ConnId, ticket: Ticket, frame: Shared) {
        let waiting = self.connections.find_mut(to).and_then(|it| it.waiting.as_mut());
        let message = waiting.and_then(|waiting| waiting.message.take_if(|it| it.ticket == ticket));
        if message.is_some() {
            self.connections.reply(&mut self.cx, to.slot(), frame);
            if !self.close_answered(to) {
                self.resume(to.slot(), false);
            }
        }
    }

    /// Closes `id` because the server shuts down, behind what is on its way to it.
    pub(crate) fn close_in_turn(&mut self, id: ConnId) {
        if !self.rooms.close_behind_room(id) {
            self.close(id.slot(), CloseReason::ShuttingDown);
        }
    }

    /// Hands messages to so few members a step, so that a test's rooms are large ones.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn set_slice(&mut self, slice: usize) {
        self.rooms.deliveries.slice = slice.max(1);
    }

    /// The most members that one call has handed a message to.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn longest_step(&self) -> usize {
        self.rooms.deliveries.longest_step
    }
}
