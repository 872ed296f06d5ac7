//! The sections of the embedded recipe chat.

use serde::{Deserialize, Serialize};

use super::{Length, Size};

/// `[recipes]`: what the embedded recipe chat keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipes {
    /// Messages of a room that a client is shown when it joins. 0: none.
    pub history: usize,
    /// Messages of a room that are kept. 0: all.
    pub messages: usize,
    /// Changes of a recipe that `Undo` can take back, one after the other.
    pub undo: usize,
    /// Recipes of one user.
    pub per_user: usize,
}

impl Default for Recipes {
    fn default() -> Self {
        Self { history: 50, messages: 1_000, undo: 20, per_user: 1_000 }
    }
}

/// `[accounts]`: who signs up and in at the embedded recipe chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// How long an access token is good.
    pub access_ttl: Length,
    /// How long a refresh token is good; each refresh gives a new one.
    pub refresh_ttl: Length,
    /// Memory of one password's hash (Argon2id).
    pub argon2_memory: Size,
    /// Passes over that memory.
    pub argon2_iterations: u32,
    /// Passwords that are hashed at once, each on a thread of its own.
    pub hashes: usize,
    /// Sign-ups and sign-ins that wait for such a thread; full: more are refused.
    pub queue: usize,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            access_ttl: Length::from_secs(15 * 60),
            refresh_ttl: Length::from_secs(30 * 86_400),
            argon2_memory: Size::kib(19 * 1_024),
            argon2_iterations: 2,
            hashes: 2,
            queue: 128,
        }
    }
}
