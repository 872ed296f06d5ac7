//! How many messages a user may send.

use std::time::Duration;

use crate::node::policy::Policy;
use crate::time::Instant;

/// A message takes one part of the allowance more for each of so many bytes.
///
/// Every reader in the room has to take them, and is closed with more than `limits.outbound_bytes`,
/// 256 KiB. What a user may say at once, 30 parts, is less than half of that: 120 KiB.
const BYTES_A_PART: usize = 4 << 10;
/// The same of an answer that others in the room get, too. A usual recipe has fewer. The last answer is
/// made whatever is left, so that is 60 KiB more.
const ANSWER_BYTES_A_PART: usize = 4 << 10;

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
        self.take(now, policy, policy.chat_interval)
    }

    /// The same of a message of so many bytes. If it is long, [`ChatAllowance::pay_length`] takes more
    /// parts of it, once it is known that it did not come before.
    ///
    /// # Errors
    /// How long to wait for all of its parts.
    pub(crate) fn charge_message(
        &mut self,
        now: Instant,
        policy: &Policy,
        bytes: usize,
    ) -> Result<(), Duration> {
        self.charge(now, policy).map_err(|wait| wait.saturating_add(further(policy, bytes)))
    }

    /// Takes the parts of a new message of so many bytes beside the one that is charged: all of them are
    /// never more than there are.
    ///
    /// # Errors
    /// How long to wait for all of its parts. The message is refused, and the one that is charged is given
    /// back.
    pub(crate) fn pay_length(
        &mut self,
        now: Instant,
        policy: &Policy,
        bytes: usize,
    ) -> Result<(), Duration> {
        let taken = self.take(now, policy, further(policy, bytes));
        if taken.is_err() {
            self.used_until = self.used_until - policy.chat_interval;
        }
        taken
    }

    fn take(&mut self, now: Instant, policy: &Policy, cost: Duration) -> Result<(), Duration> {
        let used_until = self.used_until.max(now) + cost;
        let over = used_until.since(now + policy.chat_burst);
        if over.is_zero() {
            self.used_until = used_until;
            Ok(())
        } else {
            Err(over)
        }
    }

    /// Takes the parts of an answer of so many bytes that others get, too: it was made, so they are
    /// taken in any case, as long as no more than a second allowance is used in advance.
    pub(crate) fn charge_answer(&mut self, now: Instant, policy: &Policy, bytes: usize) {
        let used_until = self.used_until.max(now);
        let most = used_until.max(now + policy.chat_burst * 2);
        self.used_until = (used_until + parts(policy, bytes / ANSWER_BYTES_A_PART)).min(most);
    }
}

/// What a message of so many bytes takes beside its first part.
fn further(policy: &Policy, bytes: usize) -> Duration {
    let most = policy.chat_burst.saturating_sub(policy.chat_interval);
    parts(policy, bytes / BYTES_A_PART).min(most)
}

fn parts(policy: &Policy, count: usize) -> Duration {
    policy.chat_interval.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}
