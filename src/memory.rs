//! The in-memory application: a room exists from its first join until the process ends.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::config::Config;
use crate::id::{Seed, SeededState};
use crate::node::app::{Admission, Answer, App, Incoming, Join, Json, Reply, Update};

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
/// Takes 16 bytes for each room: the hashes of its id and of its owner under a secret seed. It
/// keeps at most `limits.rooms`; when these are used up, joins to new rooms are refused as
/// unavailable.
#[derive(Debug)]
pub struct MemoryApp {
    access: Access,
    owners: HashMap<u64, u64, SeededState>,
    max_rooms: usize,
    hashing: SeededState,
    noted: Arc<Update>,
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
            // connections, as in the node's table of rooms.
            owners: HashMap::with_capacity_and_hasher(
                config.limits.connections.min(1 << 20) / 2,
                SeededState::new(&seed.derive("table of rooms in memory")),
            ),
            max_rooms: config.limits.rooms,
            hashing: SeededState::new(&seed.derive("rooms in memory")),
            noted: Update::text(
                "Noted. This room lives in memory: it passes messages on, and forgets them.",
            ),
        }
    }

    /// Returns the hash of the room's owner. `user` becomes the owner of a new room. `None` when
    /// there are `limits.rooms` already.
    fn owner(&mut self, room: &str, user: u64) -> Option<u64> {
        let room = self.hashing.hash_texts(&[room]);
        if let Some(&owner) = self.owners.get(&room) {
            return Some(owner);
        }
        if self.max_rooms != 0 && self.owners.len() >= self.max_rooms {
            return None;
        }
        self.owners.insert(room, user);
        Some(user)
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
            let user = self.hashing.hash_texts(&[join.user]);
            match self.owner(join.room, user) {
                Some(owner) if owner == user => {}
                Some(_) => return Admission::Deny.into(),
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
}
