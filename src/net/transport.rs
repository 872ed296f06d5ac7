//! The sockets of the connections, by the node's index.

use std::io::{self, IoSlice};
use std::net::Shutdown;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};

#[cfg(feature = "tls")]
use super::tls::Session;
use crate::id::ConnId;
use crate::node::Class;

/// What TLS adds to a connection: its keys and its state.
pub(crate) const TLS_CONNECTION_BYTES: usize = 6 << 10;
/// One record of TLS, which is not whole yet or not taken by the kernel: part of the budgets for
/// input and output, where there are any.
pub(crate) const TLS_RECORD_BYTES: usize = 18 << 10;

/// On which ready list a connection waits for its turn. It may still be on another one, from which
/// it was moved: an entry that does not agree with this is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queued {
    Nowhere,
    On(Class),
}

impl Queued {
    /// Should a connection that is here be put on the list of `class`? From the pending ones it moves
    /// on; the other two lists are served soon enough.
    pub(super) fn moves_to(self, class: Class) -> bool {
        match self {
            Self::Nowhere => true,
            Self::On(Class::Pending) => class != Class::Pending,
            Self::On(Class::Authenticated | Class::Ending) => false,
        }
    }
}

/// One connection's socket, and what the driver knows about it.
#[derive(Debug)]
pub(super) struct Transport {
    stream: TcpStream,
    generation: u32,
    /// On which ready list it is. It is put there once, however many events come.
    pub(super) queued: Queued,
    /// There may be something to read: edge-triggered polling will not say so again.
    pub(super) ready: bool,
    /// The poller said that the peer has ended or reset: a short read is not the last one then.
    pub(super) hangup: bool,
    /// It said that the connection broke.
    pub(super) broken: bool,
    /// The end was read, and the node was told.
    pub(super) ended: bool,
    /// The last write was short: the kernel's buffer is full, and WRITABLE is asked for.
    pub(super) stalled: bool,
    /// A deadline of it has come, and is judged after so many reads, or after the one that empties
    /// the socket.
    pub(super) reads_until_judged: u8,
    /// It has a TLS session beside it.
    #[cfg(feature = "tls")]
    pub(super) is_secure: bool,
}

impl Transport {
    /// One read. Fewer bytes than `buffer` holds mean that the socket was empty at that moment:
    /// what comes later is a new edge (epoll(7), question 9). Only urgent data cuts a read short
    /// with more behind it; a peer that sends such data, which WebSocket has no use for, delays
    /// nobody but itself.
    ///
    /// rustix makes the system call itself on Linux: libc's `recv` and `writev` are cancellation
    /// points, which costs each of them two atomic operations in a process with threads.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (length, _) = rustix::net::recv(&self.stream, buffer, RecvFlags::empty())?;
        Ok(length)
    }

    /// One write: `send` for a single frame, which is cheaper in the kernel than a vectored one.
    pub(super) fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = match slices {
            [one] => rustix::net::send(&self.stream, one, SendFlags::NOSIGNAL)?,
            many => {
                let mut control = SendAncillaryBuffer::default();
                rustix::net::sendmsg(&self.stream, many, &mut control, SendFlags::NOSIGNAL)?
            }
        };
        Ok(written)
    }

    /// No more will be written. An error means that the connection broke, which a read will see.
    pub(super) fn finish(&self) {
        if let Err(error) = self.stream.shutdown(Shutdown::Write) {
            log::debug!("shutdown: {error}");
        }
    }

    /// Starts to watch for input.
    pub(super) fn register(&mut self, registry: &Registry, id: ConnId) -> io::Result<()> {
        registry.register(&mut self.stream, token(id), Interest::READABLE)
    }

    /// Asks for WRITABLE, or no longer. To ask reports a socket that is writable by now, so nothing
    /// is lost between the short write and this call.
    pub(super) fn stall(
        &mut self,
        registry: &Registry,
        id: ConnId,
        stalled: bool,
    ) -> io::Result<()> {
        if self.stalled == stalled {
            return Ok(());
        }
        self.stalled = stalled;
        let readable = Interest::READABLE;
        let interests = if stalled { readable | Interest::WRITABLE } else { readable };
        registry.reregister(&mut self.stream, token(id), interests)
    }
}

/// A poller's token holds a whole [`ConnId`]: an event for a connection that is gone never hits the
/// one that has its slot now.
fn token(id: ConnId) -> Token {
    const { assert!(usize::BITS >= u64::BITS, "a poller's token must hold a ConnId") };
    Token(id.to_bits() as usize)
}

/// All of them. 16 bytes a slot of the node's slab, the empty ones included.
#[derive(Debug, Default)]
pub(super) struct Transports {
    slots: Vec<Option<Transport>>,
    /// Their TLS sessions: 8 bytes a slot, where TLS is spoken.
    #[cfg(feature = "tls")]
    sessions: Vec<Option<Box<Session>>>,
}

