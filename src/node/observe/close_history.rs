//! What became of connections: the last ends, for whoever asks by `vestibule explain`.
//!
//! Two rings of the same length: those who had been in a room, and everybody else. So no storm of
//! strangers makes the node forget what became of its users. An end is noted when the last word is
//! said, or the peer is found gone, not when the TCP connection is over. It allocates nothing, but
//! for a user's name that has to be cut. HTTP requests that were answered leave none.

use std::collections::VecDeque;
use std::net::SocketAddr;

use smol_str::{SmolStr, SmolStrBuilder};

use crate::id::ConnId;
use crate::node::connections::connection::Connection;
use crate::node::connections::session::Phase;
use crate::node::http::refusal::Refusal;
use crate::node::work::port::Hangup;
use crate::protocol::{CloseReason, MessageFault};
use crate::time::{Now, UnixTime};

/// The most bytes of a name that are kept. A room's 128 always fit.
const NAME_BYTES: usize = 128;
/// Stands for the rest of a longer one.
const CUT: &str = "…";

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By the server, with a close frame.
    Closed(CloseReason),
    /// By the client, with a close frame, and what code there was in it.
    ClosedByClient(Option<u16>),
    /// The client was gone.
    HungUp(Hangup),
    /// The request was answered in HTTP, and not with a WebSocket.
    Refused(Refusal),
    /// The server ended it without a word.
    Dropped(Unanswered),
}

/// Why a connection ends without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// No whole request came in time.
    NoRequest,
    /// It had a place in a small table that was full, and no whole request, when a newer one came.
    GaveWay,
    /// The proxy did not say whom it was called by.
    BadProxyHeader,
    /// The proxy's client holds too many pending connections for even a refusal.
    Address,
}

/// What is known of a connection, alive or not.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: ConnId,
    pub(crate) phase: Phase,
    pub(crate) peer: SocketAddr,
    /// Cut to [`NAME_BYTES`], as a room would be.
    pub(crate) user: Option<SmolStr>,
    pub(crate) room: Option<SmolStr>,
    pub(crate) accepted: UnixTime,
    pub(crate) upgraded: Option<UnixTime>,
    pub(crate) joined: Option<UnixTime>,
    /// Those that came.
    pub(crate) messages: u32,
    /// It was re-authenticated.
    pub(crate) is_renewed: bool,
    /// What was wrong with the last message from it that was not understood.
    pub(crate) fault: Option<MessageFault>,
}

/// An end. Some 200 bytes, its names aside.
#[derive(Clone, Debug)]
pub(crate) struct ClosedConnection {
    /// Closed connections are numbered, as a wall clock that is set does not order them.
    pub(crate) serial: u64,
    pub(crate) account: Account,
    pub(crate) at: UnixTime,
    pub(crate) how: Ending,
}

/// What an end costs, with its user and its room: 128 bytes at most each.
pub(crate) const END_BYTES: usize = 512;
const _: () = assert!(size_of::<ClosedConnection>() + 2 * (NAME_BYTES + 32) <= END_BYTES);

/// The ends that are remembered.
#[derive(Debug)]
pub(crate) struct CloseHistory {
    members: VecDeque<ClosedConnection>,
    others: VecDeque<ClosedConnection>,
    /// Of each.
    capacity: usize,
    last_serial: u64,
    /// Who a token speaks for that is not let in, until that connection's end is noted.
    claimed: Option<(ConnId, SmolStr)>,
}

impl CloseHistory {
    /// Remembers so many of each kind; 0: none.
    pub(crate) fn new(capacity: usize) -> Self {
        let ring = || VecDeque::with_capacity(capacity);
        Self { members: ring(), others: ring(), capacity, last_serial: 0, claimed: None }
    }

    /// From here on so many; the oldest of those beyond them go.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
        for ring in [&mut self.members, &mut self.others] {
            let excess = ring.len().saturating_sub(capacity);
            ring.drain(..excess);
            ring.reserve_exact(capacity - ring.len());
        }
    }

    /// Of each kind.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len() + self.others.len()
    }

    /// A good signature says that `id` belongs to `user`, and yet it is not let in.
    pub(crate) fn set_claimed_user(&mut self, id: ConnId, user: &SmolStr) {
        self.claimed = Some((id, cut(user)));
    }

    /// Remembers how a connection ended. O(1).
    pub(crate) fn push(&mut self, mut account: Account, at: UnixTime, how: Ending) {
        if let Some((id, user)) = self.claimed.take()
            && id == account.id
        {
            account.user.get_or_insert(user);
        }
        let is_member = account.phase.is_authenticated();
        let ring = if is_member { &mut self.members } else { &mut self.others };
        if ring.len() >= self.capacity {
            ring.pop_front();
        }
        self.last_serial += 1;
        ring.push_back(ClosedConnection { serial: self.last_serial, account, at, how });
    }

    /// What became of `id`, if that is remembered. O(ends).
    pub(crate) fn find(&self, id: ConnId) -> Option<&ClosedConnection> {
        self.members.iter().chain(&self.others).find(|end| end.account.id == id)
    }

    /// The last ends first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &ClosedConnection> {
        let mut members = self.members.iter().rev().peekable();
        let mut others = self.others.iter().rev().peekable();
        std::iter::from_fn(move || {
            let member = members.peek().map_or(0, |end| end.serial);
            let other = others.peek().map_or(0, |end| end.serial);
            if member > other { members.next() } else { others.next() }
        })
    }
}

