//! Answers that were given, so that a message that is sent again is not done again.
//!
//! The same user's repeated id in the same room is answered with the first answer, within 10 minutes
//! and the user's last 32 messages there. Also across a reconnect, as that is when clients resend.
//!
//! One entry a user and room, in the order of their last messages: the front of that order is the
//! first to expire, and the first to go when the bound on all is reached. Both tables are flat and
//! linked by numbers, so the heap is not littered with small lists: 32 bytes an entry and 8 in the
//! table that finds it, 32 a message, and the answer itself, which is often shared.

use std::sync::Arc;

use hashbrown::HashTable;
use slab::Slab;

use super::app::{Answer, Update};
use super::port::Ticket;
use crate::protocol::ErrorCode;
use crate::time::Instant;

/// How long an answer is remembered, in seconds.
const LIFETIME_SECONDS: u32 = 600;
/// Answers that are remembered of one user in one room.
const MESSAGES: u32 = 32;
/// What an entry takes beside its messages, its place in the table included.
const ENTRY_WEIGHT: usize = size_of::<Entry>() + 8;
const NONE: u32 = u32::MAX;

/// Which message: its user and room, and its id, each hashed under the node's seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageKey {
    /// The user and the room.
    pub(crate) member: u64,
    /// The message's id.
    pub(crate) id: u64,
}

/// What is known of a message that came before.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// The application still works on it, as the question of this ticket.
    Asked(Ticket),
    /// It was answered.
    Answered(Answer),
}

/// The memory of answers.
#[derive(Debug)]
pub(crate) struct Answers {
    by_member: HashTable<u32>,
    entries: Slab<Entry>,
    messages: Slab<Message>,
    /// The stalest entry, and the freshest.
    front: u32,
    back: u32,
    weight: usize,
    max_weight: usize,
    forgotten: u64,
}

#[derive(Debug)]
struct Entry {
    member: u64,
    previous: u32,
    next: u32,
    /// The messages, the newest first; there is always one.
    newest: u32,
    count: u32,
}

#[derive(Debug)]
struct Message {
    id: u64,
    state: State,
    /// The one before it.
    older: u32,
}

/// The second of an answer lies beside the tag.
#[derive(Clone, Debug)]
enum State {
    Asked { ticket: Ticket },
    Answered { second: u32, update: Arc<Update> },
    Failed { second: u32, error: ErrorCode },
}

impl State {
    fn is_fresh(&self, now: u32) -> bool {
        match *self {
            Self::Asked { .. } => true,
            Self::Answered { second, .. } | Self::Failed { second, .. } => {
                now.saturating_sub(second) < LIFETIME_SECONDS
            }
        }
    }

    fn weight(&self) -> usize {
        let answer = if let Self::Answered { update, .. } = self { update.weight() } else { 0 };
        size_of::<Message>() + answer
    }
}

impl Answers {
    /// Remembers answers of `max_weight` bytes in all; 0: without a bound.
    pub(crate) fn new(max_weight: usize) -> Self {
        Self {
            by_member: HashTable::new(),
            entries: Slab::new(),
            messages: Slab::new(),
            front: NONE,
            back: NONE,
            weight: 0,
            max_weight,
            forgotten: 0,
        }
    }

    /// Users and rooms that were forgotten early because the bound was reached.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What is known of the message, if it came before. O(32).
    pub(crate) fn find(&self, now: Instant, key: MessageKey) -> Option<Known> {
        let entry = self.entries.get(self.index_of(key.member)? as usize)?;
        let (_, message) = self.walk(entry.newest).find(|(_, message)| message.id == key.id)?;
        message.state.is_fresh(now.whole_seconds()).then(|| match &message.state {
            State::Asked { ticket } => Known::Asked(*ticket),
            State::Answered { update, .. } => Known::Answered(Ok(Arc::clone(update))),
            State::Failed { error, .. } => Known::Answered(Err(*error)),
        })
    }

