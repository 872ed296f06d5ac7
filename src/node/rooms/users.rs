//! What the connections of a user share, and what is left of it when the last of them is gone.

use smol_str::SmolStr;

use crate::id::Slot;
use crate::node::connections::session::ChatAllowance;
use crate::node::context::Cx;
use crate::node::planted::Planted;
use crate::node::rooms::Rooms;
use crate::node::rooms::user_share::UserShare;

impl Rooms {
    /// `slot` is a connection of `user`. A user who was here a moment ago has used what was used then.
    pub(crate) fn enter(&mut self, cx: &Cx, slot: Slot, user: &SmolStr) {
        let Self { users, departed, .. } = self;
        users.join_with(slot, user, || {
            let key = cx.user_key(user);
            let used_until = departed.take(key).unwrap_or_default();
            UserShare { key, chat: ChatAllowance { used_until } }
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
            self.departed.keep(cx.now.monotonic, share.key, share.chat.used_until);
        }
    }

    /// The key of the user of `slot`.
    pub(crate) fn key_of(&self, slot: Slot) -> Option<u64> {
        self.users.shared(slot).map(|share| share.key)
    }
}
