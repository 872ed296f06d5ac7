//! What becomes of a new connection whose user has as many as one may.
//!
//! Often some of those are half open: a laptop was closed and opened, and its browser has connected
//! anew before the server knows that the old connections are gone. So the new one waits for at most
//! 2 seconds, while the user's silent connections are sent a ping. Those from which nothing comes
//! meanwhile give way, one for each new connection. When fewer of them are left than new ones wait,
//! the newest is refused.
//!
//! One round of pings is for all that wait, and remembered until its 2 seconds are over. So no
//! number of attempts makes the server ping a user more often than that. A place that becomes free
//! for another reason is taken at once.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use smol_str::SmolStr;

use crate::auth::Principal;
use crate::id::ConnId;
use crate::node::Node;
use crate::node::connections::connection::Reserved;
use crate::node::connections::wheel::TICK_MICROS;
use crate::protocol::CloseReason;
use crate::time::{Instant, Now};

/// How long a new connection waits, and how long a silent one has to answer.
const WAIT: Duration = Duration::from_secs(2);
/// A connection is silent when nothing has come for so long.
const SILENCE: Duration = Duration::from_secs(1);
/// How many connections of a user are asked in one round, at most. By default a user has 5.
const MAX_ASKED: usize = 64;
/// How many rounds are ended in one call; those that are left are due at once.
const ROUNDS_A_CALL: usize = 64;

/// An accepted `auth` whose user has no place left.
#[derive(Debug)]
pub(crate) struct PendingPlace {
    /// The `auth` message's id; `None`: the token came with the request.
    request_id: Option<SmolStr>,
    principal: Principal,
    /// What is remembered of the `auth`, to be taken back when there is no place.
    reserved: Reserved,
}

impl PendingPlace {
    /// Bytes that are kept for it.
    pub(crate) fn kept_bytes(&self) -> usize {
        let Principal { user, token_id, claims, .. } = &self.principal;
        let ids = [self.request_id.as_deref(), token_id.as_deref()];
        let ids: usize = ids.into_iter().flatten().map(str::len).sum();
        size_of::<Self>() + user.len() + claims.len() + ids
    }
}

/// Users who have as many connections as they may, and whose new ones wait.
#[derive(Debug, Default)]
pub(crate) struct UserLimit {
    rounds: BTreeMap<SmolStr, Round>,
    /// In the order of their ends, as all have the same length.
    ends: VecDeque<(Instant, SmolStr)>,
    /// Users with a connection that ended while new ones waited.
    freed: Vec<SmolStr>,
}

/// One user's silent connections are asked for a sign of life.
#[derive(Debug, Default)]
struct Round {
    /// Those that have not given one, the longest silent first.
    asked: VecDeque<ConnId>,
    /// New connections that wait, the first to come first. Never more than are `asked`.
    waiting: VecDeque<ConnId>,
}

impl UserLimit {
    /// When something is to be done; the start of time: at once.
    pub(crate) fn next(&self) -> Option<Instant> {
        if self.freed.is_empty() {
            self.ends.front().map(|&(at, _)| at)
        } else {
            Some(Instant::START)
        }
    }

    /// Is nobody asked?
    pub(crate) fn is_empty(&self) -> bool {
        self.rounds.is_empty()
    }

    /// A connection of `user` ends, or was heard of.
    fn forget_asked(&mut self, user: &str, id: ConnId) -> Option<&mut Round> {
        let round = self.rounds.get_mut(user)?;
        round.asked.retain(|&asked| asked != id);
        Some(round)
    }

    /// A connection of `user` ends. If others wait, its place is for one of them.
    pub(crate) fn left(&mut self, user: &SmolStr, id: ConnId) {
        if self.forget_asked(user, id).is_some_and(|round| !round.waiting.is_empty()) {
            self.freed.push(user.clone());
        }
    }
}

impl Node {
    /// Asks the application to let the user of an accepted `auth` in, if it has a place left; else
    /// the connection waits for one, or is refused.
    pub(crate) fn take_place(
        &mut self,
        now: Now,
        index: usize,
        id: Option<&str>,
        principal: Principal,
        reserved: Reserved,
    ) {
        let is_first = self.users.name_of(index).is_none();
        if !is_first || self.has_place(&principal.user) {
            self.ask_to_join(now, index, id, &principal, reserved);
        } else if self.ask_silent(now, index, &principal.user) {
            let request_id = id.map(SmolStr::new);
            let place = PendingPlace { request_id, principal, reserved };
            if let Some(connection) = self.connections.get_mut(index) {
                connection.waiting.get_or_insert_default().place = Some(Box::new(place));
            }
            self.weigh_input(index);
        } else {
            self.forget_reservation(reserved);
            self.refuse_place(now, index, &principal.user, CloseReason::ConnectionLimit);
        }
    }

    fn has_place(&self, user: &str) -> bool {
        self.users.count(user) < self.policy.connections_per_user
    }

    fn refuse_place(&mut self, now: Now, index: usize, user: &SmolStr, reason: CloseReason) {
        self.ends.claims(self.id_of(index), user);
        self.close(now, index, reason);
    }

