//! Answers that several messages share, so that each is kept and counted once.

use std::sync::Arc;

use hashbrown::HashTable;
use slab::Slab;

use crate::node::app::Update;

/// The answers, and how many remembered messages share each. It is found by its address: the cache
/// holds a reference to each, so no other answer can have that address meanwhile.
#[derive(Debug, Default)]
pub(super) struct SharedAnswers {
    by_address: HashTable<u32>,
    answers: Slab<SharedAnswer>,
}

#[derive(Debug)]
struct SharedAnswer {
    update: Arc<Update>,
    messages: u32,
}

impl SharedAnswers {
    /// What an answer takes here, with the slack of the tables.
    pub(super) const ENTRY_BYTES: usize = 32;

    /// One more message has this answer. Gives back the answer's number, and whether it is new.
    pub(super) fn add(&mut self, update: Arc<Update>) -> (u32, bool) {
        let Self { by_address, answers } = self;
        let address = address_of(&update);
        let is_it = |&number: &u32| address == address_at(answers, number);
        if let Some(&number) = by_address.find(hash(address), is_it) {
            if let Some(answer) = answers.get_mut(number as usize) {
                answer.messages += 1;
            }
            return (number, false);
        }
        let number = answers.insert(SharedAnswer { update, messages: 1 }) as u32;
        by_address.insert_unique(hash(address), number, |&it| hash(address_at(answers, it)));
        (number, true)
    }

    /// The answer of this number.
    pub(super) fn get(&self, number: u32) -> Option<&Arc<Update>> {
        self.answers.get(number as usize).map(|answer| &answer.update)
    }

    /// One message less has this answer. True: it was the last.
    pub(super) fn remove(&mut self, number: u32) -> bool {
        let Some(answer) = self.answers.get_mut(number as usize) else {
            debug_assert!(false, "what is removed was added");
            return false;
        };
        answer.messages -= 1;
        if answer.messages > 0 {
            return false;
        }
        let address = address_of(&answer.update);
        if let Ok(place) = self.by_address.find_entry(hash(address), |&it| it == number) {
            place.remove();
        }
        self.answers.remove(number as usize);
        true
    }

    /// Answers that differ.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.answers.len()
    }
}

fn address_of(update: &Arc<Update>) -> usize {
    Arc::as_ptr(update).addr()
}

fn address_at(answers: &Slab<SharedAnswer>, number: u32) -> usize {
    answers.get(number as usize).map_or(0, |answer| address_of(&answer.update))
}

/// Addresses are the allocator's and not a peer's, so they are only spread.
fn hash(address: usize) -> u64 {
    let spread = (address as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    spread ^ (spread >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_takes_16_bytes() {
        assert_eq!(size_of::<Option<SharedAnswer>>(), 16);
    }
}
