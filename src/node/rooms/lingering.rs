//! Leaves that wait a moment, as their users may come back.
//!
//! ```text
//!                  the time is over
//! left ─▶ lingers ─────────────────▶ reported
//!          │   ▲ not admitted
//!          ▼   │
//!         claimed by a join of the same user to the same room
//!          └──▶ admitted: that connection takes the place of the one that left
//! ```
//!
//! A claimed leave stays where it is until its join is decided: in between its user is neither gone
//! nor there twice.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use slab::Slab;
use smol_str::SmolStr;

use crate::id::ConnId;
use crate::node::connections::waiting::ClaimedLeave;
use crate::node::connections::wheel::Wheel;
use crate::protocol::CloseReason;
use crate::time::Instant;

/// What a leave takes beside its names: its place, its timer, its place in the order by rooms, and its
/// room's count.
const LEAVE_BYTES: usize = 208;
/// Which part of `limits.history_bytes` leaves may take.
const PART: usize = 4;

/// A leave that the application does not know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leave {
    pub(crate) connection: ConnId,
    pub(crate) room: SmolStr,
    pub(crate) user: SmolStr,
    pub(crate) reason: Option<CloseReason>,
}

impl Leave {
    fn bytes(&self) -> usize {
        LEAVE_BYTES + self.room.len() + self.user.len()
    }
}

#[derive(Debug)]
struct Lingering {
    leave: Leave,
    is_claimed: bool,
    /// Its time was over when somebody had claimed it.
    is_over: bool,
}

/// The leaves that linger.
#[derive(Debug, Default)]
pub(crate) struct LingeringLeaves {
    leaves: Slab<Lingering>,
    /// Room, user and place of each.
    by_room: BTreeSet<(SmolStr, SmolStr, u32)>,
    /// How many there are of each room. Each join to a large room asks for it: when all its members come
    /// back at once, nobody counts those that are still away.
    counts: BTreeMap<SmolStr, usize>,
    wheel: Wheel,
    bytes: usize,
    /// Leaves that did not linger, as others took all the space.
    refused: u64,
}

impl LingeringLeaves {
    /// How many linger.
    pub(crate) fn len(&self) -> usize {
        self.leaves.len()
    }

    /// What they take of `limits.history_bytes`.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many leaves were reported at once, as others took all the space.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// Has `leave` linger until `due`, or gives it back if there is no space for it among the
    /// `history_bytes`.
    pub(crate) fn add(
        &mut self,
        leave: Leave,
        due: Instant,
        history_bytes: usize,
    ) -> Result<(), Leave> {
        let bytes = leave.bytes();
        if self.bytes + bytes > history_bytes / PART {
            self.refused += u64::from(history_bytes > 0);
            return Err(leave);
        }
        self.bytes += bytes;
        let (room, user) = (leave.room.clone(), leave.user.clone());
        let key = self.leaves.insert(Lingering { leave, is_claimed: false, is_over: false });
        self.wheel.arm(key, due);
        *self.counts.entry(room.clone()).or_default() += 1;
        self.by_room.insert((room, user, key as u32));
        Ok(())
    }

    /// A join of `user` to `room` is asked about: it takes the place of this connection, if it is
    /// admitted. O(log n), and the connections of the user in that room.
    pub(crate) fn claim(&mut self, room: &SmolStr, user: &SmolStr) -> Option<ClaimedLeave> {
        if self.leaves.is_empty() {
            return None;
        }
        let places = (room.clone(), user.clone(), 0)..=(room.clone(), user.clone(), u32::MAX);
        let mut keys = self.by_room.range(places).map(|(.., key)| *key);
        let is_free = |key: &u32| self.leaves.get(*key as usize).is_some_and(|it| !it.is_claimed);
        let key = keys.find(is_free)?;
        self.leaves.get_mut(key as usize)?.is_claimed = true;
        NonZeroU32::new(key + 1).map(ClaimedLeave)
    }

    /// The connection whose leave was claimed.
    pub(crate) fn connection_of(&self, claimed: ClaimedLeave) -> Option<ConnId> {
        self.leaves.get(key_of(claimed)).map(|it| it.leave.connection)
    }

    /// The join was admitted: nobody has left.
    pub(crate) fn cancel(&mut self, claimed: ClaimedLeave) {
        self.remove(key_of(claimed));
    }

    /// The join was not admitted, or its connection is gone: the leave lingers as before.
    pub(crate) fn release(&mut self, claimed: ClaimedLeave) {
        if let Some(lingering) = self.leaves.get_mut(key_of(claimed)) {
            lingering.is_claimed = false;
            if lingering.is_over {
                self.wheel.arm(key_of(claimed), Instant::START);
            }
        }
    }

    /// When the next one is over.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.wheel.next()
    }

    /// A leave that is to be reported now.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Leave> {
        loop {
            let key = self.wheel.pop_due(now)?;
            let Some(lingering) = self.leaves.get_mut(key) else { continue };
            if lingering.is_claimed {
                lingering.is_over = true;
                continue;
            }
            return self.remove(key);
        }
    }

    /// Those that `is_it` is true of are over now. O(leaves).
    pub(crate) fn end(&mut self, is_it: impl Fn(&Leave) -> bool) {
        for (key, lingering) in &mut self.leaves {
            if is_it(&lingering.leave) {
                lingering.is_over = true;
                self.wheel.arm(key, Instant::START);
            }
        }
    }

    /// How many connections of `room` have left, and linger.
    pub(crate) fn count(&self, room: &str) -> usize {
        if self.counts.is_empty() { 0 } else { self.counts.get(room).copied().unwrap_or(0) }
    }

    /// The users whose leave of `room` lingers; each as often as it has connections.
    pub(crate) fn users_in(&self, room: &SmolStr) -> impl Iterator<Item = &SmolStr> {
        let from = (room.clone(), SmolStr::default(), 0);
        let there = self.by_room.range(from..).take_while(move |(it, ..)| it == room);
        there.map(|(_, user, _)| user)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Leave> {
        self.leaves.iter().map(|(_, lingering)| &lingering.leave)
    }

    fn remove(&mut self, key: usize) -> Option<Leave> {
        let leave = self.leaves.try_remove(key)?.leave;
        self.wheel.cancel(key);
        self.bytes = self.bytes.saturating_sub(leave.bytes());
        if let Some(count) = self.counts.get_mut(&leave.room) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&leave.room);
            }
        }
        self.by_room.remove(&(leave.room.clone(), leave.user.clone(), key as u32));
        Some(leave)
    }
}

fn key_of(claimed: ClaimedLeave) -> usize {
    claimed.0.get() as usize - 1
}
