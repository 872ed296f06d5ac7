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

use crate::id::{ConnId, Slot};
use crate::node::connections::Connections;
use crate::node::connections::waiting::{AcceptedAuth, PendingAuth};
use crate::node::connections::wheel::TICK_MICROS;
use crate::node::context::Cx;
use crate::node::gate::tokens::Tokens;
use crate::node::rooms::Rooms;
use crate::protocol::CloseReason;
use crate::time::Instant;

/// How long a new connection waits, and how long a silent one has to answer.
const WAIT: Duration = Duration::from_secs(2);
/// A connection is silent when nothing has come for so long.
const SILENCE: Duration = Duration::from_secs(1);
/// How many connections of a user are asked in one round, at most. By default a user has 5.
const MAX_ASKED: usize = 64;
/// How many rounds are ended in one call; those that are left are due at once.
pub(crate) const ROUNDS_A_CALL: usize = 64;

/// Users who have as many connections as they may, and whose new ones wait.
#[derive(Debug, Default)]
pub(crate) struct UserLimit {
    rounds: BTreeMap<SmolStr, Round>,
    /// In the order of their ends, as all have the same length.
    ends: VecDeque<(Instant, SmolStr)>,
    /// Users with a connection that ended while new ones waited.
    freed: VecDeque<SmolStr>,
    /// The round that ends at this moment.
    ending: Option<(SmolStr, Round)>,
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
            self.freed.push_back(user.clone());
        }
    }
}

/// What becomes of an accepted `auth`.
pub(crate) enum Placing {
    /// Its user has a place: the application is asked next.
    Join(AcceptedAuth),
    /// It waits until one of these has given a sign of life, or not: they are sent a ping. None: they
    /// were sent one already.
    Wait { silent: Vec<Slot> },
    /// There is no place for its user.
    Refused(AcceptedAuth),
}

/// What is next of a round that has ended, or of places that have become free.
pub(crate) enum RoundStep {
    /// This connection waits no longer: it takes a place, or is closed with this reason.
    End(ConnId, Option<CloseReason>),
    /// This one gives way, as nothing was heard of it.
    Replace(ConnId),
}

impl UserLimit {
    /// Finds a place for the user of an accepted `auth`.
    pub(crate) fn find_place(
        &mut self,
        cx: &Cx,
        connections: &mut Connections,
        rooms: &Rooms,
        slot: Slot,
        accepted: AcceptedAuth,
    ) -> Placing {
        let user = &accepted.principal.user;
        let is_first = rooms.users.name_of(slot).is_none();
        if !is_first || has_place(cx, rooms, user) {
            return Placing::Join(accepted);
        }
        let Some(silent) = self.silent_of(cx, connections, rooms, slot, user) else {
            return Placing::Refused(accepted);
        };
        if let Some(connection) = connections.get_mut(slot) {
            let place = PendingAuth::Place(Box::new(accepted));
            connection.waiting.get_or_insert_default().set_auth(place);
        }
        connections.weigh_input(slot);
        Placing::Wait { silent }
    }

    /// Puts a new connection among those that wait for a sign of life of the user's others. `None`:
    /// too few of those are silent. O(connections of that user).
    fn silent_of(
        &mut self,
        cx: &Cx,
        connections: &Connections,
        rooms: &Rooms,
        slot: Slot,
        user: &SmolStr,
    ) -> Option<Vec<Slot>> {
        let (id, now) = (connections.id_of(slot), cx.now.monotonic);
        if let Some(round) = self.rounds.get_mut(user) {
            let is_hopeful = round.waiting.len() < round.asked.len();
            return is_hopeful.then(|| {
                round.waiting.push_back(id);
                Vec::new()
            });
        }
        let silent = rooms.users.members(user).filter_map(|member| {
            let session = &connections.get(member)?.session;
            let last = session.last_seen();
            let is_silent = session.phase().is_authenticated() && last + SILENCE <= now;
            is_silent.then_some((last, member))
        });
        let mut silent: Vec<(Instant, Slot)> = silent.collect();
        if silent.is_empty() {
            return None;
        }
        silent.sort_unstable();
        silent.truncate(MAX_ASKED);
        let silent: Vec<Slot> = silent.into_iter().map(|(_, member)| member).collect();
        let asked = silent.iter().map(|&member| connections.id_of(member)).collect();
        let waiting = VecDeque::from([id]);
        self.rounds.insert(user.clone(), Round { asked, waiting });
        self.ends.push_back((now + WAIT, user.clone()));
        Some(silent)
    }

