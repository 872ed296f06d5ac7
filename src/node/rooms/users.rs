//! What the connections of a user share, and what is left of it when the last of them is gone.

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
