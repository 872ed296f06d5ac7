//! Users with too many connections over the nodes of a cluster: which of them give way.

use smol_str::SmolStr;

use super::{Round, Settlement, UserLimit, WAIT, silent_members};
use crate::id::{ConnId, Slot};
use crate::node::connections::Connections;
use crate::node::context::Cx;
use crate::node::gate::user_word::{CheckState, UserWord};
use crate::node::gate::users_elsewhere::NEWEST;
use crate::node::rooms::Rooms;

impl UserLimit {
    /// The connections of a user at this node, with when they came, in milliseconds since 1970; the
    /// newest first. O(n log n) of their number.
    fn arrivals(&self, rooms: &Rooms, user: &str) -> Vec<(u64, Slot)> {
        let arrivals = rooms.users.members(user).map(|slot| (self.elsewhere.arrival(slot), slot));
        let mut arrivals: Vec<(u64, Slot)> = arrivals.collect();
        arrivals.sort_unstable_by(|one, other| other.cmp(one));
        arrivals
    }

    /// The connections of a user here that are too many, the newest first: older ones, here or
    /// elsewhere, take all places. All nodes that know the same find the same ones, each its own.
    pub(super) fn exceeding(
        &self,
        cx: &Cx,
        connections: &Connections,
        rooms: &Rooms,
        user: &str,
    ) -> Vec<ConnId> {
        let elsewhere = self.elsewhere.count(user);
        let most = cx.policy.connections_per_user as usize;
        let count = (rooms.users.count(user) as usize).saturating_add(elsewhere);
        // No node names more of its newest.
        let too_many = count.saturating_sub(most).min(NEWEST);
        if elsewhere == 0 || too_many == 0 {
            return Vec::new();
        }
        let here = self.arrivals(rooms, user);
        let here = here.into_iter().map(|(at, slot)| (at, &*self.elsewhere.own, Some(slot)));
        let mut all: Vec<(u64, &str, Option<Slot>)> =
            here.chain(self.elsewhere.newest(user).map(|(at, node)| (at, node, None))).collect();
        all.sort_by(|one, other| (other.0, other.1).cmp(&(one.0, one.1)));
        let newest = all.into_iter().take(too_many);
        newest.filter_map(|(_, _, slot)| Some(connections.id_of(slot?))).collect()
    }

    /// What is to be done about a user of whom something was heard, or whose connections have changed.
    pub(crate) fn settle(
        &mut self,
        cx: &Cx,
        connections: &Connections,
        rooms: &Rooms,
        user: &SmolStr,
    ) -> Settlement {
        let mut settlement = Settlement::default();
        let waiting = self.rounds.get(user).map_or(0, |round| round.waiting.len());
        let free = self.free_places(cx, rooms, user);
        if waiting > 0 && free > 0 {
            self.freed.push_back(user.clone());
        }
        let exceeding = self.exceeding(cx, connections, rooms, user);
        let wants = waiting.saturating_sub(free) + exceeding.len();
        if wants == 0 {
            self.elsewhere.end_check(user);
            return settlement;
        }
        if self.elsewhere.count(user) == 0 {
            return settlement;
        }
        let is_new = match self.elsewhere.check_state(user) {
            CheckState::None => true,
            CheckState::Open => false,
            CheckState::Done => {
                let asked = self.rounds.get(user).map_or(0, |round| round.asked.len());
                let hopes = asked.saturating_add(self.elsewhere.silent(user));
                let hopeless = wants.saturating_sub(hopes);
                if let Some(round) = self.rounds.get_mut(user) {
                    let last = (0..hopeless).map_while(|_| round.waiting.pop_back());
                    settlement.refused.extend(last);
                }
                let left = hopeless - settlement.refused.len();
                settlement.exceeding.extend(exceeding.into_iter().take(left));
                let checked = self.elsewhere.checked_for(user);
                if wants == hopeless {
                    self.elsewhere.end_check(user);
                }
                wants - hopeless > checked
            }
        };
        if is_new {
            if !self.rounds.contains_key(user) {
                settlement.silent = silent_members(cx, connections, rooms, user);
                self.begin_round(cx, connections, user, &settlement.silent);
            }
            self.elsewhere.check(cx.now.monotonic, user, wants);
        }
        settlement
    }

    /// Another node has connections of a user too many: those here that are silent are asked for a sign
    /// of life, and are what is returned. They have as long for that as for a connection that waits here.
    pub(crate) fn ask_for_others(
        &mut self,
        cx: &Cx,
        connections: &Connections,
        rooms: &Rooms,
        (node, word): (&SmolStr, &UserWord),
    ) -> Vec<Slot> {
        if let Some(round) = self.rounds.get_mut(&word.user) {
            round.set_wanted(node, word.wants);
            return Vec::new();
        }
        let silent = match word.wants {
            0 => Vec::new(),
            _ => silent_members(cx, connections, rooms, &word.user),
        };
        if !silent.is_empty() {
            self.ends.insert((cx.now.monotonic + WAIT, word.user.clone()));
            let round = self.rounds.entry(word.user.clone()).or_default();
            round.asked = silent.iter().map(|&member| connections.id_of(member)).collect();
            round.set_wanted(node, word.wants);
        }
        silent
    }

    /// What other nodes are told of a user.
    pub(crate) fn word_of(&self, rooms: &Rooms, user: &SmolStr) -> UserWord {
        let arrivals = self.arrivals(rooms, user);
        let newest = arrivals.iter().take(NEWEST).map(|(at, _)| *at).collect();
        let word = UserWord::about(user, arrivals.len(), newest);
        let round = self.rounds.get(user).filter(|round| !round.for_others.is_empty());
        let silent = round.map_or(0, |it| it.asked.len().saturating_sub(it.waiting.len()));
        UserWord { silent, ..word }
    }
}

impl Round {
    fn set_wanted(&mut self, node: &SmolStr, wants: usize) {
        if wants == 0 {
            self.for_others.remove(node);
        } else {
            self.for_others.insert(node.clone(), wants);
        }
    }
}
