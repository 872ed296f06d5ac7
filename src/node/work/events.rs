//! What an application tells the node without being asked.

use std::sync::Arc;

use crate::node::app::{RoomPublication, Update};

/// Something that an application has done, other than by answering a message, which concerns
/// connections.
///
/// It is delivered as an [`Outcome::Event`](super::port::Outcome::Event), in the order of the answers.
#[derive(Clone, Debug)]
pub enum AppEvent {
    /// The room is gone: its connections are closed with 1008 `Recipe not found or access denied`.
    /// The application denies later joins. O(connections in the room).
    RoomDeleted {
        /// The recipe's id.
        room: String,
    },
    /// The user may not be in the room any more: the user's connections to it are closed with 1008
    /// `Recipe not found or access denied`. The application denies later joins. O(connections of the
    /// user).
    MemberRemoved {
        /// The recipe's id.
        room: String,
        /// The `sub` of the user's tokens.
        user: String,
    },
    /// What the user may do in the room has changed: the user's connections to it get this update, and
    /// nobody else. O(connections of the user).
    AccessChanged {
        /// The recipe's id.
        room: String,
        /// The `sub` of the user's tokens.
        user: String,
        /// A text that says what the user may do now.
        update: Arc<Update>,
    },
    /// An application that [stores publications](crate::node::app::App::stores_publications) has stored
    /// this one: every connection in the room gets it, but the one that is excepted. They have to be
    /// delivered in the order of their positions. O(connections in the room).
    Published(RoomPublication),
    /// The recipe has changed: every connection in the room gets this update. An application that stores
    /// publications publishes it instead: this one would have no position, and be no part of what clients
    /// resume from.
    RecipeChanged {
        /// The recipe's id.
        room: String,
        /// The text, and the whole recipe.
        update: Arc<Update>,
    },
    /// A session of the user has ended, and others may go on: every connection of the user is asked for
    /// a fresh `auth`, which the application answers by [`Admission::Revoked`] where its token is of the
    /// ended session. O(connections of the user).
    ///
    /// [`Admission::Revoked`]: crate::node::app::Admission::Revoked
    SessionEnded {
        /// The `sub` of the user's tokens.
        user: String,
    },
}
