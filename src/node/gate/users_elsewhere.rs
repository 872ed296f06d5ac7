//! How many connections the users of this node have at the other nodes of a cluster, as these report.
//!
//! A node that gets a user's first connection *asks* all nodes. Those where this user is connected answer
//! with how many connections there are, and tell it again whenever that has changed; so does the asking
//! node. Each number is absolute, so a report replaces the one before and nothing drifts. Nothing is
//! remembered of users who are not connected here, and most users are at one node only: they cost one
//! question, which is sent together with those of 0.1 seconds.
//!
//! A report may be old, and its node gone. So nobody is refused because of one: when a user has too many
//! connections, the node *checks* with the others that have some. Who does not answer within a second is
//! not counted any more. The answers also say how many of the connections there are silent and may give
//! way; see [`user_limit`](super::user_limit).
//!
//! A lost report is replaced within a minute, when all users are asked about again.

mod reports;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use smol_str::SmolStr;

use self::reports::{UserCheck, UserReport};
use super::user_word::{CheckState, UserWord};
use crate::id::Slot;
use crate::time::Instant;

/// What is to be told is gathered for so long.
const GATHERED: Duration = Duration::from_millis(100);
/// How long the other nodes have to answer a check.
pub(crate) const CHECKED: Duration = Duration::from_secs(1);
/// How often all users are asked about, should a report be lost.
const REPAIR: Duration = Duration::from_secs(60);
/// Users, and bytes, that are told in one [`GATHERED`].
pub(crate) const USERS_A_CALL: usize = 1_000;
pub(crate) const BYTES_A_CALL: usize = 256 << 10;
/// How many of the newest connections of a user a report names. If there are more that are too many,
/// the rest goes after another report.
pub(crate) const NEWEST: usize = 16;
/// Nodes that wait to be told that a user is not here, at most. What is beyond that is not answered,
/// and the node that asks takes silence for the same.
const MOST_DENIALS: usize = 4_096;

/// What a user at another node takes: the entry here, of [`NEWEST`] moments at most, and its place in
/// the trees; and the moment when the connection here came.
#[cfg(feature = "net")]
pub(crate) const USER_ELSEWHERE_BYTES: usize = 512 + 2 * size_of::<(Slot, u64)>();

/// The users of this node who are at other nodes, too.
#[derive(Debug, Default)]
pub(crate) struct UsersElsewhere {
    /// Only those of whom there is something to remember or to tell.
    users: BTreeMap<SmolStr, UserElsewhere>,
    /// Of whom something is to be told, and who was told of last: they take turns.
    due: BTreeSet<SmolStr>,
    last_told: SmolStr,
    /// Nodes that are to be told that a user is not here, and which check of theirs that answers.
    denials: BTreeMap<(SmolStr, SmolStr), Option<u64>>,
    /// Checks that end, if not all have answered before.
    ends: BTreeSet<(Instant, SmolStr)>,
    /// When the connections here came, in milliseconds since 1970: what was told of one never changes.
    arrived: BTreeMap<Slot, u64>,
    /// The engine is reached.
    is_on: bool,
    /// This node's name.
    pub(crate) own: SmolStr,
    next_call: Option<Instant>,
    /// All users from this number on are to be asked about.
    pub(crate) sweep: Option<u32>,
    repair_at: Option<Instant>,
    last_check: u64,
}

/// What is known of a user who is connected here.
#[derive(Debug, Default)]
struct UserElsewhere {
    nodes: BTreeMap<SmolStr, UserReport>,
    /// All nodes are to be asked.
    is_asked: bool,
    check: Option<UserCheck>,
    /// The last check, if its time was over before all had answered: its number, and how many connections
    /// too many it was sent for.
    unanswered: Option<(u64, usize)>,
    /// What is told of connections too many.
    wants: usize,
}

