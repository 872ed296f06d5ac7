//! Answers that were given, so that a message that is sent again is not done again.
//!
//! The same user's repeated id in the same room is answered with the first answer, within 10 minutes
//! and the user's last 32 messages there, also after a reconnect. A hash tells other content apart.
//!
//! One entry a user and room, in the order of their last messages: the front of that order is the
//! first to expire, and the first to go when the bound on all is reached. Both tables are flat: 24
//! bytes an entry and 8 in the table that finds it, 32 a message, and the answer, often shared.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashTable;
use slab::Slab;

use crate::node::app::{Answer, Update};
use crate::node::work::ticket::Ticket;
use crate::protocol::ErrorCode;
use crate::time::Instant;

/// How long an answer is remembered, in seconds, and as a length of time.
const LIFETIME_SECONDS: u16 = 600;
pub(crate) const LIFETIME: Duration = Duration::from_secs(LIFETIME_SECONDS as u64);
/// Answers that are remembered of one user in one room.
const MESSAGES: u32 = 32;
/// What an entry takes beside its messages, its place in the table included.
const ENTRY_WEIGHT: usize = size_of::<MemberLog>() + 8;
const NONE: u32 = u32::MAX;

/// Which message: its user and room, its id, and its content, each hashed under the node's seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageKey {
    /// The user and the room.
    pub(crate) member: u64,
    /// The message's id.
    pub(crate) id: u64,
    /// What it says.
    pub(crate) content: u64,
}

/// What is known of a message that came before.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// The application still works on it, as the question of this ticket.
    Asked(Ticket),
    /// It was answered.
    Answered(Answer),
    /// The room has seen it, and its time was over before anybody began to do it.
    NotDone,
    /// Its id was used for a message that says something else.
    OtherContent,
}

/// The memory of answers.
#[derive(Debug)]
pub(crate) struct DedupCache {
    by_member: HashTable<u32>,
    entries: Slab<MemberLog>,
    messages: Slab<RememberedMessage>,
    /// The stalest entry, and the freshest.
    front: u32,
    back: u32,
    weight: usize,
    max_weight: usize,
    forgotten: u64,
}

#[derive(Debug)]
struct MemberLog {
    member: u64,
    previous: u32,
    next: u32,
    /// The messages, the newest first.
    newest: u32,
    /// There is always one, which is also what lets the slab mark an empty place without a tag.
    count: NonZeroU32,
}

#[derive(Debug)]
struct RememberedMessage {
    id: u64,
    content: u64,
    state: MessageState,
}

/// 16 bytes: each variant repeats what they share, so that it can lie beside the tag.
///
/// `older` is the message before this one. `second` counts anew every 18 hours, which no two messages
/// of an entry are apart: each of the 32 came within 20 minutes of the one before.
#[derive(Debug)]
enum MessageState {
    Asked { older: u32, second: u16, ticket: Ticket },
    Answered { older: u32, second: u16, update: Arc<Update> },
    Failed { older: u32, second: u16, error: ErrorCode },
    NotDone { older: u32, second: u16 },
}

impl MessageState {
    fn older(&mut self) -> &mut u32 {
        match self {
            Self::Asked { older, .. }
            | Self::Answered { older, .. }
            | Self::Failed { older, .. }
            | Self::NotDone { older, .. } => older,
        }
    }

    fn is_fresh(&self, now: Instant) -> bool {
        let (Self::Asked { second, .. }
        | Self::Answered { second, .. }
        | Self::Failed { second, .. }
        | Self::NotDone { second, .. }) = *self;
        (now.whole_seconds() as u16).wrapping_sub(second) < LIFETIME_SECONDS
    }

    fn weight(&self) -> usize {
        let answer = if let Self::Answered { update, .. } = self { update.weight() } else { 0 };
        size_of::<RememberedMessage>() + answer
    }
}

impl DedupCache {
    /// Remembers answers of `max_weight` bytes in all; 0: without a bound. There is room for
    /// `members` with 4 messages each.
    pub(crate) fn new(max_weight: usize, members: usize) -> Self {
        Self {
            by_member: HashTable::with_capacity(members / 2),
            entries: Slab::with_capacity(members),
            messages: Slab::with_capacity(4 * members),
            front: NONE,
            back: NONE,
            weight: 0,
            max_weight,
            forgotten: 0,
        }
    }

    /// From here on so many bytes; what is beyond them goes with the next answer.
    pub(crate) fn set_max_weight(&mut self, max_weight: usize) {
        self.max_weight = max_weight;
    }