    /// Puts a new connection among those that wait for a sign of life of the user's others. False:
    /// too few of those are silent. O(connections of that user).
    fn ask_silent(&mut self, now: Now, index: usize, user: &SmolStr) -> bool {
        let id = self.id_of(index);
        if let Some(round) = self.user_limit.rounds.get_mut(user) {
            let is_hopeful = round.waiting.len() < round.asked.len();
            if is_hopeful {
                round.waiting.push_back(id);
            }
            return is_hopeful;
        }
        let mut silent: Vec<(Instant, usize)> = self
            .users
            .members(user)
            .collect::<Vec<_>>()
            .into_iter()
            .filter_map(|member| {
                let session = &self.connections.get(member)?.session;
                let last = session.last_seen();
                let is_silent =
                    session.phase().is_authenticated() && last + SILENCE <= now.monotonic;
                is_silent.then_some((last, member))
            })
            .collect();
        if silent.is_empty() {
            return false;
        }
        silent.sort_unstable();
        silent.truncate(MAX_ASKED);
        let asked = silent.iter().map(|&(_, member)| self.id_of(member)).collect();
        let waiting = VecDeque::from([id]);
        self.user_limit.rounds.insert(user.clone(), Round { asked, waiting });
        self.user_limit.ends.push_back((now.monotonic + WAIT, user.clone()));
        for (_, member) in silent {
            let ping = self.encoder.ping();
            self.send(now, member, ping);
        }
        true
    }

    /// Bytes came from `index`: it does not give way. If too few are left that may, the newest of
    /// those that wait is refused.
    pub(crate) fn note_sign_of_life(&mut self, now: Now, index: usize) {
        let Some(user) = self.users.name_of(index).cloned() else { return };
        let id = self.id_of(index);
        let Some(round) = self.user_limit.forget_asked(&user, id) else { return };
        if round.waiting.len() > round.asked.len()
            && let Some(newest) = round.waiting.pop_back()
        {
            self.end_wait(now, newest, Some(CloseReason::ConnectionLimit));
        }
    }

    /// Gives places that have become free to those that wait, and ends the rounds whose time is
    /// over.
    pub(crate) fn user_limit_due(
        &mut self,
        now: Now,
        until: Instant,
        is_unread: &mut dyn FnMut(ConnId) -> bool,
    ) {
        for user in std::mem::take(&mut self.user_limit.freed) {
            while self.has_place(&user)
                && let Some(round) = self.user_limit.rounds.get_mut(&user)
                && let Some(id) = round.waiting.pop_front()
            {
                self.end_wait(now, id, None);
            }
        }
        for _ in 0..ROUNDS_A_CALL {
            let due = self.user_limit.ends.pop_front_if(|(at, _)| *at <= until);
            let Some((_, user)) = due else { return };
            // Read, then judge: what is in a socket may be the sign of life that is waited for.
            if self.has_unread_sign(&user, is_unread) {
                let later = until + Duration::from_micros(TICK_MICROS);
                return self.user_limit.ends.push_front((later, user));
            }
            if let Some(round) = self.user_limit.rounds.remove(&user) {
                self.end_round(now, &user, round);
            }
        }
    }

    /// Is there input that was not read from a connection of `user` that was asked?
    fn has_unread_sign(&self, user: &str, is_unread: &mut dyn FnMut(ConnId) -> bool) -> bool {
        let takes_input = |id: ConnId| self.find(id).is_some_and(|it| !it.is_full(&self.policy));
        let round = self.user_limit.rounds.get(user);
        let mut asked = round.into_iter().flat_map(|round| &round.asked).copied();
        asked.any(|id| takes_input(id) && is_unread(id))
    }

    /// Each that waits has the place of one that was not heard of, or is refused.
    fn end_round(&mut self, now: Now, user: &SmolStr, mut round: Round) {
        while let Some(&id) = round.waiting.front() {
            if self.has_place(user) {
                round.waiting.pop_front();
                self.end_wait(now, id, None);
            } else if let Some(silent) = round.asked.pop_front() {
                if self.find(silent).is_some() {
                    self.metrics.replaced += 1;
                    self.close(now, silent.index(), CloseReason::PingTimeout);
                }
            } else {
                round.waiting.pop_front();
                self.end_wait(now, id, Some(CloseReason::ConnectionLimit));
            }
        }
    }

    /// A new connection waits no longer: it takes a place, unless there is a reason to refuse it.
    /// What may have changed since its `auth` was checked is looked at again.
    fn end_wait(&mut self, now: Now, id: ConnId, refused: Option<CloseReason>) {
        let index = id.index();
        let connection =
            self.connections.get_mut(index).filter(|c| c.generation == id.generation());
        let waiting = connection.and_then(|connection| connection.waiting.as_mut());
        let Some(place) = waiting.and_then(|waiting| waiting.place.take()) else { return };
        let PendingPlace { request_id, principal, reserved } = *place;
        let is_expired = reserved.until <= now.unix;
        let refused = refused
            .or_else(|| self.refuse_revoked(index, &principal).err().map(CloseReason::from))
            .or(is_expired.then_some(CloseReason::TokenExpired));
        self.weigh_input(index);
        match refused {
            None => self.ask_to_join(now, index, request_id.as_deref(), &principal, reserved),
            Some(reason) => {
                self.forget_reservation(reserved);
                self.refuse_place(now, index, &principal.user, reason);
            }
        }
    }

    /// A new connection ends while it waits.
    pub(crate) fn forget_place(&mut self, index: usize, place: &PendingPlace) {
        let id = self.id_of(index);
        self.forget_reservation(place.reserved);
        if let Some(round) = self.user_limit.rounds.get_mut(&place.principal.user) {
            round.waiting.retain(|&waiting| waiting != id);
        }
    }

    /// What a phase that is over is closed with: a connection whose `auth` was in time, and that
    /// waited for a place since, was not late.
    pub(crate) fn reason_of_end(&self, index: usize, reason: CloseReason) -> CloseReason {
        let waiting = self.connections.get(index).and_then(|c| c.waiting.as_ref());
        match reason {
            CloseReason::AuthTimeout if waiting.is_some_and(|it| it.place.is_some()) => {
                CloseReason::ConnectionLimit
            }
            reason => reason,
        }
    }
}
