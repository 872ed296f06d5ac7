//! The system calls on a connection's socket.

use std::io::{self, IoSlice};
use std::net::Shutdown;

use mio::Token;
use mio::net::TcpStream;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};

use crate::id::ConnId;

/// What TLS adds to a connection: its keys and its state.
pub(crate) const TLS_CONNECTION_BYTES: usize = 6 << 10;
/// One record of TLS, which is not whole yet or not taken by the kernel: part of the budgets for
/// input and output, where there are any.
pub(crate) const TLS_RECORD_BYTES: usize = 18 << 10;

/// One read.
///
/// rustix makes the system call itself on Linux: libc's `recv` and `writev` are cancellation
/// points, which costs each of them two atomic operations in a process with threads.
pub(super) fn read(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let (length, _) = rustix::net::recv(stream, buffer, RecvFlags::empty())?;
    Ok(length)
}

/// One write: `send` for a single frame, which is cheaper in the kernel than a vectored one.
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

/// No more will be written. An error means that the connection broke, which a read will see.
pub(super) fn finish(stream: &TcpStream) {
    if let Err(error) = stream.shutdown(Shutdown::Write) {
        log::debug!("shutdown: {error}");
    }
}

/// A poller's token holds a whole [`ConnId`]: an event for a connection that is gone never hits the
/// one that has its slot now.
pub(super) fn token(id: ConnId) -> Token {
    const { assert!(usize::BITS >= u64::BITS, "a poller's token must hold a ConnId") };
    Token(id.to_bits() as usize)
}
