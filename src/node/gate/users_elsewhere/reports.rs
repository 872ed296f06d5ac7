//! What other nodes have said of a user, and are asked.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use crate::time::Instant;

/// What one node has said of a user.
#[derive(Debug)]
pub(super) struct UserReport {
    /// Drawn by the process: another one of the same name has another one.
    pub(super) run: u64,
    pub(super) heard: Instant,
    pub(super) connections: usize,
    pub(super) newest: Vec<u64>,
    pub(super) silent: usize,
    /// It is to be told how many connections there are here.
    pub(super) is_owed: bool,
    /// The check of its that is to be answered.
    pub(super) answers: Option<u64>,
}

/// The other nodes are asked whether they still have their connections.
#[derive(Debug)]
pub(super) struct UserCheck {
    pub(super) number: u64,
    pub(super) until: Instant,
    /// Those that have not answered.
    pub(super) expected: BTreeSet<SmolStr>,
    /// It is to be told.
    pub(super) is_new: bool,
    /// How many connections too many it was sent for.
    pub(super) wants: usize,
}

impl UserCheck {
    /// One to which all have answered.
    pub(super) fn answered(now: Instant, number: u64, wants: usize) -> Self {
        Self { number, until: now, expected: BTreeSet::new(), is_new: false, wants }
    }
}
