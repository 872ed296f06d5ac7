//! A chat message on its way to the database.

use sha2::{Digest as _, Sha256};

use crate::id::ConnId;
use crate::protocol::KeptJsonObject;
use crate::recipes::assistant::Pasted;
use crate::recipes::proposal::Proposal;
use crate::time::UnixTime;

/// An id that was used within this time, in milliseconds, is no id for another message.
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

impl NewMessage {
    /// SHA-256 of what it says: a message that is sent again says the same.
    pub(super) fn digest(&self) -> [u8; 32] {
        let length = self.content.len() as u64;
        let data = self.data.as_ref().map_or("", |data| data.get().get());
        let hash = Sha256::new_with_prefix(length.to_le_bytes()).chain_update(&self.content);
        hash.chain_update(data).finalize().into()
    }
}
