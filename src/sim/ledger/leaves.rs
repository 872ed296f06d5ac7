//! Who has left, and was not reported yet: each connection is reported once, unless another one of its
//! user has taken its place.

use std::time::Duration;

use super::Ledger;
use crate::id::ConnId;
use crate::node::app::{Join, Left};

/// How much longer than `resume.linger` a leave may take: a join may be under way that takes its place,
/// and the process may stand still.
const SLACK: Duration = Duration::from_secs(60);

impl Ledger {
    /// A connection is gone. If it was in a room, the application must hear that it left.
    pub(crate) fn gone(&mut self, id: ConnId) {
        let Some(member) = self.members.remove(&id) else { return };
        self.leaves.replaced.remove(&id);
        if member.terms.is_none() {
            return;
        }
        if !member.has_left {
            let owed = (member.room, member.user.clone(), self.now.monotonic);
            self.leaves.owed.insert(id, owed);
        }
        self.shares.ended(member.user, id);
    }

    pub(crate) fn leave(&mut self, left: &Left<'_>) {
        let id = left.connection;
        match self.members.get_mut(&id) {
            Some(member) if member.terms.is_some() && !member.has_left => member.has_left = true,
            None if self.leaves.owed.remove(&id).is_some() => {}
            _ => self.faults.push(format!("{id} leaves a room it is not in")),
        }
    }

    /// This join is to take the place of a connection that is gone.
    pub(super) fn ask_to_replace(&mut self, join: &Join<'_>) {
        let Some(old) = join.replaces else { return };
        let is_it = |room: &str, user: &str| room == join.room && user == join.user;
        let is_there = match (self.members.get(&old), self.leaves.owed.get(&old)) {
            (Some(it), _) => it.terms.is_some() && !it.has_left && is_it(&it.room, &it.user),
            (None, Some((room, user, _))) => is_it(room, user),
            (None, None) => false,
        };
        if !is_there {
            self.faults
                .push(format!("{} takes the place of {old}, which has none", join.connection));
        }
        self.leaves.replaced.insert(join.connection, old);
    }

    /// The join of `id` was admitted, or not.
    pub(super) fn replace_decided(&mut self, id: ConnId, is_admitted: bool) {
        let Some(old) = self.leaves.replaced.remove(&id).filter(|_| is_admitted) else { return };
        self.leaves.cancelled += 1;
        self.leaves.owed.remove(&old);
        if let Some(member) = self.members.get_mut(&old) {
            member.has_left = true;
        }
    }

    /// The leaves that the process before has left behind.
    pub(crate) fn inherit_leaves(&mut self, before: &Self) {
        let there = before.members.iter().filter(|(_, it)| it.terms.is_some() && !it.has_left);
        let there = there.map(|(id, it)| (*id, (it.room.clone(), it.user.clone())));
        let owed = before.leaves.owed.iter().map(|(id, it)| (*id, (it.0.clone(), it.1.clone())));
        let now = self.now.monotonic;
        self.leaves.owed =
            there.chain(owed).map(|(id, (room, user))| (id, (room, user, now))).collect();
    }

    /// Checks that no leave is overdue, with this `resume.linger`.
    pub(super) fn judge_leaves(&mut self) {
        let latest = self.config.resume.linger.get() + SLACK;
        let now = self.now.monotonic;
        let overdue = self.leaves.owed.iter().find(|(_, (.., gone))| *gone + latest < now);
        let Some(id) = overdue.map(|(id, _)| *id) else { return };
        self.leaves.owed.remove(&id);
        self.faults.push(format!("{id} is gone, and the application was not told"));
    }
}
