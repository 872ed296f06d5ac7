//! What a thread has looked up for the connection to the engine.

use std::io;
use std::net::SocketAddr;

/// The address of a host, which a thread has looked up.
#[derive(Debug)]
pub(crate) struct ResolvedEngine {
    pub(super) attempt: u64,
    pub(super) address: io::Result<SocketAddr>,
}
