//! The interface between the turn and its environment.

use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;

use crate::id::ConnId;
use crate::node::{Command, Completion, Hangup, KeyRequest, Node};
use crate::time::Now;

/// Sockets, clocks and threads, as a [`Turn`](super::Turn) uses them. No method blocks.
///
/// The turn owns the sockets, each under its connection's id, and drops a socket when its
/// connection is closed. A [`Node`] is passed to some methods so that they can query it.
pub trait Io {
    /// The socket of one connection, or a handle for it.
    type Socket;

    /// The current time. It never goes back.
    fn now(&self) -> Now;

    /// Accepts at most one connection from the listener with this number. While the node drains, it
    /// may leave new connections to the next process that has the listener: [`Accepted::Empty`].
    fn accept(&mut self, node: &Node, listener: usize) -> Accepted<Self::Socket>;

    /// The node has no slot for this connection and does not open it.
    fn refuse(&mut self, socket: Self::Socket) {
        drop(socket);
    }

    /// The connection is open under `id`: watch its socket for input under that name. Input that is
    /// already there must be reported, too.
    ///
    /// # Errors
    /// The socket cannot be watched. The connection ends.
    fn open(&mut self, id: ConnId, socket: &mut Self::Socket, role: Role) -> io::Result<()>;

    /// Reads at most `most` bytes from the socket, once, into `buffer`. The buffer is longer than
    /// `most`, because a transport that keeps unfinished input needs space for it. For a plain
    /// socket, [`Input::read`] does all of this.
    fn read<'a>(
        &'a mut self,
        node: &Node,
        id: ConnId,
        socket: &mut Self::Socket,
        buffer: &'a mut [u8],
        most: usize,
    ) -> Input<'a>;

    /// Writes as much of `output` as the socket takes. For a plain socket, [`Written::of`]
    /// interprets the result. `output` is empty only while [`Io::has_unsent`] is true.
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

    /// Does the transport itself hold bytes that are not written to the socket? A plain socket
    /// never does.
    fn has_unsent(&self, id: ConnId) -> bool {
        let _ = id;
        false
    }

    /// Do new connections wait for work that the transport does elsewhere, such as TLS handshakes? The
    /// node measures how many it can let in while some have to wait.
    fn has_backlog(&self) -> bool {
        false
    }

    /// If `wanted`, the last write was short: the poller must report when the socket is writable,
    /// at once if it already is. Otherwise it need not any more. Do nothing if sockets are always
    /// watched for both.
    ///
    /// # Errors
    /// The socket cannot be watched. The connection ends.
    fn watch_writable(
        &mut self,
        id: ConnId,
        socket: &mut Self::Socket,
        wanted: bool,
    ) -> io::Result<()> {
        let _ = (id, socket, wanted);
        Ok(())
    }

    /// All output is written: shuts the write side down. Do not close the socket yet. The peer may
    /// still be sending, and the kernel would answer that with a reset, which can overtake the last
    /// output.
    fn shutdown(&mut self, id: ConnId, socket: &mut Self::Socket);

    /// The connection is closed. Its socket is dropped after this call.
    fn close(&mut self, id: ConnId, socket: &mut Self::Socket) {
        let _ = (id, socket);
    }

    /// Fetches keys as `request` says, where they come from a place that may have others by now. The
    /// news comes back through [`Io::deliver`].
    fn fetch_keys(&mut self, request: KeyRequest) {
        let _ = request;
    }

    /// Gives `command` to a worker. The completion comes back through [`Io::deliver`].
    ///
    /// # Errors
    /// No worker accepts the command. The completion says so.
    fn submit(&mut self, command: Command) -> Result<(), Completion>;

    /// Hands the node one item that another thread left: a completion, new keys, or an operator's
    /// order. Returns false if nothing is left. Called after
    /// [`Turn::on_wake`](super::Turn::on_wake).
    fn deliver(&mut self, node: &mut Node, now: Now) -> bool {
        let _ = (node, now);
        false
    }
}

/// The result of an accept.
#[derive(Debug)]
pub enum Accepted<S> {
    /// A connection, its peer's address, and the role of the listener. There may be another one.
    Connection(S, SocketAddr, Role),
    /// This connection failed. There may be another one.
    Again,
    /// No connection is waiting. The poller reports when one is.
    Empty,
    /// Accepting fails and would fail again at once, because the table of descriptors is full. The
    /// turn tries again after a pause.
    Failed,
}

/// The clients of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Any client: the listener is public.
    Client,
    /// The operator: the listener is the admin listener.
    Operator,
    /// A collector of metrics: the listener answers nothing else.
    Collector,
}

/// What the poller reports about a connection's socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// There is input: bytes, an end, or an error.
    pub readable: bool,
    /// The socket accepts output, or a write would fail.
    pub writable: bool,
    /// The peer has ended its side.
    pub read_closed: bool,
    /// The connection is broken.
    pub broken: bool,
}

/// What may be left in a socket after a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// There may be more bytes.
    Perhaps,
    /// No bytes, because the read was short. There may be an end, if the poller has reported one.
    NoBytes,
    /// Nothing.
    Nothing,
}

/// The result of a read.
#[derive(Debug)]
pub struct Input<'a> {
    /// Bytes for the node, which unmasks them in place.
    pub bytes: &'a mut [u8],
    /// What may be left in the socket.
    pub remaining: Remaining,
    /// The transport itself holds more input, so the turn reads again at once.
    pub is_part: bool,
    /// The cost of the read in units of pending work, beyond the first.
    pub units: u32,
    /// How many bytes of unfinished input the transport keeps: see [`Node::hold_input`].
    pub kept: usize,
    /// The end of the input, if it comes after these bytes.
    pub end: Option<Hangup>,
}

impl<'a> Input<'a> {
    /// The result of `read` on a plain socket.
    ///
    /// A short read means that the socket was empty at that moment, so later input is a new edge
    /// (epoll(7), question 9). Only urgent data ends a read early with more input after it.
    /// WebSocket does not use urgent data, and a peer that sends it delays only itself.
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

    /// The result of a read that failed.
    pub fn failed(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock => Self::nothing(),
            ErrorKind::Interrupted => Self { remaining: Remaining::Perhaps, ..Self::nothing() },
            _ => Self { end: Some(Hangup::Reset), ..Self::nothing() },
        }
    }

    /// The socket had no input.
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

/// The result of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// This many bytes of the output are written, and the socket may take more.
    Out(usize),
    /// The socket takes no more at present.
    Full {
        /// How many bytes of the output are written.
        out: usize,
        /// How many bytes after those the transport has taken. They must not change any more: see
        /// [`Node::commit_output`].
        held: usize,
    },
    /// Nothing can be written until more input is read, as during a handshake.
    AfterRead,
}

impl Written {
    /// The result of writing `output` to a plain socket.
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
