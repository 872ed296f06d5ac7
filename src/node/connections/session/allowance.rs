//! How much one connection may say: messages, frames that carry nothing, and what is refused.

use std::time::Duration;

use crate::node::connections::session::{Session, Verdict};
use crate::node::policy::Policy;
use crate::protocol::{CloseReason, MAX_REFUSED_A_MINUTE};
use crate::time::Instant;

impl Session {
    /// Takes a control frame's part of the allowance of messages.
    ///
    /// # Errors
    /// The allowance is used up, and the connection is to be closed: an `error` for each frame would
    /// cost more than the frame.
    pub(crate) fn control_frame(
        &mut self,
        now: Instant,
        policy: &Policy,
        is_pong: bool,
    ) -> Result<(), CloseReason> {
        if is_pong && self.pings.take_pong() {
            return Ok(());
        }
        self.chat_allowance(now, policy).map_err(|_| CloseReason::RateLimited)
    }

    /// Counts anew when the minute is over.
    pub(crate) fn begin_minute(&mut self, now: Instant) {
        let second = now.whole_seconds();
        if second.saturating_sub(self.counted_since) >= 60 {
            (self.counted_since, self.unasked_auths, self.refused) = (second, 0, 0);
        }
    }

    /// Takes a message's part of the minute, or says how long to wait for one.
    ///
    /// The generic cell rate algorithm (ITU-T I.371): one moment stands for the whole bucket.
    pub(crate) fn chat_allowance(&mut self, now: Instant, policy: &Policy) -> Result<(), Duration> {
        let used_until = self.chat_used_until.max(now) + policy.chat_interval;
        let over = used_until.since(now + policy.chat_burst);
        if over.is_zero() {
            self.chat_used_until = used_until;
            Ok(())
        } else {
            Err(over)
        }
    }

    /// An `error` is an answer too, and answers have an end.
    pub(crate) fn refuse<'a>(&mut self, now: Instant, refusal: Verdict<'a>) -> Verdict<'a> {
        self.begin_minute(now);
        if self.refused >= MAX_REFUSED_A_MINUTE {
            return Verdict::Close(CloseReason::RateLimited);
        }
        self.refused += 1;
        refusal
    }
}
