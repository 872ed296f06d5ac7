//! A connection: bytes without policy.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use smol_str::SmolStr;

use crate::auth::Address;
use crate::node::connections::frame::Decoder;
use crate::node::connections::moment::{Later, Moment};
use crate::node::connections::outbox::Outbox;
use crate::node::connections::session::{Clocks, Phase, Session};
use crate::node::gate::checks::PendingCheck;
use crate::node::gate::user_limit::PendingPlace;
use crate::node::http::message::Form;
use crate::node::http::request::PendingRequest;
use crate::node::policy::Policy;
use crate::node::work::port::Ticket;
use crate::time::{Instant, UnixTime};

/// What is kept for each connection, whatever it does: 120 bytes, which is also what a pending one
/// costs beside its 16 bytes in the wheel, its room's name and the driver's socket.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) session: Session,
    pub(crate) decoder: Decoder,
    pub(crate) outbox: Outbox,
    /// The room that was asked for, until it is joined.
    pub(crate) wanted_room: Option<Box<SmolStr>>,
    /// There only while an answer is awaited.
    pub(crate) waiting: Option<Box<Waiting>>,
    peer_ip: Ipv6Addr,
    peer_port: u16,
    pub(crate) generation: u32,
    pub(crate) accepted: Moment,
    /// Messages that came, the `auth` among them.
    pub(crate) messages: u32,
    /// When it became a WebSocket, from the accept on.
    pub(crate) upgraded: Later,
    /// What follows when the outbox is empty.
    pub(crate) afterwards: Afterwards,
    /// A flush is on the list of actions already.
    pub(crate) is_flush_queued: bool,
    /// The bytes cannot be understood any more, or need not be: they are passed over.
    pub(crate) is_deaf: bool,
    /// The driver is told to drop the socket; nothing reaches it any more.
    pub(crate) is_over: bool,
    /// It is one of the HTTP requests that are counted.
    pub(crate) is_request: bool,
    /// It is one of its address's pending connections.
    pub(crate) is_counted: bool,
    /// Its proxy has not said yet whom it was called by (the PROXY protocol).
    pub(crate) awaits_client: bool,
    /// It came to the admin listener: in no phase's count, and under no limit but its own.
    pub(crate) is_admin: bool,
}

/// What the driver does when everything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// Nothing: the connection goes on, or waits for the peer's close frame.
    Nothing,
    /// The time to authenticate begins: the 101 is out.
    Clock,
    /// The write side is shut down; the peer may still be talking.
    Finish,
    /// The TCP connection ends.
    Close,
}

/// What waits for an answer of the application.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// The `auth` whose signature is checked.
    pub(crate) check: Option<PendingCheck>,
    /// The `auth` that waits until its user has a place.
    pub(crate) place: Option<Box<PendingPlace>>,
    /// The join that the application is asked for.
    pub(crate) join: Option<PendingJoin>,
    /// The message that it is asked about.
    pub(crate) message: Option<PendingMessage>,
    /// The HTTP request that is not answered.
    pub(crate) request: Option<PendingRequest>,
    /// How it will be answered; `None`: as any other.
    pub(crate) form: Option<Form>,
    /// An `auth` that came while another is checked, or with the application.
    pub(crate) auth: Option<Box<str>>,
    /// Texts that came meanwhile, in order.
    texts: VecDeque<Box<str>>,
    /// What they take.
    text_bytes: usize,
    /// Its place among those who wait until the application is asked less is taken.
    pub(crate) is_in_crowd: bool,
    /// Until when its first text waits there; `None`: it waits for something else, if at all.
    pub(crate) crowd_until: Option<Instant>,
    /// Its place among those who wait until less is on its way in their room is taken.
    pub(crate) is_behind_room: bool,
}

impl Waiting {
    pub(crate) fn is_empty(&self) -> bool {
        self.check.is_none()
            && self.place.is_none()
            && self.join.is_none()
            && self.message.is_none()
            && self.request.is_none()
            && self.form.is_none()
            && self.auth.is_none()
            && self.texts.is_empty()
            && !self.is_in_crowd
            && !self.is_behind_room
    }

    /// Puts a text behind the others.
    pub(crate) fn push(&mut self, text: &str) {
        self.text_bytes += weight(text);
        self.texts.push_back(text.into());
    }

    /// Takes the first text out.
    pub(crate) fn pop(&mut self) -> Option<Box<str>> {
        let text = self.texts.pop_front()?;
        self.crowd_until = None;
        self.text_bytes = self.text_bytes.saturating_sub(weight(&text));
        Some(text)
    }

    /// How many bytes the first text has.
    pub(crate) fn next_bytes(&self) -> Option<usize> {
        self.texts.front().map(|text| text.len())
    }

    /// How many texts wait.
    pub(crate) fn texts(&self) -> usize {
        self.texts.len()
    }

    /// Does a text wait?
    pub(crate) fn has_texts(&self) -> bool {
        !self.texts.is_empty()
    }

    /// Bytes that wait. O(1).
    pub(crate) fn kept_bytes(&self) -> usize {
        let auth = self.auth.as_ref().map_or(0, |auth| auth.len());
        let place = self.place.as_ref().map_or(0, |place| place.kept_bytes());
        let check = self.check.as_ref().map_or(0, PendingCheck::kept_bytes);
        self.text_bytes + auth + place + check
    }
}

