//! Connections of users over all nodes: what the nodes tell each other, and what follows from it.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::bus::BusCommand;
use crate::id::Slot;
use crate::node::Node;
use crate::node::cluster::control::{self, Word};
use crate::node::cluster::{COMMAND_TIME, Pending};
use crate::node::gate::user_limit::Settlement;
use crate::node::gate::user_word::UserWord;
use crate::node::gate::users_elsewhere::{BYTES_A_CALL, USERS_A_CALL};
use crate::node::planted::Planted;
use crate::protocol::CloseReason;
use crate::time::Instant;

impl Node {
    /// `slot`, a connection of `user`, has come, or has left.
    pub(crate) fn user_count_changed(&mut self, slot: Slot, user: &SmolStr, has_come: bool) {
        if self.cluster.is_none() {
            return;
        }
        let at = has_come.then(|| self.cx.now.unix.as_millis());
        self.gate.user_limit.elsewhere.note_arrival(slot, at);
        let count = self.rooms.users.count(user) as usize;
        let is_limited = self.cx.policy.connections_per_user < u32::MAX;
        let is_first = is_limited && has_come && count == 1;
        self.gate.user_limit.elsewhere.changed(user, count, is_first);
    }

    /// Tells the other nodes how many connections users have here, and ends checks that are overdue.
    pub(super) fn tell_users(&mut self) {
        let now = self.cx.now.monotonic;
        let they_stay = self.cx.fault.is(Planted::GoneAreCounted);
        while let Some(user) = self.gate.user_limit.elsewhere.next_overdue(now, they_stay) {
            self.settle_user(&user);
        }
        let Self { cx, rooms, gate, cluster: Some(cluster), .. } = self else {
            return;
        };
        let limit = &mut gate.user_limit;
        limit.elsewhere.repair(now);
        if !cluster.link.is_up() || !limit.elsewhere.has_words() || !limit.elsewhere.begin_call(now)
        {
            return;
        }
        if let Some(after) = limit.elsewhere.sweep.take() {
            let is_limited = cx.policy.connections_per_user < u32::MAX;
            let page = rooms.users.page(after, if is_limited { USERS_A_CALL } else { 0 });
            page.groups.iter().for_each(|(user, _)| limit.elsewhere.ask(user));
            limit.elsewhere.sweep = page.next.filter(|_| is_limited);
        }
        let mut by_node: BTreeMap<Option<SmolStr>, Vec<UserWord>> = BTreeMap::new();
        for (node, word) in limit.elsewhere.take_denials() {
            by_node.entry(Some(node)).or_default().push(word);
        }
        let (mut users, mut bytes) = (0, 0);
        while users < USERS_A_CALL
            && bytes < BYTES_A_CALL
            && let Some(user) = limit.elsewhere.next_due()
        {
            let word = limit.word_of(rooms, &user);
            for (node, word) in limit.elsewhere.words_of(&user, word) {
                bytes += word.weight();
                by_node.entry(node).or_default().push(word);
            }
            // Nothing is remembered of a user who is not here any more, and so nobody's place is taken.
            limit.free(&user);
            users += 1;
        }
        for (to, users) in by_node {
            let (node, run) = (cluster.name.clone(), cluster.run);
            let payload = control::write(&Word::Users { node, run, users });
            let command = BusCommand::Tell { node: to, payload };
            if cluster.send(now, command, (Pending::Nothing, now + COMMAND_TIME)).is_err() {
                limit.elsewhere.repair_soon(now);
            }
        }
    }

    /// Another node says how many connections users have there.
    pub(super) fn hear_of_users(&mut self, from: (&SmolStr, u64), words: Vec<UserWord>) {
        let now = self.cx.now.monotonic;
        if self.cluster_name().is_none_or(|own| *own == *from.0) {
            return;
        }
        for word in words {
            let Self { cx, connections, rooms, gate, .. } = self;
            let limit = &mut gate.user_limit;
            if rooms.users.count(&word.user) == 0 {
                limit.elsewhere.deny(from.0, &word);
                continue;
            }
            limit.elsewhere.hear(now, from, &word);
            let silent = limit.ask_for_others(cx, connections, rooms, (from.0, &word));
            self.ask_for_signs_of_life(silent);
            self.settle_user(&word.user);
        }
    }

    /// Does what follows from how many connections a user has at all nodes.
    pub(crate) fn settle_user(&mut self, user: &SmolStr) {
        let Self { cx, connections, rooms, gate, .. } = self;
        let Settlement { silent, refused, exceeding } =
            gate.user_limit.settle(cx, connections, rooms, user);
        self.ask_for_signs_of_life(silent);
        for id in refused {
            self.end_wait(id, Some(CloseReason::ConnectionLimit));
        }
        for id in exceeding {
            self.close(id.slot(), CloseReason::ConnectionLimit);
        }
    }

    /// The engine is lost: this node counts its own connections, and lets those in that wait for more.
    pub(super) fn count_users_alone(&mut self) {
        self.gate.user_limit.elsewhere.pause();
        self.gate.user_limit.free_all();
    }

    /// Nodes are gone, as `is_gone` says of their name, their run, and when they were heard: their
    /// connections are not counted any more.
    pub(super) fn forget_users_of(&mut self, is_gone: impl Fn(&SmolStr, u64, Instant) -> bool) {
        for user in self.gate.user_limit.elsewhere.forget_nodes(is_gone) {
            self.settle_user(&user);
        }
    }
}
