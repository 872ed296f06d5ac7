//! The token of a request: checked at once, on a worker, or once its key is fetched.

use crate::auth::{Principal, SignatureCheck, WantedKey};
use crate::id::Slot;
use crate::node::Node;
use crate::node::connections::session::Stage;
use crate::node::gate::limits::Charge;
use crate::node::gate::tokens::{Token, TokenProgress, TokenRefusal, Verified};
use crate::node::http::refusal::Refusal;
use crate::node::http::request::RequestHead;
use crate::protocol::CloseReason;

/// Whom a request's token speaks for.
pub(crate) enum Identity {
    Known(Principal),
    /// Its signature is checked elsewhere. It has waited for its key with this serial.
    Unchecked(SignatureCheck, Option<u64>),
    /// Its key is to be fetched, for which it has waited with this serial.
    Wanted(WantedKey, Option<u64>),
    Refused(Refusal),
}

impl Node {
    /// Whom the token of a request speaks for.
    pub(crate) fn identify(
        &mut self,
        slot: Slot,
        text: &str,
        progress: TokenProgress,
        charge: Charge,
    ) -> Identity {
        let Self { cx, connections, gate, .. } = self;
        let token = Token { text, current: None, charge };
        let serial = progress.serial();
        match gate.tokens.verify(cx, connections, &mut gate.limits, slot, &token, progress) {
            Verified::Known(principal) => Identity::Known(principal),
            Verified::Unchecked(check) => Identity::Unchecked(check, serial),
            Verified::Wanted(wanted) => Identity::Wanted(wanted, serial),
            Verified::Refused(TokenRefusal::TooManyAttempts) => {
                Identity::Refused(gate.limits.too_many_attempts(cx, connections, slot))
            }
            Verified::Refused(TokenRefusal::Token(error)) => Identity::Refused(error.into()),
            Verified::Refused(refusal) => {
                Identity::Refused(Refusal::InvalidToken(CloseReason::from(refusal).text()))
            }
        }
    }

    /// Keeps a request, and what came behind its head, until its token's signature is checked.
    pub(crate) fn check(
        &mut self,
        slot: Slot,
        head: RequestHead,
        behind: &[u8],
        check: SignatureCheck,
        serial: Option<u64>,
    ) {
        if self.hold_unverified(slot, head, behind) {
            self.gate.checks.push(&mut self.connections, slot, None, check, serial);
            self.submit_checks();
        }
    }

    /// Keeps a request, and what came behind its head, until its token's key is fetched.
    pub(crate) fn hold_for_key(
        &mut self,
        slot: Slot,
        head: RequestHead,
        behind: &[u8],
        wanted: &WantedKey,
        serial: Option<u64>,
    ) {
        if self.hold_unverified(slot, head, behind) {
            self.wait_for_key(slot, None, wanted, serial);
        }
    }

    /// Keeps a request whose token is not verified yet. False: it is refused.
    fn hold_unverified(&mut self, slot: Slot, head: RequestHead, behind: &[u8]) -> bool {
        // What an old client says behind its request is kept beside it, within a message's bound.
        let beyond = behind.len().saturating_sub(head.awaited_bytes());
        if beyond > self.cx.policy.pending_message_bytes {
            let refusal = Refusal::BadRequest("Too much came behind the request");
            self.refuse(slot, refusal);
            return false;
        }
        self.connections.hold_request(slot, head, Stage::Checking, behind);
        true
    }

    /// The signature of a request's token has been checked, or there is news of its key: the request
    /// goes on from there.
    pub(crate) fn request_judged(&mut self, slot: Slot, progress: TokenProgress) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let mut behind = connection.decoder.take_kept();
        match self.connections.take_request(slot) {
            Some(RequestHead::Upgrade(upgrade)) => {
                self.upgrade(slot, upgrade, &mut behind, progress);
            }
            Some(RequestHead::Http(http)) => self.answer(slot, http, &behind, progress),
            Some(RequestHead::Call { .. }) | None => {}
        }
        self.resume(slot, true);
    }
}
