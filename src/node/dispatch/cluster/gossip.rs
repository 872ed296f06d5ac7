//! What nodes tell each other of who is where: gathered from memory, never stored in the engine.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::bus::BusCommand;
use crate::node::Node;
use crate::node::cluster::control::{self, Word};
use crate::node::cluster::{COMMAND_TIME, Pending};
use crate::node::planted::Planted;
use crate::node::rooms::remote_presence::{GATHERED, RoomWord};
use crate::time::Instant;

impl Node {
    /// Tells the other nodes what is due.
    pub(super) fn gossip(&mut self) {
        let now = self.cx.now.monotonic;
        self.tell_forged();
        self.tell_users();
        let Self { cx, rooms, cluster: Some(cluster), .. } = self else { return };
        let is_cut_off = |since: Instant| since + cluster.nodes.lease() <= now;
        if cluster.down_since.is_some_and(is_cut_off) && !rooms.remote.is_empty() {
            // Whether the others are alive, nobody can tell.
            rooms.forget_all_presence(now);
        }
        if !cluster.link.is_up() {
            return;
        }
        let mut by_node: BTreeMap<Option<SmolStr>, Vec<RoomWord>> = BTreeMap::new();
        for (node, word) in rooms.next_room_words(cx) {
            by_node.entry(node).or_default().push(word);
        }
        for (to, words) in by_node {
            let (node, run) = (cluster.name.clone(), cluster.run);
            let payload = control::write(&Word::Rooms { node, run, rooms: words });
            let command = BusCommand::Tell { node: to, payload };
            let pending = (Pending::Nothing, now + COMMAND_TIME);
            if cluster.send(now, command, pending).is_err() {
                rooms.remote.repair_soon(now);
            }
        }
    }

    /// Tells the other nodes of forged tokens, at most ten times a second. Without the engine they are
    /// charged here only.
    fn tell_forged(&mut self) {
        let now = self.cx.now.monotonic;
        let Self { gate, cluster: Some(cluster), .. } = self else { return };
        let attempts = &mut gate.limits.attempts;
        if !attempts.has_forged() || cluster.tells_forged_at > now {
            return;
        }
        cluster.tells_forged_at = now + GATHERED;
        let (node, addresses) = (cluster.name.clone(), attempts.take_forged());
        if cluster.link.is_up() {
            let payload = control::write(&Word::Forged { node, addresses });
            cluster.send_off(now, BusCommand::Tell { node: None, payload }, COMMAND_TIME);
        }
    }

    /// Another node has had forged tokens.
    pub(super) fn hear_of_forged(&mut self, node: &str, addresses: Vec<(u64, u32)>) {
        let now = self.cx.now.monotonic;
        let is_own = self.cluster.as_ref().is_some_and(|cluster| cluster.name == node);
        for forged in addresses.into_iter().filter(|_| !is_own) {
            self.gate.limits.attempts.charge_elsewhere(now, forged);
        }
    }

    /// Another node has something to say about rooms.
    pub(super) fn hear_of_rooms(&mut self, from: (&SmolStr, u64), words: Vec<RoomWord>) {
        let Self { cx, rooms, cluster: Some(cluster), .. } = self else { return };
        if *from.0 == cluster.name || cx.policy.presence_members == 0 {
            return;
        }
        for word in words {
            rooms.hear_of_room(cx, &cluster.name, from, word);
        }
    }

    /// The nodes that are alive were listed, which was asked for at `asked_at`: what others have said is
    /// forgotten, and those that are new are asked.
    pub(super) fn nodes_listed(&mut self, asked_at: Instant, before: &BTreeMap<SmolStr, u64>) {
        let now = self.cx.now.monotonic;
        let Self { cx, rooms, cluster: Some(cluster), .. } = self else { return };
        let ghosts_stay = cx.fault.is(Planted::GhostsStay);
        let live = cluster.nodes.runs(now);
        rooms.forget_presence(now, |node, run, heard| {
            // Who was heard since may have come since.
            heard <= asked_at && live.get(node) != Some(&run) && !ghosts_stay
        });
        if live.iter().any(|(node, run)| before.get(node) != Some(run) && *node != cluster.name) {
            rooms.remote.begin(now);
        }
        if !cx.fault.is(Planted::GoneAreCounted) {
            self.forget_users_of(|node, run, heard| {
                heard <= asked_at && live.get(node) != Some(&run)
            });
        }
    }
}
