//! Who is in this node's rooms at the other nodes of a cluster, as these report.
//!
//! A node that gets a room's first member, or its first watcher, *asks* all nodes about the room, and says
//! whether it watches. Who watches is sent *reports*, by each node with members: all of its users in the
//! room, and again when they have changed. So nothing is added up and nothing drifts: a report replaces the
//! one before. Rooms that nobody watches cost one question when they get their first member.
//!
//! * A node is told of a room at most once a second, and asks at most once a second.
//! * What a node has reported is forgotten when its lease is over, or when this node was without the
//!   engine for that long.
//! * A report may be lost. So all rooms are asked about when the link is up again and when a node comes,
//!   and those that are watched once a minute. A question names the nodes whose users are listed; these
//!   answer also if they have nobody there any more.
//! * Of rooms in which this node has nobody it remembers nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::time::Instant;

/// A room is reported, and asked about, at most once in this time.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
/// What is to be told is gathered for so long, as one message for many rooms costs little more than one
/// for one.
pub(crate) const GATHERED: Duration = Duration::from_millis(100);
/// How often all nodes are asked about the rooms that are watched, should a report be lost.
pub(super) const REPAIR: Duration = Duration::from_secs(60);
/// Rooms and bytes that are told in one [`GATHERED`]: 100,000 rooms are asked about in 10 seconds.
pub(super) const ROOMS_A_CALL: usize = 1_000;
pub(super) const BYTES_A_CALL: usize = 256 << 10;
/// What a list takes beside its users, and a user beside its name.
const LIST_ENTRY_BYTES: usize = 128;
const USER_BYTES: usize = 40;
/// Rooms and nodes that are to be told that nobody is there, at most. Who is not told asks again within
/// [`REPAIR`].
const MOST_DENIALS: usize = 4_096;
/// A list that is longer is not reported, as one message must hold it. 1,024 users of 256 bytes fit.
pub(super) const LIST_BYTES: usize = 320 << 10;

/// What a node says to another about a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoomWord {
    pub(super) room: SmolStr,
    /// It wants to be told who is in the room.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) watches: bool,
    /// It wants to know who watches the room, and who is there if it watches itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) asks: bool,
    /// The nodes that it knows something of in this room: they answer, also if they have nobody there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) expects: Vec<SmolStr>,
    /// Its connections in the room; `None`: this is no report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) connections: Option<usize>,
    /// Their users; `None`: they are too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) users: Option<Vec<SmolStr>>,
}

impl RoomWord {
    pub(super) fn about(room: &SmolStr) -> Self {
        let (watches, asks) = (false, false);
        let (expects, connections, users) = (Vec::new(), None, None);
        Self { room: room.clone(), watches, asks, expects, connections, users }
    }

    pub(super) fn weight(&self) -> usize {
        64 + self.room.len() + self.users.as_deref().map_or(0, list_bytes)
    }
}

/// For whom a word is; `None`: for all nodes.
pub(crate) type Addressee = Option<SmolStr>;

/// What other nodes have said of this node's rooms. Empty where the server is alone.
#[derive(Debug, Default)]
pub(crate) struct RemotePresence {
    /// Only rooms of which there is something to remember or to tell.
    pub(super) rooms: BTreeMap<SmolStr, SharedRoom>,
    /// When they are looked at.
    pub(super) due: BTreeSet<(Instant, SmolStr)>,
    /// The engine is reached, and clients may ask for presence.
    pub(super) is_on: bool,
    /// Nothing is told before.
    pub(super) next_call: Option<Instant>,
    /// All groups from this number on are to be asked about: also those that nobody watches?
    pub(super) sweep: Option<(u32, bool)>,
    pub(super) repair_at: Option<Instant>,
    /// Nodes that are to be told that nobody is in a room, and that room.
    denials: BTreeSet<(SmolStr, SmolStr)>,
    /// What the lists of users take.
    pub(super) held: HeldBytes,
    /// Lists that were not kept, as they took too much.
    pub(super) refused: u64,
}

#[derive(Debug, Default)]
pub(super) struct SharedRoom {
    pub(super) nodes: BTreeMap<SmolStr, RemoteUsers>,
    /// Nothing is told of it before.
    pub(super) from: Option<Instant>,
    /// Its place in `due`.
    pub(super) due: Option<Instant>,
    pub(super) is_asked: bool,
    pub(super) is_changed: bool,
    /// A hash of the last report.
    pub(super) reported: Option<u64>,
}

/// What one node has said of a room.
#[derive(Debug, Default)]
pub(super) struct RemoteUsers {
    /// Drawn by the process: another one of the same name has another one.
    pub(super) run: u64,
    pub(super) heard: Option<Instant>,
    pub(super) watches: bool,
    /// It is to be told, whether something has changed or not.
    pub(super) is_owed: bool,
    /// Known only while this node watches the room.
    pub(super) connections: usize,
    /// `None`: too many.
    pub(super) users: Option<HeldUsers>,
}

/// What all lists of users take.
pub(super) type HeldBytes = Arc<AtomicUsize>;

/// A list of users that a node has reported. It counts in [`HeldBytes`] as long as it is there.
#[derive(Debug)]
pub(super) struct HeldUsers {
    users: Vec<SmolStr>,
    bytes: usize,
    held: HeldBytes,
}

