//! Who a request speaks for: the token that came with it, of an old client or of a page.

use crate::auth::{Principal, SignatureCheck, Signed, TokenError, Verification};
use crate::node::Node;
use crate::node::http::refusal::Refusal;
use crate::time::Now;

/// What a worker has found out about a request's token.
pub(crate) type Checked = Result<Signed, TokenError>;

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
        let signed =
            match checked.map_or_else(|| self.begin(token), |it| it.map(Verification::Signed)) {
                Ok(Verification::Unchecked(check)) => return Identity::Unchecked(check),
                Ok(Verification::Signed(signed)) => Ok(signed),
                Err(error) => Err(error),
            };
        let verified = signed.and_then(|signed| self.judge(now, index, signed));
        let verified = verified.and_then(|principal| {
            self.refuse_revoked(index, &principal)?;
            Ok(principal)
        });
        let refused = verified.as_ref().err().copied();
        if !self.charge(now, index, charge, refused) {
            return Identity::Refused(self.too_many_attempts(now, index));
        }
        verified.map_or_else(|error| Identity::Refused(error.into()), Identity::Known)
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