    /// The application is asked, as the question of this ticket.
    pub(crate) fn asked(&mut self, now: Instant, key: MessageKey, ticket: Ticket) {
        self.put(now, key, State::Asked { ticket });
    }

    /// The application has answered.
    pub(crate) fn answered(&mut self, now: Instant, key: MessageKey, answer: &Answer) {
        let second = now.whole_seconds();
        let state = match answer {
            Ok(update) => State::Answered { second, update: Arc::clone(update) },
            Err(error) => State::Failed { second, error: *error },
        };
        self.put(now, key, state);
    }

    fn put(&mut self, now: Instant, key: MessageKey, state: State) {
        self.forget_expired(now);
        let index = match self.index_of(key.member) {
            Some(index) => {
                self.unlink(index);
                index
            }
            None => self.create(key.member),
        };
        self.link_back(index);
        self.weight += state.weight();
        let newest = self.entry(index).newest;
        let known = self.walk(newest).find(|(_, message)| message.id == key.id);
        if let Some(number) = known.map(|(number, _)| number) {
            let before = std::mem::replace(&mut self.message(number).state, state);
            self.weight -= before.weight();
        } else {
            if self.entry(index).count >= MESSAGES {
                self.drop_oldest(index);
            }
            let older = self.entry(index).newest;
            let number = self.messages.insert(Message { id: key.id, state, older }) as u32;
            let entry = self.entry(index);
            (entry.newest, entry.count) = (number, entry.count + 1);
        }
        // The entry that was just written goes last, so a bound below one answer forgets even that.
        while self.max_weight != 0 && self.weight > self.max_weight && self.front != NONE {
            self.forgotten += 1;
            self.remove(self.front);
        }
    }

    /// The order is by the last message, so whoever is behind a fresh entry is fresh.
    fn forget_expired(&mut self, now: Instant) {
        let now = now.whole_seconds();
        while let Some(entry) = self.entries.get(self.front as usize)
            && self.walk(entry.newest).next().is_none_or(|(_, last)| !last.state.is_fresh(now))
        {
            self.remove(self.front);
        }
    }

    fn create(&mut self, member: u64) -> u32 {
        let entry = Entry { member, previous: NONE, next: NONE, newest: NONE, count: 0 };
        let index = self.entries.insert(entry) as u32;
        self.weight += ENTRY_WEIGHT;
        let Self { by_member, entries, .. } = self;
        let hash_of =
            |&index: &u32| entries.get(index as usize).map_or(0, |entry: &Entry| entry.member);
        by_member.insert_unique(member, index, hash_of);
        index
    }

    fn remove(&mut self, index: u32) {
        self.unlink(index);
        let Some(entry) = self.entries.try_remove(index as usize) else { return };
        self.weight -= ENTRY_WEIGHT;
        if let Ok(place) = self.by_member.find_entry(entry.member, |&other| other == index) {
            place.remove();
        }
        let mut next = entry.newest;
        while let Some(message) = self.messages.try_remove(next as usize) {
            self.weight -= message.state.weight();
            next = message.older;
        }
    }

    /// Forgets the oldest message of an entry with at least two. O(32).
    fn drop_oldest(&mut self, index: u32) {
        let newest = self.entry(index).newest;
        let last_two =
            self.walk(newest).map(|(number, _)| number).fold((NONE, NONE), |(_, b), c| (b, c));
        let (before, oldest) = last_two;
        if let Some(message) = self.messages.try_remove(oldest as usize) {
            self.weight -= message.state.weight();
            self.message(before).older = NONE;
            self.entry(index).count -= 1;
        }
    }

    /// The messages from `newest` on, with their numbers.
    fn walk(&self, newest: u32) -> impl Iterator<Item = (u32, &Message)> {
        let at = |number: u32| Some((number, self.messages.get(number as usize)?));
        std::iter::successors(at(newest), move |(_, message)| at(message.older))
    }

    fn index_of(&self, member: u64) -> Option<u32> {
        let is_it = |&index: &u32| {
            self.entries.get(index as usize).is_some_and(|entry| entry.member == member)
        };
        self.by_member.find(member, is_it).copied()
    }

