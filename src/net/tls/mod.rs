//! TLS under the node: what comes is opened before the node sees it, what it says is sealed.
//!
//! rustls decides everything that is cryptography or RFC 8446. Its unbuffered interface keeps no
//! buffers of its own, so a connection keeps here what is unfinished and nothing else: mostly
//! nothing. The large buffers are the reactor's, shared by all connections.
//!
//! [`Acceptor`] is what the public listeners show: certificate, key, and the keys of session
//! tickets. [`TlsSession`] is one connection's TLS, sans I/O: bytes in, bytes out. [`Layer`] puts the
//! sessions between the sockets and the turn; in a build without TLS `plain.rs` is in its place.

mod acceptor;
mod layer;
mod session;

#[cfg(test)]
mod tests;

pub(super) use self::acceptor::Acceptor;
pub(super) use self::layer::Layer;
