//! What the remembered messages take, and who is charged for it.

use super::DedupCache;
use super::message::{MessageState, RememberedMessage, StateKind, place_of};
use super::shared::SharedAnswers;

impl DedupCache {
    /// Counts what a message takes, and keeps what it says. Gives back how that is found, and what of
    /// it is charged to its user: all of it, but for an answer that others had before.
    pub(super) fn weigh_in(&mut self, state: MessageState) -> ((StateKind, u32), u64) {
        let mut weight = size_of::<RememberedMessage>();
        let kept = match state {
            MessageState::Asked(ticket) => (StateKind::Asked, self.tickets.insert(ticket) as u32),
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
        let answer = match message.kind {
            StateKind::Charged => self.answer_bytes(message.value),
            _ => 0,
        };
        (size_of::<RememberedMessage>() + answer) as u64
    }

    /// What an answer takes.
    fn answer_bytes(&self, number: u32) -> usize {
        let weight = self.shared.get(number).map_or(0, |update| update.weight());
        SharedAnswers::ENTRY_BYTES + weight
    }
}
