//! TLS below the node: input is decrypted before the node sees it, output is encrypted after it.
//!
//! rustls does all cryptography and implements RFC 8446. Its unbuffered interface keeps no buffers,
//! so a connection keeps only unfinished input and unsent output, usually nothing. The large
//! buffers are the reactor's, shared by all connections.
//!
//! [`Acceptor`] is the configuration of the public listeners: certificate, key, and session ticket
//! keys. [`TlsSession`] is the TLS of one connection, sans I/O: bytes in, bytes out. [`Layer`] puts
//! the sessions between the sockets and the turn, and has workers do what costs most in a handshake
//! ([`HandshakeJob`](handshakes::HandshakeJob)). In a build without TLS, `plain.rs` replaces this
//! module.

mod acceptor;
mod handshakes;
mod layer;
mod session;
mod sessions;
mod tickets;
mod validity;

#[cfg(test)]
mod tests;

pub(super) use self::acceptor::Acceptor;
pub(super) use self::layer::Layer;
