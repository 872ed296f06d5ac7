//! What somebody who wants to join a room of the cluster has to wait for.

/// How the link to the engine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkView {
    Up,
    /// It is down for so short a time that joins wait for it.
    Interrupted,
    Down,
}

/// What somebody who wants to join has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing: the room is followed, or cannot be as the link is down.
    Ready,
    /// The room is to be subscribed to and read.
    Subscribe,
    /// The room could not be read, and is to be read now.
    Read,
    /// It is being read.
    Wait,
}
