//! What happens when time is over.

use super::Node;
use super::session::{Due, Phase};
use crate::protocol::{AuthRequired, ReauthReason};
use crate::time::{Instant, Now};

/// Timers that are handled in one call: a storm's deadlines fall together, and must not make one
/// turn long. What is left is due at once again.
const TIMERS_A_CALL: usize = 256;

impl Node {
    /// Handles what is due at `now`: at most 256 deadlines a call.
    /// [`poll_timeout`](Node::poll_timeout) says when to come back, which may be at once.
    pub fn handle_timeout(&mut self, now: Now) {
        self.drain_due(now);
        for _ in 0..TIMERS_A_CALL {
            let Some(index) = self.wheel.pop_due(now.monotonic) else { break };
            self.deadline(now, index);
        }
        self.relieve(now);
    }

    fn deadline(&mut self, now: Now, index: usize) {
        let Some(connection) = self.connections.get(index) else { return };
        let deadline = connection.next_deadline(&self.policy);
        if now.monotonic < deadline {
            // A message came since this was armed.
            self.arm(index);
            return;
        }
        let late = now.monotonic.since(deadline).as_micros();
        self.metrics.timer_lateness.record(u64::try_from(late).unwrap_or(u64::MAX));
        if connection.answer_by() <= now.monotonic {
            self.give_up_on_answer(now, index);
        }
        let due = self.with_session(index, |session, policy| session.due(now.monotonic, policy));
        let id = self.id_of(index);
        match due.unwrap_or(Due::Nothing) {
            Due::Nothing => {}
            Due::Drop if self.phase(id) == Some(Phase::Handshaking) => {
                self.handshake_is_over(now, index);
            }
            Due::Drop => self.drop_connection(now, index),
            Due::Close(reason) => self.close(now, index, reason),
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
