//! A connection: bytes without policy.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::auth::Address;
use crate::config::is_unix_peer;
use crate::node::connections::budget::Side;
use crate::node::connections::frame::Decoder;
use crate::node::connections::moment::{CoarseDelta, CoarseInstant};
use crate::node::connections::outbox::{HOLDER_BYTES, Outbox};
use crate::node::connections::pending::PendingNumber;
use crate::node::connections::session::{Flags, Session, Stage};
use crate::node::connections::waiting::{PendingAuth, PendingRequest, Waiting};
use crate::node::policy::Policy;
use crate::time::Instant;

/// What an authenticated connection costs: its slot, its timer entry, its places in a room, among
/// its user's, and in two budgets, its socket, its event, and what says that it waits.
pub(crate) const CONNECTION_BYTES: usize = 616;
const _: () = assert!(size_of::<Connection>() < CONNECTION_BYTES);

/// What is kept for each connection, whatever it does: 104 bytes, which is also what a pending one
/// costs beside its 12 bytes in the wheel, its place among the pending and the driver's socket.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) session: Session,
    pub(crate) decoder: Decoder,
    pub(crate) outbox: Outbox,
    /// There only while an answer is awaited.
    pub(crate) waiting: Option<Box<Waiting>>,
    peer_ip: Ipv6Addr,
    peer_port: u16,
    pub(crate) generation: u32,
    /// What it has while it is pending: its number in the table of those.
    pub(super) pending: Option<PendingNumber>,
    pub(crate) accepted: CoarseInstant,
    /// Messages that came, the `auth` among them.
    pub(crate) messages: u32,
    /// When it became a WebSocket, from the accept on.
    pub(crate) upgraded: CoarseDelta,
}

/// What a connection counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionKind {
    /// One of a phase.
    Client,
    /// One of the HTTP requests, too, until its answer is out.
    Request,
    /// A call on the admin listener: in no phase's count, and under no limit but its own.
    Operator,
    /// The same on the listener for metrics, which answers nothing else.
    Collector,
}

/// The flags of those that are not [`ConnectionKind::Client`].
const KINDS: [(Flags, ConnectionKind); 3] = [
    (Flags::REQUEST, ConnectionKind::Request),
    (Flags::OPERATOR, ConnectionKind::Operator),
    (Flags::COLLECTOR, ConnectionKind::Collector),
];

impl Connection {
    pub(crate) fn new(
        now: Instant,
        peer: SocketAddr,
        generation: u32,
        role: ConnectionKind,
        policy: &Policy,
    ) -> Self {
        let mut connection = Self {
            session: Session::new(now, policy),
            decoder: Decoder::default(),
            outbox: Outbox::default(),
            waiting: None,
            peer_ip: match peer.ip() {
                IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                IpAddr::V6(ip) => ip,
            },
            peer_port: peer.port(),
            generation,
            pending: None,
            accepted: CoarseInstant::of(now),
            messages: 0,
            upgraded: CoarseDelta::NOT_YET,
        };
        connection.set_role(role);
        connection
    }

    /// What it counts as.
    pub(crate) fn role(&self) -> ConnectionKind {
        let kinds = KINDS.iter().find(|(flag, _)| self.session.flags.has(*flag));
        kinds.map_or(ConnectionKind::Client, |(_, kind)| *kind)
    }

    pub(crate) fn set_role(&mut self, role: ConnectionKind) {
        for (flag, kind) in KINDS {
            self.session.flags.set(flag, role == kind);
        }
    }

    /// Is a flush on the list of actions already?
    pub(crate) fn is_flush_queued(&self) -> bool {
        self.session.flags.has(Flags::FLUSH_QUEUED)
    }

    pub(crate) fn set_flush_queued(&mut self, is_queued: bool) {
        self.session.flags.set(Flags::FLUSH_QUEUED, is_queued);
    }

    /// Where it stands.
    pub(crate) fn stage(&self) -> Stage {
        self.session.stage()
    }

    /// Is the driver told to drop its socket?
    pub(crate) fn is_dropped(&self) -> bool {
        self.stage() == Stage::Dropped
    }

    /// Did it come to the admin listener, or to that for metrics?
    pub(crate) fn is_admin(&self) -> bool {
        self.session.flags.has(Flags::OPERATOR) || self.session.flags.has(Flags::COLLECTOR)
    }

    /// Its proxy says that it is from here.
    pub(crate) fn set_peer(&mut self, peer: SocketAddr) {
        self.peer_ip = match peer.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        self.peer_port = peer.port();
    }

