//! One message that is remembered, and what has become of it.

use std::sync::Arc;

use crate::node::app::{Answer, Update};
use crate::node::work::ticket::Ticket;
use crate::protocol::ErrorCode;
use crate::time::Instant;

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

/// A message with an id that is remembered.
#[derive(Debug)]
pub(crate) struct RememberedMessage {
    pub(crate) id: u64,
    pub(crate) content: u64,
    pub(crate) state: MessageState,
}

/// 16 bytes: each variant repeats what they share, so that it can lie beside the tag.
///
/// `newer` is the message after this one; of the newest, it is the oldest. `second` counts anew every 18 hours, which no two messages
/// of an entry are apart: each of the 32 came within 20 minutes of the one before. `is_charged`: the
/// answer counts as its user's, as it was the first to get it.
#[derive(Debug)]
pub(crate) enum MessageState {
    Asked { newer: u32, second: u16, ticket: Ticket },
    Answered { newer: u32, second: u16, is_charged: bool, update: Arc<Update> },
    Failed { newer: u32, second: u16, error: ErrorCode },
    NotDone { newer: u32, second: u16 },
}

const _: () = assert!(size_of::<MessageState>() == 16);

impl MessageState {
    pub(crate) fn newer(&self) -> u32 {
        let (Self::Asked { newer, .. }
        | Self::Answered { newer, .. }
        | Self::Failed { newer, .. }
        | Self::NotDone { newer, .. }) = *self;
        newer
    }

    pub(crate) fn newer_mut(&mut self) -> &mut u32 {
        match self {
            Self::Asked { newer, .. }
            | Self::Answered { newer, .. }
            | Self::Failed { newer, .. }
            | Self::NotDone { newer, .. } => newer,
        }
    }

    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        let (Self::Asked { second, .. }
        | Self::Answered { second, .. }
        | Self::Failed { second, .. }
        | Self::NotDone { second, .. }) = *self;
        (now.whole_seconds() as u16).wrapping_sub(second) < LIFETIME_SECONDS
    }
}
