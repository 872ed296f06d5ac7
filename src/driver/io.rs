//! What the turn needs of the world outside.

use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;

use crate::id::ConnId;
use crate::node::{Command, Completion, Hangup, Node};
use crate::time::Now;

/// Sockets, clocks and threads, as a [`Turn`](super::Turn) uses them. No method blocks.
///
/// The turn keeps the sockets, each with the id of its connection, and drops one when its connection
/// is over. A [`Node`] that is passed is there to be asked.
pub trait Io {
    /// One connection's socket, or what stands for it.
    type Socket;

    /// The present moment. It never goes back.
    fn now(&self) -> Now;

    /// Accepts at most one connection from the listener of this number. While the node drains, new
    /// connections may be left to the process that has the listener next: [`Accepted::Empty`].
    fn accept(&mut self, node: &Node, listener: usize) -> Accepted<Self::Socket>;

    /// The node has no place for this connection, which is not opened.
    fn refuse(&mut self, socket: Self::Socket) {
        drop(socket);
    }

    /// The connection is `id` from here on: watch its socket for input under that name. Input that is
    /// there already must be reported, too.
    ///
    /// # Errors
    /// It cannot be watched: the connection ends.
    fn open(&mut self, id: ConnId, socket: &mut Self::Socket, role: Role) -> io::Result<()>;

    /// Reads at most `most` bytes from the socket, once. They come into `buffer`, which is longer
    /// than `most`: a transport that keeps unfinished input needs the room.
    /// [`Input::read`] is all of this for a plain socket.
    fn read<'a>(
        &'a mut self,
        node: &Node,
        id: ConnId,
        socket: &mut Self::Socket,
        buffer: &'a mut [u8],
        most: usize,
    ) -> Input<'a>;

    /// Writes `output`, as much as the socket takes. [`Written::of`] is all of this for a plain
    /// socket. `output` is empty only while [`Io::has_unsent`].
    ///
    /// # Errors
    /// The connection broke.
    fn write(
        &mut self,
        node: &Node,
        id: ConnId,
        socket: &mut Self::Socket,
        output: &[IoSlice<'_>],
    ) -> io::Result<Written>;

    /// Does the transport itself hold bytes that the socket has not taken? A plain socket never does.
    fn has_unsent(&self, id: ConnId) -> bool {
        let _ = id;
        false
    }

    /// The last write was short: from here on the poller must report when the socket is writable;
    /// and if it is by now, at once. Or (`wanted` is false) it need not any more. Nothing needs to be
    /// done where sockets are watched for both from the start.
    ///
    /// # Errors
    /// It cannot be watched: the connection ends.
    fn watch_writable(
        &mut self,
        id: ConnId,
        socket: &mut Self::Socket,
        wanted: bool,
    ) -> io::Result<()> {
        let _ = (id, socket, wanted);
        Ok(())
    }

    /// All output has gone: shut the write side down. The peer may still be sending, and to close now
    /// would answer that with a reset, which can overtake the last output.
    fn shutdown(&mut self, id: ConnId, socket: &mut Self::Socket);

    /// The connection is over; its socket is dropped after this call.
    fn close(&mut self, id: ConnId, socket: &mut Self::Socket) {
        let _ = (id, socket);
    }

    /// Has a worker run `command`, whose completion comes back through [`Io::deliver`].
    ///
    /// # Errors
    /// No worker takes it: the completion that says so.
    fn submit(&mut self, command: Command) -> Result<(), Completion>;

    /// Hands the node one thing that another thread has left: a completion, new keys, an order of
    /// the operator's. False: nothing is left. Called after [`Turn::on_wake`](super::Turn::on_wake).
    fn deliver(&mut self, node: &mut Node, now: Now) -> bool {
        let _ = (node, now);
        false
    }
}

