//! What the remembered messages take, and who is charged for it.

use super::message::{MessageState, RememberedMessage, StateKind, place_of};
use super::shared::SharedAnswers;
use super::{DedupCache, ENTRY_WEIGHT, NONE};
use crate::node::work::ticket::Ticket;

/// What the ticket of a message takes that the application works on: the ticket, and the tag of its
/// place in the slab.
const TICKET_BYTES: usize = size_of::<(usize, Ticket)>();
/// The least that is indexed with an answer.
const LEAST_INDEXED: u64 = 1 << 10;

impl DedupCache {
    /// Counts what a message takes, and keeps what it says. Gives back how that is found, and what of
    /// it is charged to its user: all of it, but for an answer that others had before.
    pub(super) fn weigh_in(&mut self, state: MessageState) -> ((StateKind, u32), u64) {
        let mut weight = size_of::<RememberedMessage>();
        let kept = match state {
            MessageState::Asked(ticket) => {
                weight += TICKET_BYTES;
                (StateKind::Asked, self.tickets.insert(ticket) as u32)
            }
            MessageState::Answered(update) => {
                let bytes = SharedAnswers::ENTRY_BYTES + update.weight();
                match self.shared.add(update) {
                    (number, true) => {
                        weight += bytes;
                        (StateKind::Charged, number)
                    }
                    (number, false) => (StateKind::Answered, number),
                }
            }
            MessageState::Failed(error) => (StateKind::Failed, place_of(error)),
            MessageState::NotDone => (StateKind::NotDone, 0),
        };
        self.weight += weight;
        (kept, weight as u64)
    }

    /// A message is forgotten. Gives back what its user was charged for it.
    pub(super) fn weigh_out(&mut self, message: RememberedMessage) -> u64 {
        let charge = self.charge_of(&message);
        self.weight -= size_of::<RememberedMessage>();
        if message.kind == StateKind::Asked {
            self.tickets.try_remove(message.value as usize);
            self.weight -= TICKET_BYTES;
        } else if message.is_answered() {
            let bytes = self.answer_bytes(message.value);
            if self.shared.remove(message.value) {
                self.weight -= bytes;
            }
        }
        charge
    }

    /// What the user of a message is charged for it.
    pub(super) fn charge_of(&self, message: &RememberedMessage) -> u64 {
        let beside = match message.kind {
            StateKind::Asked => TICKET_BYTES,
            StateKind::Charged => self.answer_bytes(message.value),
            _ => 0,
        };
        (size_of::<RememberedMessage>() + beside) as u64
    }

    /// What an answer takes.
    fn answer_bytes(&self, number: u32) -> usize {
        let weight = self.shared.get(number).map_or(0, |update| update.weight());
        SharedAnswers::ENTRY_BYTES + weight
    }
}

/// Whose entries go when the memory is full.
impl DedupCache {
    /// Goes on with the index, after `added` bytes have come; begins it, or drops it.
    pub(super) fn keep_index(&mut self, added: u64) {
        if self.by_user.holdings.is_some() {
            if self.weight < self.max_weight / 4 || self.max_weight == 0 {
                self.by_user.end();
            } else if self.by_user.next != NONE {
                self.index(added.saturating_mul(2).max(LEAST_INDEXED));
            }
        } else if self.max_weight != 0 && self.weight > self.max_weight / 2 {
            self.by_user.begin(self.front);
            self.index(added.saturating_mul(2).max(LEAST_INDEXED));
        }
    }

    /// Forgets the stalest entry of the user that has most, while more is remembered than may be.
    pub(super) fn forget_heaviest(&mut self, user: u64) {
        while self.max_weight != 0 && self.weight > self.max_weight {
            self.index(u64::MAX);
            let holdings = self.by_user.holdings.as_ref();
            let Some(victim) = holdings.and_then(|it| it.victim(user, 0)) else { return };
            self.forgotten += 1;
            self.remove(victim);
        }
    }

    /// Indexes entries that weigh so much, if there are as many that are not indexed.
    fn index(&mut self, bytes: u64) {
        let mut indexed = 0;
        while indexed < bytes
            && let Some(entry) = self.entries.get(self.by_user.next as usize)
        {
            let (index, user, next) = (self.by_user.next, entry.user, entry.next);
            let messages = self.ring(entry);
            let weight: u64 = messages.map(|(_, message)| self.charge_of(message)).sum();
            let weight = ENTRY_WEIGHT as u64 + weight;
            self.by_user.next = next;
            if let Some(holdings) = &mut self.by_user.holdings {
                // One that was written again since it was indexed comes once more: behind what was
                // staler.
                if holdings.contains(index) {
                    holdings.refresh(index);
                } else {
                    holdings.insert(index, user, weight);
                }
            }
            indexed = indexed.saturating_add(weight);
        }
    }
}
