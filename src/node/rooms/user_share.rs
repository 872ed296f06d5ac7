//! What the connections of a user share.

use crate::node::connections::session::ChatAllowance;

/// What all connections of a user share.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UserShare {
    /// The user, hashed under the node's seed.
    pub(crate) hash: u64,
    /// So that another connection does not bring another allowance.
    pub(crate) chat: ChatAllowance,
    /// The same for control frames, of which a library sends some by itself: one device's messages
    /// are no reason to close another for its pings.
    pub(crate) frames: ChatAllowance,
}