impl Transports {
    /// None, and room for `slots`: like the node's tables, this one does not move to grow.
    pub(super) fn with_capacity(slots: usize) -> Self {
        Self {
            slots: Vec::with_capacity(slots),
            #[cfg(feature = "tls")]
            sessions: Vec::new(),
        }
    }

    /// Puts `stream` into the slot of `id`. The node gives a slot to a new connection only after
    /// its `Close` for the old one, so the slot is empty.
    pub(super) fn insert(&mut self, id: ConnId, stream: TcpStream) -> Option<&mut Transport> {
        if self.slots.len() <= id.index() {
            self.slots.resize_with(id.index() + 1, || None);
        }
        let slot = self.slots.get_mut(id.index())?;
        debug_assert!(slot.is_none(), "{id} took the slot of a connection that is not closed");
        Some(slot.insert(Transport {
            stream,
            generation: id.generation(),
            queued: Queued::Nowhere,
            ready: false,
            hangup: false,
            broken: false,
            ended: false,
            stalled: false,
            reads_until_judged: 0,
            #[cfg(feature = "tls")]
            is_secure: false,
        }))
    }

    /// The connection of `id` speaks TLS from its first byte on.
    #[cfg(feature = "tls")]
    pub(super) fn secure(&mut self, id: ConnId, session: Session) {
        let Some(transport) = self.find_mut(id) else { return };
        transport.is_secure = true;
        if self.sessions.len() <= id.index() {
            // Once: like the table of sockets, this one does not move to grow.
            self.sessions.reserve(self.slots.capacity().saturating_sub(self.sessions.len()));
            self.sessions.resize_with(id.index() + 1, || None);
        }
        if let Some(slot) = self.sessions.get_mut(id.index()) {
            *slot = Some(Box::new(session));
        }
    }

    /// Does the connection of `id` speak TLS?
    #[cfg(feature = "tls")]
    pub(super) fn is_secure(&self, id: ConnId) -> bool {
        self.find(id).is_some_and(|transport| transport.is_secure)
    }

    /// The transport of `id` and its TLS session; `None`: it is gone, or has none.
    #[cfg(feature = "tls")]
    pub(super) fn find_secure(&mut self, id: ConnId) -> Option<(&mut Transport, &mut Session)> {
        let transport = self.slots.get_mut(id.index())?.as_mut()?;
        if transport.generation != id.generation() || !transport.is_secure {
            return None;
        }
        let session = self.sessions.get_mut(id.index())?.as_mut()?;
        Some((transport, session))
    }

    /// The transport of `id`, if it is not gone.
    pub(super) fn find(&self, id: ConnId) -> Option<&Transport> {
        let transport = self.slots.get(id.index())?.as_ref()?;
        (transport.generation == id.generation()).then_some(transport)
    }

    /// The same, to change it.
    pub(super) fn find_mut(&mut self, id: ConnId) -> Option<&mut Transport> {
        let transport = self.slots.get_mut(id.index())?.as_mut()?;
        (transport.generation == id.generation()).then_some(transport)
    }

    /// Closes the socket of `id`.
    ///
    /// mio's `Source` asks for a deregistration before the drop, so that nothing leaks. It is left
    /// out: epoll and kqueue forget a descriptor when it is closed (ours has no duplicate), and mio
    /// keeps nothing about it there; so each connection saves a system call. What the poller has
    /// already reported carries the old generation, and finds nothing.
    pub(super) fn close(&mut self, id: ConnId) {
        if self.find(id).is_some()
            && let Some(slot) = self.slots.get_mut(id.index())
        {
            *slot = None;
            #[cfg(feature = "tls")]
            if let Some(session) = self.sessions.get_mut(id.index()) {
                *session = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_takes_16_bytes() {
        // In debug builds mio keeps in each socket which poller it is registered with.
        let kept_by_mio = if cfg!(debug_assertions) { 16 } else { 0 };
        assert_eq!(size_of::<Option<Transport>>(), 16 + kept_by_mio);
    }

    #[test]
    fn an_old_generation_finds_nothing_and_closes_nothing() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (old, new) = (ConnId::new(3, 1), ConnId::new(3, 2));
        let mut transports = Transports::default();
        assert!(transports.insert(old, connect()).is_some());
        transports.close(old);
        assert!(transports.find(old).is_none());
        assert!(transports.insert(new, connect()).is_some());
        transports.close(old);
        assert!(transports.find_mut(old).is_none());
        assert!(transports.find_mut(new).is_some());
        assert!(transports.find(ConnId::new(9, 1)).is_none());
    }
}
