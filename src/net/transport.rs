//! System calls on a connection's socket.

use std::io::{self, IoSlice};
use std::net::Shutdown;

use mio::Token;
use mio::net::TcpStream;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};

use crate::id::ConnId;

/// The memory of TLS for one connection: its keys and its state.
pub(crate) const TLS_CONNECTION_BYTES: usize = 6 << 10;
/// One TLS record that is incomplete or not written yet. The budgets for input and output include
/// it, if there are any.
pub(crate) const TLS_RECORD_BYTES: usize = 18 << 10;

/// Reads once.
///
/// rustix makes the system call itself on Linux: libc's `recv` and `writev` are cancellation
/// points, which costs each of them two atomic operations in a process with threads.
pub(super) fn read(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let (length, _) = rustix::net::recv(stream, buffer, RecvFlags::empty())?;
    Ok(length)
}

/// Writes once: `send` for a single frame, which is cheaper in the kernel than a vectored write.
pub(super) fn write(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let written = match slices {
        [one] => rustix::net::send(stream, one, SendFlags::NOSIGNAL)?,
        many => {
            let mut control = SendAncillaryBuffer::default();
            rustix::net::sendmsg(stream, many, &mut control, SendFlags::NOSIGNAL)?
        }
    };
    Ok(written)
}

/// Shuts the write side down. An error means that the connection is broken, which a read will
/// report.
pub(super) fn finish(stream: &TcpStream) {
    if let Err(error) = stream.shutdown(Shutdown::Write) {
        log::debug!("shutdown: {error}");
    }
}

/// The poller's token of a connection. It holds the whole [`ConnId`], so an event for a closed
/// connection never reaches the new connection in its slot.
pub(super) fn token(id: ConnId) -> Token {
    const { assert!(usize::BITS >= u64::BITS, "a poller's token must hold a ConnId") };
    Token(id.to_bits() as usize)
}
