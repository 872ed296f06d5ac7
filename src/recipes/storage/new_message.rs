//! A chat message on its way to the database.

use crate::id::ConnId;
use crate::protocol::KeptJsonObject;
use crate::recipes::assistant::Pasted;
use crate::recipes::proposal::Proposal;
use crate::time::UnixTime;

/// A message whose id was used within this time, in milliseconds, may be a repetition.
pub(super) const REPEATED_WITHIN: u64 = 600_000;

/// A chat message to handle.
#[derive(Debug)]
pub(crate) struct NewMessage {
    pub(crate) room: String,
    pub(crate) user: String,
    pub(crate) id: String,
    pub(crate) content: String,
    /// What the others get beside it.
    pub(crate) data: Option<KeptJsonObject>,
    /// What was read of it.
    pub(crate) pasted: Pasted,
    /// What the model proposes for it. `None`: the model was not asked.
    pub(crate) proposal: Option<Proposal>,
    pub(crate) connection: ConnId,
    pub(crate) now: UnixTime,
}
