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
//!
//! In a cluster, the connections of all nodes count, as far as [`UsersElsewhere`] knows of them. A node
//! may let one in before it knows. Then the newest is too many, on whichever node it is, and gives way like
//! one that waits. Before anybody does, the other nodes are asked how many connections they still have and
//! how many of these are silent; these are sent a ping there, and may give way there.

mod settle;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use smol_str::SmolStr;

use crate::id::{ConnId, Slot};
use crate::node::connections::Connections;
use crate::node::connections::waiting::{AcceptedAuth, PendingAuth};
use crate::node::connections::wheel::TICK_MICROS;
use crate::node::context::Cx;
use crate::node::gate::tokens::Tokens;
use crate::node::gate::user_word::CheckState;
use crate::node::gate::users_elsewhere::UsersElsewhere;
use crate::node::rooms::Rooms;
use crate::protocol::CloseReason;
use crate::time::Instant;

/// How long a new connection waits, and how long a silent one has to answer.
const WAIT: Duration = Duration::from_secs(2);
/// How much longer it waits for the silent ones of other nodes.
const MARGIN: Duration = Duration::from_millis(500);
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
    ends: BTreeSet<(Instant, SmolStr)>,
    /// Users with a connection that ended while new ones waited.
    freed: VecDeque<SmolStr>,
    /// The round that ends at this moment.
    ending: Option<(SmolStr, Round)>,
    /// In a cluster: their connections at other nodes.
    pub(crate) elsewhere: UsersElsewhere,
}

/// One user's silent connections are asked for a sign of life.
#[derive(Debug, Default)]
struct Round {
    /// Those that have not given one, the longest silent first.
    asked: VecDeque<ConnId>,
    /// New connections that wait, the first to come first. Never more than may give way.
    waiting: VecDeque<ConnId>,
    /// How many connections other nodes have too many.
    for_others: BTreeMap<SmolStr, usize>,
}

impl UserLimit {
    /// When something is to be done; the start of time: at once.
    pub(crate) fn next(&self) -> Option<Instant> {
        let freed = (!self.freed.is_empty()).then_some(Instant::START);
        let ends = self.ends.first().map(|&(at, _)| at);
        [freed, ends, self.elsewhere.next()].into_iter().flatten().min()
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

    /// All that wait are looked at again, as more places may be free.
    pub(crate) fn free_all(&mut self) {
        self.freed.extend(self.rounds.keys().cloned());
    }

    /// Those of `user` that wait are looked at again.
    pub(crate) fn free(&mut self, user: &SmolStr) {
        if self.rounds.get(user).is_some_and(|round| !round.waiting.is_empty()) {
            self.freed.push_back(user.clone());
        }
    }

    /// A connection of `user` ends. If others wait, its place is for one of them.
    pub(crate) fn left(&mut self, user: &SmolStr, id: ConnId) {
        self.forget_asked(user, id);
        self.free(user);
    }
}

impl Round {
    /// Does another node have a connection too many for which one may give way here? Then it has one
    /// less.
    fn give_way_to_others(&mut self) -> bool {
        let Some((_, count)) = self.for_others.iter_mut().find(|(_, count)| **count > 0) else {
            return false;
        };
        *count -= 1;
        true
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
    /// This one was let in, and is too many: others are older, here or elsewhere.
    Exceeds(ConnId),
}

/// What is to be done where a user has connections at other nodes.
#[derive(Debug, Default)]
pub(crate) struct Settlement {
    /// These are sent a ping.
    pub(crate) silent: Vec<Slot>,
    /// These waited for a place, and there is none.
    pub(crate) refused: Vec<ConnId>,
    /// These were let in, and are too many.
    pub(crate) exceeding: Vec<ConnId>,
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
        if !is_first || self.has_place(cx, rooms, user) {
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
        let id = connections.id_of(slot);
        if let Some(round) = self.rounds.get(user) {
            let is_hopeful = round.waiting.len() < self.hopes(user, round);
            let round = self.rounds.get_mut(user).filter(|_| is_hopeful)?;
            round.waiting.push_back(id);
            return Some(Vec::new());
        }
        let silent = silent_members(cx, connections, rooms, user);
        if silent.is_empty() && self.elsewhere.count(user) == 0 {
            return None;
        }
        self.begin_round(cx, connections, user, &silent).waiting.push_back(id);
        Some(silent)
    }

    /// Begins a round of `user`, in which these are asked for a sign of life.
    fn begin_round(
        &mut self,
        cx: &Cx,
        connections: &Connections,
        user: &SmolStr,
        silent: &[Slot],
    ) -> &mut Round {
        let margin = if self.elsewhere.count(user) > 0 { MARGIN } else { Duration::ZERO };
        self.ends.insert((cx.now.monotonic + WAIT + margin, user.clone()));
        let round = self.rounds.entry(user.clone()).or_default();
        round.asked = silent.iter().map(|&member| connections.id_of(member)).collect();
        round
    }

