//! What nodes tell each other beside the messages of rooms.
//!
//! Orders are entries of the control log, so each node carries out each of them once and in order. A
//! node confirms an order to the one that gave it. Questions and confirmations are told directly.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::node::cluster::lists::{ListPart, ListQuestion};
use crate::node::gate::user_word::UserWord;
use crate::node::rooms::remote_presence::RoomWord;

/// An order for every node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum ClusterOrder {
    /// Tokens of `user` that were issued up to `at`, in milliseconds since 1970, are refused, and the
    /// user's connections are closed.
    EndSessions {
        user: SmolStr,
        at: u64,
    },
    RequireAuth {
        user: SmolStr,
    },
    /// Closes the connections in `room`: an operator's call.
    CloseRoom {
        room: SmolStr,
    },
    /// The application has deleted the room.
    RoomDeleted {
        room: SmolStr,
    },
    /// The application has taken the access to `room` from `user`.
    MemberRemoved {
        room: SmolStr,
        user: SmolStr,
    },
    /// Tells the connections of `user` a message of this text: those in `room` if there is one, and
    /// none in the rooms of `except`.
    TellUser {
        user: SmolStr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<SmolStr>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        except: Vec<SmolStr>,
        text: String,
    },
    /// Asks every connection for a fresh token, upon which the application is asked again: orders of the
    /// owner did not reach the engine.
    AskEverybody,
    /// An order of a version that this one does not know.
    #[serde(other)]
    Unknown,
}

/// An order as it is in the control log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OrderEntry {
    /// Under which number it is confirmed to the node that gave it, which no other process of that name has
    /// used; `None`: nobody waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) round: Option<u64>,
    /// What the process has drawn that gave it, as another one may have its name; 0: it is of a version that
    /// did not say so.
    #[serde(default)]
    pub(crate) run: u64,
    /// The process that gave it carries it out, too, when it reads it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_for_all: bool,
    #[serde(flatten)]
    pub(crate) order: ClusterOrder,
}

/// What one node tells another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub(crate) enum Word {
    /// `node` has carried out the order of this round, for so many connections.
    Done { round: u64, node: SmolStr, count: usize },
    /// The engine says that you ask about the message `id` in `room`, and somebody waits for that. If
    /// you do not, somebody else may.
    StillAsking { room: SmolStr, id: [u8; 16] },
    /// `node` has published to these rooms, and then to these users: for how many connections was it
    /// at the others? They say it with [`Word::Done`]. `run` is what its process has drawn, or 0.
    CountDelivered {
        round: u64,
        node: SmolStr,
        #[serde(default)]
        run: u64,
        rooms: Vec<SmolStr>,
        users: Vec<SmolStr>,
    },
    /// What `node`, in the process that has drawn `run`, has to say about rooms.
    Rooms { node: SmolStr, run: u64, rooms: Vec<RoomWord> },
    /// What `node`, in the process that has drawn `run`, has to say about connections of users.
    Users { node: SmolStr, run: u64, users: Vec<UserWord> },
    /// `node` has had so many forged tokens from each of these addresses.
    Forged { node: SmolStr, addresses: Vec<(u64, u32)> },
    /// A part of a list is asked for.
    List(ListQuestion),
    /// A node reports its part.
    Listed(ListPart),
    #[serde(other)]
    Unknown,
}

/// Readings of the revocations that the engine keeps. One that has failed is to be done again from the
/// beginning: what is not known here would be missed for good.
#[derive(Debug, Default)]
pub(crate) struct RevocationReading {
    /// The newest one's number: what an earlier one has not got, it gets.
    number: u64,
    has_failed: bool,
}

impl RevocationReading {
    /// Begins another one. Its number.
    pub(crate) fn begin(&mut self) -> u64 {
        self.number += 1;
        self.has_failed = false;
        self.number
    }

    pub(crate) fn is_newest(&self, number: u64) -> bool {
        self.number == number
    }

    /// This one gets no further.
    pub(crate) fn fail(&mut self, number: u64) {
        self.has_failed |= self.is_newest(number);
    }

    /// Is another one to be begun?
    pub(crate) fn is_due(&self) -> bool {
        self.has_failed
    }
}

pub(crate) fn write(value: &impl Serialize) -> Box<[u8]> {
    serde_json::to_vec(value).unwrap_or_default().into_boxed_slice()
}