impl UsersElsewhere {
    pub(crate) fn next(&self) -> Option<Instant> {
        if !self.is_on {
            return None;
        }
        let words = self.has_words().then(|| self.next_call.unwrap_or(Instant::START));
        let ends = self.ends.first().map(|(at, _)| *at);
        [words, ends, self.repair_at].into_iter().flatten().min()
    }

    /// Is there something to be told?
    pub(crate) fn has_words(&self) -> bool {
        self.sweep.is_some() || !self.due.is_empty() || !self.denials.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.users.values().filter(|user| !user.nodes.is_empty()).count()
    }

    /// How many connections a user has at other nodes, as far as is known.
    pub(crate) fn count(&self, user: &str) -> usize {
        let nodes = self.users.get(user).into_iter().flat_map(|user| user.nodes.values());
        nodes.fold(0, |sum, node| sum.saturating_add(node.connections))
    }

    /// When the newest connections of a user came to other nodes, with the names of these.
    pub(crate) fn newest(&self, user: &str) -> impl Iterator<Item = (u64, &str)> {
        let nodes = self.users.get(user).into_iter().flat_map(|user| &user.nodes);
        nodes.flat_map(|(name, node)| node.newest.iter().map(|&at| (at, name.as_str())))
    }

    /// How many connections may give way at other nodes.
    pub(crate) fn silent(&self, user: &str) -> usize {
        let nodes = self.users.get(user).into_iter().flat_map(|user| user.nodes.values());
        nodes.fold(0, |sum, node| sum.saturating_add(node.silent))
    }

    /// The engine is reached: all users are asked about.
    pub(crate) fn begin(&mut self, now: Instant, own: &SmolStr) {
        (self.is_on, self.own) = (true, own.clone());
        self.sweep = Some(0);
        self.repair_at = Some(now + REPAIR);
    }

    /// The engine is lost, so nobody can say how many connections there are elsewhere: this node counts
    /// its own.
    pub(crate) fn pause(&mut self) {
        let arrived = std::mem::take(&mut self.arrived);
        *self = Self { last_check: self.last_check, arrived, ..Self::default() };
    }

    /// A word could not be sent: all users are asked about soon.
    pub(crate) fn repair_soon(&mut self, now: Instant) {
        self.repair_at = self.repair_at.map(|at| at.min(now + CHECKED));
    }

    /// All users are to be asked about again, should that be due.
    pub(crate) fn repair(&mut self, now: Instant) {
        if self.repair_at.is_some_and(|at| at <= now) {
            self.repair_at = Some(now + REPAIR);
            self.sweep = self.sweep.or(Some(0));
        }
    }

    /// A connection has come, or has left.
    pub(crate) fn note_arrival(&mut self, slot: Slot, at: Option<u64>) {
        match at {
            Some(at) => self.arrived.insert(slot, at),
            None => self.arrived.remove(&slot),
        };
    }

    pub(crate) fn arrival(&self, slot: Slot) -> u64 {
        self.arrived.get(&slot).copied().unwrap_or(0)
    }

    /// The user has so many connections here by now; the first one has come, if it `is_first`.
    pub(crate) fn changed(&mut self, user: &SmolStr, count: usize, is_first: bool) {
        if !self.is_on {
            return;
        }
        if is_first {
            return self.ask(user);
        }
        if self.users.get(user).is_some_and(|it| !it.nodes.is_empty()) {
            self.due.insert(user.clone());
        } else if count == 0 {
            self.forget(user);
        }
    }

    /// All nodes are to be asked about the user.
    pub(crate) fn ask(&mut self, user: &SmolStr) {
        self.users.entry(user.clone()).or_default().is_asked = true;
        self.due.insert(user.clone());
    }

    /// Those who know of the user are to be told again.
    pub(crate) fn tell(&mut self, user: &SmolStr) {
        self.changed(user, 1, false);
    }

    fn forget(&mut self, user: &SmolStr) {
        self.due.remove(user);
        if let Some(check) = self.users.remove(user).and_then(|it| it.check) {
            self.ends.remove(&(check.until, user.clone()));
        }
    }

