//! The in-memory application: a room exists from its first join until the process ends.

use std::sync::Arc;

use hashbrown::HashMap;
use slab::Slab;

use crate::config::Config;
use crate::id::{Seed, SeededState};
use crate::node::app::{Admission, Answer, App, Incoming, Join, Json, Left, Reply, Update};
use crate::node::planted::{Fault, Planted};
use crate::shares::Holdings;

/// Access control of the in-memory application's rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only the user who joined the room first. Others are refused with
    /// [`AccessDenied`](crate::protocol::CloseReason::AccessDenied).
    Owner,
    /// Every user may join every room, for load tests.
    Open,
}

/// An application without storage, to try Vestibule without a backend: a room has only an id, an
/// owner and its connections.
///
/// Takes some 128 bytes for each room: the hashes of its id and of its owner under a secret seed, and
/// what finds them. It keeps at most `limits.rooms`. For a new room beyond that, the room that was
/// joined least recently is forgotten of the user that has most of them, if nobody is in it. Where
/// nobody has more than the user who asks, the join is refused as unavailable.
#[derive(Debug)]
pub struct MemoryApp {
    access: Access,
    by_id: HashMap<u64, u32, SeededState>,
    rooms: Slab<Room>,
    /// Rooms without anybody in them, by their owners.
    idle: Holdings,
    max_rooms: usize,
    hashing: SeededState,
    noted: Arc<Update>,
    fault: Fault,
}

#[derive(Debug)]
struct Room {
    id: u64,
    owner: u64,
    connections: u32,
}

impl MemoryApp {
    /// What a room costs, beside its names.
    pub const ROOM_BYTES: usize = 128;

    /// Returns an application without rooms. The `seed` keys the hashes, so that clients cannot
    /// choose names that collide.
    #[must_use]
    pub fn new(config: &Config, access: Access, seed: &Seed) -> Self {
        Self {
            access,
            // Reserved at the start, so that the table does not move as it grows. Half of the
            // connections, as in the node's table of rooms. Where rooms have no owners it stays empty.
            by_id: HashMap::with_capacity_and_hasher(
                match access {
                    Access::Owner => config.limits.connections.min(1 << 20) / 2,
                    Access::Open => 0,
                },
                SeededState::new(&seed.derive("table of rooms in memory")),
            ),
            rooms: Slab::new(),
            idle: Holdings::new(&seed.derive("idle rooms in memory"), 0),
            max_rooms: config.limits.rooms,
            hashing: SeededState::new(&seed.derive("rooms in memory")),
            noted: Update::text(
                "Noted. This room lives in memory: it passes messages on, and forgets them.",
            ),
            fault: Fault::default(),
        }
    }

    /// Plants `fault`, for tests of the checkers.
    #[cfg(feature = "sim")]
    pub fn plant(&mut self, fault: Planted) {
        self.fault.planted = Some(fault);
    }

    /// How many rooms there are, and how many of them the user owns who owns most. For the simulator's
    /// checkers: O(rooms).
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn rooms_by_owner(&self) -> [usize; 2] {
        let mut counts = std::collections::BTreeMap::<_, usize>::new();
        for (_, room) in &self.rooms {
            *counts.entry(room.owner).or_default() += 1;
        }
        [counts.values().sum(), counts.values().copied().max().unwrap_or(0)]
    }

    /// Who a room counts for that may be forgotten.
    fn holder(&self, owner: u64) -> u64 {
        if self.fault.is(Planted::EvictsOldest) { 0 } else { owner }
    }

    /// Whether `user` may join `room`, whose owner `user` becomes where it is new. `None` when there is
    /// no place for a new room.
    fn enter(&mut self, join: &Join<'_>) -> Option<bool> {
        let [user, id] = [join.user, join.room].map(|text| self.hashing.hash_texts(&[text]));
        let place = match self.by_id.get(&id) {
            Some(&place) => place,
            None => self.create(id, user)?,
        };
        let room = self.rooms.get_mut(place as usize)?;
        let is_owner = room.owner == user;
        if is_owner && !join.reauth && join.replaces.is_none() {
            room.connections += 1;
            self.idle.remove(place, 1);
        }
        Some(is_owner)
    }

    fn create(&mut self, id: u64, owner: u64) -> Option<u32> {
        if self.max_rooms != 0 && self.rooms.len() >= self.max_rooms {
            let victim = self.idle.victim(self.holder(owner), 1)?;
            self.idle.remove(victim, 1);
            let forgotten = self.rooms.try_remove(victim as usize)?;
            self.by_id.remove(&forgotten.id);
        }
        let place = self.rooms.insert(Room { id, owner, connections: 0 }) as u32;
        self.by_id.insert(id, place);
        Some(place)
    }
}

/// The `recipe_data` of an in-memory room: a title without content.
#[derive(serde::Serialize)]
struct RecipeStub<'a> {
    id: &'a str,
    title: &'a str,
    ingredients: [(); 0],
    steps: [(); 0],
}

const WELCOME: &str = "Connected to recipe chat. How can I help you with this recipe?";

impl App for MemoryApp {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        if self.access == Access::Owner {
            match self.enter(join) {
                Some(true) => {}
                Some(false) => return Admission::Deny.into(),
                None => return Admission::Unavailable.into(),
            }
        }
        let recipe = RecipeStub { id: join.room, title: join.room, ingredients: [], steps: [] };
        let update = Update {
            content: WELCOME.into(),
            recipe_data: Json::new(&recipe).ok(),
            ..Update::default()
        };
        Admission::Admit(Arc::new(update)).into()
    }

    fn on_message(&mut self, _message: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Arc::clone(&self.noted)))
    }

    /// A room that is full of leaves that linger could not be forgotten for somebody else's.
    fn lets_leaves_linger(&self) -> bool {
        false
    }

    /// A room that the last connection has left may be forgotten for another.
    fn on_leave(&mut self, left: &Left<'_>) {
        if self.by_id.is_empty() {
            return; // Rooms have no owners.
        }
        let id = self.hashing.hash_texts(&[left.room]);
        let Some(&place) = self.by_id.get(&id) else { return };
        let Some(room) = self.rooms.get_mut(place as usize) else { return };
        room.connections = room.connections.saturating_sub(1);
        let (is_idle, owner) = (room.connections == 0, room.owner);
        if is_idle {
            self.idle.insert(place, self.holder(owner), 1);
        }
    }
}
