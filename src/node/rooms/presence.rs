//! Who is in a room, for the clients that asked for it.
//!
//! A room that somebody watches is told of its users at most once a second, however many come and
//! go: [`Rooms::tell_presence`] writes one frame, and its watchers share it. The list is for rooms
//! of up to `limits.presence_members` connections, so that one step is short, and so that nobody's
//! coming and going becomes work for thousands. In a larger room a watcher hears the number of
//! connections when it joins, and all hear once that the list ends.
//!
//! In a cluster, what other nodes have reported of the room is part of it: see [`RemotePresence`].
//!
//! [`RemotePresence`]: super::remote_presence::RemotePresence

use smol_str::SmolStr;

use crate::id::Slot;
use crate::node::connections::Connections;
use crate::node::connections::frame::Shared;
use crate::node::context::Cx;
use crate::node::rooms::Rooms;
use crate::protocol::Presence;
use crate::time::Instant;

/// Rooms that are told in one call.
const ROOMS_A_CALL: usize = 32;

impl Rooms {
    /// `slot` has joined its room, which it watches or not.
    pub(crate) fn presence_joined(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        slot: Slot,
    ) {
        let Some(group) = self.rooms.group_of(slot) else { return };
        let (watches, most) = (watches(connections, slot), cx.policy.presence_members);
        let is_first_watcher = watches && self.watched.is_listed(group).is_none();
        if watches {
            self.watched.add_watcher(group);
        }
        if cx.policy.is_cluster
            && most > 0
            && let Some(room) = self.rooms.name_of(slot).cloned()
        {
            let is_first = self.rooms.size(group) == 1;
            let watchers = is_first_watcher.then_some(true);
            self.share_presence(cx.now.monotonic, &room, (is_first, watchers));
        }
        let Some(is_listed) = self.watched.is_listed(group) else { return };
        if self.is_small(cx, group) {
            self.watched.changed(cx.now.monotonic, group);
        } else if is_listed {
            // At once: its members are few now, and may be many in a second.
            self.tell(cx, connections, group, false);
        } else if watches && most > 0 {
            let frame = self.presence_of(cx, group, false);
            self.send_presence(cx, connections, slot, &frame);
        }
    }

    /// `slot` leaves its room. While that `lingers`, its user is still listed.
    pub(crate) fn presence_left(
        &mut self,
        now: Instant,
        connections: &Connections,
        slot: Slot,
        lingers: bool,
    ) {
        let Some(group) = self.rooms.group_of(slot) else { return };
        let watches = watches(connections, slot);
        if watches {
            self.watched.remove_watcher(group);
        }
        if !lingers {
            self.watched.changed(now, group);
        }
        if !self.remote.is_empty()
            && let Some(room) = self.rooms.name_of(slot).cloned()
        {
            let is_last_watcher = watches && self.watched.is_listed(group).is_none();
            let watchers = is_last_watcher.then_some(false);
            self.share_presence(now, &room, (false, watchers));
        }
    }

    /// A leave of `room` lingers no longer.
    pub(crate) fn presence_ended(&mut self, now: Instant, room: &SmolStr) {
        self.remote.changed(now, room);
        if let Some(group) = self.rooms.number_of(room) {
            self.watched.changed(now, group);
        }
    }

    /// Tells the watchers of the rooms whose users have changed, at most 32 rooms a call. Readers that
    /// had no room for it are to be closed: [`Rooms::next_slow`].
    pub(crate) fn tell_presence(&mut self, cx: &mut Cx, connections: &mut Connections) {
        for _ in 0..ROOMS_A_CALL {
            let Some(group) = self.watched.take_due(cx.now.monotonic) else { return };
            let is_small = self.is_small(cx, group);
            let was_listed = self.watched.is_listed(group) == Some(true);
            if !is_small && !was_listed {
                continue;
            }
            self.tell(cx, connections, group, is_small);
        }
    }

    /// May its watchers have a list? Those who have left and may come back are on it.
    fn is_small(&self, cx: &Cx, group: u32) -> bool {
        let (elsewhere, is_listed) = self.elsewhere(group);
        let here = self.rooms.size(group) + self.lingering_in(group);
        is_listed && here + elsewhere <= cx.policy.presence_members
    }

    /// Connections that have left this room, and linger.
    fn lingering_in(&self, group: u32) -> usize {
        if self.lingering.len() == 0 {
            return 0;
        }
        let member = self.rooms.first(group);
        let room = member.and_then(|member| self.rooms.name_of(member));
        room.map_or(0, |room| self.lingering.count(room))
    }

    /// Connections at other nodes, and whether their users are known.
    fn elsewhere(&self, group: u32) -> (usize, bool) {
        if self.remote.is_empty() {
            return (0, true);
        }
        let room = self.rooms.first(group).and_then(|member| self.rooms.name_of(member));
        room.map_or((0, true), |room| self.remote.count(room))
    }

    /// Tells all watchers of a room who is there, or that there is no list any more.
    fn tell(&mut self, cx: &mut Cx, connections: &mut Connections, group: u32, with_users: bool) {
        self.watched.set_listed(group, with_users);
        let frame = self.presence_of(cx, group, with_users);
        connections.pool.share(&frame);
        let mut next = self.rooms.first(group);
        while let Some(slot) = next {
            next = self.rooms.next(slot);
            if watches(connections, slot) {
                self.send_presence(cx, connections, slot, &frame);
            }
        }
        connections.pool.shared(&frame);
    }

    fn send_presence(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        slot: Slot,
        frame: &Shared,
    ) {
        match connections.send(cx, slot, Shared::clone(frame)) {
            Ok(()) => cx.metrics.presence_out += 1,
            Err(_) => self.slow.push_back(slot),
        }
    }

    fn presence_of(&self, cx: &mut Cx, group: u32, with_users: bool) -> Shared {
        let first = self.rooms.first(group);
        let room = first.and_then(|member| self.rooms.name_of(member));
        let lingering = || room.into_iter().flat_map(|room| self.lingering.users_in(room));
        let first = first.filter(|_| with_users);
        let members = std::iter::successors(first, |&member| self.rooms.next(member));
        let members = members.filter_map(|slot| self.users.name_of(slot));
        let remote = room.into_iter().flat_map(|room| self.remote.users(room));
        let listed = lingering().chain(remote).take(if with_users { usize::MAX } else { 0 });
        let mut users: Vec<&str> = members.chain(listed).map(|user| user.as_str()).collect();
        users.sort_unstable();
        users.dedup();
        let connections =
            (self.rooms.size(group) + self.lingering_in(group) + self.elsewhere(group).0) as u64;
        cx.message(Presence { users: with_users.then_some(&users), connections })
    }
}

fn watches(connections: &Connections, slot: Slot) -> bool {
    connections.get(slot).is_some_and(|connection| connection.session.watches_presence())
}
