//! What happens when time is over.

use std::time::Duration;

use crate::id::ConnId;
use crate::node::connections::connection::Connection;
use crate::node::connections::session::{Due, Phase};
use crate::node::{Node, TICK_MICROS};
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
        self.drain_due(now);
        let until = heard_until.min(now.monotonic);
        // First: what they held of the budget for work is then there for whoever waits for it.
        self.end_overdue(now, until);
        self.relieve(now);
        for _ in 0..TIMERS_A_CALL {
            let Some(index) = self.wheel.pop_due(until) else { break };
            let takes_input = |connection: &Connection| !connection.is_full(&self.policy);
            if self.connections.get(index).is_some_and(takes_input) && is_unread(self.id_of(index))
            {
                // Should the driver not come back to it, it is asked again in a tick.
                self.wheel.arm(index, until + Duration::from_micros(TICK_MICROS));
                continue;
            }
            self.deadline(now, until, index);
        }
        self.user_limit_due(now, until, is_unread);
        self.handle_deliveries(now);
    }

    /// One step of the messages that are on their way to large rooms. Part of the others above; for a
    /// driver that has a reason to leave deadlines to the next turn.
    pub fn handle_deliveries(&mut self, now: Now) {
        self.deliver(now);
        self.relieve(now);
    }

    /// Judges the deadline of one connection, whose input up to `heard_until` was read.
    pub fn handle_deadline(&mut self, now: Now, heard_until: Instant, id: ConnId) {
        if self.find(id).is_some() {
            self.deadline(now, heard_until.min(now.monotonic), id.index());
            self.relieve(now);
        }
    }

    fn deadline(&mut self, now: Now, until: Instant, index: usize) {
        let Some(connection) = self.connections.get(index) else { return };
        let deadline = connection.next_deadline(&self.policy);
        if until < deadline {
            // A message came since this was armed.
            self.arm(index);
            return;
        }
        let late = now.monotonic.since(deadline).as_micros();
        self.metrics.timer_lateness.record(u64::try_from(late).unwrap_or(u64::MAX));
        let (answer_by, crowd_until) = (connection.answer_by(), connection.crowd_until());
        if answer_by <= until {
            self.give_up_on_answer(now, index);
        } else if crowd_until <= until {
            self.give_up_on_crowd(now, index);
        }
        let due = self.with_session(index, |session, policy| session.due(until, policy));
        let id = self.id_of(index);
        match due.unwrap_or(Due::Nothing) {
            Due::Nothing => {}
            Due::Drop if self.phase(id) == Some(Phase::Handshaking) => {
                self.handshake_is_over(now, index);
            }
            Due::Drop => self.drop_connection(now, index),
            Due::Close(reason) => self.close(now, index, self.reason_of_end(index, reason)),
            Due::AskReauth { reason, deadline } => {
                self.ask_for_auth(now, index, reason, deadline);
            }
            Due::Ping => {
                let ping = self.encoder.ping();
                self.send(now, index, ping);
            }
        }
    }

    fn ask_for_auth(&mut self, now: Now, index: usize, reason: ReauthReason, deadline: Instant) {
        let deadline = now.unix_at(deadline).to_rfc3339();
        let message = reason.message();
        let frame = self.message(now, AuthRequired { reason, message, deadline });
        self.metrics.auth_required_out += 1;
        self.send(now, index, frame);
    }
}
