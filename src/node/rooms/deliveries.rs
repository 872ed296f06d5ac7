//! Messages on their way to the members of their rooms.
//!
//! A room of up to [`SLICE`] connections gets a message at once. In a larger room a message is a
//! delivery: [`Node::deliver`] hands it to [`SLICE`] members a call, and the driver writes, reads
//! and serves everybody else before the next. So no message makes a turn long, however many are in
//! its room.
//!
//! ```text
//! room ─▶ message ─▶ message ─▶ answer of a member ─▶ message      a queue, first in, first out
//!           │ cursor
//!           ▼
//! members: newest ─▶ … ─▶ next one ─▶ … ─▶ oldest
//! ```
//!
//! * A message is for those who are members when it is taken. Its cursor begins at the newest of
//!   them, and whoever joins later stands before that: they have the message in their history,
//!   where the application keeps one.
//! * A room's messages go out one after the other, so every member gets them in the same order. An
//!   answer that carries the recipe must not overtake the older news that its reader still has to
//!   get, so it takes its place in the same queue, and that member's next message waits for it.
//! * A member that leaves while the cursor is at it hands the cursor on.
//! * When [`QUEUE`] messages are on their way in a room, or they take a quarter of
//!   `limits.outbound_total` in all, the next messages of its members wait where messages wait
//!   behind an answer. Nothing that was taken is dropped. What an application answers is not held
//!   up: should its updates take half of that limit, one message after the other is finished and
//!   written at once, as memory has the harder bound.
//!
//! Refused: a copy of the list of members for each message (40 KB for 10,000 of them), and several
//! cursors at work in one room at once, which need each member's place in the order to keep its
//! messages apart.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use crate::id::{ConnId, Slot};
use crate::node::connections::frame::Shared;
use crate::node::work::ticket::Ticket;

/// How many members one step hands a message to. With some 2 µs for the write that follows each,
/// a step is as long as a turn's share of pending work.
pub(crate) const SLICE: usize = 256;

/// Messages on their way in one room from which on its members' next messages wait. Enough that
/// there is always a next one; few, so that the members take turns.
pub(crate) const QUEUE: usize = 8;

/// What is on its way to large rooms.
#[derive(Debug)]
pub(crate) struct Deliveries {
    /// By the number of the room's group. None is empty.
    pub(crate) queues: BTreeMap<u32, Queue>,
    /// The room that was served last.
    last: Option<u32>,
    /// What the frames of all of them take.
    pub(crate) bytes: usize,
    pub(crate) slice: usize,
    /// The most members that one step has handed a message to.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) longest_step: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) items: VecDeque<Item>,
    /// How many of the items are messages for many.
    messages: usize,
    /// Members whose next message waits until fewer are on their way.
    pub(crate) senders: VecDeque<ConnId>,
}

/// What takes its turn in the queue of a room.
#[derive(Debug)]
pub(crate) enum Item {
    /// For everybody who was there.
    Message(Delivery),
    /// For the member whose message it answers.
    Answer { to: ConnId, ticket: Ticket, frame: Shared },
    /// The server shuts down, and the member has been sent everything before it.
    Close(ConnId),
}

/// One message, and how far it is.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) frame: Shared,
    pub(crate) except: Option<ConnId>,
    pub(crate) kind: Delivered,
    /// The next member to get it; `None`: all have it.
    pub(crate) next: Option<Slot>,
}

/// What is delivered, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    Chat,
    Update,
}

impl Default for Deliveries {
    fn default() -> Self {
        Self {
            queues: BTreeMap::new(),
            last: None,
            bytes: 0,
            slice: SLICE,
            #[cfg(any(test, feature = "sim"))]
            longest_step: 0,
        }
    }
}

impl Deliveries {
    /// Is nothing on its way, and does nobody wait for that?
    pub(crate) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Messages and answers that are on their way.
    pub(crate) fn len(&self) -> usize {
        self.queues.values().map(|queue| queue.items.len()).sum()
    }

    /// Must the next message to this room wait?
    pub(crate) fn is_full(&self, group: u32, max_bytes: usize) -> bool {
        self.queues.get(&group).is_some_and(|queue| {
            let is_long = queue.messages >= QUEUE;
            is_long || (queue.messages > 0 && self.bytes > max_bytes)
        })
    }

    pub(crate) fn push(&mut self, group: u32, item: Item) {
        self.bytes += item.bytes();
        let queue = self.queues.entry(group).or_default();
        queue.messages += usize::from(matches!(item, Item::Message(_)));
        queue.items.push_back(item);
    }

    pub(crate) fn pop(&mut self, group: u32) -> Option<Item> {
        let queue = self.queues.get_mut(&group)?;
        let item = queue.items.pop_front()?;
        queue.messages -= usize::from(matches!(item, Item::Message(_)));
        self.bytes = self.bytes.saturating_sub(item.bytes());
        Some(item)
    }

    /// Puts back what is not finished. False: everybody has left the room meanwhile.
    pub(crate) fn put_back(&mut self, group: u32, delivery: Delivery) -> Result<(), Delivery> {
        let Some(queue) = self.queues.get_mut(&group) else { return Err(delivery) };
        self.bytes += delivery.frame.len();
        queue.messages += 1;
        queue.items.push_front(Item::Message(delivery));
        Ok(())
    }

    /// Is a message for many at the front of this room's queue?
    pub(crate) fn is_message_next(&self, group: u32) -> bool {
        let front = self.queues.get(&group).and_then(|queue| queue.items.front());
        matches!(front, Some(Item::Message(_)))
    }

    /// A step is over that had room for so many more members.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn count_step(&mut self, left: usize) {
        self.longest_step = self.longest_step.max(self.slice - left);
    }

    /// The room whose turn it is.
    pub(crate) fn next_room(&mut self) -> Option<u32> {
        let after = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.queues.range((after, Bound::Unbounded)).next();
        let (&group, _) = behind.or_else(|| self.queues.first_key_value())?;
        self.last = Some(group);
        Some(group)
    }

    /// `member` leaves: the cursors that are at it go on to the `next` one.
    pub(crate) fn pass_over(&mut self, group: u32, member: Slot, next: Option<Slot>) {
        let Some(queue) = self.queues.get_mut(&group) else { return };
        for item in &mut queue.items {
            if let Item::Message(delivery) = item
                && delivery.next == Some(member)
            {
                delivery.next = next;
            }
        }
    }

    /// A member whose next message could be taken now.
    pub(crate) fn next_sender(&mut self, group: u32, max_bytes: usize) -> Option<ConnId> {
        if self.is_full(group, max_bytes) {
            return None;
        }
        self.queues.get_mut(&group)?.senders.pop_front()
    }

    pub(crate) fn tidy(&mut self, group: u32) {
        let is_empty = |queue: &Queue| queue.items.is_empty() && queue.senders.is_empty();
        if self.queues.get(&group).is_some_and(is_empty) {
            self.queues.remove(&group);
        }
    }
}

impl Item {
    fn bytes(&self) -> usize {
        self.frame().map_or(0, |frame| frame.len())
    }

    pub(crate) fn frame(&self) -> Option<&Shared> {
        match self {
            Self::Message(Delivery { frame, .. }) | Self::Answer { frame, .. } => Some(frame),
            Self::Close(_) => None,
        }
    }
}
