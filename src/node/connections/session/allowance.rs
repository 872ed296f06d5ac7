//! How much may be said: messages and frames that carry nothing, by user; what is refused, by
//! connection.

use std::time::Duration;

use crate::node::connections::session::chat_allowance::ChatAllowance;
use crate::node::connections::session::flags::Flags;
use crate::node::connections::session::{Session, Verdict};
use crate::node::policy::Policy;
use crate::protocol::{CloseReason, ErrorCode, MAX_REFUSED_A_MINUTE, MalformedMessage};
use crate::time::Instant;

impl Session {
    /// Takes a control frame's part of `allowance`, the user's; `None`: there is no user yet, and the
    /// connection has its own.
    ///
    /// # Errors
    /// The allowance is used up, and the connection is to be closed: an `error` for each frame would
    /// cost more than the frame.
    pub(crate) fn control_frame(
        &mut self,
        now: Instant,
        policy: &Policy,
        allowance: Option<&mut ChatAllowance>,
        is_pong: bool,
    ) -> Result<(), CloseReason> {
        if is_pong && self.pings.take_pong() {
            return Ok(());
        }
        let is_its_own = allowance.is_none() && !self.flags.has(Flags::ADMITTED);
        let mut own = ChatAllowance::default();
        if is_its_own {
            own.used_until = self.until;
        }
        let charged = allowance.unwrap_or(&mut own).charge(now, policy);
        if is_its_own {
            self.until = own.used_until;
        }
        charged.map_err(|_| CloseReason::RateLimited)
    }

    /// Counts anew when the minute is over.
    pub(crate) fn begin_minute(&mut self, now: Instant) {
        let second = now.whole_seconds();
        if second.saturating_sub(self.counted_since) >= 60 {
            (self.counted_since, self.unasked_auths, self.refused) = (second, 0, 0);
        }
    }

    /// Refuses a message that is over the allowance, and says when to send it again.
    pub(crate) fn rate_limited<'a>(
        &mut self,
        now: Instant,
        request_id: Option<&'a str>,
        retry_after: Duration,
    ) -> Verdict<'a> {
        let (error, retry_after) = (ErrorCode::RateLimited, Some(retry_after));
        let message = error.message();
        self.refuse(now, Verdict::Refuse { error, message, request_id, retry_after })
    }

    /// Refuses a message that is not understood, and says what is wrong with it.
    pub(super) fn refuse_malformed<'a>(
        &mut self,
        now: Instant,
        malformed: &'a MalformedMessage<'_>,
    ) -> Verdict<'a> {
        self.refuse(now, refusal(malformed))
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

fn refusal<'a>(malformed: &'a MalformedMessage<'_>) -> Verdict<'a> {
    let (error, message, request_id) = match malformed {
        MalformedMessage::Json => (ErrorCode::InvalidJson, ErrorCode::InvalidJson.message(), None),
        MalformedMessage::Field { id, fault, .. } => {
            (ErrorCode::InvalidMessage, fault.text(), id.as_deref())
        }
    };
    Verdict::Refuse { error, message, request_id, retry_after: None }
}
