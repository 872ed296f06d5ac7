//! The only source of randomness: the operating system.

use std::io;

use crate::id::Seed;

/// A seed from the operating system's entropy, for a [`Node`](crate::node::Node) or for
/// [`MessageIds`].
///
/// # Errors
/// The operating system provides no entropy.
///
/// [`MessageIds`]: crate::id::MessageIds
pub fn seed() -> io::Result<Seed> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(Seed::new(bytes))
}