    fn link_back(&mut self, index: u32) {
        let previous = std::mem::replace(&mut self.back, index);
        let entry = self.entry(index);
        (entry.previous, entry.next) = (previous, NONE);
        if previous == NONE {
            self.front = index;
        } else {
            self.entry(previous).next = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Entry { previous, next, .. } = *self.entry(index);
        if previous == NONE {
            self.front = next;
        } else {
            self.entry(previous).next = next;
        }
        if next == NONE {
            self.back = previous;
        } else {
            self.entry(next).previous = previous;
        }
    }

    #[expect(clippy::indexing_slicing, reason = "indices are this table's own, never a peer's")]
    fn entry(&mut self, index: u32) -> &mut Entry {
        &mut self.entries[index as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "indices are this table's own, never a peer's")]
    fn message(&mut self, number: u32) -> &mut Message {
        &mut self.messages[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::START + Duration::from_secs(seconds)
    }

    fn key(member: u64, id: u64) -> MessageKey {
        MessageKey { member, id }
    }

    fn content(answers: &Answers, now: Instant, key: MessageKey) -> Option<String> {
        match answers.find(now, key)? {
            Known::Answered(answer) => Some(answer.unwrap().content.clone()),
            Known::Asked(ticket) => Some(format!("asked {}", ticket.serial)),
        }
    }

    #[test]
    fn the_first_answer_is_given_again_for_10_minutes() {
        let mut answers = Answers::new(0);
        answers.asked(at(0), key(1, 1), Ticket { index: 0, serial: 9 });
        assert_eq!(content(&answers, at(0), key(1, 1)).as_deref(), Some("asked 9"));
        answers.answered(at(1), key(1, 1), &Ok(Update::text("first")));
        assert_eq!(content(&answers, at(600), key(1, 1)).as_deref(), Some("first"));
        assert_eq!(content(&answers, at(601), key(1, 1)), None);
        assert_eq!(content(&answers, at(1), key(2, 1)), None);
    }

    #[test]
    fn the_last_32_messages_of_a_user_in_a_room_are_remembered() {
        let mut answers = Answers::new(0);
        for id in 0..33 {
            answers.answered(at(0), key(1, id), &Ok(Update::text("x")));
        }
        assert!(answers.find(at(0), key(1, 0)).is_none());
        assert!((1..33).all(|id| answers.find(at(0), key(1, id)).is_some()));
        assert_eq!(answers.messages.len(), 32);
    }

    #[test]
    fn what_expired_is_gone_and_weighs_nothing() {
        let mut answers = Answers::new(0);
        for member in 0..100 {
            answers.answered(at(member), key(member, 1), &Ok(Update::text("x")));
        }
        answers.answered(at(5_000), key(7, 2), &Err(ErrorCode::Internal));
        assert_eq!((answers.entries.len(), answers.by_member.len()), (1, 1));
        assert_eq!(answers.messages.len(), 1);
        assert_eq!(answers.weight, ENTRY_WEIGHT + size_of::<Message>());
    }

    #[test]
    fn over_the_bound_the_stalest_go_first() {
        let one = ENTRY_WEIGHT + size_of::<Message>() + Update::text("x").weight();
        let mut answers = Answers::new(3 * one);
        for member in [1, 2, 3] {
            answers.answered(at(0), key(member, 1), &Ok(Update::text("x")));
        }
        answers.answered(at(1), key(1, 1), &Ok(Update::text("x")));
        answers.answered(at(1), key(4, 1), &Ok(Update::text("x")));
        assert!(answers.find(at(1), key(2, 1)).is_none());
        assert!([1, 3, 4].iter().all(|&member| answers.find(at(1), key(member, 1)).is_some()));
        assert_eq!((answers.weight, answers.forgotten()), (3 * one, 1));
    }

    #[test]
    fn a_message_and_an_entry_cost_32_bytes_each_in_their_slabs() {
        assert_eq!((size_of::<Message>(), size_of::<Entry>()), (32, 24));
    }
}
