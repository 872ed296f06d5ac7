//! What became of connections: the last ends, for whoever asks by `vestibule explain`.
//!
//! Two tables of the same size: those who had been in a room, and everybody else. So no storm of
//! pending connections makes the node forget what became of its users. A table that is full forgets
//! the oldest end of the user, or of the address, that has most in it, so no user can have those of
//! others forgotten. An end is noted when the last word is said, or the peer is found gone, not when
//! the TCP connection is over. HTTP requests that were answered leave none.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use smol_str::{SmolStr, SmolStrBuilder};

use crate::auth::Address;
#[cfg(feature = "net")]
use crate::auth::MAX_CAUSE_BYTES;
use crate::id::{ConnId, Seed, SeededState};
use crate::node::connections::connection::Connection;
use crate::node::connections::session::Phase;
use crate::node::http::refusal::Refusal;
use crate::node::work::port::Hangup;
use crate::protocol::{CloseReason, MessageFault};
use crate::shares::Recent;
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

/// An end. Some 200 bytes, its texts aside.
#[derive(Clone, Debug)]
pub(crate) struct ClosedConnection {
    /// Closed connections are numbered, as a wall clock that is set does not order them.
    pub(crate) serial: u64,
    pub(crate) account: Account,
    pub(crate) at: UnixTime,
    pub(crate) how: Ending,
}

/// What an end costs, with its user and its room, 128 bytes at most each, its place in the order, and
/// that among its user's, who may have no other.
#[cfg(feature = "net")]
pub(crate) const END_BYTES: usize = 512 + Recent::<ClosedConnection>::ENTRY_BYTES;
const _: () = assert!(size_of::<ClosedConnection>() + 2 * (NAME_BYTES + 32) <= 512);

/// Faults of tokens that are remembered: one for so many ends of a kind.
pub(crate) const ENDS_A_TOKEN_FAULT: usize = 16;

/// What was wrong with a refused token.
#[derive(Debug)]
struct TokenFault {
    of: ConnId,
    cause: Box<str>,
}

/// What a fault costs, with its text.
#[cfg(feature = "net")]
pub(crate) const TOKEN_FAULT_BYTES: usize =
    size_of::<TokenFault>() + MAX_CAUSE_BYTES + 16 + Recent::<TokenFault>::ENTRY_BYTES;

/// The ends that are remembered.
#[derive(Debug)]
pub(crate) struct CloseHistory {
    members: Recent<ClosedConnection>,
    others: Recent<ClosedConnection>,
    hashing: SeededState,
    /// Of each.
    capacity: usize,
    last_serial: u64,
    /// Who a token speaks for that is not let in, until that connection's end is noted.
    claimed: Option<(ConnId, SmolStr)>,
    /// Why tokens were refused, held by the addresses that they came from.
    token_faults: Recent<TokenFault>,
}

impl CloseHistory {
    /// Remembers so many of each kind; 0: none.
    pub(crate) fn new(seed: &Seed, capacity: usize) -> Self {
        let ends = || Recent::new(seed, capacity);
        Self {
            members: ends(),
            others: ends(),
            hashing: SeededState::new(&seed.derive("users")),
            capacity,
            last_serial: 0,
            claimed: None,
            token_faults: Recent::new(seed, capacity / ENDS_A_TOKEN_FAULT),
        }
    }

    /// From here on so many; beyond them the oldest go of whoever has most.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
        for ends in [&mut self.members, &mut self.others] {
            ends.shrink(capacity);
        }
        self.token_faults.shrink(capacity / ENDS_A_TOKEN_FAULT);
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

    /// The token that came from `id` is refused for this. O(log faults).
    pub(crate) fn push_token_fault(&mut self, id: ConnId, address: Address, cause: String) {
        self.last_serial += 1;
        let fault = TokenFault { of: id, cause: cause.into_boxed_str() };
        let capacity = self.capacity / ENDS_A_TOKEN_FAULT;
        self.token_faults.push(self.last_serial, fault, address.to_bits(), capacity);
    }

    /// Why the last token of each of these connections was refused. O(faults · log faults).
    pub(crate) fn token_faults(&self) -> BTreeMap<ConnId, &str> {
        let mut faults = BTreeMap::new();
        for fault in self.token_faults.newest() {
            faults.entry(fault.of).or_insert(&*fault.cause);
        }
        faults
    }

    /// Remembers how a connection ended. O(log ends).
    pub(crate) fn push(&mut self, mut account: Account, at: UnixTime, how: Ending) {
        if let Some((id, user)) = self.claimed.take()
            && id == account.id
        {
            account.user.get_or_insert(user);
        }
        self.last_serial += 1;
        let address = Address::from(account.peer.ip()).to_bits();
        let (ends, holder) = if account.phase.is_authenticated() {
            let user = account.user.as_ref().map(|user| self.hashing.hash_texts(&[user]));
            (&mut self.members, user.unwrap_or(address))
        } else {
            (&mut self.others, address)
        };
        let end = ClosedConnection { serial: self.last_serial, account, at, how };
        ends.push(self.last_serial, end, holder, self.capacity);
    }

    /// What became of `id`, if that is remembered. O(ends).
    pub(crate) fn find(&self, id: ConnId) -> Option<&ClosedConnection> {
        self.members.newest().chain(self.others.newest()).find(|end| end.account.id == id)
    }

    /// The last ends first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &ClosedConnection> {
        let mut members = self.members.newest().peekable();
        let mut others = self.others.newest().peekable();
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
            room: room.map(cut),
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
        let mut ends = CloseHistory::new(&Seed::predictable(1), 3);
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
    fn a_user_does_not_have_the_ends_of_others_forgotten() {
        let mut ends = CloseHistory::new(&Seed::predictable(1), 10);
        let mut push = |serial: u32, user: &str| {
            let user = Some(SmolStr::new(user));
            let account = Account { user, ..account(serial, Phase::Connected) };
            ends.push(account, UnixTime::default(), Ending::HungUp(Hangup::Eof));
        };
        for serial in 1..=5 {
            push(serial, &format!("user {serial}"));
        }
        for serial in 6..=5_000 {
            push(serial, "mallory");
        }
        assert_eq!(newest(&ends), [5_000, 4_999, 4_998, 4_997, 4_996, 5, 4, 3, 2, 1]);
    }
}
