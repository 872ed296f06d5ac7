//! Answers that were given, so that a message that is sent again is not done again.
//!
//! The same user's repeated id in the same room is answered with the first answer, within 10 minutes
//! and the user's last 32 messages there, also after a reconnect. A hash tells other content apart.
//!
//! One entry a user and room, in the order of their last messages: the front of that order is the
//! first to expire. When the bound on all is reached, the stalest entry of the user that takes most
//! goes, so nobody can have the answers of others forgotten. The tables are flat: 32 bytes an entry and
//! 8 in the table that finds it, 20 a message, and the answer; from half of the bound on, also its place
//! among its user's. An answer that several messages share counts once. The messages of an entry are a ring,
//! and most new ids are known to be new from a filter, so that a message looks at no other one.

mod filter;
mod message;
mod order;
mod ring;
mod shared;
mod table;
mod users;
mod weights;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashTable;
use slab::Slab;

pub(crate) use self::filter::MessageFilter;
use self::message::{
    Absent, LIFETIME_SECONDS, MessageState, NONE, RememberedMessage, StateKind, second_of,
};
pub(crate) use self::message::{Lookup, MessageKey};
use self::shared::SharedAnswers;
use self::table::MessageTable;
use self::users::UserIndex;
use crate::id::Seed;
use crate::node::app::Answer;
use crate::node::work::ticket::Ticket;
use crate::shares::Holdings;
use crate::time::Instant;

/// How long an answer is remembered.
pub(crate) const LIFETIME: Duration = Duration::from_secs(LIFETIME_SECONDS as u64);
/// Answers that are remembered of one user in one room.
const MESSAGES: u32 = 32;
/// What an entry takes beside its messages, its places in the tables included.
const ENTRY_WEIGHT: usize =
    size_of::<MemberLog>() + 8 + Holdings::ENTRY_BYTES + Holdings::HOLDER_BYTES;

/// What a user and room take with so many messages that are answered with so much text each.
#[cfg(feature = "net")]
pub(crate) fn remembered_answer_bytes(messages: u64, text: usize) -> usize {
    let answer = SharedAnswers::ENTRY_BYTES + size_of::<crate::node::app::Update>() + text;
    ENTRY_WEIGHT + messages as usize * (size_of::<RememberedMessage>() + answer)
}

/// The memory of answers.
#[derive(Debug)]
pub(crate) struct DedupCache {
    by_member: HashTable<u32>,
    entries: Slab<MemberLog>,
    messages: MessageTable,
    /// The tickets of messages that the application works on.
    tickets: Slab<Ticket>,
    filter: MessageFilter,
    shared: SharedAnswers,
    by_user: UserIndex,
    /// The stalest entry, and the freshest.
    front: u32,
    back: u32,
    weight: usize,
    max_weight: usize,
    forgotten: u64,
    /// What was looked for last and is not there, until the next change: `put` need not look again.
    absent: Option<Absent>,
}

#[derive(Debug)]
struct MemberLog {
    member: u64,
    user: u64,
    previous: u32,
    next: u32,
    /// The newest message of the ring.
    newest: u32,
    /// How many are in it. There is always one, which is also what lets the slab mark an empty place
    /// without a tag.
    count: NonZeroU32,
}

impl DedupCache {
    /// Remembers answers of `max_weight` bytes in all; 0: without a bound. There is room for
    /// `members` with 4 messages each.
    pub(crate) fn new(seed: &Seed, max_weight: usize, members: usize) -> Self {
        Self {
            by_member: HashTable::with_capacity(members / 2),
            entries: Slab::with_capacity(members),
            messages: MessageTable::with_capacity(4 * members),
            tickets: Slab::new(),
            filter: MessageFilter::new(members),
            shared: SharedAnswers::default(),
            by_user: UserIndex::new(seed),
            front: NONE,
            back: NONE,
            weight: 0,
            max_weight,
            forgotten: 0,
            absent: None,
        }
    }

    /// From here on so many bytes; what is beyond them goes with the next answer.
    pub(crate) fn set_max_weight(&mut self, max_weight: usize) {
        self.max_weight = max_weight;
    }

