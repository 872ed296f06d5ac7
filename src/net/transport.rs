//! System calls on a connection's socket.

#[cfg(feature = "tls")]
use std::io::ErrorKind;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token, event};
#[cfg(feature = "tls")]
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};

use crate::id::ConnId;
#[cfg(feature = "tls")]
use crate::node::Hangup;

/// The memory of TLS for one connection: its keys and its state.
pub(crate) const TLS_CONNECTION_BYTES: usize = 6 << 10;
/// One TLS record that is incomplete or not written yet. The budgets for input and output include
/// it, if there are any.
pub(crate) const TLS_RECORD_BYTES: usize = 18 << 10;

/// A connected stream socket, of TCP or of the Unix domain, in the 4 bytes of its descriptor: what is
/// done with it is the same for both.
#[derive(Debug)]
pub(crate) struct Stream(OwnedFd);

impl Stream {
    pub(super) fn new(socket: impl Into<OwnedFd>) -> Self {
        Self(socket.into())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl event::Source for Stream {
    fn register(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).register(to, token, interests)
    }

    fn reregister(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).reregister(to, token, interests)
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).deregister(from)
    }
}

/// Reads once.
///
/// rustix makes the system call itself on Linux: libc's `recv` and `writev` are cancellation
/// points, which costs each of them two atomic operations in a process with threads.
pub(super) fn read(stream: &Stream, buffer: &mut [u8]) -> io::Result<usize> {
    let (length, _) = rustix::net::recv(stream, buffer, RecvFlags::empty())?;
    Ok(length)
}

/// The end of the input, if it has come and no bytes are in front of it. Reads nothing.
#[cfg(feature = "tls")]
pub(super) fn peek_end(stream: &Stream) -> Option<Hangup> {
    match rustix::net::recv(stream, &mut [0; 1][..], RecvFlags::PEEK) {
        Ok((0, _)) => Some(Hangup::Eof),
        Ok(_) | Err(Errno::AGAIN | Errno::INTR) => None,
        Err(_) => Some(Hangup::Reset),
    }
}

/// Writes once: `send` for a single frame, which is cheaper in the kernel than a vectored write.
pub(super) fn write(stream: &Stream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let written = match slices {
        [one] => rustix::net::send(stream, one, SendFlags::NOSIGNAL)?,
        many => {
            let mut control = SendAncillaryBuffer::default();
            rustix::net::sendmsg(stream, many, &mut control, SendFlags::NOSIGNAL)?
        }
    };
    Ok(written)
}

/// Writes as many of `bytes` as the kernel takes now, and returns their number.
#[cfg(feature = "tls")]
pub(super) fn write_some(stream: &Stream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match write(stream, &[IoSlice::new(bytes)]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            written => return written,
        }
    }
}

/// Shuts the write side down. An error means that the connection is broken, which a read will
/// report.
pub(super) fn finish(stream: &Stream) {
    if let Err(error) = rustix::net::shutdown(stream, Shutdown::Write) {
        log::debug!("shutdown: {error}");
    }
}

/// The poller's token of a connection. It holds the whole [`ConnId`], so an event for a closed
/// connection never reaches the new connection in its slot.
pub(super) fn token(id: ConnId) -> Token {
    const { assert!(usize::BITS >= u64::BITS, "a poller's token must hold a ConnId") };
    Token(id.to_bits() as usize)
}