    /// A node says something of a user who is not connected here.
    pub(crate) fn deny(&mut self, node: &SmolStr, word: &UserWord) {
        let is_answered = word.checks.is_some() || !word.asks && word.connections > 0;
        if is_answered && self.is_on && self.denials.len() < MOST_DENIALS {
            self.denials.insert((node.clone(), word.user.clone()), word.checks);
        }
    }

    /// What `node`, in the process that has drawn `run`, says of a user who is connected here.
    pub(crate) fn hear(&mut self, now: Instant, (node, run): (&SmolStr, u64), word: &UserWord) {
        if !self.is_on {
            return;
        }
        let user = self.users.entry(word.user.clone()).or_default();
        if let Some(check) = &mut user.check
            && word.answers == Some(check.number)
        {
            check.expected.remove(node);
        }
        if user.check.is_none()
            && let Some((number, wants)) = user.unanswered
            && word.answers == Some(number)
        {
            // It comes late, and still is an answer. Were another check begun, its answer would be late again
            // where the way is slow.
            user.check = Some(UserCheck::answered(now, number, wants));
            user.wants = wants;
        }
        let mut newest = word.newest.clone();
        newest.truncate(NEWEST);
        let before = user.nodes.remove(node).filter(|before| before.run == run);
        let is_owed = word.asks || before.as_ref().is_some_and(|it| it.is_owed);
        let is_new = before.is_none() && word.connections > 0;
        let answers = word.checks.or(before.and_then(|it| it.answers));
        let (connections, silent, is_owed) = (word.connections, word.silent, is_owed || is_new);
        let report = UserReport { run, heard: now, connections, newest, silent, is_owed, answers };
        if report.connections > 0 || report.is_owed || report.answers.is_some() {
            if report.is_owed || report.answers.is_some() {
                self.due.insert(word.user.clone());
            }
            user.nodes.insert(node.clone(), report);
        }
        self.tidy(&word.user);
    }

    /// Forgets a user of whom there is nothing to remember.
    fn tidy(&mut self, user: &SmolStr) {
        let is_empty =
            |it: &UserElsewhere| it.nodes.is_empty() && !it.is_asked && it.unanswered.is_none();
        if self.users.get(user).is_some_and(is_empty) {
            self.forget(user);
        }
    }

    /// How the check of the user stands.
    pub(crate) fn check_state(&self, user: &str) -> CheckState {
        match self.users.get(user).and_then(|user| user.check.as_ref()) {
            None => CheckState::None,
            Some(check) if check.expected.is_empty() => CheckState::Done,
            Some(_) => CheckState::Open,
        }
    }

    /// Asks the nodes that have connections of the user whether they still have them, for `wants`
    /// connections too many.
    pub(crate) fn check(&mut self, now: Instant, name: &SmolStr, wants: usize) {
        let Some(user) = self.users.get_mut(name).filter(|_| self.is_on) else { return };
        self.last_check += 1;
        let until = now + CHECKED;
        let expected = user.nodes.keys().cloned().collect();
        (user.wants, user.unanswered) = (wants, None);
        let number = self.last_check;
        let check = UserCheck { number, until, expected, is_new: true, wants };
        if let Some(before) = user.check.replace(check) {
            // Else the time of that one would end this one, and nodes that had no time to answer would not be
            // counted any more.
            self.ends.remove(&(before.until, name.clone()));
        }
        self.ends.insert((until, name.clone()));
        self.due.insert(name.clone());
    }

    /// For how many connections too many the check of the user is.
    pub(crate) fn checked_for(&self, user: &str) -> usize {
        let check = self.users.get(user).and_then(|user| user.check.as_ref());
        check.map_or(0, |check| check.wants)
    }

    /// The user has no connection too many any more.
    pub(crate) fn end_check(&mut self, name: &SmolStr) {
        let Some(user) = self.users.get_mut(name) else { return };
        user.wants = 0;
        if let Some(check) = user.check.take() {
            self.ends.remove(&(check.until, name.clone()));
        }
        self.tidy(name);
    }

