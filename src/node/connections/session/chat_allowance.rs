//! How many messages a user may send.

use std::time::Duration;

use crate::node::policy::Policy;
use crate::time::Instant;

/// A message takes one part of the allowance more for each of so many bytes.
///
/// Every reader in the room has to take them, and is closed with more than `limits.outbound_bytes`,
/// 256 KiB. So what a user may say at once, 30 parts, is less than half of that: 120 KiB.
const BYTES_A_PART: usize = 4 << 10;
/// The same of an answer that the room gets, too. A usual recipe has fewer.
const ANSWER_BYTES_A_PART: usize = 16 << 10;

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
        self.pay(now, policy, 0)
    }

    /// The same of a message of so many bytes, which takes several parts if it is long, and never more
    /// than there are.
    ///
    /// # Errors
    /// How long to wait for them.
    pub(crate) fn pay(
        &mut self,
        now: Instant,
        policy: &Policy,
        bytes: usize,
    ) -> Result<(), Duration> {
        let cost = parts(policy, bytes / BYTES_A_PART).saturating_add(policy.chat_interval);
        let used_until = self.used_until.max(now) + cost.min(policy.chat_burst);
        let over = used_until.since(now + policy.chat_burst);
        if over.is_zero() {
            self.used_until = used_until;
            Ok(())
        } else {
            Err(over)
        }
    }

    /// Takes the parts of an answer of so many bytes that the room gets, too: it was made, so they are
    /// taken in any case, as long as no more than a second allowance is used in advance.
    pub(crate) fn charge_answer(&mut self, now: Instant, policy: &Policy, bytes: usize) {
        let used_until = self.used_until.max(now);
        let most = used_until.max(now + policy.chat_burst * 2);
        self.used_until = (used_until + parts(policy, bytes / ANSWER_BYTES_A_PART)).min(most);
    }
}

fn parts(policy: &Policy, count: usize) -> Duration {
    policy.chat_interval.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}