    /// Users and rooms that were forgotten early because the bound was reached.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What is known of the message, if it came before. O(32).
    pub(crate) fn find(&mut self, now: Instant, key: MessageKey) -> Option<Lookup> {
        self.forget_expired(now);
        let message = self.fresh(now, key)?;
        if message.content != key.content {
            return Some(Lookup::OtherContent);
        }
        Some(match &message.state {
            MessageState::Asked { ticket, .. } => Lookup::Asked(*ticket),
            MessageState::Answered { update, .. } => Lookup::Answered(Ok(Arc::clone(update))),
            MessageState::Failed { error, .. } => Lookup::Answered(Err(*error)),
            MessageState::NotDone { .. } => Lookup::NotDone,
        })
    }

    /// The message of this id that is remembered, whatever it says. O(32).
    fn fresh(&self, now: Instant, key: MessageKey) -> Option<&RememberedMessage> {
        let entry = self.entries.get(self.index_of(key.member)? as usize)?;
        let (_, message) = self.walk(entry.newest).find(|(_, message)| message.id == key.id)?;
        message.state.is_fresh(now).then_some(message)
    }

    /// The application is asked, as the question of this ticket.
    pub(crate) fn asked(&mut self, now: Instant, key: MessageKey, ticket: Ticket) {
        let (older, second) = (NONE, now.whole_seconds() as u16);
        self.put(now, key, MessageState::Asked { older, second, ticket });
    }

    /// The application has answered.
    pub(crate) fn answered(&mut self, now: Instant, key: MessageKey, answer: &Answer) {
        let (older, second) = (NONE, now.whole_seconds() as u16);
        let state = match answer {
            Ok(update) => MessageState::Answered { older, second, update: Arc::clone(update) },
            Err(error) => MessageState::Failed { older, second, error: *error },
        };
        self.put(now, key, state);
    }

    /// The question of this ticket is answered. Where its id was forgotten and used for another
    /// message meanwhile, that one's entry stays.
    pub(crate) fn settled(&mut self, now: Instant, key: MessageKey, from: Ticket, to: &Answer) {
        if self.is_of(now, key, from) != Some(false) {
            self.answered(now, key, to);
        }
    }

    /// The question of this ticket was withdrawn before anybody began with it.
    pub(crate) fn not_done(&mut self, now: Instant, key: MessageKey, from: Ticket) {
        // The time that its id is remembered goes on from when it was asked.
        if let Some(&MessageState::Asked { second, ticket, .. }) =
            self.fresh(now, key).map(|it| &it.state)
            && ticket == from
        {
            self.put(now, key, MessageState::NotDone { older: NONE, second });
        }
    }

    /// Forgets the message that was asked about as the question of this ticket.
    pub(crate) fn forget(&mut self, now: Instant, key: MessageKey, from: Ticket) {
        if self.is_of(now, key, from) != Some(true) {
            return;
        }
        let Some(index) = self.index_of(key.member) else { return };
        let MemberLog { newest, count, .. } = *self.entry(index);
        match self.locate(newest, key.id) {
            (_, Some(_)) if count.get() == 1 => self.remove(index),
            (newer, Some(number)) => self.drop_message(index, newer, number),
            (_, None) => {}
        }
    }

    /// Does what is remembered of this id come from the question of this ticket? `None`: nothing is.
    fn is_of(&self, now: Instant, key: MessageKey, from: Ticket) -> Option<bool> {
        let state = &self.fresh(now, key)?.state;
        Some(matches!(state, MessageState::Asked { ticket, .. } if *ticket == from))
    }

    fn put(&mut self, now: Instant, key: MessageKey, mut state: MessageState) {
        self.forget_expired(now);
        self.weight += state.weight();
        let index = self.index_of(key.member);
        let newest = index.map_or(NONE, |index| self.entry(index).newest);
        let (newer, known) = self.locate(newest, key.id);
        let known = known.map(|number| (number, self.message(number).state.is_fresh(now)));
        if let Some((number, is_fresh)) = known
            && (is_fresh || number == newest)
        {
            let message = self.message(number);
            message.content = key.content;
            *state.older() = *message.state.older();
            let before = std::mem::replace(&mut message.state, state);
            self.weight -= before.weight();
        } else {
            // What expired gives up its place: done again, it is among the last messages.
            if let (Some(index), Some((number, _))) = (index, known) {
                self.drop_message(index, newer, number);
            }
            *state.older() = newest;
            let number =
                self.messages.insert(RememberedMessage { id: key.id, content: key.content, state })
                    as u32;
            match index {
                Some(index) => self.append(index, number),
                None => self.create(key.member, number),
            }
        }
        if let Some(index) = index {
            self.unlink(index);
            self.link_back(index);
        }
        // The entry that was just written goes last, so a bound below one answer forgets even that.
        while self.max_weight != 0 && self.weight > self.max_weight && self.front != NONE {
            self.forgotten += 1;
            self.remove(self.front);
        }
    }

