//! A record of all calls to the application, with which the checkers compare what is sent.
//!
//! [`WatchedApp`](super::watched::WatchedApp) stands between the node and the application, and
//! writes each call into the [`Ledger`]. A join tells it the moment at which a token was verified.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::shares::Shares;
use crate::config::Config;
use crate::id::ConnId;
use crate::node::app::{Admission, Answer, Incoming, Join};
use crate::node::{StartFlag, Ticket};
use crate::time::{Instant, Now, UnixTime};

/// Within this time a repeated message must not be processed again. It is a second less than the
/// protocol's 10 minutes, because the node counts whole seconds.
pub(super) const REMEMBERED: Duration = Duration::from_secs(599);
/// After this time a repeated message is a new one. In between, either is correct.
const FORGOTTEN: Duration = Duration::from_secs(601);
/// The server finds a repeated message among this many of the user's last messages in the room.
const REMEMBERED_MESSAGES: usize = 32;

/// When a session must be renewed, computed from the protocol's text and not by the node's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// The earliest time of `auth_required`.
    pub(super) reauth_from: Instant,
    /// The latest time of `auth_required`.
    pub(super) reauth_until: Instant,
    /// When the token expires.
    pub(super) token_end: Instant,
}

impl Terms {
    /// Protocol, section 5.
    pub(super) fn new(config: &Config, now: Now, expires: UnixTime) -> Self {
        let auth = &config.auth;
        let life = expires.since(now.unix);
        let token_end = now.monotonic + (expires + auth.leeway.get()).since(now.unix);
        let lead = auth.reauth_before_expiry.get();
        let by_expiry = if life < lead * 2 { life / 2 } else { life - lead };
        let by_age = auth.reauth_after.get();
        let interval = if by_age.is_zero() { by_expiry } else { by_age.min(by_expiry) };
        let spread = auth.reauth_spread.get().min(interval / 10);
        let after = |interval: Duration| {
            (now.monotonic + interval.max(Duration::from_secs(5))).min(token_end)
        };
        Self { reauth_from: after(interval - spread), reauth_until: after(interval), token_end }
    }
}

/// A connection that asked to join.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) room: String,
    user: String,
    /// The join that the application has not answered, when it was asked, and its terms.
    pub(super) asked: Option<(Ticket, Instant, Terms)>,
    /// The terms of the last admitted join. `None`: not in the room yet.
    pub(super) terms: Option<Terms>,
    /// How many of the room's messages were relayed to it or skipped.
    heard: usize,
    has_left: bool,
    /// The application has refused one of its joins, so it must be closed.
    is_refused: bool,
}

/// A message that the node passed to the application.
#[derive(Debug)]
struct Spoken {
    from: ConnId,
    user: String,
    id: String,
    content: String,
    at: Instant,
    /// Whether the work has begun, if its worker checks that.
    start: Option<StartFlag>,
    is_begun: bool,
    /// The first answer that the node got.
    answer: Option<Answer>,
    /// The room may have received it earlier under the same id.
    may_be_seen: bool,
}

/// All calls to the application and its answers.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) now: Now,
    config: Config,
    members: BTreeMap<ConnId, Member>,
    /// Whose join each ticket is for.
    askers: BTreeMap<u64, ConnId>,
    rooms: BTreeMap<String, Vec<Spoken>>,
    /// The room and the index of the message that a question is about.
    questions: BTreeMap<u64, (String, usize)>,
    news: BTreeSet<(String, String)>,
    faults: Vec<String>,
    pub(super) shares: Shares,
    leaves: OwedLeaves,
}

/// The connections that are gone without a leave, and the joins that are to take their places.
#[derive(Debug, Default)]
struct OwedLeaves {
    /// Room, user, and when the connection was gone.
    owed: BTreeMap<ConnId, (String, String, Instant)>,
    /// By the connection that takes the place.
    replaced: BTreeMap<ConnId, ConnId>,
    /// Leaves that were not reported as somebody came back.
    cancelled: u64,
}

/// The ledger, shared between the application and the checkers.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedLedger(Arc<Mutex<Ledger>>);