    /// The bytes that are remembered, and those that may be; 0: there is no bound.
    pub(crate) fn fill(&self) -> (usize, usize) {
        (self.weight, self.max_weight)
    }

    /// Users and rooms that were forgotten early because the bound was reached.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How much the user takes that takes most, once half of the bound is in use.
    #[cfg(feature = "sim")]
    pub(crate) fn most_of_user(&self) -> u64 {
        self.by_user.most()
    }

    /// What is known of the message, if it came before. O(32) if it did, and O(1) as a rule if not.
    pub(crate) fn find(&mut self, now: Instant, key: MessageKey) -> Option<Lookup> {
        self.forget_expired(now);
        let message = match self.look_for(now, key) {
            Ok(message) if message.is_fresh(now) => message,
            Ok(_) => return None,
            Err(absent) => {
                self.absent = Some(absent);
                return None;
            }
        };
        if message.content != key.kept_content() {
            return Some(Lookup::OtherContent);
        }
        match message.kind {
            StateKind::Asked => self.ticket_of(message).map(Lookup::Asked),
            StateKind::Answered | StateKind::Charged => {
                let update = self.shared.get(message.value)?;
                Some(Lookup::Answered(Ok(Arc::clone(update))))
            }
            StateKind::Failed => Some(Lookup::Answered(Err(message.error()))),
            StateKind::NotDone => Some(Lookup::NotDone),
            StateKind::Empty => None,
        }
    }

    /// The question that the application works on.
    fn ticket_of(&self, message: &RememberedMessage) -> Option<Ticket> {
        let is_asked = message.kind == StateKind::Asked;
        self.tickets.get(message.value as usize).filter(|_| is_asked).copied()
    }

    /// The message of this id, or what is known if there is none. O(32).
    fn look_for(&self, now: Instant, key: MessageKey) -> Result<&RememberedMessage, Absent> {
        let MessageKey { member, id, .. } = key;
        let index = self.index_of(member);
        let entry = index.and_then(|index| self.entries.get(index as usize));
        entry
            .filter(|_| self.filter.may_have(member, id))
            .and_then(|entry| self.ring(entry).find(|(_, message)| message.has_id(id)))
            .map(|(_, message)| message)
            .ok_or(Absent { now, member, id, index })
    }

    /// The message of this id that is remembered, whatever it says. O(32).
    fn fresh(&self, now: Instant, key: MessageKey) -> Option<&RememberedMessage> {
        self.look_for(now, key).ok().filter(|message| message.is_fresh(now))
    }

    /// The application is asked, as the question of this ticket.
    pub(crate) fn asked(&mut self, now: Instant, key: MessageKey, ticket: Ticket) {
        self.put(now, key, second_of(now), MessageState::Asked(ticket));
    }

    /// The application has answered.
    pub(crate) fn answered(&mut self, now: Instant, key: MessageKey, answer: &Answer) {
        let state = match answer {
            Ok(update) => MessageState::Answered(Arc::clone(update)),
            Err(error) => MessageState::Failed(*error),
        };
        self.put(now, key, second_of(now), state);
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
        let asked = self.fresh(now, key).filter(|it| self.ticket_of(it) == Some(from));
        if let Some(second) = asked.map(|it| it.second) {
            self.put(now, key, second, MessageState::NotDone);
        }
    }

    /// Forgets the message that was asked about as the question of this ticket.
    pub(crate) fn forget(&mut self, now: Instant, key: MessageKey, from: Ticket) {
        if self.is_of(now, key, from) != Some(true) {
            return;
        }
        let Some(index) = self.index_of(key.member) else { return };
        let count = self.entry(index).count;
        match self.locate(index, key.id) {
            Some(_) if count.get() == 1 => self.remove(index),
            Some((older, number)) => self.drop_message(index, older, number),
            None => {}
        }
    }

    /// Does what is remembered of this id come from the question of this ticket? `None`: nothing is.
    fn is_of(&self, now: Instant, key: MessageKey, from: Ticket) -> Option<bool> {
        Some(self.ticket_of(self.fresh(now, key)?) == Some(from))
    }

