//! Answers that were given, so that a message that is sent again is not done again.
//!
//! The same user's repeated id in the same room is answered with the first answer, within 10 minutes
//! and the user's last 32 messages there. Also across a reconnect, as that is when clients resend.
//!
//! One entry a user and room, in the order of their last messages: the front of that order is the
//! first to expire, and the first to go when the bound on all is reached. 40 bytes an entry and 8 in
//! the table, 24 a message, and the answer itself, which is often shared.

use std::sync::Arc;

use hashbrown::HashTable;
use slab::Slab;

use super::app::{Answer, Update};
use crate::protocol::ErrorCode;
use crate::time::Instant;

/// How long an answer is remembered, in seconds.
const LIFETIME_SECONDS: u32 = 600;
/// Answers that are remembered of one user in one room.
const MESSAGES: usize = 32;
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
    /// The application still works on it, as the question of this number.
    Asked(u32),
    /// It was answered.
    Answered(Answer),
}

/// The memory of answers.
#[derive(Debug)]
pub(crate) struct Answers {
    by_member: HashTable<u32>,
    entries: Slab<Entry>,
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
    messages: Vec<Message>,
}

#[derive(Debug)]
struct Message {
    id: u64,
    state: State,
}

/// 16 bytes: the second of the answer lies beside the tag.
#[derive(Clone, Debug)]
enum State {
    Asked { question: u32 },
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
        let message = entry.messages.iter().find(|message| message.id == key.id)?;
        message.state.is_fresh(now.whole_seconds()).then(|| match &message.state {
            State::Asked { question } => Known::Asked(*question),
            State::Answered { update, .. } => Known::Answered(Ok(Arc::clone(update))),
            State::Failed { error, .. } => Known::Answered(Err(*error)),
        })
    }

    /// The application is asked, as the question of this number.
    pub(crate) fn asked(&mut self, now: Instant, key: MessageKey, question: u32) {
        self.put(now, key, State::Asked { question });
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
        let mut weight = self.weight + state.weight();
        let messages = &mut self.entry(index).messages;
        if let Some(message) = messages.iter_mut().find(|message| message.id == key.id) {
            weight -= message.state.weight();
            message.state = state;
        } else {
            if messages.len() >= MESSAGES {
                weight -= messages.remove(0).state.weight();
            }
            // Exactly as much as is used: a bounded list that most fill with little.
            messages.reserve_exact(1);
            messages.push(Message { id: key.id, state });
        }
        self.weight = weight;
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
            && entry.messages.last().is_none_or(|message| !message.state.is_fresh(now))
        {
            self.remove(self.front);
        }
    }

    fn create(&mut self, member: u64) -> u32 {
        let entry = Entry { member, previous: NONE, next: NONE, messages: Vec::new() };
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
        let messages: usize = entry.messages.iter().map(|message| message.state.weight()).sum();
        self.weight -= ENTRY_WEIGHT + messages;
        if let Ok(place) = self.by_member.find_entry(entry.member, |&other| other == index) {
            place.remove();
        }
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
            Known::Asked(question) => Some(format!("asked {question}")),
        }
    }

    #[test]
    fn the_first_answer_is_given_again_for_10_minutes() {
        let mut answers = Answers::new(0);
        answers.asked(at(0), key(1, 1), 9);
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
        assert!(answers.find(at(0), key(1, 1)).is_some());
    }

    #[test]
    fn what_expired_is_gone_and_weighs_nothing() {
        let mut answers = Answers::new(0);
        for member in 0..100 {
            answers.answered(at(member), key(member, 1), &Ok(Update::text("x")));
        }
        answers.answered(at(5_000), key(7, 2), &Err(ErrorCode::Internal));
        assert_eq!((answers.entries.len(), answers.by_member.len()), (1, 1));
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
    fn a_message_costs_24_bytes_and_an_entry_40() {
        assert_eq!((size_of::<Message>(), size_of::<Entry>()), (24, 40));
    }
}
