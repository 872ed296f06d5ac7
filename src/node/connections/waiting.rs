//! What a connection waits for: an answer of the application, a worker, or a place.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::{fmt, mem};

use smol_str::SmolStr;

use crate::auth::{Principal, SignatureCheck, SignatureDigest};
use crate::node::connections::session::Clocks;
use crate::node::http::message::ResponseForm;
use crate::node::http::request::RequestHead;
use crate::node::work::ticket::Ticket;
use crate::protocol::{Memo, Position};
use crate::time::{Instant, UnixTime};

/// What waits for an answer of the application.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) auth: PendingAuth,
    /// From where on its client wants the messages of its room, until it is admitted.
    pub(crate) resume: Option<Box<PendingResume>>,
    /// An `auth` that came while that one was under way.
    pub(crate) next_auth: Option<Box<str>>,
    /// The message that it is asked about.
    pub(crate) message: Option<PendingMessage>,
    /// The HTTP request that is not answered.
    pub(crate) request: Option<PendingRequest>,
    /// How it will be answered; `None`: as any other.
    pub(crate) form: Option<ResponseForm>,
    /// Texts that came meanwhile, in order.
    texts: VecDeque<Box<str>>,
    /// What they take.
    text_bytes: usize,
    /// Its place among those who wait until the application is asked less is taken.
    pub(crate) is_in_backlog: bool,
    /// Until when its first text waits there; `None`: it waits for something else, if at all.
    pub(crate) backlog_until: Option<Instant>,
    /// Its place among those who wait until less is on its way in their room is taken.
    pub(crate) is_behind_room: bool,
}

impl Waiting {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.auth, PendingAuth::None)
            && self.resume.is_none()
            && self.next_auth.is_none()
            && self.message.is_none()
            && self.request.is_none()
            && self.form.is_none()
            && self.texts.is_empty()
            && !self.is_in_backlog
            && !self.is_behind_room
    }

    /// The check that waits for this answer, and for no other.
    pub(crate) fn take_check(&mut self, ticket: Ticket) -> Option<PendingCheck> {
        match mem::take(&mut self.auth) {
            PendingAuth::Check(check) if check.ticket == Some(ticket) => Some(check),
            other => self.put_back(other),
        }
    }

    /// The `auth` that waits for its key.
    pub(crate) fn take_key(&mut self) -> Option<PendingKey> {
        match mem::take(&mut self.auth) {
            PendingAuth::Key(pending) => Some(pending),
            other => self.put_back(other),
        }
    }

    /// The join that waits for this answer, and for no other.
    pub(crate) fn take_join(&mut self, ticket: Ticket) -> Option<PendingJoin> {
        match mem::take(&mut self.auth) {
            PendingAuth::Join(join) if join.ticket == ticket => Some(join),
            other => self.put_back(other),
        }
    }

    /// The `auth` that waits for a place.
    pub(crate) fn take_place(&mut self) -> Option<AcceptedAuth> {
        match mem::take(&mut self.auth) {
            PendingAuth::Place(accepted) => Some(*accepted),
            other => self.put_back(other),
        }
    }

    /// The `auth` that waits for its room.
    pub(crate) fn take_room(&mut self) -> Option<AcceptedAuth> {
        match mem::take(&mut self.auth) {
            PendingAuth::Room(accepted) => Some(*accepted),
            other => self.put_back(other),
        }
    }

    fn put_back<T>(&mut self, auth: PendingAuth) -> Option<T> {
        self.auth = auth;
        None
    }

    /// Begins to wait for this. One `auth` is under way at a time.
    pub(crate) fn set_auth(&mut self, auth: PendingAuth) {
        let before = mem::replace(&mut self.auth, auth);
        debug_assert!(matches!(before, PendingAuth::None), "one auth is under way at a time");
    }

    /// Puts a text behind the others.
    pub(crate) fn push(&mut self, text: &str) {
        self.text_bytes += weight(text);
        self.texts.push_back(text.into());
    }

    /// Takes the first text out.
    pub(crate) fn pop(&mut self) -> Option<Box<str>> {
        let text = self.texts.pop_front()?;
        self.backlog_until = None;
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
        let next_auth = self.next_auth.as_ref().map_or(0, |auth| auth.len());
        let request = self.request.as_ref().map_or(0, PendingRequest::kept_bytes);
        self.text_bytes + self.auth.kept_bytes() + next_auth + request
    }
}

/// How far an `auth`, or the token of a request, is on its way into the room.
#[derive(Debug, Default)]
pub(crate) enum PendingAuth {
    /// There is none.
    #[default]
    None,
    /// Its key is fetched.
    Key(PendingKey),
    /// Its signature is checked.
    Check(PendingCheck),
    /// It waits until its user has a place.
    Place(Box<AcceptedAuth>),
    /// It waits until its room was read in the cluster's engine.
    Room(Box<AcceptedAuth>),
    /// The application is asked for the room.
    Join(PendingJoin),
}

