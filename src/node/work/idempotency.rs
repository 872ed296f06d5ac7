//! Idempotency keys of publish calls: a call that is repeated is answered as it was the first time, and
//! not done again.
//!
//! A key is remembered for 24 hours, and the newest `admin.idempotency_keys` of them. Whoever has the
//! operator's key is trusted, so the oldest entry gives way, whoever used it.

use std::time::Duration;

use hashlink::LinkedHashMap;

use crate::id::{Seed, SeededState};
use crate::node::work::publication::{IdempotencyKey, PublishTally};
use crate::time::Instant;

/// How long a key is remembered.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// What a key takes: its entry of 72 bytes, and its places in a table that may be half full.
#[cfg(feature = "net")]
pub(crate) const IDEMPOTENCY_KEY_BYTES: usize = 96;

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// Nothing: the call is to be made.
    First,
    /// This became of the call.
    Done(PublishTally),
    /// The call is under way.
    UnderWay,
    /// It was used for a call that says something else.
    OtherContent,
}

/// The keys that are remembered.
#[derive(Debug)]
pub(crate) struct IdempotencyKeys {
    /// The oldest first.
    entries: LinkedHashMap<u64, RememberedKey, SeededState>,
    evictions: u64,
}

#[derive(Debug)]
struct RememberedKey {
    content: u64,
    since: Instant,
    /// `None`: the call is under way.
    tally: Option<PublishTally>,
}

impl IdempotencyKeys {
    pub(crate) fn new(seed: &Seed) -> Self {
        let state = SeededState::new(&seed.derive("idempotency keys"));
        Self { entries: LinkedHashMap::with_hasher(state), evictions: 0 }
    }

    /// How many are remembered.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keys that were forgotten before their time, as there were too many.
    pub(crate) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// A call with this key comes. Of all keys `most` are remembered.
    pub(crate) fn begin(&mut self, now: Instant, key: IdempotencyKey, most: usize) -> KeyUse {
        while self.entries.front().is_some_and(|(_, entry)| entry.since + LIFETIME <= now) {
            self.entries.pop_front();
        }
        if let Some(entry) = self.entries.get(&key.key) {
            return match entry.tally {
                _ if entry.content != key.content => KeyUse::OtherContent,
                Some(tally) => KeyUse::Done(tally),
                None => KeyUse::UnderWay,
            };
        }
        let entry = RememberedKey { content: key.content, since: now, tally: None };
        self.entries.insert(key.key, entry);
        while self.entries.len() > most.max(1) {
            self.entries.pop_front();
            self.evictions += 1;
        }
        KeyUse::First
    }

    /// Is the call with this key under way, or done?
    pub(crate) fn knows(&self, key: IdempotencyKey) -> bool {
        self.entries.contains_key(&key.key)
    }

    /// The call with this key is done.
    pub(crate) fn end(&mut self, key: IdempotencyKey, tally: PublishTally) {
        if let Some(entry) = self.entries.get_mut(&key.key).filter(|it| it.content == key.content) {
            entry.tally = Some(tally);
        }
    }

    /// The call with this key has done nothing: it may be made again.
    pub(crate) fn forget(&mut self, key: IdempotencyKey) {
        if self.entries.get(&key.key).is_some_and(|it| it.content == key.content) {
            self.entries.remove(&key.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: u64, content: u64) -> IdempotencyKey {
        IdempotencyKey { key, content, shared: [0; 16], shared_content: 0 }
    }

    #[test]
    fn a_key_stands_for_one_content_for_a_day() {
        let mut keys = IdempotencyKeys::new(&Seed::predictable(1));
        let (now, tally) = (Instant::START, PublishTally { delivered: 3, ..Default::default() });
        assert_eq!(keys.begin(now, key(1, 1), 10), KeyUse::First);
        assert_eq!(keys.begin(now, key(1, 1), 10), KeyUse::UnderWay);
        assert_eq!(keys.begin(now, key(1, 2), 10), KeyUse::OtherContent);
        keys.end(key(1, 1), tally);
        let last = now + LIFETIME - Duration::from_millis(1);
        assert_eq!(keys.begin(last, key(1, 1), 10), KeyUse::Done(tally));
        assert_eq!(keys.begin(last, key(1, 2), 10), KeyUse::OtherContent);
        assert_eq!(keys.begin(now + LIFETIME, key(1, 2), 10), KeyUse::First);
        keys.forget(key(1, 2));
        assert_eq!((keys.len(), keys.evictions()), (0, 0));
    }

    #[test]
    fn the_oldest_key_gives_way_to_a_new_one() {
        let mut keys = IdempotencyKeys::new(&Seed::predictable(1));
        for n in 0..5 {
            assert_eq!(keys.begin(Instant::START, key(n, 0), 3), KeyUse::First);
        }
        assert_eq!((keys.len(), keys.evictions()), (3, 2));
        assert_eq!(keys.begin(Instant::START, key(4, 0), 3), KeyUse::UnderWay);
        // What was forgotten meanwhile leaves nothing behind.
        keys.end(key(0, 0), PublishTally::default());
        assert_eq!(keys.len(), 3);
    }

    #[test]
    fn an_entry_takes_at_most_72_bytes() {
        assert!(size_of::<(u64, RememberedKey)>() + 2 * size_of::<usize>() <= 72);
    }
}
