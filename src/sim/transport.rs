//! The simulator's state of one connection.

use std::collections::BTreeSet;

use super::check::Life;
use super::network::LinkId;
use super::wire::FrameCount;
use crate::id::ConnId;
use crate::time::Instant;

/// The connections that a turn may concern, by index. All others have nothing to read, and wait for nothing.
#[derive(Debug, Default)]
pub(super) struct ActiveTransports {
    /// Those that may have input which is not read.
    pub(super) with_input: BTreeSet<usize>,
    /// Those whose bytes wait, or whose output was written in this turn.
    pub(super) touched: BTreeSet<usize>,
}

/// The simulator's state of one connection.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) id: ConnId,
    pub(super) link: LinkId,
    pub(super) frames: FrameCount,
    /// The last write was short.
    pub(super) is_full: bool,
    /// Output was written in this turn. True: it had waited for a full socket.
    pub(super) written: Option<bool>,
    /// The pending work done so far when bytes came to this authenticated connection.
    pub(super) waiting_since: Option<u64>,
    /// The same, when bytes came to this pending connection of a frugal client.
    pub(super) pending_since: Option<u64>,
    /// Input had come before the turn began, and was not read in the turn.
    pub(super) is_unread: bool,
    /// It began to close in a turn that did not read its input.
    pub(super) is_closed_unread: bool,
    pub(super) life: Life,
    pub(super) is_judged: bool,
}

impl Transport {
    pub(super) fn new(id: ConnId, link: LinkId, now: Instant) -> Self {
        Self {
            id,
            link,
            frames: FrameCount::default(),
            is_full: false,
            written: None,
            waiting_since: None,
            pending_since: None,
            is_unread: false,
            is_closed_unread: false,
            life: Life::new(now),
            is_judged: false,
        }
    }
}
