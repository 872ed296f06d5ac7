//! The transport to the cluster's engine: TCP, TLS over it, or a Unix socket. Never blocks.

use std::io::{self, Read, Write};

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
#[cfg(any(feature = "backend", feature = "jwks-url"))]
use rustls::ClientConnection;

#[cfg(any(feature = "backend", feature = "jwks-url"))]
use crate::net::tls_fault::plain_tls_error;

/// A connection that is made, or being made.
#[derive(Debug)]
pub(super) enum BusTransport {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// What is written before the handshake is done waits in the session.
    #[cfg(any(feature = "backend", feature = "jwks-url"))]
    Tls(TcpStream, Box<ClientConnection>),
}

impl BusTransport {
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Unix(socket) => registry.register(socket, token, both),
            Self::Tcp(socket) => register_tcp(socket, registry, token, both),
            #[cfg(any(feature = "backend", feature = "jwks-url"))]
            Self::Tls(socket, _) => register_tcp(socket, registry, token, both),
        }
    }

    /// Is it connected?
    pub(super) fn check(&self) -> io::Result<()> {
        let (error, peer) = match self {
            Self::Unix(socket) => (socket.take_error()?, socket.peer_addr().map(drop)),
            Self::Tcp(socket) => (socket.take_error()?, socket.peer_addr().map(drop)),
            #[cfg(any(feature = "backend", feature = "jwks-url"))]
            Self::Tls(socket, _) => (socket.take_error()?, socket.peer_addr().map(drop)),
        };
        error.map_or(peer, Err)
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            Self::Unix(socket) => socket.read(buffer),
            #[cfg(any(feature = "backend", feature = "jwks-url"))]
            Self::Tls(socket, session) => read_tls(socket, session, buffer),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
            #[cfg(any(feature = "backend", feature = "jwks-url"))]
            Self::Tls(socket, session) => {
                let taken = session.writer().write(bytes)?;
                flush_tls(socket, session)?;
                if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
            }
        }
    }

    /// Writes what the transport itself holds.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Ok(()),
            #[cfg(any(feature = "backend", feature = "jwks-url"))]
            Self::Tls(socket, session) => flush_tls(socket, session),
        }
    }
}

fn register_tcp(
    socket: &mut TcpStream,
    registry: &Registry,
    token: Token,
    interests: Interest,
) -> io::Result<()> {
    // An error shows when the connection is made.
    let _ = socket.set_nodelay(true);
    registry.register(socket, token, interests)
}

#[cfg(any(feature = "backend", feature = "jwks-url"))]
fn read_tls(
    socket: &mut TcpStream,
    session: &mut ClientConnection,
    buffer: &mut [u8],
) -> io::Result<usize> {
    loop {
        match session.reader().read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
        if session.read_tls(socket)? == 0 {
            return Ok(0);
        }
        session.process_new_packets().map_err(|error| plain_tls_error(io::Error::other(error)))?;
        flush_tls(socket, session)?;
    }
}

/// A socket that takes no more is not an error: the rest waits in the session.
#[cfg(any(feature = "backend", feature = "jwks-url"))]
fn flush_tls(socket: &mut TcpStream, session: &mut ClientConnection) -> io::Result<()> {
    while session.wants_write() {
        match session.write_tls(socket) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
