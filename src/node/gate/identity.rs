//! Who a request speaks for: the token that came with it, of an old client or of a page.

use crate::auth::{Begun, Evidence, Principal, SignatureCheck, Signed};
use crate::node::Node;
use crate::node::http::refusal::Refusal;
use crate::protocol::CloseReason;
use crate::time::Now;

/// What a worker has found out about a request's token.
pub(crate) type Checked = Result<Signed, CloseReason>;

/// Who a request's token speaks for.
pub(crate) enum Identity {
    Known(Principal),
    /// Its signature is checked elsewhere.
    Unchecked(SignatureCheck),
    Refused(Refusal),
}

/// Which tokens are charged to their address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charge {
    /// Each, as an `auth` is.
    Each,
    /// Those that are forged: a page asks often.
    Forged,
}

impl Node {
    /// Who `token` speaks for. What it shows is charged to the address.
    pub(crate) fn identify(
        &mut self,
        now: Now,
        index: usize,
        token: &str,
        checked: Option<Checked>,
        charge: Charge,
    ) -> Identity {
        let begun = match checked {
            Some(Ok(signed)) => Begun::Signed(signed),
            Some(Err(reason)) => Begun::Refused(reason),
            None => self.verifier.begin(token),
        };
        let (evidence, signed) = match begun {
            Begun::Signed(signed) => (Evidence::Honest, Ok(signed)),
            Begun::Unchecked(check) => return Identity::Unchecked(check),
            // Perhaps the key is only not there yet, which is no evidence against anybody.
            Begun::NoKey => {
                self.metrics.unknown_keys += 1;
                (Evidence::Honest, Err(CloseReason::InvalidToken))
            }
            Begun::Refused(reason) => (Evidence::of(reason), Err(reason)),
        };
        let verified = signed.and_then(|signed| self.judge(now, index, signed));
        let mut verified = verified.and_then(|principal| {
            self.refuse_revoked(index, &principal)?;
            Ok(principal)
        });
        if charge == Charge::Each || evidence == Evidence::Forged {
            verified = self.charge(now, index, evidence, verified);
        }
        match verified {
            Ok(principal) => Identity::Known(principal),
            Err(CloseReason::TooManyAuthAttempts) => {
                Identity::Refused(self.too_many_attempts(now, index))
            }
            Err(reason) => Identity::Refused(Refusal::InvalidToken(reason.text())),
        }
    }

    /// Keeps a request until its token's signature is checked.
    pub(crate) fn check_request(
        &mut self,
        now: Now,
        index: usize,
        bytes: &[u8],
        whole: usize,
        check: SignatureCheck,
    ) {
        // What an old client says behind its request is kept beside it, within a message's bound.
        if bytes.len().saturating_sub(whole) > self.policy.pending_message_bytes {
            return self.refuse(
                now,
                index,
                Refusal::BadRequest("Too much came behind the request"),
            );
        }
        self.keep(index, bytes.to_vec());
        self.check_later(now, index, None, check);
    }

    /// The signature of a request's token has been checked: the request is looked at again.
    pub(crate) fn request_checked(&mut self, now: Now, index: usize, checked: Checked) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let mut kept = connection.decoder.take_kept();
        connection.tidy();
        self.on_request(now, index, &mut kept, Some(checked));
        self.resume(now, index, true);
    }
}