/// What an accept gave.
#[derive(Debug)]
pub enum Accepted<S> {
    /// A connection, and where it comes from. There may be another one.
    Connection(S, SocketAddr, Role),
    /// This one failed, and there may be another one.
    Again,
    /// No other one is there: the poller will report when one is.
    Empty,
    /// Accepting fails, and would fail again at once, as the table of descriptors is full: it is
    /// tried again after a pause.
    Failed,
}

/// Whom a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everybody.
    Client,
    /// The operator: it is the admin listener.
    Operator,
}

/// What the poller reports of a connection's socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// There is something to read: bytes, an end, or an error.
    pub readable: bool,
    /// There is room to write, or a write would fail.
    pub writable: bool,
    /// The peer has ended its side.
    pub read_closed: bool,
    /// The connection broke.
    pub broken: bool,
}

/// What is left in a socket after a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// Perhaps more.
    Perhaps,
    /// No bytes, as the read was short. An end may be there, if the poller has reported one.
    NoBytes,
    /// Nothing.
    Nothing,
}

/// What a read gave.
#[derive(Debug)]
pub struct Input<'a> {
    /// What is for the node. They are unmasked in place.
    pub bytes: &'a mut [u8],
    /// What the socket has still.
    pub remaining: Remaining,
    /// The transport has more by itself, and is read again at once.
    pub is_part: bool,
    /// Units of pending work that it cost, beyond the first.
    pub units: u32,
    /// Bytes that the transport keeps, as they are not whole: see [`Node::hold_input`].
    pub kept: usize,
    /// No input comes behind these bytes.
    pub end: Option<Hangup>,
}

impl<'a> Input<'a> {
    /// What `read` gives, of a plain socket.
    ///
    /// Fewer bytes than asked for mean that the socket was empty at that moment: what comes later is
    /// a new edge (epoll(7), question 9). Only urgent data cuts a read short with more behind it; a
    /// peer that sends such data, which WebSocket has no use for, delays nobody but itself.
    pub fn read(
        buffer: &'a mut [u8],
        most: usize,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> Self {
        let most = most.min(buffer.len());
        let bytes = buffer.get_mut(..most).unwrap_or_default();
        match read(bytes) {
            Ok(0) => Self { end: Some(Hangup::Eof), ..Self::nothing() },
            Ok(length) => {
                let is_short = length < most;
                let remaining = if is_short { Remaining::NoBytes } else { Remaining::Perhaps };
                let bytes = bytes.get_mut(..length).unwrap_or_default();
                Self { bytes, remaining, ..Self::nothing() }
            }
            Err(error) => Self::failed(&error),
        }
    }

    /// What a read that failed gave.
    pub fn failed(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock => Self::nothing(),
            ErrorKind::Interrupted => Self { remaining: Remaining::Perhaps, ..Self::nothing() },
            _ => Self { end: Some(Hangup::Reset), ..Self::nothing() },
        }
    }

    /// The socket had nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            bytes: &mut [],
            remaining: Remaining::Nothing,
            is_part: false,
            units: 0,
            kept: 0,
            end: None,
        }
    }
}

/// What a write gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// So many bytes of the output are out, and the socket may take more.
    Out(usize),
    /// The socket takes no more for now.
    Full {
        /// So many bytes of the output are out.
        out: usize,
        /// So many behind them are the transport's now, and must not change any more: see
        /// [`Node::commit_output`].
        held: usize,
    },
    /// Nothing can be written before something was read, as in a handshake.
    AfterRead,
}

impl Written {
    /// What a write of `output` to a plain socket gave.
    ///
    /// # Errors
    /// The connection broke.
    pub fn of(written: io::Result<usize>, output: &[IoSlice<'_>]) -> io::Result<Self> {
        match written {
            Ok(out) if out < output.iter().map(|slice| slice.len()).sum() => {
                Ok(Self::Full { out, held: 0 })
            }
            Ok(out) => Ok(Self::Out(out)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Ok(Self::Full { out: 0, held: 0 })
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Self::Out(0)),
            Err(error) => Err(error),
        }
    }
}
