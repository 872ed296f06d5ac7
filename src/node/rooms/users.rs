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
            let key = cx.user_key(user);
            let mut left =
                |kind| ChatAllowance { used_until: departed.take((key, kind)).unwrap_or_default() };
            UserShare { key, chat: left(MESSAGES), frames: left(FRAMES) }
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
            let now = cx.now.monotonic;
            self.departed.keep(now, (share.key, MESSAGES), share.chat.used_until);
            self.departed.keep(now, (share.key, FRAMES), share.frames.used_until);
        }
    }

    /// The key of the user of `slot`.
    pub(crate) fn key_of(&self, slot: Slot) -> Option<u64> {
        self.users.shared(slot).map(|share| share.key)
    }
}