    fn put(&mut self, now: Instant, key: MessageKey, second: u16, state: MessageState) {
        let absent = self.absent.take().filter(|it| it.is_of(now, key));
        if absent.is_none() {
            self.forget_expired(now);
        }
        let (kept, charge) = self.weigh_in(state);
        let index = absent.as_ref().map_or_else(|| self.index_of(key.member), |it| it.index);
        let known = index.filter(|_| absent.is_none()).and_then(|index| {
            let (older, number) = self.locate(index, key.id)?;
            let is_kept = number == self.entry(index).newest || self.message(number).is_fresh(now);
            Some((index, older, number, is_kept))
        });
        let new = RememberedMessage::new(key, second, kept);
        if let Some((index, _, number, true)) = known {
            let place = self.message(number);
            let newer = place.newer;
            let before = std::mem::replace(place, RememberedMessage { newer, ..new });
            let refund = self.weigh_out(before);
            self.by_user.reweigh(index, charge, refund);
        } else {
            // What expired gives up its place: done again, it is among the last messages.
            if let Some((index, older, number, _)) = known {
                self.drop_message(index, older, number);
            }
            self.filter.add(key.member, key.id);
            let number = self.messages.insert(new);
            match index {
                Some(index) => {
                    self.by_user.reweigh(index, charge, 0);
                    self.append(index, number);
                }
                None => self.create(key, number),
            }
        }
        if let Some(index) = index {
            self.unlink(index);
            self.link_back(index);
        }
        self.keep_index(charge);
        // Of its user's entries the one that was just written goes last, so a bound below one answer
        // forgets even that.
        self.forget_heaviest(key.user);
    }

    /// The order is by the last message or answer, so whoever is behind a fresh entry is fresh. An
    /// older message may be fresh where the newest is not: its answer was late.
    fn forget_expired(&mut self, now: Instant) {
        while let Some(entry) = self.entries.get(self.front as usize)
            && !self.messages.get(entry.newest).is_some_and(|it| it.is_fresh(now))
            && !self.ring(entry).any(|(_, message)| message.is_fresh(now))
        {
            self.remove(self.front);
        }
    }

    fn create(&mut self, key: MessageKey, newest: u32) {
        let MessageKey { member, user, .. } = key;
        self.message(newest).newer = newest;
        let (previous, next, count) = (NONE, NONE, NonZeroU32::MIN);
        let entry = MemberLog { member, user, previous, next, newest, count };
        let index = self.entries.insert(entry) as u32;
        self.weight += ENTRY_WEIGHT;
        let Self { by_member, entries, .. } = self;
        let hash_of =
            |&index: &u32| entries.get(index as usize).map_or(0, |entry: &MemberLog| entry.member);
        by_member.insert_unique(member, index, hash_of);
        self.link_back(index);
    }

    fn remove(&mut self, index: u32) {
        self.absent = None;
        self.unlink(index);
        let Some(entry) = self.entries.try_remove(index as usize) else { return };
        self.weight -= ENTRY_WEIGHT;
        if let Ok(place) = self.by_member.find_entry(entry.member, |&other| other == index) {
            place.remove();
        }
        // The newest comes last: where it leads to is gone by then.
        let (mut next, mut refund) = (self.oldest(&entry), ENTRY_WEIGHT as u64);
        while let Some(message) = self.messages.try_remove(next) {
            self.filter.remove(entry.member, message.id());
            refund += self.weigh_out(message);
            next = message.newer;
        }
        self.by_user.remove(index, refund);
    }

    fn index_of(&self, member: u64) -> Option<u32> {
        let is_it = |&index: &u32| {
            self.entries.get(index as usize).is_some_and(|entry| entry.member == member)
        };
        self.by_member.find(member, is_it).copied()
    }

    #[expect(clippy::indexing_slicing, reason = "indices are this table's own, never a peer's")]
    fn entry(&mut self, index: u32) -> &mut MemberLog {
        &mut self.entries[index as usize]
    }

    fn message(&mut self, number: u32) -> &mut RememberedMessage {
        self.messages.at(number)
    }
}

#[cfg(test)]
mod tests;
