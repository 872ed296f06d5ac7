//! Answers that several messages share, so that each is counted once.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::node::app::Update;

/// How many remembered messages share an answer, by the answer's address: the cache holds a
/// reference to each, so no other answer can have that address meanwhile.
#[derive(Debug, Default)]
pub(crate) struct SharedAnswers {
    by_address: HashTable<(usize, u32)>,
}

impl SharedAnswers {
    /// What an answer takes here, with the slack of the table.
    pub(crate) const ENTRY_BYTES: usize = 32;

    /// One more message has this answer. True: it is the first.
    pub(crate) fn add(&mut self, update: &Arc<Update>) -> bool {
        let address = address_of(update);
        if let Some((_, count)) = self.by_address.find_mut(hash(address), |it| it.0 == address) {
            *count += 1;
            return false;
        }
        self.by_address.insert_unique(hash(address), (address, 1), |it| hash(it.0));
        true
    }

    /// One message less has this answer. True: it was the last.
    pub(crate) fn remove(&mut self, update: &Arc<Update>) -> bool {
        let address = address_of(update);
        let Ok(mut entry) = self.by_address.find_entry(hash(address), |it| it.0 == address) else {
            debug_assert!(false, "what is removed was added");
            return false;
        };
        let (_, count) = entry.get_mut();
        *count -= 1;
        if *count > 0 {
            return false;
        }
        entry.remove();
        true
    }

    /// Answers that differ.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_address.len()
    }
}

fn address_of(update: &Arc<Update>) -> usize {
    Arc::as_ptr(update).addr()
}

/// Addresses are the allocator's and not a peer's, so they are only spread.
fn hash(address: usize) -> u64 {
    let spread = (address as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    spread ^ (spread >> 32)
}
