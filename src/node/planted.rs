//! Faults that tests plant in the turn, in the node and in applications, to prove that they are found.

/// A fault of the turn, of the node, or of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(any(test, feature = "sim")),
    expect(unreachable_pub, dead_code, reason = "of tests")
)]
pub enum Planted {
    /// The share counts reads, whatever they contain.
    ReadsCounted,
    /// The share counts the last writes of connections, whatever their length, and a turn takes answers
    /// of the application, whatever theirs.
    WritesCounted,
    /// Deadlines are checked before input that has come is read.
    DeadlineBeforeInput,
    /// The node's output is not written.
    NeverFlushes,
    /// The share of pending work is served before the authenticated connections.
    PendingFirst,
    /// An event for a closed connection is given to the new connection in its slot.
    StaleEvent,
    /// A closed connection keeps its slot.
    CloseWithoutRemove,
    /// Each connection brings its user a new allowance of messages.
    AllowanceByConnection,
    /// A full table does not tell users apart: it forgets its oldest entry, whoever's that is.
    EvictsOldest,
    /// All pending and ending connections wait in one list, whatever their address.
    OneListForAll,
    /// A request beyond the places for them is refused, whoever has those.
    RequestsFirstCome,
    /// A token whose key is not there is refused at once.
    KeyNotAwaited,
    /// Positions are compared by their numbers only.
    PositionByNumber,
    /// Tags of positions are not drawn: each process has the same ones.
    TagsRepeat,
    /// What a connection has said goes from its room's log with it.
    LogByConnection,
    /// A log that overflows does not note that its first entry is gone.
    OverflowUnnoted,
    /// What a client has missed comes ahead of its acknowledgement.
    MissedFirst,
    /// What a client has missed comes twice.
    MissedTwice,
    /// A leave that lingers is also reported at once.
    LeaveTwice,
    /// Of a memo only the moments are read.
    MemoUnread,
    /// A memo from before a user was disconnected is good for another token.
    MemoOutlivesDisconnect,
    /// All clients get the same slot.
    OneSlotForAll,
    /// In a cluster, each attempt to publish a message has the tag of the first one.
    OneTagForAllAttempts,
    /// In a cluster, entries follow each other where their numbers do.
    EntriesByNumber,
    /// In a cluster, a room is read, and then subscribed to.
    ReadBeforeSubscribed,
    /// In a cluster, a room goes on with what the engine has, whether it follows or not.
    GoesOnAfterFailOver,
    /// In a cluster, the application is asked while the message is being published.
    AskedBeforePublished,
    /// In a cluster, what a node reports of a room is added to what it has reported before.
    CountsAddedUp,
    /// In a cluster, what a node has said of who is present is never forgotten.
    GhostsStay,
    /// In a cluster, the connections of a user at a node that is gone are still counted.
    GoneAreCounted,
    /// Password guesses are limited by their address only.
    GuessesByAddress,
    /// A wrong password gives its guess back.
    GuessesRefunded,
    /// A guess is charged when its hash is there.
    GuessesChargedLate,
    /// The allowance of an account is one for all addresses.
    AccountBlocked,
    /// An account keeps no guess for addresses that have not tried it.
    LastGuessForAll,
    /// Of the addresses from which users signed in, the oldest is forgotten, whoever has most.
    OldestAddressForgotten,
    /// On a full disk everything may take the room that is reserved.
    ReserveForAll,
    /// The room that is reserved is not released on a full disk.
    ReserveKept,
    /// On a full disk nothing is deleted.
    FullRefusesDeletion,
    /// In a cluster, a revocation is confirmed while the engine has not stored it.
    ConfirmedBeforeStored,
    /// In a cluster, a revocation is an order to the nodes that are there, and is not stored.
    RevocationNotStored,
}

/// The planted fault. Outside of tests and simulations it is empty and takes no memory.
#[derive(Debug, Default)]
pub(crate) struct Fault {
    #[cfg(any(test, feature = "sim"))]
    pub(crate) planted: Option<Planted>,
}

impl Fault {
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn is(&self, fault: Planted) -> bool {
        self.planted == Some(fault)
    }

    #[cfg(not(any(test, feature = "sim")))]
    pub(crate) const fn is(&self, _: Planted) -> bool {
        false
    }
}