impl SharedLedger {
    pub(super) fn new(config: &Config) -> Self {
        let (shares, config) = (Shares::new(config), config.clone());
        let ledger = Ledger { shares, config, ..Ledger::default() };
        Self(Arc::new(Mutex::new(ledger)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    pub(super) fn member(&self, id: ConnId) -> Option<&Member> {
        self.members.get(&id)
    }

    pub(super) fn take_faults(&mut self) -> Vec<String> {
        self.judge_leaves();
        std::mem::take(&mut self.faults)
    }

    pub(super) fn ask_to_join(&mut self, join: &Join<'_>) {
        #[derive(Deserialize)]
        struct Claims {
            exp: f64,
        }
        let now = self.now;
        let expires = serde_json::from_str::<Claims>(join.claims).map_or(0.0, |claims| claims.exp);
        let expires = UnixTime::from_millis((expires * 1e3) as u64);
        if expires + self.config.auth.leeway.get() <= now.unix {
            self.faults.push(format!("{} joins with an expired token", join.connection));
        }
        self.faults.extend(self.shares.take_token(now.monotonic, join.user).err());
        let terms = Terms::new(&self.config, now, expires);
        let member = self.members.entry(join.connection).or_insert_with(|| Member {
            room: join.room.to_owned(),
            user: join.user.to_owned(),
            asked: None,
            terms: None,
            heard: 0,
            has_left: false,
            is_refused: false,
        });
        if member.room != join.room || member.user != join.user || member.has_left {
            self.faults.push(format!("{} joins as somebody else", join.connection));
        } else if join.reauth != member.terms.is_some() {
            self.faults.push(format!("{} joins with a wrong `reauth`", join.connection));
        }
        if member.is_refused {
            self.faults.push(format!("{} joins again after a refused join", join.connection));
        }
        self.askers.insert(number(join.ticket), join.connection);
        if member.asked.replace((join.ticket, now.monotonic, terms)).is_some() {
            self.faults.push(format!("{} has two joins under way", join.connection));
        }
        self.ask_to_replace(join);
        if join.resumed {
            self.joined(join.ticket, Some(&Admission::Admit(Default::default())));
        }
    }

    /// An operator requires a fresh token from a user, so the server may ask for it from now on.
    pub(super) fn required(&mut self, user: &str, now: Instant) {
        let members = self.members.values_mut().filter(|member| member.user == user);
        for terms in members.filter_map(|member| member.terms.as_mut()) {
            terms.reauth_from = terms.reauth_from.min(now);
        }
    }

    /// The connection whose join has this ticket.
    pub(super) fn asker(&self, ticket: Ticket) -> Option<ConnId> {
        self.askers.get(&number(ticket)).copied()
    }

    /// Records that an admission reached the node.
    pub(super) fn joined(&mut self, ticket: Ticket, admission: Option<&Admission>) {
        let Some(id) = self.askers.remove(&number(ticket)) else { return };
        let is_asked = |member: &Member| member.asked.is_some_and(|(asked, ..)| asked == ticket);
        let member = self.members.get_mut(&id).filter(|member| is_asked(member));
        let Some(member) = member else { return };
        let Some((_, _, terms)) = member.asked.take() else { return };
        let is_admitted = matches!(admission, Some(Admission::Admit(_))) && !member.has_left;
        if is_admitted {
            if member.terms.is_none() {
                member.heard = self.rooms.get(&member.room).map_or(0, Vec::len);
            }
            member.terms = Some(terms);
        } else {
            member.is_refused = true;
        }
        self.replace_decided(id, is_admitted);
    }

    /// Records that an answer to a message reached the node.
    pub(super) fn answered(&mut self, ticket: Ticket, answer: &Answer) {
        let Some((room, place)) = self.questions.remove(&number(ticket)) else { return };
        if let Some(said) = self.rooms.get_mut(&room).and_then(|spoken| spoken.get_mut(place)) {
            said.answer.get_or_insert_with(|| answer.clone());
        }
        if let Ok(update) = answer
            && update.broadcast
        {
            self.news.insert((room, update.content.clone().into_owned()));
        }
    }

    /// Records that work has begun. The work of a message must begin only once.
    pub(super) fn begun(&mut self, ticket: Ticket) {
        let Some((room, place)) = self.questions.get(&number(ticket)) else { return };
        let said = self.rooms.get_mut(room).and_then(|spoken| spoken.get_mut(*place));
        let Some(said) = said else { return };
        if std::mem::replace(&mut said.is_begun, true) {
            let Spoken { user, id, .. } = said;
            self.faults.push(format!("{user}'s {id} is done twice"));
        }
    }

    /// Checks that `content` is the first answer to the message of this id.
    ///
    /// # Errors
    /// It is the answer to another message, or not the first one.
    pub(super) fn judge_answer(
        &self,
        id: ConnId,
        message: &str,
        content: &str,
    ) -> Result<(), String> {
        let Some(member) = self.members.get(&id) else { return Ok(()) };
        let spoken = self.rooms.get(&member.room).map(Vec::as_slice).unwrap_or_default();
        let is_it = |said: &&Spoken| said.user == member.user && said.id == message;
        let is_answer =
            |said: &Spoken| matches!(&said.answer, Some(Ok(it)) if it.content == content);
        if spoken.iter().filter(is_it).any(is_answer) {
            Ok(())
        } else {
            Err(format!("{message} is answered with what was not its first answer"))
        }
    }

    pub(super) fn ask_for_page(&mut self, user: &str) {
        self.faults.extend(self.shares.take_request(self.now.monotonic, user).err());
    }

    pub(super) fn ask(&mut self, message: &Incoming<'_>) {
        let Incoming { connection, room, user, id, content, .. } = *message;
        match self.members.get(&connection) {
            Some(member) if member.terms.is_some() && !member.has_left => {
                if member.room != room || member.user != user {
                    self.faults.push(format!("{connection} speaks as somebody else"));
                }
                if member.is_refused {
                    self.faults.push(format!("{connection} speaks after a refused join"));
                }
            }
            _ => self.faults.push(format!("{connection} speaks without being in the room")),
        }
        let at = self.now.monotonic;
        self.faults.extend(self.shares.take_message(at, user).err());
        let may_be_forgotten = self.shares.may_forget_answers(user);
        let spoken = self.rooms.entry(room.to_owned()).or_default();
        let of_user = spoken.iter().enumerate().rev().filter(|(_, said)| said.user == user);
        let done = of_user.take(REMEMBERED_MESSAGES).find(|(_, said)| said.id == id);
        let done = done.filter(|(_, done)| at.since(done.at) < FORGOTTEN).map(|(place, _)| place);
        let again = done.and_then(|place| Some((place, spoken.get_mut(place)?)));
        let is_withdrawn = |said: &Spoken| said.start.as_ref().is_some_and(StartFlag::is_withdrawn);
        let mut may_be_seen = false;
        if let Some((place, done)) = again {
            let is_remembered = at.since(done.at) < REMEMBERED;
            if is_withdrawn(done) && !done.is_begun && done.content == content {
                if is_remembered && !may_be_forgotten {
                    // The room has it already, but its work was never done.
                    (done.at, done.start) = (at, None);
                    self.questions.insert(number(message.ticket), (room.to_owned(), place));
                    return;
                }
                may_be_seen = true;
            } else if is_remembered && !may_be_forgotten {
                let ago = at.since(done.at).as_secs();
                self.faults
                    .push(format!("{connection}: {user}'s {id} is done again after {ago} s"));
            }
        }
        spoken.push(Spoken {
            from: connection,
            user: user.to_owned(),
            id: id.to_owned(),
            content: content.to_owned(),
            at,
            start: None,
            is_begun: false,
            answer: None,
            may_be_seen,
        });
        let place = spoken.len() - 1;
        self.questions.insert(number(message.ticket), (room.to_owned(), place));
    }

    /// The application left a message to a worker that checks `start`.
    pub(super) fn held(&mut self, ticket: Ticket, start: &StartFlag) {
        if let Some((room, place)) = self.questions.get(&number(ticket))
            && let Some(said) = self.rooms.get_mut(room).and_then(|spoken| spoken.get_mut(*place))
        {
            said.start = Some(start.clone());
        }
    }

    /// Checks that this is the next message of its room that `id` must receive.
    ///
    /// # Errors
    /// It is from another room, out of order, or a message before it is missing.
    pub(super) fn relayed(
        &mut self,
        id: ConnId,
        message: &str,
        user: &str,
        content: &str,
    ) -> Result<(), String> {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.terms.is_some()) else {
            return Err("hears a room that it is not in".to_owned());
        };
        let spoken = self.rooms.get(&member.room).map(Vec::as_slice).unwrap_or_default();
        let unheard = spoken.iter().enumerate().skip(member.heard);
        let is_it =
            |said: &Spoken| (&*said.id, &*said.user, &*said.content) == (message, user, content);
        let mut others = unheard.filter(|(_, said)| said.from != id);
        let next = others.find(|(_, said)| !said.may_be_seen || is_it(said));
        match next {
            Some((at, said)) if is_it(said) => {
                member.heard = at + 1;
                Ok(())
            }
            Some((_, said)) => Err(format!("hears {message} of {user}, but {} is next", said.id)),
            None => Err(format!("hears {message} of {user}, which was not said in its room")),
        }
    }

    /// Did `id` send this content, and did the application get it under this message id?
    pub(super) fn has_said(&self, id: ConnId, message: &str, content: &str) -> bool {
        let room = self.members.get(&id).and_then(|member| self.rooms.get(&member.room));
        room.is_some_and(|spoken| {
            let said = spoken.iter().rfind(|said| said.id == message);
            said.is_some_and(|said| said.from == id && said.content == content)
        })
    }

    /// How many messages of its room `id` has not received yet.
    pub(super) fn unheard(&self, id: ConnId) -> usize {
        let member = self.members.get(&id).filter(|member| member.terms.is_some());
        let Some(member) = member.filter(|member| !member.has_left) else { return 0 };
        let spoken = self.rooms.get(&member.room).map(Vec::as_slice).unwrap_or_default();
        let unheard = spoken.iter().skip(member.heard);
        unheard.filter(|said| said.from != id && !said.may_be_seen).count()
    }

    /// Did the application publish this to the room of `id`?
    pub(super) fn is_news(&self, id: ConnId, content: &str) -> bool {
        self.members
            .get(&id)
            .is_some_and(|member| self.news.contains(&(member.room.clone(), content.to_owned())))
    }

    /// How many rooms have at least one member that is not closing.
    pub(super) fn occupied_rooms(&self, is_open: impl Fn(ConnId) -> bool) -> usize {
        let inside = |member: &Member| member.terms.is_some() && !member.has_left;
        let members = self.members.iter().filter(|(id, member)| inside(member) && is_open(**id));
        members.map(|(_, member)| &*member.room).collect::<BTreeSet<_>>().len()
    }
}

fn number(ticket: Ticket) -> u64 {
    u64::from(ticket.serial) << 32 | u64::from(ticket.index)
}

mod leaves;
mod said;

#[cfg(test)]
mod tests;
