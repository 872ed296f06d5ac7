//! One message that is remembered, and what has become of it.

use std::sync::Arc;

use crate::node::app::{Answer, Update};
use crate::node::work::ticket::Ticket;
use crate::protocol::ErrorCode;
use crate::time::Instant;

/// No message, no entry.
pub(super) const NONE: u32 = u32::MAX;
/// How long an answer is remembered, in seconds.
pub(crate) const LIFETIME_SECONDS: u16 = 600;

/// Which message: its user and room, its id, and its content, each hashed under the node's seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageKey {
    /// The user, who the memory is charged to.
    pub(crate) user: u64,
    /// The user and the room.
    pub(crate) member: u64,
    /// The message's id.
    pub(crate) id: u64,
    /// What it says.
    pub(crate) content: u64,
}

impl MessageKey {
    /// The part of the content's hash that is kept: 24 bits. It is compared only under the same id of the
    /// same user, so another text passes for this one once in 2²⁴ ids that a client has used twice.
    pub(super) fn kept_content(self) -> [u8; 3] {
        let [first, second, third, ..] = self.content.to_le_bytes();
        [first, second, third]
    }
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

/// No message of this id is remembered of its user and room. It holds until something is remembered or
/// forgotten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Absent {
    /// When it was looked for: nothing that was due then is left.
    pub(crate) now: Instant,
    pub(crate) member: u64,
    pub(crate) id: u64,
    /// The entry of its user and room, if there is one.
    pub(crate) index: Option<u32>,
}

impl Absent {
    pub(crate) fn is_of(&self, now: Instant, key: MessageKey) -> bool {
        (self.now, self.member, self.id) == (now, key.member, key.id)
    }
}

/// What has become of a message.
#[derive(Clone, Debug)]
pub(super) enum MessageState {
    /// The application works on it.
    Asked(Ticket),
    Answered(Arc<Update>),
    Failed(ErrorCode),
    NotDone,
}

/// Which of those, in a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateKind {
    /// No message: its place in the table is free.
    Empty,
    Asked,
    Answered,
    /// The same, and the answer counts as its user's, who was the first to get it.
    Charged,
    Failed,
    NotDone,
}

/// A message with an id that is remembered: 20 bytes.
///
/// Of its id's hash 48 bits are kept. It is compared with those of at most 32 messages, so a new message
/// passes for one of these once in 2⁴³, which are 280 years of 1,000 messages a second.
///
/// `second` counts anew every 18 hours, which no two messages of an entry are apart: each of the 32
/// came within 20 minutes of the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct RememberedMessage {
    pub(super) id: [u16; 3],
    pub(super) second: u16,
    /// The message after this one; of the newest, it is the oldest.
    pub(super) newer: u32,
    /// By kind: the number of the ticket or of the answer, or the error's place in
    /// [`ErrorCode::ALL`].
    pub(super) value: u32,
    pub(super) content: [u8; 3],
    pub(super) kind: StateKind,
}

impl RememberedMessage {
    /// The message of this key, which came in this second, and what has become of it.
    pub(super) fn new(key: MessageKey, second: u16, (kind, value): (StateKind, u32)) -> Self {
        let id = kept_id(key.id);
        Self { id, second, newer: NONE, value, content: key.kept_content(), kind }
    }

    /// No message; `next` is the next place without one.
    pub(super) fn empty(next: u32) -> Self {
        Self {
            id: [0; 3],
            second: 0,
            newer: next,
            value: 0,
            content: [0; 3],
            kind: StateKind::Empty,
        }
    }

    /// Is this the hash of its id?
    pub(super) fn has_id(&self, id: u64) -> bool {
        self.id == kept_id(id)
    }

    /// What is kept of that, as a number.
    pub(super) fn id(&self) -> u64 {
        let [low, middle, high] = self.id.map(u64::from);
        low | middle << 16 | high << 32
    }

    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        second_of(now).wrapping_sub(self.second) < LIFETIME_SECONDS
    }

    pub(super) fn is_answered(&self) -> bool {
        matches!(self.kind, StateKind::Answered | StateKind::Charged)
    }

    /// The error that it was answered with.
    pub(super) fn error(&self) -> ErrorCode {
        ErrorCode::ALL.get(self.value as usize).copied().unwrap_or(ErrorCode::Internal)
    }
}

/// The low 48 bits.
fn kept_id(id: u64) -> [u16; 3] {
    [id as u16, (id >> 16) as u16, (id >> 32) as u16]
}

/// The place of an error in the list of all.
pub(super) fn place_of(error: ErrorCode) -> u32 {
    ErrorCode::ALL.iter().position(|it| *it == error).unwrap_or(usize::MAX) as u32
}

/// The second of a message that comes now.
pub(super) fn second_of(now: Instant) -> u16 {
    now.whole_seconds() as u16
}