    /// Where it came from; behind a proxy, the client, with port 0 where that is not told.
    pub(crate) fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.peer_ip.to_canonical(), self.peer_port)
    }

    /// The same for people.
    pub(crate) fn peer_text(&self) -> String {
        peer_text(self.peer())
    }

    /// What its limits are counted by.
    pub(crate) fn address(&self) -> Address {
        Address::from(IpAddr::V6(self.peer_ip))
    }

    /// The nearest of its deadlines.
    pub(crate) fn next_deadline(&self, policy: &Policy) -> Instant {
        self.session.next_deadline(policy).min(self.answer_by()).min(self.backlog_until())
    }

    /// When the token runs out that it is in with, or on its way in.
    pub(crate) fn token_end(&self) -> Option<Instant> {
        match self.waiting.as_ref().map(|waiting| &waiting.auth) {
            Some(PendingAuth::Join(join)) => Some(join.clocks.token_end),
            _ => self.session.token_end(),
        }
    }

    /// When the application's time for a message is over.
    pub(crate) fn answer_by(&self) -> Instant {
        let message = self.waiting.as_ref().and_then(|waiting| waiting.message.as_ref());
        message.map_or(Instant::NEVER, |message| message.answer_by)
    }

    /// Does a message of its client wait for its answer?
    pub(crate) fn owes_answer(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.message.is_some())
    }

    /// Is an `auth` under way, with a worker or with the application? Another one then waits.
    pub(crate) fn is_renewing(&self) -> bool {
        self.session.is_rejoining() || self.is_checking()
    }

    /// When the time of a message is over that waits until the application is asked less.
    pub(crate) fn backlog_until(&self) -> Instant {
        let waiting = self.waiting.as_ref().and_then(|waiting| waiting.backlog_until);
        waiting.unwrap_or(Instant::NEVER)
    }

    /// Does its `auth` wait for its key, the check of its signature, or a place?
    pub(crate) fn is_checking(&self) -> bool {
        let auth = self.waiting.as_ref().map(|waiting| &waiting.auth);
        matches!(auth, Some(PendingAuth::Key(_) | PendingAuth::Check(_) | PendingAuth::Place(_)))
    }

    /// Does its `auth`, or its request, wait for the key of its token?
    pub(crate) fn waits_for_key(&self) -> bool {
        let auth = self.waiting.as_ref().map(|waiting| &waiting.auth);
        matches!(auth, Some(PendingAuth::Key(_)))
    }

    /// Texts that wait for an answer that is not there.
    pub(crate) fn waiting_texts(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.texts())
    }

    /// How many bytes are to be kept before its request is whole.
    pub(crate) fn awaited_bytes(&self) -> usize {
        match self.waiting.as_ref().and_then(|waiting| waiting.request.as_ref()) {
            Some(PendingRequest::Read(head)) => head.awaited_bytes(),
            Some(PendingRequest::Asked(_)) | None => 0,
        }
    }

    /// Nothing more is taken from the peer until an answer is there, or until it has read some.
    pub(crate) fn is_full(&self, policy: &Policy) -> bool {
        self.stage().awaits_answer()
            || self.session.phase().is_authenticated()
                && (self.waiting_texts() >= policy.waiting_messages || self.owes_output(policy))
    }

    /// Half of the outbox is taken: the peer's own requests wait, so that only what others say can
    /// make it a slow consumer. Many short requests that come at once may have long answers.
    pub(crate) fn owes_output(&self, policy: &Policy) -> bool {
        policy.outbound_bytes != 0 && self.outbox.weight() > policy.outbound_bytes / 2
    }

    /// How many of the frames that are queued first must go out, whatever is dropped: without the 101
    /// no client would understand what comes behind it.
    pub(crate) fn needed_frames(&self) -> usize {
        usize::from(self.session.is_upgrading())
    }

    /// What it has sent and is not finished or not answered: bytes of memory, not of messages;
    /// `buffered` of them are kept by the driver. O(1).
    pub(crate) fn held_input(&self, buffered: usize) -> usize {
        let waiting = self.waiting.as_ref().map(|waiting| waiting.kept_bytes());
        match self.decoder.held_bytes() + buffered + waiting.unwrap_or(0) {
            0 => 0,
            held => HOLDER_BYTES + held,
        }
    }

    /// Whose budgets it counts towards.
    pub(crate) fn side(&self) -> Side {
        if self.session.phase().is_authenticated() { Side::Authenticated } else { Side::Pending }
    }

    /// Gives the memory of `waiting` back when nothing waits.
    pub(crate) fn tidy(&mut self) {
        if self.waiting.as_ref().is_some_and(|waiting| waiting.is_empty()) {
            self.waiting = None;
        }
    }
}

/// An address for people: without a port where none is known, and `unix` for a Unix socket's peer.
pub(crate) fn peer_text(peer: SocketAddr) -> String {
    if is_unix_peer(peer.ip()) {
        "unix".to_owned()
    } else if peer.port() == 0 {
        peer.ip().to_string()
    } else {
        peer.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_104_bytes() {
        assert_eq!(size_of::<Connection>(), 104);
    }
}
