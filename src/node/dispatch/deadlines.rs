//! What happens when time is over.

use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::connections::connection::Connection;
use crate::node::connections::session::{Due, Phase};
use crate::protocol::{AuthRequired, ReauthReason};
use crate::time::{Instant, Now};

/// Timers that are handled in one call: a storm's deadlines fall together, and must not make one
/// turn long. What is left is due at once again.
pub(crate) const TIMERS_A_CALL: usize = 64;

impl Node {
    /// Handles what is due at `now`: at most 64 deadlines a call, and then one step of the messages
    /// that are on their way to large rooms, to at most 256 connections. For a driver that has read
    /// all input by then. [`poll_timeout`](Node::poll_timeout) says when to come back, which may be
    /// at once: write what there is, and serve the others, before that.
    pub fn handle_timeout(&mut self, now: Now) {
        self.handle_deadlines(now, now.monotonic, &mut |_| false);
    }

    /// The same for a driver that leaves input in sockets: deadlines up to `heard_until` are judged,
    /// a moment until which the driver knows which sockets have had input.
    ///
    /// Input is read before its connection's deadline is judged, however late that is: a process that
    /// stood still did not give its clients less time. So a connection for which `is_unread` is true
    /// is left alone; the driver reads it next, and then calls
    /// [`handle_deadline`](Node::handle_deadline).
    pub fn handle_deadlines(
        &mut self,
        now: Now,
        heard_until: Instant,
        is_unread: &mut dyn FnMut(ConnId) -> bool,
    ) {
        self.cx.now = now;
        self.drain_due();
        let until = heard_until.min(self.cx.now.monotonic);
        // First: what they held of the budget for work is then there for whoever waits for it.
        self.end_overdue(until);
        self.enforce_budgets();
        // Before the deadlines of those whose keys have come.
        self.judge_waiting();
        for _ in 0..TIMERS_A_CALL {
            let Some(slot) = self.connections.pop_due(until) else { break };
            let takes_input = |connection: &Connection| !connection.is_full(&self.cx.policy);
            if self.connections.get(slot).is_some_and(takes_input)
                && is_unread(self.connections.id_of(slot))
            {
                // Should the driver not come back to it, it is asked again in a tick.
                self.connections.rearm_soon(slot, until);
                continue;
            }
            self.on_deadline(until, slot);
        }
        self.user_limit_due(until, is_unread);
        self.work.serve_deadline(self.cx.now);
        self.repeat_unstored();
        if self.cluster.is_some() {
            self.cluster_due();
        }
        self.rooms.logs.end(self.cx.now.monotonic, TIMERS_A_CALL);
        self.end_leaves();
        self.rooms.tell_presence(&mut self.cx, &mut self.connections);
        self.close_slow_members();
        self.deliver();
        self.enforce_budgets();
    }

    /// One step of the messages that are on their way to large rooms. Part of the others above; for a
    /// driver that has a reason to leave deadlines to the next turn.
    pub fn handle_deliveries(&mut self, now: Now) {
        self.cx.now = now;
        self.deliver();
        self.enforce_budgets();
    }

    /// Judges the deadline of one connection, whose input up to `heard_until` was read.
    pub fn handle_deadline(&mut self, now: Now, heard_until: Instant, id: ConnId) {
        self.cx.now = now;
        if self.connections.find(id).is_some() {
            self.on_deadline(heard_until.min(now.monotonic), id.slot());
            self.enforce_budgets();
        }
    }

    /// Judges the deadline of `slot`, whose input up to `until` was read.
    pub(crate) fn on_deadline(&mut self, until: Instant, slot: Slot) {
        let policy = &self.cx.policy;
        let Some(connection) = self.connections.get(slot) else { return };
        let deadline = connection.next_deadline(policy);
        if until < deadline {
            // A message came since this was armed.
            return self.connections.arm(policy, slot);
        }
        let late = self.cx.now.monotonic.since(deadline).as_micros();
        self.cx.metrics.timer_lateness.record(u64::try_from(late).unwrap_or(u64::MAX));
        let (answer_by, backlog_until) = (connection.answer_by(), connection.backlog_until());
        if answer_by <= until {
            self.give_up_on_answer(slot);
        } else if backlog_until <= until {
            self.give_up_on_backlog(slot);
        }
        let policy = &self.cx.policy;
        let due = self.connections.edit(policy, slot, |session, policy| session.due(until, policy));
        match due.unwrap_or(Due::Nothing) {
            Due::Nothing => {}
            Due::Drop if self.is_in(slot, Phase::Handshaking) => self.request_is_over(slot),
            Due::Drop => self.drop_connection(slot),
            Due::Close(reason) => self.close(slot, reason),
            Due::AskReauth { reason, deadline } => self.require_fresh_token(slot, reason, deadline),
            Due::Ping => {
                let ping = self.cx.encoder.ping();
                self.send(slot, ping);
            }
        }
    }

    fn is_in(&self, slot: Slot, phase: Phase) -> bool {
        self.connections.get(slot).is_some_and(|it| !it.is_dropped() && it.session.phase() == phase)
    }

    fn require_fresh_token(&mut self, slot: Slot, reason: ReauthReason, deadline: Instant) {
        let deadline = self.cx.now.unix_at(deadline).to_rfc3339();
        let message = reason.message();
        let frame = self.cx.message(AuthRequired { reason, message, deadline });
        self.cx.metrics.auth_required_out += 1;
        self.send(slot, frame);
    }
}