    /// A user whose check's time is over: nodes that have not answered are not counted any more, unless
    /// `they_stay`.
    pub(crate) fn next_overdue(&mut self, now: Instant, they_stay: bool) -> Option<SmolStr> {
        if self.ends.first().is_none_or(|(until, _)| *until > now) {
            return None;
        }
        let (_, name) = self.ends.pop_first()?;
        if let Some(user) = self.users.get_mut(&name)
            && let Some(check) = &mut user.check
        {
            if !check.expected.is_empty() {
                user.unanswered = Some((check.number, check.wants));
            }
            for node in std::mem::take(&mut check.expected) {
                if !they_stay {
                    user.nodes.remove(&node);
                }
            }
        }
        Some(name)
    }

    /// Forgets what nodes have said that are gone: it is told their name, their run, and when they were
    /// heard. The users of whom something is forgotten.
    pub(crate) fn forget_nodes(
        &mut self,
        is_gone: impl Fn(&SmolStr, u64, Instant) -> bool,
    ) -> Vec<SmolStr> {
        let mut changed = Vec::new();
        for (name, user) in &mut self.users {
            let before = user.nodes.len();
            user.nodes.retain(|node, report| !is_gone(node, report.run, report.heard));
            if user.nodes.len() < before {
                if let Some(check) = &mut user.check {
                    check.expected.retain(|node| user.nodes.contains_key(node));
                }
                changed.push(name.clone());
            }
        }
        changed.iter().for_each(|name| self.tidy(name));
        changed
    }

    /// May something be told now? Then it is for a while.
    pub(crate) fn begin_call(&mut self, now: Instant) -> bool {
        if !self.is_on || self.next_call.is_some_and(|at| at > now) {
            return false;
        }
        self.next_call = Some(now + GATHERED);
        true
    }

    /// What other nodes are to be told of users who are not here.
    pub(crate) fn take_denials(&mut self) -> Vec<(SmolStr, UserWord)> {
        let denials = std::mem::take(&mut self.denials);
        let word = |((node, user), answers): ((SmolStr, SmolStr), Option<u64>)| {
            (node, UserWord { answers, ..UserWord::about(&user, 0, Vec::new()) })
        };
        denials.into_iter().map(word).collect()
    }

    pub(crate) fn next_due(&mut self) -> Option<SmolStr> {
        let behind = (Bound::Excluded(&self.last_told), Bound::Unbounded);
        let next = self.due.range::<SmolStr, _>(behind).next().or_else(|| self.due.first());
        let next = next.cloned()?;
        self.due.remove(&next);
        self.last_told.clone_from(&next);
        Some(next)
    }

    /// What is to be told of a user, and to which nodes; `None`: to all. `word` has the connections here,
    /// and how many of them may give way.
    pub(crate) fn words_of(
        &mut self,
        name: &SmolStr,
        mut word: UserWord,
    ) -> Vec<(Option<SmolStr>, UserWord)> {
        let mut words = Vec::new();
        let Some(user) = self.users.get_mut(name) else { return words };
        word.wants = user.wants;
        if std::mem::take(&mut user.is_asked) && word.connections > 0 {
            words.push((None, UserWord { asks: true, ..word.clone() }));
        }
        let check = user.check.as_mut();
        let number =
            check.and_then(|check| std::mem::take(&mut check.is_new).then_some(check.number));
        for (node, report) in &mut user.nodes {
            report.is_owed = false;
            let answers = report.answers.take();
            words.push((Some(node.clone()), UserWord { checks: number, answers, ..word.clone() }));
        }
        user.nodes.retain(|_, report| report.connections > 0);
        if word.connections == 0 {
            self.forget(name);
        } else {
            self.tidy(name);
        }
        words
    }
}

#[cfg(test)]
mod tests;
