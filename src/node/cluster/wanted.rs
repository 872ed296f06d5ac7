//! What somebody who wants to join a room of the cluster has to wait for, and what becomes of its entries.
//! And whether the engine is the one that it was.

use smol_str::SmolStr;

use crate::protocol::Position;

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

/// What becomes of an entry that was announced, or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryStep {
    /// It is the next one: it is delivered.
    Deliver,
    /// It is the next one, and says that what was before it cannot be told.
    Break,
    /// It is known, or the room is being read.
    Ignore,
    /// It is the next one, of a kind that only later versions know.
    Skip,
    /// It does not follow what is known: the room is to be read.
    Read,
}

/// What is to be done about a room that was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RoomVisit {
    /// It is not followed any more.
    Drop(SmolStr),
    /// Its newest position is compared with the engine's.
    Compare(SmolStr, Position),
    /// It could not be read, and is tried again.
    Read(SmolStr),
    Nothing,
}

/// Which history of an engine the node is in: another one after each restart of the engine and each fail-over,
/// as something may be lost with it.
#[derive(Debug, Default)]
pub(crate) struct EngineHistory {
    /// What the engine has called it, and its number here.
    last: (String, u64),
    is_known: bool,
}

impl EngineHistory {
    /// The number of the one that this connection is in; `None`: the engine has not said it.
    pub(crate) fn current(&self) -> Option<u64> {
        self.is_known.then_some(self.last.1)
    }

    /// There is another connection to an engine.
    pub(crate) fn forget(&mut self) {
        self.is_known = false;
    }

    /// What the engine calls it; empty: nobody knows.
    pub(crate) fn set(&mut self, name: String) {
        self.is_known = !name.is_empty();
        if self.is_known && name != self.last.0 {
            self.last = (name, self.last.1 + 1);
        }
    }
}
