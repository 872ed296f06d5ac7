//! What an application tells the node without being asked.

use std::sync::Arc;

use crate::node::app::Update;

/// Something that an application has done to a room, other than by answering a message.
///
/// It is delivered as an [`Outcome::Room`](super::port::Outcome::Room), in the order of the answers.
#[derive(Clone, Debug)]
pub enum RoomEvent {
    /// The room is gone: its connections are closed with 1008 `Recipe not found or access denied`.
    /// The application denies later joins. O(connections in the room).
    Deleted {
        /// The recipe's id.
        room: String,
    },
    /// The recipe has changed: every connection in the room gets this update.
    Changed {
        /// The recipe's id.
        room: String,
        /// The text, and the whole recipe.
        update: Arc<Update>,
    },
}
