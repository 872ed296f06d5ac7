//! What the nodes of a cluster say to each other about the connections of a user.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// What a node says to another about a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserWord {
    pub(crate) user: SmolStr,
    /// How many connections the user has there.
    pub(crate) connections: usize,
    /// When the newest of them came, in milliseconds since 1970, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) newest: Vec<u64>,
    /// It wants to know whether the user is elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) asks: bool,
    /// It wants an answer with this number, also if the user is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checks: Option<u64>,
    /// The number of the check that this answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answers: Option<u64>,
    /// How many connections too many it has, or would have: silent ones may give way to them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) wants: usize,
    /// How many connections may give way, as they are asked for a sign of life.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) silent: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl UserWord {
    /// Of a user with these connections.
    pub(crate) fn about(user: &SmolStr, connections: usize, newest: Vec<u64>) -> Self {
        let (asks, checks, answers, wants, silent) = (false, None, None, 0, 0);
        Self { user: user.clone(), connections, newest, asks, checks, answers, wants, silent }
    }

    pub(crate) fn weight(&self) -> usize {
        96 + self.user.len() + 16 * self.newest.len()
    }
}

/// How the check of a user stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckState {
    /// There is none.
    None,
    /// Not all nodes have answered.
    Open,
    /// All have, or are not counted any more.
    Done,
}
