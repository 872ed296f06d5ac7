//! The TLS sessions of all connections, by the node's index.

use super::handshakes::{FinishedHandshake, HandshakeClaim};
use super::session::TlsSession;
use crate::id::ConnId;

/// The most session slots that are reserved at once: 16 MiB of address space.
const MAX_RESERVED: usize = 1 << 20;

/// Where the session of a connection is.
#[derive(Debug)]
pub(super) enum SessionPlace {
    Here(Box<TlsSession>),
    /// With the workers.
    Away(HandshakeClaim),
    /// Back from the workers; the connection's next read goes on with it.
    Back(Box<FinishedHandshake>),
}

/// The sessions, in slots of 16 bytes. Empty without TLS.
#[derive(Debug)]
pub(super) struct SessionTable {
    slots: Vec<Option<SessionPlace>>,
    /// How many slots are reserved at once. Like the node's tables, this one is never moved to
    /// grow.
    capacity: usize,
}

impl SessionTable {
    pub(super) fn new(capacity: usize) -> Self {
        Self { slots: Vec::new(), capacity: capacity.min(MAX_RESERVED) }
    }

    /// Gives a connection its session.
    pub(super) fn insert(&mut self, id: ConnId, session: TlsSession) {
        if self.slots.len() <= id.index() {
            self.slots.reserve(self.capacity.saturating_sub(self.slots.len()));
            self.slots.resize_with(id.index() + 1, || None);
        }
        self.set(id, SessionPlace::Here(Box::new(session)));
    }

    pub(super) fn set(&mut self, id: ConnId, place: SessionPlace) {
        if let Some(slot) = self.slots.get_mut(id.index()) {
            *slot = Some(place);
        }
    }

    /// Where the session of a connection is. `None`: it does not speak TLS.
    pub(super) fn place(&self, id: ConnId) -> Option<&SessionPlace> {
        self.slots.get(id.index())?.as_ref()
    }

    #[cfg(test)]
    pub(super) fn away(&self) -> usize {
        self.slots.iter().filter(|slot| matches!(slot, Some(SessionPlace::Away(_)))).count()
    }

    pub(super) fn take(&mut self, id: ConnId) -> Option<SessionPlace> {
        self.slots.get_mut(id.index())?.take()
    }

    /// The session of a connection, unless it is with the workers.
    pub(super) fn find(&mut self, id: ConnId) -> Option<&mut TlsSession> {
        match self.slots.get_mut(id.index())?.as_mut()? {
            SessionPlace::Here(session) => Some(session),
            SessionPlace::Away(_) | SessionPlace::Back(_) => None,
        }
    }

    /// Takes a session that comes back from the workers. False: its connection has been closed.
    pub(super) fn put_back(&mut self, finished: Box<FinishedHandshake>) -> bool {
        let id = finished.id;
        // The slot may have another connection by now, whose session is away, too.
        let is_awaited = matches!(
            self.place(id), Some(SessionPlace::Away(claim)) if claim.is(&finished.claim)
        );
        if is_awaited {
            self.set(id, SessionPlace::Back(finished));
        }
        is_awaited
    }
}