/// `name`, and not more than [`NAME_BYTES`] of it.
pub(crate) fn cut(name: &SmolStr) -> SmolStr {
    if name.len() <= NAME_BYTES {
        return name.clone();
    }
    let (kept, _) = name.split_at(name.floor_char_boundary(NAME_BYTES - CUT.len()));
    let mut short = SmolStrBuilder::new();
    short.push_str(kept);
    short.push_str(CUT);
    short.finish()
}

impl Account {
    /// What is known of this connection. `user` and `room`: where it is, or wants to be.
    pub(crate) fn of(
        now: Now,
        id: ConnId,
        connection: &Connection,
        user: Option<&SmolStr>,
        room: Option<&SmolStr>,
    ) -> Self {
        let session = &connection.session;
        let accepted = connection.accepted.before(now.monotonic);
        Self {
            id,
            phase: session.phase(),
            peer: connection.peer(),
            user: user.map(cut),
            room: connection.wanted_room.as_deref().or(room).map(cut),
            accepted: now.unix_when(accepted),
            upgraded: connection.upgraded.since(accepted).map(|moment| now.unix_when(moment)),
            joined: session.in_since(now.monotonic).map(|moment| now.unix_when(moment)),
            messages: connection.messages,
            is_renewed: session.is_renewed(),
            fault: session.fault(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::connections::moment::CoarseInstant;
    use crate::time::Instant;

    fn account(serial: u32, phase: Phase) -> Account {
        Account {
            id: ConnId::new(0, serial),
            phase,
            peer: SocketAddr::from(([127, 0, 0, 1], 9)),
            user: None,
            room: None,
            accepted: UnixTime::default(),
            upgraded: None,
            joined: None,
            messages: 0,
            is_renewed: false,
            fault: None,
        }
    }

    fn push(ends: &mut CloseHistory, serial: u32, phase: Phase) {
        ends.push(account(serial, phase), UnixTime::default(), Ending::HungUp(Hangup::Eof));
    }

    fn newest(ends: &CloseHistory) -> Vec<u32> {
        ends.newest().map(|end| end.account.id.generation()).collect()
    }

    #[test]
    fn pending_closes_do_not_evict_authenticated_closes() {
        let mut ends = CloseHistory::new(3);
        for serial in 1..=4 {
            push(&mut ends, serial, Phase::Connected);
        }
        for serial in 5..=20 {
            push(&mut ends, serial, Phase::Authenticating);
        }
        push(&mut ends, 21, Phase::Reauthenticating);
        push(&mut ends, 22, Phase::Handshaking);
        assert_eq!(newest(&ends), [22, 21, 20, 19, 4, 3]);
        assert!(ends.find(ConnId::new(0, 3)).is_some());
        assert!(ends.find(ConnId::new(0, 2)).is_none());
        ends.set_capacity(1);
        assert_eq!(newest(&ends), [22, 21]);
        ends.set_capacity(2);
        push(&mut ends, 23, Phase::Joining);
        assert_eq!(newest(&ends), [23, 22, 21]);
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        let fits = SmolStr::new("é".repeat(64));
        assert_eq!(cut(&fits), fits);
        let long = cut(&SmolStr::new("é".repeat(256)));
        assert_eq!(long, format!("{}…", "é".repeat(62)));
        assert!(long.len() <= NAME_BYTES);
    }

    #[test]
    fn an_end_is_less_than_half_a_kilobyte_with_its_names() {
        // As `vestibule check` multiplies out: two names with their counts and ends of heap blocks.
        assert!(
            size_of::<ClosedConnection>() + 2 * (NAME_BYTES + 32) <= 512,
            "{}",
            size_of::<ClosedConnection>()
        );
        assert_eq!(size_of::<CoarseInstant>(), 4);
        assert!(CoarseInstant::of(Instant::START).before(Instant::START) == Instant::START);
    }
}