    /// Bytes came from `slot`: it does not give way. If too few are left that may, the newest of
    /// those that wait is refused, and is what is returned.
    pub(crate) fn note_sign_of_life(
        &mut self,
        connections: &Connections,
        rooms: &Rooms,
        slot: Slot,
    ) -> Option<ConnId> {
        let user = rooms.users.name_of(slot)?;
        let round = self.forget_asked(user, connections.id_of(slot))?;
        if round.waiting.len() > round.asked.len() { round.waiting.pop_back() } else { None }
    }

    /// A connection that waits for a place which has become free.
    pub(crate) fn next_freed(&mut self, cx: &Cx, rooms: &Rooms) -> Option<ConnId> {
        while let Some(user) = self.freed.front() {
            if has_place(cx, rooms, user)
                && let Some(round) = self.rounds.get_mut(user)
                && let Some(id) = round.waiting.pop_front()
            {
                return Some(id);
            }
            self.freed.pop_front();
        }
        None
    }

    /// Begins to end the next round whose time is over at `until`. False: there is none, or it has to
    /// wait for a connection that `is_unread`: what is in its socket may be the sign of life that is
    /// waited for.
    pub(crate) fn begin_end(
        &mut self,
        cx: &Cx,
        connections: &Connections,
        until: Instant,
        is_unread: &mut dyn FnMut(ConnId) -> bool,
    ) -> bool {
        let due = self.ends.pop_front_if(|(at, _)| *at <= until);
        let Some((_, user)) = due else { return false };
        // Read, then judge.
        let takes_input =
            |id: ConnId| connections.find(id).is_some_and(|it| !it.is_full(&cx.policy));
        let mut asked = self.rounds.get(&user).into_iter().flat_map(|round| &round.asked);
        if asked.any(|&id| takes_input(id) && is_unread(id)) {
            let later = until + Duration::from_micros(TICK_MICROS);
            self.ends.push_front((later, user));
            return false;
        }
        self.ending = self.rounds.remove_entry(&user);
        true
    }

    /// The next step of the round that ends: each connection that waits has the place of one that was
    /// not heard of, or is refused.
    pub(crate) fn next_of_end(&mut self, cx: &Cx, rooms: &Rooms) -> Option<RoundStep> {
        let (user, round) = self.ending.as_mut()?;
        let Some(&id) = round.waiting.front() else {
            self.ending = None;
            return None;
        };
        if has_place(cx, rooms, user) {
            round.waiting.pop_front();
            return Some(RoundStep::End(id, None));
        } else if let Some(silent) = round.asked.pop_front() {
            return Some(RoundStep::Replace(silent));
        }
        round.waiting.pop_front();
        Some(RoundStep::End(id, Some(CloseReason::ConnectionLimit)))
    }

    /// Takes the accepted `auth` of a connection that waits no longer, and looks again at what may
    /// have changed since it was checked: with it comes the reason to refuse it, if there is one.
    pub(crate) fn take_waiting(
        cx: &mut Cx,
        connections: &mut Connections,
        tokens: &Tokens,
        id: ConnId,
        refused: Option<CloseReason>,
    ) -> Option<(AcceptedAuth, Option<CloseReason>)> {
        let connection = connections.get_mut(id.slot())?;
        let waiting =
            connection.waiting.as_mut().filter(|_| connection.generation == id.generation());
        let accepted = waiting?.take_place()?;
        let changed = look_again(cx, connections, tokens, id, &accepted);
        Some((accepted, refused.or(changed)))
    }

    /// A new connection ends while it waits.
    pub(crate) fn forget_place(&mut self, id: ConnId, accepted: &AcceptedAuth) {
        if let Some(round) = self.rounds.get_mut(&accepted.principal.user) {
            round.waiting.retain(|&waiting| waiting != id);
        }
    }
}

/// Looks again at an accepted `auth` that has waited: the reason to refuse it by now, if there is one.
pub(crate) fn look_again(
    cx: &mut Cx,
    connections: &mut Connections,
    tokens: &Tokens,
    id: ConnId,
    accepted: &AcceptedAuth,
) -> Option<CloseReason> {
    let is_expired = accepted.reserved.until <= cx.now.unix;
    let revoked = tokens.refuse_revoked(cx, connections, id.slot(), &accepted.principal);
    connections.weigh_input(id.slot());
    revoked.err().map(CloseReason::from).or(is_expired.then_some(CloseReason::TokenExpired))
}

fn has_place(cx: &Cx, rooms: &Rooms, user: &str) -> bool {
    rooms.users.count(user) < cx.policy.connections_per_user
}
