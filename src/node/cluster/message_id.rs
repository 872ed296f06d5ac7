//! What names a message of a client on every node of a cluster.

use sha2::{Digest as _, Sha256};

/// What names a message on every node: the same for the same user, room and id.
pub(crate) fn message_id(user: &str, room: &str, id: &str) -> [u8; 16] {
    let digest = digest(&[user, room, id]);
    let mut short = [0; 16];
    short.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    short
}

/// What tells two messages apart that came with the same id.
pub(crate) fn content_hash(content: &str, data: Option<&str>) -> u64 {
    let parts = [content, data.unwrap_or_default(), if data.is_some() { "data" } else { "" }];
    let mut short = [0; 8];
    short.iter_mut().zip(digest(&parts)).for_each(|(to, from)| *to = from);
    u64::from_be_bytes(short)
}

/// Each text with its length in front, so that no two lists of texts are one.
fn digest(texts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}
