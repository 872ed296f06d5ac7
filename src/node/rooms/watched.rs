//! The rooms whose users somebody wants to know, and when they are told next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::time::Instant;

/// A room is told at most once in this time.
const INTERVAL: Duration = Duration::from_secs(1);

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
    #[cfg(feature = "net")]
    pub(crate) const ROOM_BYTES: usize = 80;

    /// When the next room is to be told.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Its users have changed: the room is told as soon as it may be.
    pub(super) fn changed(&mut self, now: Instant, group: u32) {
        if let Some(room) = self.rooms.get_mut(&group)
            && !room.is_due
        {
            room.from = room.from.max(now);
            room.is_due = true;
            self.due.insert((room.from, group));
        }
    }

    /// The next room whose time has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<u32> {
        let &(due, group) = self.due.first().filter(|(due, _)| *due <= now)?;
        self.due.remove(&(due, group));
        let room = self.rooms.get_mut(&group)?;
        (room.is_due, room.from) = (false, now + INTERVAL);
        Some(group)
    }

    /// Its watchers have a list from now on, or none any more.
    pub(super) fn set_listed(&mut self, group: u32, is_listed: bool) {
        if let Some(room) = self.rooms.get_mut(&group) {
            room.is_listed = is_listed;
        }
    }

    /// Have its watchers a list? `None`: nobody watches.
    pub(super) fn is_listed(&self, group: u32) -> Option<bool> {
        Some(self.rooms.get(&group)?.is_listed)
    }

    /// One more watches the room.
    pub(super) fn add_watcher(&mut self, group: u32) {
        let unwatched =
            WatchedRoom { from: Instant::START, watchers: 0, is_due: false, is_listed: false };
        let room = self.rooms.entry(group).or_insert(unwatched);
        room.watchers = room.watchers.saturating_add(1);
    }

    /// One less watches the room, which is forgotten with the last one.
    pub(super) fn remove_watcher(&mut self, group: u32) {
        let Some(room) = self.rooms.get_mut(&group) else { return };
        room.watchers = room.watchers.saturating_sub(1);
        if room.watchers == 0 {
            let from = room.from;
            self.rooms.remove(&group);
            self.due.remove(&(from, group));
        }
    }
}