impl PendingAuth {
    /// Bytes that are kept for it.
    fn kept_bytes(&self) -> usize {
        match self {
            Self::None | Self::Join(_) => 0,
            Self::Key(key) => key.auth.as_ref().map_or(0, |(id, token)| id.len() + token.len()),
            Self::Check(check) => check.check.token().len(),
            Self::Place(accepted) | Self::Room(accepted) => accepted.kept_bytes(),
        }
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

/// An `auth` whose key is not there yet.
pub(crate) struct PendingKey {
    /// The `auth` message's id and its token; `None`: the token came with a request, which has it.
    pub(crate) auth: Option<(SmolStr, Box<str>)>,
    /// Its place among those who wait for keys.
    pub(crate) serial: u64,
}

/// The token is not shown.
impl fmt::Debug for PendingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingKey").field("serial", &self.serial).finish_non_exhaustive()
    }
}

/// An `auth` whose signature is not checked yet.
#[derive(Debug)]
pub(crate) struct PendingCheck {
    /// The `auth` message's id; `None`: the token came with a request.
    pub(crate) request_id: Option<SmolStr>,
    pub(crate) check: SignatureCheck,
    pub(crate) turn: CheckTurn,
    /// There once it is submitted.
    pub(crate) ticket: Option<Ticket>,
    /// It has waited for its key, with this serial.
    pub(crate) serial: Option<u64>,
}

/// The order of checks: false, those of the authenticated, first; then by rounds, in which each address
/// has one; then as their `auth` came.
pub(crate) type CheckTurn = (bool, u64, u64);

/// An accepted `auth`: whom it speaks for, and what is reserved for it. Its user may have no place.
#[derive(Debug)]
pub(crate) struct AcceptedAuth {
    /// The `auth` message's id; `None`: the token came with the request.
    pub(crate) request_id: Option<SmolStr>,
    pub(crate) principal: Principal,
    /// To be taken back when the connection does not get in.
    pub(crate) reserved: Reserved,
}

impl AcceptedAuth {
    /// Bytes that are kept for it.
    pub(crate) fn kept_bytes(&self) -> usize {
        let Principal { user, token_id, claims, .. } = &self.principal;
        let ids = [self.request_id.as_deref(), token_id.as_deref()];
        let ids: usize = ids.into_iter().flatten().map(str::len).sum();
        size_of::<Self>() + user.len() + claims.len() + ids
    }
}

/// A request whose answer is not there yet.
#[derive(Debug)]
pub(crate) enum PendingRequest {
    /// It waits for its body, or for the check of its token.
    Read(Box<RequestHead>),
    /// The application has it.
    Asked(Ticket),
}

impl PendingRequest {
    /// Bytes that are kept for it.
    pub(crate) fn kept_bytes(&self) -> usize {
        match self {
            Self::Read(head) => head.kept_bytes(),
            Self::Asked(_) => 0,
        }
    }
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
    /// The connection whose place it takes, which has left.
    pub(crate) replaces: Option<ClaimedLeave>,
}

/// The place of a leave among those that linger, for the join that has claimed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClaimedLeave(pub(crate) NonZeroU32);

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

/// From where on a client wants the messages of its room.
#[derive(Debug, Default)]
pub(crate) struct PendingResume {
    /// The last position that it has seen.
    pub(crate) seen: Option<Position>,
    /// The application was asked what came behind that.
    pub(crate) is_asked: bool,
    /// Where the room stood when the application was asked, which knows what was said before.
    pub(crate) asked_at: Option<Position>,
    /// What it need not have done again.
    pub(crate) memo: Option<Memo>,
    /// For the next memo: the check of its token's signature, if there was one to remember.
    pub(crate) signature: Option<SignatureDigest>,
    /// And what its token says beside whose it is.
    pub(crate) claims: ClaimsDigest,
    /// When the application admitted it, if it is not asked again.
    pub(crate) trusted_since: Option<UnixTime>,
}

/// A hash of a token's claims, as far as other tokens of the same user say the same.
pub(crate) type ClaimsDigest = [u8; 32];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ReauthReason;

    fn join(serial: u32) -> PendingJoin {
        let (until, clock) = (UnixTime::default(), Instant::NEVER);
        PendingJoin {
            ticket: Ticket { index: 0, serial },
            request_id: None,
            clocks: Clocks { token_end: clock, reauth_at: clock, reason: ReauthReason::Requested },
            expires_at: until,
            reserved: Reserved { message: None, token_id: None, until },
            replaces: None,
        }
    }

    #[test]
    fn answer_of_another_ticket_leaves_what_waits() {
        let mut waiting = Waiting::default();
        waiting.set_auth(PendingAuth::Join(join(7)));
        let of = |serial| Ticket { index: 0, serial };
        assert!(waiting.take_join(of(6)).is_none() && waiting.take_check(of(7)).is_none());
        assert!(waiting.take_place().is_none() && !waiting.is_empty());
        assert_eq!(waiting.take_join(of(7)).map(|join| join.ticket), Some(of(7)));
        assert!(waiting.take_join(of(7)).is_none() && waiting.is_empty());
    }

    #[test]
    fn what_waits_takes_288_bytes() {
        assert!(size_of::<Waiting>() <= 288, "{}", size_of::<Waiting>());
    }
}
