//! What a session can say: of itself, to whoever asks about its connection; and to a client.

use crate::node::connections::moment::CoarseInstant;
use crate::node::connections::session::{Flags, Session, Verdict};
use crate::protocol::{ErrorCode, MessageFault};
use crate::time::Instant;

impl Session {
    /// When it came into the room, to a hundredth of a second; `None`: it is not there.
    pub(crate) fn in_since(&self, now: Instant) -> Option<Instant> {
        self.phase().is_authenticated().then(|| CoarseInstant(self.moment).before(now))
    }

    /// It has been re-authenticated since it came in.
    pub(crate) fn is_renewed(&self) -> bool {
        self.flags.has(Flags::RENEWED)
    }

    /// What was wrong with the last message that was not understood.
    pub(crate) fn fault(&self) -> Option<MessageFault> {
        self.fault
    }

    /// When something came last: the accept, where nothing did.
    pub(crate) fn last_seen(&self) -> Instant {
        self.last_seen
    }

    /// Until when its phase lasts. [`Connected`](super::Phase::Connected) ends in `auth_required`,
    /// unless a fresh token is with the application already.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Refuses a message that was understood, for this reason.
    pub(crate) fn refuse_message<'a>(
        &mut self,
        now: Instant,
        id: &'a str,
        message: &'static str,
    ) -> Verdict<'a> {
        let (error, request_id) = (ErrorCode::InvalidMessage, Some(id));
        self.refuse(now, Verdict::Refuse { error, message, request_id, retry_after: None })
    }
}
