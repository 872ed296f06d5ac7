//! Who is in a room, for the clients that asked for it.
//!
//! A room that somebody watches is told of its users at most once a second, however many come and
//! go: [`Rooms::tell_presence`] writes one frame, and its watchers share it. The list is for rooms
//! of up to `limits.presence_members` connections, so that one step is short, and so that nobody's
//! coming and going becomes work for thousands. In a larger room a watcher hears the number of
//! connections when it joins, and all hear once that the list ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::id::Slot;
use crate::node::connections::Connections;
use crate::node::connections::frame::Shared;
use crate::node::context::Cx;
use crate::node::rooms::Rooms;
use crate::protocol::Presence;
use crate::time::Instant;

/// A room is told at most once in this time.
const INTERVAL: Duration = Duration::from_secs(1);

/// Rooms that are told in one call.
const ROOMS_A_CALL: usize = 32;

/// The rooms that somebody watches, by the number of their group.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    rooms: BTreeMap<u32, WatchedRoom>,
    due: BTreeSet<(Instant, u32)>,
}

#[derive(Debug)]
struct WatchedRoom {
    /// When the room may be told next, and is, if it `is_due`.
    from: Instant,
    watchers: u32,
    is_due: bool,
    /// Its watchers have a list that is kept up to date.
    is_listed: bool,
}

impl Watched {
    /// What a watched room costs beside its group.
    pub(crate) const ROOM_BYTES: usize = 80;

    /// When the next room is to be told.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Its users have changed: the room is told as soon as it may be.
    fn changed(&mut self, now: Instant, group: u32) {
        if let Some(room) = self.rooms.get_mut(&group)
            && !room.is_due
        {
            room.from = room.from.max(now);
            room.is_due = true;
            self.due.insert((room.from, group));
        }
    }

    /// The next room whose time has come.
    fn take_due(&mut self, now: Instant) -> Option<u32> {
        let &(due, group) = self.due.first().filter(|(due, _)| *due <= now)?;
        self.due.remove(&(due, group));
        let room = self.rooms.get_mut(&group)?;
        (room.is_due, room.from) = (false, now + INTERVAL);
        Some(group)
    }

    fn set_listed(&mut self, group: u32, is_listed: bool) {
        if let Some(room) = self.rooms.get_mut(&group) {
            room.is_listed = is_listed;
        }
    }

    fn forget(&mut self, group: u32) {
        if let Some(room) = self.rooms.remove(&group) {
            self.due.remove(&(room.from, group));
        }
    }
}

impl Rooms {
    /// `slot` has joined its room, which it watches or not.
    pub(crate) fn presence_joined(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        slot: Slot,
    ) {
        let most = cx.policy.presence_members;
        let Some(group) = self.rooms.group_of(slot).filter(|_| most > 0) else { return };
        let watches = watches(connections, slot);
        if watches {
            let unwatched =
                WatchedRoom { from: Instant::START, watchers: 0, is_due: false, is_listed: false };
            let room = self.watched.rooms.entry(group).or_insert(unwatched);
            room.watchers = room.watchers.saturating_add(1);
        }
        let Some(room) = self.watched.rooms.get(&group) else { return };
        if self.rooms.size(group) <= most || room.is_listed {
            self.watched.changed(cx.now.monotonic, group);
        } else if watches {
            let frame = self.presence_of(cx, group, false);
            self.send_presence(cx, connections, slot, &frame);
        }
    }

    /// `slot` leaves its room.
    pub(crate) fn presence_left(&mut self, now: Instant, connections: &Connections, slot: Slot) {
        let Some(group) = self.rooms.group_of(slot) else { return };
        let Some(room) = self.watched.rooms.get_mut(&group) else { return };
        room.watchers = room.watchers.saturating_sub(u32::from(watches(connections, slot)));
        if room.watchers == 0 {
            self.watched.forget(group);
        } else {
            self.watched.changed(now, group);
        }
    }

    /// Tells the watchers of the rooms whose users have changed, at most 32 rooms a call. Readers that
    /// had no room for it are to be closed: [`Rooms::next_slow`].
    pub(crate) fn tell_presence(&mut self, cx: &mut Cx, connections: &mut Connections) {
        for _ in 0..ROOMS_A_CALL {
            let Some(group) = self.watched.take_due(cx.now.monotonic) else { return };
            let is_small = self.rooms.size(group) <= cx.policy.presence_members;
            let was_listed = self.watched.rooms.get(&group).is_some_and(|room| room.is_listed);
            if !is_small && !was_listed {
                continue;
            }
            self.watched.set_listed(group, is_small);
            let frame = self.presence_of(cx, group, is_small);
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
        let first = if with_users { self.rooms.first(group) } else { None };
        let members = std::iter::successors(first, |&member| self.rooms.next(member));
        let mut users: Vec<&str> =
            members.filter_map(|slot| self.users.name_of(slot)).map(|user| user.as_str()).collect();
        users.sort_unstable();
        users.dedup();
        let connections = self.rooms.size(group) as u64;
        cx.message(Presence { users: with_users.then_some(&users), connections })
    }
}

fn watches(connections: &Connections, slot: Slot) -> bool {
    connections.get(slot).is_some_and(|connection| connection.session.watches_presence())
}