/// What a text takes, with its place in the queue.
fn weight(text: &str) -> usize {
    text.len() + 2 * size_of::<Box<str>>()
}

/// A message whose answer is not there yet.
#[derive(Debug)]
pub(crate) struct PendingMessage {
    pub(crate) ticket: Ticket,
    /// The message's id.
    pub(crate) request_id: SmolStr,
    /// The application has until then.
    pub(crate) answer_by: Instant,
}

/// An accepted `auth` whose room is not open yet.
#[derive(Debug)]
pub(crate) struct PendingJoin {
    pub(crate) ticket: Ticket,
    /// The `auth` message's id; `None`: the token came with the request.
    pub(crate) request_id: Option<SmolStr>,
    pub(crate) clocks: Clocks,
    pub(crate) expires_at: UnixTime,
    /// What is remembered of the `auth`, to be taken back when the join fails.
    pub(crate) reserved: Reserved,
}

/// What an accepted `auth` has put into the replay set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reserved {
    /// The message's hash; `None`: the token came with the request.
    pub(crate) message: Option<u64>,
    /// The token id's, where it is single-use: as used by somebody, and as this connection's.
    pub(crate) token_id: Option<(u64, u64)>,
    /// Until then.
    pub(crate) until: UnixTime,
}

impl Connection {
    pub(crate) fn new(now: Instant, peer: SocketAddr, generation: u32, policy: &Policy) -> Self {
        Self {
            session: Session::new(now, policy),
            decoder: Decoder::default(),
            outbox: Outbox::default(),
            wanted_room: None,
            waiting: None,
            peer_ip: match peer.ip() {
                IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                IpAddr::V6(ip) => ip,
            },
            peer_port: peer.port(),
            generation,
            accepted: Moment::of(now),
            messages: 0,
            upgraded: Later::NOT_YET,
            afterwards: Afterwards::Nothing,
            is_flush_queued: false,
            is_deaf: false,
            is_over: false,
            is_request: false,
            is_counted: false,
            awaits_client: false,
            is_admin: false,
        }
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
        self.session.next_deadline(policy).min(self.answer_by()).min(self.crowd_until())
    }

    /// When the token runs out that it is in with, or on its way in.
    pub(crate) fn token_end(&self) -> Option<Instant> {
        let join = self.waiting.as_ref().and_then(|waiting| waiting.join.as_ref());
        join.map(|join| join.clocks.token_end).or(self.session.token_end())
    }

    /// When the application's time for a message is over.
    pub(crate) fn answer_by(&self) -> Instant {
        let message = self.waiting.as_ref().and_then(|waiting| waiting.message.as_ref());
        message.map_or(Instant::NEVER, |message| message.answer_by)
    }

    /// Is an `auth` under way, with a worker or with the application? Another one then waits.
    pub(crate) fn is_renewing(&self) -> bool {
        self.session.is_rejoining() || self.is_checking()
    }

    /// When the time of a message is over that waits until the application is asked less.
    pub(crate) fn crowd_until(&self) -> Instant {
        let waiting = self.waiting.as_ref().and_then(|waiting| waiting.crowd_until);
        waiting.unwrap_or(Instant::NEVER)
    }

    /// Is the signature of its `auth` being checked, or does its `auth` wait for a place?
    pub(crate) fn is_checking(&self) -> bool {
        let is_under_way = |waiting: &Waiting| waiting.check.is_some() || waiting.place.is_some();
        self.waiting.as_deref().is_some_and(is_under_way)
    }

    /// Texts that wait for an answer that is not there.
    pub(crate) fn waiting_texts(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.texts())
    }

    /// How many bytes the request has whose body is awaited.
    pub(crate) fn awaited_bytes(&self) -> Option<usize> {
        let request = self.waiting.as_ref().and_then(|waiting| waiting.request.as_ref());
        request.map(|request| request.whole)
    }

    /// Nothing more is taken from the peer until an answer is there, or until it has read some.
    pub(crate) fn is_full(&self, policy: &Policy) -> bool {
        let phase = self.session.phase();
        if phase == Phase::Handshaking {
            return self.awaits_answer();
        }
        phase.is_authenticated()
            && (self.waiting_texts() >= policy.waiting_messages || self.owes_output(policy))
    }

    /// Its request is with the application, or its token is being checked.
    pub(crate) fn awaits_answer(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| {
            let is_asked = waiting.request.as_ref().is_some_and(PendingRequest::is_asked);
            waiting.check.is_some() || is_asked
        })
    }

    /// Half of the outbox is taken: the peer's own requests wait, so that only what others say can
    /// make it a slow consumer. Many short requests that come at once may have long answers.
    pub(crate) fn owes_output(&self, policy: &Policy) -> bool {
        policy.outbound_bytes != 0 && self.outbox.weight() > policy.outbound_bytes / 2
    }

    /// Gives the memory of `waiting` back when nothing waits.
    pub(crate) fn tidy(&mut self) {
        if self.waiting.as_ref().is_some_and(|waiting| waiting.is_empty()) {
            self.waiting = None;
        }
    }
}

/// An address for people: without a port where none is known.
pub(crate) fn peer_text(peer: SocketAddr) -> String {
    if peer.port() == 0 { peer.ip().to_string() } else { peer.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_120_bytes() {
        assert_eq!(size_of::<Connection>(), 120);
    }
}
