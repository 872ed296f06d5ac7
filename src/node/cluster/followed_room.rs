//! A room that this node follows in the engine.

use crate::id::ConnId;
use crate::protocol::Position;
use crate::time::Instant;

/// How far this node is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FollowState {
    /// The link is down.
    Lost,
    /// Its log is read: since the subscription, or since an entry was missing.
    Reading,
    /// Each entry is delivered as it is announced.
    Live,
}

#[derive(Debug)]
pub(super) struct FollowedRoom {
    pub(super) state: FollowState,
    /// The newest position that was delivered; `None`: it was never read.
    pub(super) head: Option<Position>,
    /// When somebody wanted to join it last.
    pub(super) wanted: Instant,
    /// In which history of the engine it was read last; `None`: that is not known.
    pub(super) history: Option<u64>,
    /// Connections that join when it was read.
    pub(super) waiting: Vec<ConnId>,
    /// Its head is compared after the next message's time, which is in `compares`.
    pub(super) is_compared_soon: bool,
    /// When it was read or compared last.
    pub(super) compared: Instant,
    /// Something that was to be published could not be: its members are told so when it is read.
    pub(super) is_broken: bool,
    /// The engine has refused to announce its entries.
    pub(super) is_unsubscribed: bool,
    /// It is being broken, and no break was seen in its log since.
    pub(super) is_breaking: bool,
    /// It is to be read when fewer are being read.
    pub(super) is_queued: bool,
    /// It has a place among those that somebody waits for, and among the others: one in each at most, which
    /// it keeps until its turn comes there, though it was read meanwhile.
    is_among_awaited: bool,
    is_among_others: bool,
}

impl FollowedRoom {
    /// One that somebody has just wanted, and that these connections wait for.
    pub(super) fn new(now: Instant, waiting: Vec<ConnId>) -> Self {
        Self {
            state: FollowState::Lost,
            head: None,
            wanted: now,
            history: None,
            waiting,
            is_compared_soon: false,
            compared: now,
            is_broken: false,
            is_unsubscribed: false,
            is_breaking: false,
            is_queued: false,
            is_among_awaited: false,
            is_among_others: false,
        }
    }

    /// Its place among those to be read, that somebody waits for or not.
    pub(super) fn place(&mut self, is_awaited: bool) -> &mut bool {
        if is_awaited { &mut self.is_among_awaited } else { &mut self.is_among_others }
    }

    pub(super) fn has_place(&self) -> bool {
        self.is_among_awaited || self.is_among_others
    }

    /// Does a client come from a position that this node has not reached?
    pub(super) fn is_behind(&self, seen: Option<Position>) -> bool {
        let distance = |seen: Position| Some(seen.distance_from(self.head?)? > 0);
        seen.and_then(distance).unwrap_or(false)
    }
}
