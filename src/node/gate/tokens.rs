//! From a token to a principal: one pipeline for `auth` messages and for requests.
//!
//! ```text
//! token ─▶ signature ─▶ claims ─▶ user unchanged ─▶ not revoked ─▶ charged to the address ─▶ reserved
//! ```
//!
//! The order is that of the protocol's section 4. What is left to check behind a signature is checked
//! with the moment at which it came back.

use crate::auth::{Begun, Evidence, KeySet, Principal, Replayed, SignatureCheck, Signed};
use crate::id::Slot;
use crate::node::connections::Connections;
use crate::node::connections::waiting::Reserved;
use crate::node::context::Cx;
use crate::node::gate::Gate;
use crate::protocol::CloseReason;
use crate::time::Now;

/// What a worker has found out about a token's signature.
pub(crate) type Checked = Result<Signed, CloseReason>;

/// Whom a token speaks for.
pub(crate) enum Verified {
    Known(Principal),
    /// Its signature is checked elsewhere.
    Unchecked(SignatureCheck),
    Refused(CloseReason),
}

/// Which tokens are charged to their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// Each, as an `auth` is.
    Each,
    /// Those that are forged: a page asks often.
    Forged,
}

impl Gate {
    /// From here on tokens are checked with these keys and no others.
    pub(crate) fn replace_keys(&mut self, keys: KeySet) {
        self.verifier.replace_keys(keys);
    }

    /// Whom `token` speaks for. `checked`: its signature was checked elsewhere. `current`: the user
    /// that this connection is authenticated as, and has to stay.
    pub(crate) fn verify(
        &mut self,
        cx: &mut Cx,
        connections: &Connections,
        slot: Slot,
        token: &Token<'_>,
        checked: Option<Checked>,
    ) -> Verified {
        let begun = match checked {
            Some(Ok(signed)) => Begun::Signed(signed),
            Some(Err(reason)) => Begun::Refused(reason),
            None => self.verifier.begin(token.text),
        };
        let (evidence, signed) = match begun {
            Begun::Signed(signed) => (Evidence::Honest, Ok(signed)),
            Begun::Unchecked(check) => return Verified::Unchecked(check),
            // Perhaps the key is only not there yet, which is no evidence against anybody.
            Begun::NoKey => {
                cx.metrics.unknown_keys += 1;
                (Evidence::Honest, Err(CloseReason::InvalidToken))
            }
            Begun::Refused(reason) => (Evidence::of(reason), Err(reason)),
        };
        let mut verified = signed.and_then(|signed| self.judge(cx, connections, slot, signed));
        verified = verified.and_then(|principal| {
            if token.current.is_some_and(|user| user != principal.user) {
                return Err(CloseReason::SubjectChanged);
            }
            self.refuse_revoked(cx, connections, slot, &principal)?;
            Ok(principal)
        });
        if token.charge == Charge::Each || evidence == Evidence::Forged {
            verified = self.charge(cx, connections, slot, evidence, verified);
        }
        match verified {
            Ok(principal) => Verified::Known(principal),
            Err(reason) => Verified::Refused(reason),
        }
    }

    /// Whom these claims speak for. An operator who asks is told that of a refused token, too.
    fn judge(
        &mut self,
        cx: &mut Cx,
        connections: &Connections,
        slot: Slot,
        signed: Signed,
    ) -> Result<Principal, CloseReason> {
        self.verifier.judge_or_name(signed, cx.now.unix).map_err(|misfit| {
            if let Some(user) = &misfit.user {
                cx.history.set_claimed_user(connections.id_of(slot), user);
            }
            if misfit.lives_too_long {
                self.count_long_token(cx);
            }
            misfit.reason
        })
    }

    /// A well-signed token may live longer than any may: its issuer or the setting is wrong, which
    /// nobody would find out from what the client is told.
    fn count_long_token(&mut self, cx: &mut Cx) {
        cx.metrics.long_tokens += 1;
        if let Some(count) = self.long_tokens.count(cx.now.monotonic) {
            log::warn!(
                "{count} tokens were refused that live longer than auth.max_token_life, or have no \
                 `iat`: have their issuer make them shorter, or set it to more. Told once a minute"
            );
        }
    }

    /// Is the token of this principal one of those that an operator revoked? Every token passes
    /// here, whatever it came with, and with the revocations of the moment that it is used at.
    pub(crate) fn refuse_revoked(
        &self,
        cx: &mut Cx,
        connections: &Connections,
        slot: Slot,
        principal: &Principal,
    ) -> Result<(), CloseReason> {
        let user = cx.hash(&[&principal.user]);
        if !self.revocations.refuses(user, principal.issued_at) {
            return Ok(());
        }
        cx.history.set_claimed_user(connections.id_of(slot), &principal.user);
        Err(CloseReason::SessionRevoked)
    }

    /// Puts an `auth` message into the replay set, and its token id where that is single-use. `auth`:
    /// the message's id and token; `None`: the token came with the request.
    pub(crate) fn reserve(
        &mut self,
        cx: &mut Cx,
        connections: &Connections,
        slot: Slot,
        auth: Option<(&str, &str)>,
        principal: &Principal,
    ) -> Result<Reserved, CloseReason> {
        let owner = connections.id_of(slot);
        let message = auth.map(|(id, token)| cx.hash(&[id, token]));
        let until = principal.expires_at + self.verifier.leeway();
        let mut reserved = Reserved { message: None, token_id: None, until };
        let result = self.reserve_both(cx, owner, message, principal, &mut reserved);
        if result.is_err() {
            self.release(reserved);
            cx.history.set_claimed_user(owner, &principal.user);
        }
        result.map(|()| reserved).map_err(|Replayed| CloseReason::AuthReplayed)
    }

    fn reserve_both(
        &mut self,
        cx: &Cx,
        owner: crate::id::ConnId,
        message: Option<u64>,
        principal: &Principal,
        reserved: &mut Reserved,
    ) -> Result<(), Replayed> {
        let (now, until): (Now, _) = (cx.now, reserved.until);
        if let Some(message) = message {
            self.replays.reserve(now, message, until)?;
            reserved.message = Some(message);
        }
        let Some(token_id) = principal.token_id.as_deref().filter(|_| cx.policy.single_use_jti)
        else {
            return Ok(());
        };
        // Three parts, apart from messages, which have two. With the connection in it, the same
        // connection may send its token again, and every other finds it used.
        let used = cx.hash(&["jti", &principal.user, token_id]);
        let mine = cx.hash(&["jti of", &owner.to_string(), token_id]);
        if self.replays.reserve(now, mine, until).is_ok() {
            if let Err(replayed) = self.replays.reserve(now, used, until) {
                self.replays.release(mine, until);
                return Err(replayed);
            }
            reserved.token_id = Some((used, mine));
        }
        Ok(())
    }

    /// Takes back what was reserved for an `auth` that did not get in.
    pub(crate) fn release(&mut self, reserved: Reserved) {
        if let Some(message) = reserved.message {
            self.replays.release(message, reserved.until);
        }
        if let Some((used, mine)) = reserved.token_id {
            self.replays.release(used, reserved.until);
            self.replays.release(mine, reserved.until);
        }
    }
}

/// A token that is to be verified.
#[derive(Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// The user that the connection is authenticated as, and has to stay.
    pub(crate) current: Option<&'a str>,
    pub(crate) charge: Charge,
}
