//! The in-memory application: rooms that exist from the first join on, until the process ends.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::config::Config;
use crate::id::{Seed, SeededState};
use crate::node::app::{Admission, Answer, App, Incoming, Join, Json, Reply, Update};

/// Who may join a room of the in-memory application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The user who joined it first; others are told that there is no such recipe.
    Owner,
    /// Every user: for load tests.
    Open,
}

/// Recipes that are only an id, an owner and a conversation: to try the edge without a backend.
///
/// Remembers 16 bytes a room: the hashes of its id and of its owner under a secret seed. At most
/// `limits.rooms` of them; when that is full, a room that is not known is refused as unavailable.
#[derive(Debug)]
pub struct MemoryApp {
    access: Access,
    owners: HashMap<u64, u64, SeededState>,
    max_rooms: usize,
    hashing: SeededState,
    noted: Arc<Update>,
}

impl MemoryApp {
    /// An application without rooms. The `seed` keeps peers from choosing rooms that collide.
    #[must_use]
    pub fn new(config: &Config, access: Access, seed: &Seed) -> Self {
        Self {
            access,
            // One place from the start, beside the heap: for half the connections, as the node's.
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

    /// The room's owner, after the one who asks has become it where there was none.
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

/// What a recipe in memory has: its name, and nothing in it.
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
