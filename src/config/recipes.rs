//! The sections of the embedded recipe chat.

use serde::{Deserialize, Serialize};

use super::{Length, Size};

/// `[recipes]`: what the embedded recipe chat keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Recipes {
    /// Messages of a room that a client is shown when it joins, as far as they fit into half of
    /// `limits.outbound_bytes` beside the recipe. More costs each join more. 0: none.
    ///
    /// Range: 0 to 1000 messages, at most `recipes.messages`.
    pub history: usize,
    /// Messages of a room that are kept; older ones are deleted. 0: all.
    ///
    /// Range: 0, or 32 to 1000000 messages.
    pub messages: usize,
    /// Changes of a recipe that `Undo` takes back, one after the other. Each keeps a copy of the
    /// recipe.
    ///
    /// Range: 0 to 1000 changes.
    pub undo: usize,
    /// Recipes of one user. 0: no limit.
    ///
    /// Range: 0 to 1000000 recipes.
    pub per_user: usize,
    /// Pages of the database that are kept in memory. More reads less often from the disk.
    ///
    /// Range: `64KiB` to `1GiB`.
    pub cache: Size,
}

impl Default for Recipes {
    fn default() -> Self {
        Self {
            history: 50,
            messages: 1_000,
            undo: 20,
            per_user: 1_000,
            cache: Size::kib(8 * 1_024),
        }
    }
}

/// `[accounts]`: who signs up and in at the embedded recipe chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// How long an access token is good. Shorter notices a sign-out sooner, and clients refresh
    /// more often.
    ///
    /// Range: `1s` to `366d`.
    pub access_ttl: Length,
    /// How long a refresh token is good. Each refresh gives a new one, so who stays away for longer
    /// signs in again. At most 4096 times `accounts.access_ttl`: a session remembers each of its
    /// refresh tokens until it expires, and ends when it goes through more.
    ///
    /// Range: `1s` to `366d`.
    pub refresh_ttl: Length,
    /// Memory of one password's hash (Argon2id). More makes a stolen database harder to guess at,
    /// and a sign-in slower. Hashes that are there keep what they were made with.
    ///
    /// Range: `7MiB` to `4GiB`.
    pub argon2_memory: Size,
    /// Passes over that memory. OWASP's table has 2 for 19 MiB, 3 for 12 MiB, 5 for 7 MiB.
    ///
    /// Range: 1 to 1000 passes.
    pub argon2_iterations: u32,
    /// Passwords that are hashed at once, each on a thread of its own with `argon2_memory`. More
    /// signs a crowd in faster, and leaves less for the rest.
    ///
    /// Range: 1 to 1024 threads.
    pub hashes: usize,
    /// Sign-ups and sign-ins that wait for such a thread. When it is full, more are answered 503.
    /// What waits longer than `backend.timeout` is told so, too.
    ///
    /// Range: 1 to 1048576 requests.
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
