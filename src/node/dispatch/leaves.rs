//! Connections that leave their rooms: the application hears of it when nobody comes back in their
//! place (`resume.linger`).

use std::time::Duration;

use crate::id::Slot;
use crate::node::Node;
use crate::node::app::Left;
use crate::node::dispatch::deadlines::TIMERS_A_CALL;
use crate::node::planted::Planted;
use crate::node::rooms::lingering::Leave;
use crate::protocol::{CloseReason, Reconnect};
use crate::time::Now;

impl Node {
    /// Takes `slot` out of its room. The application and those who watch the room hear of it now, or in
    /// a moment, if its user may come back.
    pub(crate) fn leave_room(&mut self, slot: Slot, leave: Leave) {
        let Self { cx, connections, rooms, work, .. } = self;
        let may_linger = !cx.policy.linger.is_zero() && work.app.lets_leaves_linger();
        let lingers = may_linger && may_return(leave.reason);
        rooms.leave(cx, connections, slot, lingers);
        if lingers {
            self.linger(leave, Duration::ZERO);
        } else {
            self.report_leave(&leave);
        }
    }

    /// Has a leave linger from now on, and so much longer; or reports it, if there is no place for it.
    pub(crate) fn linger(&mut self, leave: Leave, longer: Duration) {
        let Self { cx, rooms, .. } = self;
        let (due, most) = (cx.now.monotonic + cx.policy.linger + longer, cx.policy.history_bytes);
        let planted = cx.fault.is(Planted::LeaveTwice).then(|| leave.clone());
        let refused = rooms.lingering.add(leave, due, most).err();
        if let Some(leave) = refused.or(planted) {
            self.rooms.presence_ended(self.cx.now.monotonic, &leave.room);
            self.report_leave(&leave);
        }
    }

    /// Reports the leaves whose time is over, as many as a call may: those that are left are due at
    /// once.
    pub(crate) fn end_leaves(&mut self) {
        for _ in 0..TIMERS_A_CALL {
            let now = self.cx.now.monotonic;
            let Some(leave) = self.rooms.lingering.pop_due(now) else { return };
            self.rooms.presence_ended(now, &leave.room);
            self.report_leave(&leave);
        }
    }

    /// Reports all leaves that linger: the process ends, and no other one goes on with them (see
    /// [`Node::write_history`]).
    pub fn report_leaves(&mut self, now: Now) {
        self.cx.now = now;
        self.rooms.lingering.end(|_| true);
        while let Some(leave) = self.rooms.lingering.pop_due(now.monotonic) {
            self.report_leave(&leave);
        }
    }

    fn report_leave(&mut self, leave: &Leave) {
        let Leave { connection, room, user, reason } = leave;
        let left = Left { connection: *connection, room, user, reason: *reason };
        self.work.app.on_leave(&left);
    }
}

/// Whether a client comes back soon that has lost its connection for this reason. `None`: it closed
/// the connection, or the network did.
fn may_return(reason: Option<CloseReason>) -> bool {
    let Some(reason) = reason else { return true };
    let is_back_soon = matches!(
        reason.reconnect(),
        Reconnect::Yes
            | Reconnect::WithBackOff
            | Reconnect::AfterRefresh
            | Reconnect::OnceAfterRefresh
    );
    // What an operator orders is done at once.
    is_back_soon && reason != CloseReason::Disconnected
}
