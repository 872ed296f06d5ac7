//! What was said in rooms, for checkers of more than one connection.

use super::Ledger;
use crate::id::ConnId;

impl Ledger {
    /// How many of its room's messages `id` has heard, or was too late for.
    pub(crate) fn said_before(&self, id: ConnId) -> usize {
        self.members.get(&id).map_or(0, |member| member.heard)
    }

    /// What was said in each room, from the message of this number on.
    pub(crate) fn said_since(&self, room: &str, first: usize) -> impl Iterator<Item = &str> {
        let spoken = self.rooms.get(room).map(Vec::as_slice).unwrap_or_default();
        spoken.iter().skip(first).map(|said| &*said.content)
    }
}
