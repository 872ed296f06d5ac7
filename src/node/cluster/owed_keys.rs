//! Idempotency keys that the engine is to take back.

use std::collections::VecDeque;

use crate::node::work::publication::IdempotencyKey;

/// So many at most, beyond which the oldest is forgotten: its call is answered `idempotency_key_in_use` at other
/// nodes until the engine forgets the key.
const MOST_OWED: usize = 1_024;

/// Keys that were given to this node, or may have been, for calls that did nothing.
#[derive(Debug, Default)]
pub(crate) struct OwedKeys {
    keys: VecDeque<IdempotencyKey>,
    forgotten: u64,
}

impl OwedKeys {
    /// This one is to be taken back.
    pub(crate) fn add(&mut self, key: IdempotencyKey) {
        if self.keys.contains(&key) {
            return;
        }
        if self.keys.len() >= MOST_OWED {
            self.keys.pop_front();
            self.forgotten += 1;
        }
        self.keys.push_back(key);
    }

    /// The next one to be sent.
    pub(crate) fn pop(&mut self) -> Option<IdempotencyKey> {
        self.keys.pop_front()
    }

    /// How many were forgotten because too many waited.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owed_keys_are_kept_once_and_have_a_bound() {
        let key = |key| IdempotencyKey { key, content: 0, shared: [0; 16], shared_content: 0 };
        let mut owed = OwedKeys::default();
        (0..=MOST_OWED as u64).chain([7]).for_each(|it| owed.add(key(it)));
        assert_eq!((owed.keys.len(), owed.forgotten()), (MOST_OWED, 1));
        assert_eq!(owed.pop(), Some(key(1)));
    }
}
