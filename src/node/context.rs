//! What every part of the node may touch: the moment, the policy, the counters, and what goes out.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;

use crate::auth::Address;
use crate::id::{MessageIds, Seed, SeededState};
use crate::node::connections::frame::{Encoder, Shared};
use crate::node::observe::access::AccessBytes;
use crate::node::observe::close_history::CloseHistory;
use crate::node::observe::metrics::Metrics;
use crate::node::planted::{Fault, Planted};
use crate::node::policy::Policy;
use crate::node::work::port::Action;
use crate::protocol::{Payload, ServerMessage};
use crate::time::{Instant, Now, Rfc3339, UnixTime};

/// The context of a call into the node.
#[derive(Debug)]
pub(crate) struct Cx {
    /// The moment of the call that is being handled.
    pub(crate) now: Now,
    pub(crate) policy: Policy,
    pub(crate) metrics: Metrics,
    /// What became of the last connections.
    pub(crate) history: CloseHistory,
    /// For `log.access`.
    pub(crate) access: AccessBytes,
    /// What the driver is to do, in order.
    pub(crate) actions: VecDeque<Action>,
    pub(crate) ids: MessageIds,
    pub(crate) encoder: Encoder,
    /// In tests of the simulator's checkers.
    pub(crate) fault: Fault,
    hashing: SeededState,
    /// The last moment that was written as text, and that text.
    last_timestamp: (UnixTime, Rfc3339),
}

impl Cx {
    pub(crate) fn new(policy: Policy, remembered: usize, seed: &Seed) -> Self {
        Self {
            now: Now { monotonic: Instant::START, unix: UnixTime::default() },
            policy,
            metrics: Metrics::default(),
            history: CloseHistory::new(&seed.derive("close history"), remembered),
            access: AccessBytes::default(),
            actions: VecDeque::new(),
            ids: MessageIds::new(seed.derive("message ids")),
            encoder: Encoder::default(),
            fault: Fault::default(),
            hashing: SeededState::new(&seed.derive("replays, answers and revocations")),
            last_timestamp: (UnixTime::default(), UnixTime::default().to_rfc3339()),
        }
    }

    /// A hash that only this node can foretell.
    pub(crate) fn hash(&self, texts: &[&str]) -> u64 {
        self.hashing.hash_texts(texts)
    }

    /// A hash of one text that only this node can foretell, in one go. It is not that of
    /// [`hash`](Self::hash), which closes each text off.
    pub(crate) fn hash_text(&self, text: &str) -> u64 {
        self.hashing.build_hasher().hash(text.as_bytes())
    }

    /// The hash that stands for a user in tables that several users fill.
    pub(crate) fn user_key(&self, user: &str) -> u64 {
        self.holder_of(self.user_hash(user))
    }

    /// The user, hashed.
    pub(crate) fn user_hash(&self, user: &str) -> u64 {
        self.hashing.hash_texts(&["user", user])
    }

    /// The room, hashed. With the hash of a user it makes that of a member.
    pub(crate) fn room_hash(&self, room: &str) -> u64 {
        self.hashing.hash_texts(&["room", room])
    }

    /// What stands for the user of this hash in tables that several users fill: itself, unless a planted
    /// fault does not tell users apart.
    pub(crate) fn holder_of(&self, user_hash: u64) -> u64 {
        if self.fault.is(Planted::EvictsOldest) { 0 } else { user_hash }
    }

    /// Which of so many lists is that of an address. Nobody chooses an address for its list.
    pub(crate) fn list_of(&self, address: Address, lists: u8) -> u8 {
        let hash = self.hashing.hash_one(address.to_bits());
        (hash % u64::from(lists.max(1))) as u8
    }

    /// The moment as text: made once for all messages of a millisecond.
    pub(crate) fn timestamp(&mut self) -> Rfc3339 {
        if self.last_timestamp.0 != self.now.unix {
            self.last_timestamp = (self.now.unix, self.now.unix.to_rfc3339());
        }
        self.last_timestamp.1
    }

    /// Frames a message of the server's, with an id and the moment.
    pub(crate) fn message<P: Payload>(&mut self, payload: P) -> Shared {
        let id = self.ids.next(self.now.unix);
        let timestamp = self.timestamp();
        self.encoder.text(|buffer| ServerMessage::new(&id, timestamp, payload).write(buffer))
    }
}