    /// How many connections of `user` may give way yet, here and elsewhere.
    fn hopes(&self, user: &str, round: &Round) -> usize {
        let elsewhere = match self.elsewhere.check_state(user) {
            CheckState::Done => self.elsewhere.silent(user),
            CheckState::None if self.elsewhere.count(user) == 0 => 0,
            // Nobody knows.
            CheckState::None | CheckState::Open => usize::MAX,
        };
        round.asked.len().saturating_add(elsewhere)
    }

    fn has_place(&self, cx: &Cx, rooms: &Rooms, user: &str) -> bool {
        self.free_places(cx, rooms, user) > 0
    }

    fn free_places(&self, cx: &Cx, rooms: &Rooms, user: &str) -> usize {
        let count = (rooms.users.count(user) as usize).saturating_add(self.elsewhere.count(user));
        (cx.policy.connections_per_user as usize).saturating_sub(count)
    }

    /// Bytes came from `slot`: it does not give way. If too few are left that may, the newest of
    /// those that wait is refused, and is what is returned.
    pub(crate) fn note_sign_of_life(
        &mut self,
        cx: &Cx,
        connections: &Connections,
        rooms: &Rooms,
        slot: Slot,
    ) -> Option<ConnId> {
        let user = rooms.users.name_of(slot)?;
        let before = self.rounds.get(user)?.asked.len();
        let round = self.forget_asked(user, connections.id_of(slot))?;
        if round.asked.len() < before && !round.for_others.is_empty() {
            self.elsewhere.tell(user);
        }
        let round = self.rounds.get(user)?;
        // A place that is free is about to be taken.
        let hopes = self.hopes(user, round).saturating_add(self.free_places(cx, rooms, user));
        let is_hopeful = round.waiting.len() <= hopes;
        if is_hopeful { None } else { self.rounds.get_mut(user)?.waiting.pop_back() }
    }

    /// A connection that waits for a place which has become free.
    pub(crate) fn next_freed(&mut self, cx: &Cx, rooms: &Rooms) -> Option<ConnId> {
        while let Some(user) = self.freed.front() {
            if self.has_place(cx, rooms, user)
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
        if self.ends.first().is_none_or(|(at, _)| *at > until) {
            return false;
        }
        let Some((_, user)) = self.ends.pop_first() else { return false };
        // Read, then judge.
        let takes_input =
            |id: ConnId| connections.find(id).is_some_and(|it| !it.is_full(&cx.policy));
        let mut asked = self.rounds.get(&user).into_iter().flat_map(|round| &round.asked);
        let is_unheard = self.elsewhere.check_state(&user) == CheckState::Open;
        if is_unheard || asked.any(|&id| takes_input(id) && is_unread(id)) {
            let later = until + Duration::from_micros(TICK_MICROS);
            self.ends.insert((later, user));
            return false;
        }
        self.ending = self.rounds.remove_entry(&user);
        true
    }

    /// The next step of the round that ends: each connection that waits has the place of one that was
    /// not heard of, or is refused. What is too many gives way, too.
    pub(crate) fn next_of_end(
        &mut self,
        cx: &Cx,
        connections: &Connections,
        rooms: &Rooms,
    ) -> Option<RoundStep> {
        let (user, mut round) = self.ending.take()?;
        let waits = round.waiting.front().copied();
        let has_place = self.has_place(cx, rooms, &user);
        let step = match waits {
            Some(id) if has_place => {
                round.waiting.pop_front();
                Some(RoundStep::End(id, None))
            }
            Some(id) => Some(round.asked.pop_front().map_or_else(
                || {
                    round.waiting.pop_front();
                    RoundStep::End(id, Some(CloseReason::ConnectionLimit))
                },
                RoundStep::Replace,
            )),
            None => match self.exceeding(cx, connections, rooms, &user).first() {
                Some(&newest) => {
                    let silent = round.asked.pop_front();
                    Some(silent.map_or(RoundStep::Exceeds(newest), RoundStep::Replace))
                }
                None if !has_place && round.give_way_to_others() => {
                    round.asked.pop_front().map(RoundStep::Replace)
                }
                None => None,
            },
        };
        match step {
            Some(_) => self.ending = Some((user, round)),
            None => self.elsewhere.end_check(&user),
        }
        step
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

/// The connections of a user that are silent, the longest silent first, at most [`MAX_ASKED`].
fn silent_members(cx: &Cx, connections: &Connections, rooms: &Rooms, user: &str) -> Vec<Slot> {
    let now = cx.now.monotonic;
    let silent = rooms.users.members(user).filter_map(|member| {
        let session = &connections.get(member)?.session;
        let last = session.last_seen();
        let is_silent = session.phase().is_authenticated() && last + SILENCE <= now;
        is_silent.then_some((last, member))
    });
    let mut silent: Vec<(Instant, Slot)> = silent.collect();
    silent.sort_unstable();
    silent.truncate(MAX_ASKED);
    silent.into_iter().map(|(_, member)| member).collect()
}
