//! What the node and a source of keys say to each other.

use std::time::Duration;

use crate::auth::KeySet;

/// A request to fetch keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    /// Whose keys: 0 is `[auth]` itself, 1 the first of `auth.issuers`.
    pub issuer: usize,
    /// Names the request: they are numbered from 1, in the order they are made in.
    pub serial: u64,
    /// So long from now, at least.
    pub after: Duration,
}

/// What a source of keys has to say.
#[derive(Debug)]
pub struct KeyNews {
    /// Whose keys: 0 is `[auth]` itself, 1 the first of `auth.issuers`.
    pub issuer: usize,
    /// The last request for this issuer that was made before the fetch began; 0: none was.
    pub answers: u64,
    /// What the fetch brought.
    pub fetched: Fetched,
}

/// What a fetch of keys brought.
#[derive(Debug)]
pub enum Fetched {
    /// These keys, which replace those that are there.
    Keys(KeySet),
    /// The same keys as before.
    Unchanged,
    /// Nothing: it failed, or what came holds no usable key. The keys stay as they are.
    Nothing,
}
