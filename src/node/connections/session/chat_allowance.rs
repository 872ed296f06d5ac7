//! How many messages a user may send.

use std::time::Duration;

use crate::node::policy::Policy;
use crate::time::Instant;

/// The allowance of messages, `limits.messages_per_minute`: of a user, and of a connection that has
/// none yet.
///
/// The generic cell rate algorithm (ITU-T I.371): one moment stands for the whole bucket, the moment
/// at which the messages so far have used up their minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChatAllowance {
    pub(crate) used_until: Instant,
}

impl ChatAllowance {
    /// Takes a message's part of the minute.
    ///
    /// # Errors
    /// How long to wait for one.
    pub(crate) fn charge(&mut self, now: Instant, policy: &Policy) -> Result<(), Duration> {
        let used_until = self.used_until.max(now) + policy.chat_interval;
        let over = used_until.since(now + policy.chat_burst);
        if over.is_zero() {
            self.used_until = used_until;
            Ok(())
        } else {
            Err(over)
        }
    }
}