    /// The order is by the last message or answer, so whoever is behind a fresh entry is fresh. An
    /// older message may be fresh where the newest is not: its answer was late.
    fn forget_expired(&mut self, now: Instant) {
        while let Some(entry) = self.entries.get(self.front as usize)
            && !self.walk(entry.newest).any(|(_, message)| message.state.is_fresh(now))
        {
            self.remove(self.front);
        }
    }

    fn append(&mut self, index: u32, number: u32) {
        let entry = self.entry(index);
        entry.newest = number;
        entry.count = entry.count.saturating_add(1);
        if entry.count.get() > MESSAGES {
            self.drop_oldest(index);
        }
    }

    fn create(&mut self, member: u64, newest: u32) {
        let entry =
            MemberLog { member, previous: NONE, next: NONE, newest, count: NonZeroU32::MIN };
        let index = self.entries.insert(entry) as u32;
        self.weight += ENTRY_WEIGHT;
        let Self { by_member, entries, .. } = self;
        let hash_of =
            |&index: &u32| entries.get(index as usize).map_or(0, |entry: &MemberLog| entry.member);
        by_member.insert_unique(member, index, hash_of);
        self.link_back(index);
    }

    fn remove(&mut self, index: u32) {
        self.unlink(index);
        let Some(entry) = self.entries.try_remove(index as usize) else { return };
        self.weight -= ENTRY_WEIGHT;
        if let Ok(place) = self.by_member.find_entry(entry.member, |&other| other == index) {
            place.remove();
        }
        let mut next = entry.newest;
        while let Some(mut message) = self.messages.try_remove(next as usize) {
            self.weight -= message.state.weight();
            next = *message.state.older();
        }
    }

    /// Forgets the oldest message of an entry with at least two. O(32).
    fn drop_oldest(&mut self, index: u32) {
        let newest = self.entry(index).newest;
        let numbers = self.walk(newest).map(|(number, _)| number);
        let (newer, oldest) = numbers.fold((NONE, NONE), |(_, last), number| (last, number));
        self.drop_message(index, newer, oldest);
    }

    /// Forgets message `number` of an entry with at least two, which comes right before `newer`.
    fn drop_message(&mut self, index: u32, newer: u32, number: u32) {
        if let Some(mut message) = self.messages.try_remove(number as usize) {
            self.weight -= message.state.weight();
            let older = *message.state.older();
            match newer {
                NONE => self.entry(index).newest = older,
                newer => *self.message(newer).state.older() = older,
            }
            let entry = self.entry(index);
            entry.count = NonZeroU32::new(entry.count.get() - 1).unwrap_or(NonZeroU32::MIN);
        }
    }

    /// The message of this id from `newest` on, behind the one that came right after it.
    fn locate(&self, newest: u32, id: u64) -> (u32, Option<u32>) {
        let mut newer = NONE;
        let is_it = |(number, message): &(u32, &RememberedMessage)| {
            let is_it = message.id == id;
            newer = if is_it { newer } else { *number };
            is_it
        };
        let found = self.walk(newest).find(is_it).map(|(number, _)| number);
        (newer, found)
    }

    /// The messages from `newest` on, with their numbers.
    fn walk(&self, newest: u32) -> impl Iterator<Item = (u32, &RememberedMessage)> {
        let at = |number: u32| Some((number, self.messages.get(number as usize)?));
        std::iter::successors(at(newest), move |(_, message)| match message.state {
            MessageState::Asked { older, .. }
            | MessageState::Answered { older, .. }
            | MessageState::Failed { older, .. }
            | MessageState::NotDone { older, .. } => at(older),
        })
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
        let MemberLog { previous, next, .. } = *self.entry(index);
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
    fn entry(&mut self, index: u32) -> &mut MemberLog {
        &mut self.entries[index as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "indices are this table's own, never a peer's")]
    fn message(&mut self, number: u32) -> &mut RememberedMessage {
        &mut self.messages[number as usize]
    }
}

#[cfg(test)]
mod tests;
