//! What the connections of a user share, and what is left of it when the last of them is gone.

use std::time::Duration;

use smol_str::SmolStr;

use crate::id::Slot;
use crate::node::connections::session::ChatAllowance;
use crate::node::context::Cx;
use crate::node::planted::Planted;
use crate::node::rooms::Rooms;
use crate::node::rooms::user_share::UserShare;

/// What an allowance of a user is for.
const MESSAGES: bool = false;
const FRAMES: bool = true;

impl Rooms {
    /// `slot` is a connection of `user`. A user who was here a moment ago has used what was used then.
    pub(crate) fn enter(&mut self, cx: &Cx, slot: Slot, user: &SmolStr) {
        let Self { users, departed, .. } = self;
        users.join_with(slot, user, || {
            let hash = cx.user_hash(user);
            let key = cx.holder_of(hash);
            let mut left =
                |kind| ChatAllowance { used_until: departed.take((key, kind)).unwrap_or_default() };
            UserShare { hash, chat: left(MESSAGES), frames: left(FRAMES) }
        });
        if cx.fault.is(Planted::AllowanceByConnection)
            && let Some(share) = users.shared_mut(slot)
        {
            share.chat = ChatAllowance::default();
        }
    }

    /// `slot` is no connection of its user any more.
    pub(crate) fn depart(&mut self, cx: &Cx, slot: Slot) {
        if let Some(share) = self.users.leave(slot) {
            let (now, key) = (cx.now.monotonic, cx.holder_of(share.hash));
            self.departed.keep(now, (key, MESSAGES), share.chat.used_until);
            self.departed.keep(now, (key, FRAMES), share.frames.used_until);
        }
    }

    /// Takes the parts of a new message of `slot` for its length.
    ///
    /// # Errors
    /// How long to wait for them.
    pub(crate) fn pay_length(&mut self, cx: &Cx, slot: Slot, bytes: usize) -> Result<(), Duration> {
        let Some(share) = self.users.shared_mut(slot) else { return Ok(()) };
        share.chat.pay_length(cx.now.monotonic, &cx.policy, bytes)
    }

    /// Charges `user` for an answer of so many bytes that others in `room` get, too: also a user whose
    /// connections are gone by then.
    pub(crate) fn charge_told(&mut self, cx: &Cx, (room, user): (&str, &str), bytes: usize) {
        let (now, key) = (cx.now.monotonic, cx.user_key(user));
        if !self.tells_others(cx, room, Some(key)) {
            return;
        }
        let connection = self.users.members(user).next();
        if let Some(share) = connection.and_then(|slot| self.users.shared_mut(slot)) {
            return share.chat.charge_answer(now, &cx.policy, bytes);
        }
        let key = (key, MESSAGES);
        let mut left = ChatAllowance { used_until: self.departed.take(key).unwrap_or_default() };
        left.charge_answer(now, &cx.policy, bytes);
        self.departed.keep(now, key, left.used_until);
    }

    /// Is somebody in `room` who is not the user of this key? In a cluster others may be there at other
    /// nodes, and are taken to be. O(connections of the user).
    pub(crate) fn tells_others(&self, cx: &Cx, room: &str, user: Option<u64>) -> bool {
        let mut members = self.rooms.members(room).filter_map(|slot| self.users.shared(slot));
        cx.policy.is_cluster || members.any(|share| Some(cx.holder_of(share.hash)) != user)
    }

    /// `slot` is a connection in `room`, and in no other.
    pub(crate) fn enter_room(&mut self, cx: &Cx, slot: Slot, room: &SmolStr) {
        self.rooms.leave(slot);
        self.rooms.join_with(slot, room, || cx.room_hash(room));
    }

    /// The hashes of the user of `slot`, and of that user in its room: made when it came, and not for
    /// each message. Both parts are hashes under the node's seed, so nobody can choose two that collide.
    pub(crate) fn hashes_of(&self, slot: Slot) -> Option<(u64, u64)> {
        let user = self.users.shared(slot)?.hash;
        Some((user, user ^ self.rooms.shared(slot)?))
    }
}