impl HeldUsers {
    /// `None`: there is no room for it, as all lists may take `most` bytes.
    fn new(users: Vec<SmolStr>, held: &HeldBytes, most: usize) -> Option<Self> {
        let bytes =
            LIST_ENTRY_BYTES + users.iter().map(|user| USER_BYTES + user.len()).sum::<usize>();
        if held.load(Ordering::Relaxed) + bytes > most {
            return None;
        }
        held.fetch_add(bytes, Ordering::Relaxed);
        Some(Self { users, bytes, held: Arc::clone(held) })
    }
}

impl Drop for HeldUsers {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl RemoteUsers {
    /// Its users are these, if there is room for them. True: they were others.
    pub(super) fn set_users(
        &mut self,
        users: Option<Vec<SmolStr>>,
        (held, most): (&HeldBytes, usize),
    ) -> bool {
        if self.users.as_ref().map(|list| &list.users) == users.as_ref() {
            return false;
        }
        self.users = None;
        self.users = users.and_then(|users| HeldUsers::new(users, held, most));
        true
    }
}

impl RemotePresence {
    /// When there is something to be told.
    pub(crate) fn next(&self) -> Option<Instant> {
        if !self.is_on {
            return None;
        }
        let from = self.next_call.unwrap_or(Instant::START);
        let due = self.due.first().map(|(at, _)| *at);
        let at_once = self.sweep.is_some() || !self.denials.is_empty();
        let sweep = at_once.then_some(Instant::START);
        let soon = [due, sweep].into_iter().flatten().min().map(|at| at.max(from));
        [soon, self.repair_at].into_iter().flatten().min()
    }

    /// The engine is reached, or another node has come: all rooms are asked about.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.is_on = true;
        self.sweep = Some((0, true));
        self.repair_at = Some(now + REPAIR);
    }

    /// The engine is lost: nothing can be told.
    pub(crate) fn pause(&mut self) {
        self.is_on = false;
    }

    /// Something could not be told: all is asked about again.
    pub(crate) fn repair_soon(&mut self, now: Instant) {
        self.repair_at = self.repair_at.map(|at| at.min(now + INTERVAL));
    }

    /// Does it remember nothing?
    pub(crate) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// The room has its first member or its first watcher here, or lost the last watcher.
    pub(super) fn ask(&mut self, now: Instant, name: &SmolStr) {
        let room = self.rooms.entry(name.clone()).or_default();
        room.is_asked = true;
        self.schedule(now, name);
    }

    /// Its users have changed here.
    pub(super) fn changed(&mut self, now: Instant, name: &SmolStr) {
        if let Some(room) = self.rooms.get_mut(name) {
            room.is_changed = true;
            self.schedule(now, name);
        }
    }

    /// Nobody watches it here any more: the others need not report it.
    pub(super) fn unwatched(&mut self, now: Instant, name: &SmolStr) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        for node in room.nodes.values_mut() {
            (node.connections, node.users) = (0, None);
        }
        self.ask(now, name);
    }

    /// `node` is to be told that nobody is in the room.
    pub(super) fn deny(&mut self, node: &SmolStr, name: SmolStr) {
        if self.denials.len() < MOST_DENIALS {
            self.denials.insert((node.clone(), name));
        }
    }

    /// Nodes that are to be told that nobody is in a room.
    pub(super) fn take_denials(&mut self) -> BTreeSet<(SmolStr, SmolStr)> {
        std::mem::take(&mut self.denials)
    }

    /// What the lists of users take.
    pub(crate) fn bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Lists that were not kept, as they took too much.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// Forgets all, as if nobody had ever asked.
    pub(super) fn clear(&mut self, now: Instant) {
        let refused = self.refused;
        *self = Self { is_on: true, refused, ..Self::default() };
        self.repair_at = Some(now + REPAIR);
    }

    pub(super) fn schedule(&mut self, now: Instant, name: &SmolStr) {
        if let Some(room) = self.rooms.get_mut(name)
            && room.due.is_none()
        {
            let at = room.from.unwrap_or(now).max(now);
            room.due = Some(at);
            self.due.insert((at, name.clone()));
        }
    }

    /// Connections at other nodes, and whether all of these have said who they are.
    pub(super) fn count(&self, room: &str) -> (usize, bool) {
        let nodes = self.rooms.get(room).into_iter().flat_map(|room| room.nodes.values());
        nodes.fold((0, true), |(count, is_listed), node| {
            (count + node.connections, is_listed && (node.connections == 0 || node.users.is_some()))
        })
    }

    /// Users at other nodes.
    pub(super) fn users(&self, room: &str) -> impl Iterator<Item = &SmolStr> {
        let nodes = self.rooms.get(room).into_iter().flat_map(|room| room.nodes.values());
        nodes.flat_map(|node| node.users.iter().flat_map(|list| &list.users))
    }
}

impl SharedRoom {
    pub(super) fn has_addressees(&self) -> bool {
        self.nodes.values().any(|node| node.watches || node.is_owed)
    }
}

pub(super) fn list_bytes(users: &[SmolStr]) -> usize {
    users.iter().map(|user| user.len() + 8).sum()
}
