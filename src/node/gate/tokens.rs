//! From a token to a principal: one pipeline for `auth` messages and for requests.
//!
//! ```text
//! token ─▶ signature ─▶ claims ─▶ user unchanged ─▶ not revoked ─▶ charged to the address ─▶ reserved
//! ```
//!
//! The order is that of the protocol's section 4. What is left to check behind a signature is checked
//! with the moment at which it came back.

use crate::auth::{
    KeyError, Principal, ReplaySet, Revocations, SignatureCheck, Signed, TokenError, Verification,
    Verifier, WantedKey,
};
use crate::config::{Config, counted};
use crate::id::{ConnId, Seed, Slot};
use crate::node::connections::Connections;
use crate::node::connections::waiting::Reserved;
use crate::node::context::Cx;
use crate::node::gate::key_reads::ReadsOfIssuers;
use crate::node::gate::key_waits::KeyWaits;
use crate::node::gate::limits::{Charge, Limits};
use crate::node::observe::MinuteThrottle;
use crate::node::planted::Planted;
use crate::protocol::CloseReason;
use crate::time::Now;

/// How far the look at a token has come.
pub(crate) enum TokenProgress {
    /// It has just come.
    New,
    /// It has waited for its key with this serial.
    Waited { serial: u64 },
    /// Its signature is checked, perhaps after it has waited for its key.
    Checked { verdict: Result<Verification, TokenError>, serial: Option<u64> },
}

impl TokenProgress {
    pub(crate) fn serial(&self) -> Option<u64> {
        match self {
            Self::New => None,
            Self::Waited { serial } => Some(*serial),
            Self::Checked { serial, .. } => *serial,
        }
    }
}

/// Whom a token speaks for.
pub(crate) enum Verified {
    Known(Principal),
    /// Its signature is checked elsewhere.
    Unchecked(SignatureCheck),
    /// Its key is to be fetched.
    Wanted(WantedKey),
    Refused(TokenRefusal),
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenRefusal {
    /// For what is wrong with it.
    Token(TokenError),
    /// It is another user's than the one that the connection is authenticated as.
    OtherUser,
    /// The address has used its allowance of attempts, or the user its own.
    TooManyAttempts,
}

impl From<TokenRefusal> for CloseReason {
    fn from(refusal: TokenRefusal) -> Self {
        match refusal {
            TokenRefusal::Token(error) => error.into(),
            TokenRefusal::OtherUser => Self::SubjectChanged,
            TokenRefusal::TooManyAttempts => Self::TooManyAuthAttempts,
        }
    }
}

/// What tokens are checked with, and which were used.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) verifier: Verifier,
    pub(crate) replays: ReplaySet,
    pub(crate) revocations: Revocations,
    pub(crate) key_waits: KeyWaits,
    /// How the reading of their keys goes.
    pub(crate) key_reads: ReadsOfIssuers,
    /// Tokens that were refused as they may live longer than any may.
    long_lived: MinuteThrottle,
}

impl Tokens {
    pub(crate) fn new(config: &Config, seed: &Seed) -> Result<Self, KeyError> {
        let mut revocations = Revocations::new(config.limits.revocations);
        // A cluster begins and ends with the process.
        revocations.set_shared(config.cluster.is_on());
        bound(&mut revocations, config);
        Ok(Self {
            verifier: Verifier::new(&config.auth)?,
            replays: ReplaySet::new(seed, config.limits.replay_entries),
            revocations,
            key_waits: KeyWaits::new(config),
            key_reads: ReadsOfIssuers::new(),
            long_lived: MinuteThrottle::default(),
        })
    }

    /// From here on goes by `config`, and checks tokens with `verifier`, whose keys were read just
    /// now, or are those from before.
    pub(crate) fn reconfigure(&mut self, now: Now, config: &Config, mut verifier: Verifier) {
        let there = verifier.keys().filter(|(_, keys)| !keys.is_empty());
        let mut reads = ReadsOfIssuers::new();
        for (issuer, _) in there {
            reads.entry(issuer).or_default().succeeded(now.unix);
        }
        for (issuer, before) in verifier.take_unread(&self.verifier) {
            reads.extend(self.key_reads.get(&before).map(|read| (issuer, *read)));
        }
        self.key_reads = reads;
        self.verifier = verifier;
        self.replays.set_capacity(config.limits.replay_entries);
        bound(&mut self.revocations, config);
        self.key_waits.reconfigure(config);
    }

    /// Whom `token` speaks for, after the `progress` so far.
    pub(crate) fn verify(
        &mut self,
        cx: &mut Cx,
        connections: &Connections,
        limits: &mut Limits,
        slot: Slot,
        token: &Token<'_>,
        progress: TokenProgress,
    ) -> Verified {
        let serial = progress.serial();
        let begun = match progress {
            TokenProgress::Checked { verdict, .. } => verdict,
            TokenProgress::New | TokenProgress::Waited { .. } => self.verifier.begin(token.text),
        };
        let judged = match begun {
            Ok(Verification::Unchecked(check)) => return Verified::Unchecked(check),
            Ok(Verification::Wanted(wanted)) => {
                let is_final =
                    serial.is_some_and(|serial| self.key_waits.is_answered(wanted.issuer, serial));
                let mut may_wait = || {
                    !wanted.was_tried()
                        || serial.is_some()
                        || limits.charge_wait(cx, connections, slot)
                };
                if !is_final && !cx.fault.is(Planted::KeyNotAwaited) && may_wait() {
                    return Verified::Wanted(wanted);
                }
                if let Some(connection) = connections.get(slot) {
                    self.key_waits.missed(cx, connection.address(), &wanted);
                }
                Err(wanted.error)
            }
            Ok(Verification::Signed(signed)) => self.judge(cx, connections, slot, signed),
            Err(error) => Err(error),
        };
        cx.metrics.unknown_keys += u64::from(judged == Err(TokenError::UnknownKey));
        let is_other =
            |principal: &Principal| token.current.is_some_and(|user| user != principal.user);
        let is_other = judged.as_ref().is_ok_and(is_other);
        let judged = judged.and_then(|principal| {
            if !is_other {
                self.refuse_revoked(cx, connections, slot, &principal)?;
            }
            Ok(principal)
        });
        let refused = judged.as_ref().err().copied();
        if let Some(error) = refused {
            self.note_refusal(cx, connections, slot, Some(token.text), error);
        }
        if !limits.charge(cx, connections, slot, token.charge, refused) {
            return Verified::Refused(TokenRefusal::TooManyAttempts);
        }
        match judged {
            Ok(_) if is_other => Verified::Refused(TokenRefusal::OtherUser),
            Ok(principal)
                if token.charge == Charge::Each && !limits.charge_user(cx, &principal.user) =>
            {
                cx.history.set_claimed_user(connections.id_of(slot), &principal.user);
                Verified::Refused(TokenRefusal::TooManyAttempts)
            }
            Ok(principal) => Verified::Known(principal),
            Err(error) => Verified::Refused(TokenRefusal::Token(error)),
        }
    }

    /// Counts a refused token, and keeps the cause for the operator: in the log at `debug`, and with
    /// the connection's end. Nothing is written of the token itself.
    fn note_refusal(
        &self,
        cx: &mut Cx,
        connections: &Connections,
        slot: Slot,
        token: Option<&str>,
        error: TokenError,
    ) {
        cx.metrics.count_token_refusal(error);
        if cx.history.capacity() == 0 && !log::log_enabled!(log::Level::Debug) {
            return;
        }
        let id = connections.id_of(slot);
        let cause = match token {
            Some(token) => self.verifier.explain(token, error, cx.now.unix),
            None => error.to_string(),
        };
        log::debug!(connection:% = id; "token refused ({}): {cause}", error.label());
        if let Some(connection) = connections.get(slot) {
            cx.history.push_token_fault(id, connection.address(), cause);
        }
    }

    /// Whom these claims speak for. An operator who asks is told that of a refused token, too.
    fn judge(
        &mut self,
        cx: &mut Cx,
        connections: &Connections,
        slot: Slot,
        signed: Signed,
    ) -> Result<Principal, TokenError> {
        self.verifier.validate_claims(signed, cx.now.unix).map_err(|invalid| {
            if let Some(user) = &invalid.user {
                cx.history.set_claimed_user(connections.id_of(slot), user);
            }
            if invalid.error == TokenError::LivesTooLong {
                self.count_long_token(cx);
            }
            invalid.error
        })
    }

    /// A well-signed token may live longer than any may: its issuer or the setting is wrong, which
    /// nobody would find out from what the client is told.
    fn count_long_token(&mut self, cx: &mut Cx) {
        cx.metrics.long_tokens += 1;
        if let Some(count) = self.long_lived.count(cx.now.monotonic) {
            log::warn!(
                "{} refused for a life longer than auth.max_token_life, or for want of an `iat`: \
                 have the issuer give out shorter ones, or set it to more. Told once a minute",
                counted(count, "token")
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
    ) -> Result<(), TokenError> {
        if self.revocations.len() == 0 {
            return Ok(());
        }
        let user = cx.hash(&[&principal.user]);
        self.revocations.check(user, principal.issue_time()).inspect_err(|_| {
            cx.history.set_claimed_user(connections.id_of(slot), &principal.user);
        })
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
    ) -> Result<Reserved, TokenError> {
        let owner = connections.id_of(slot);
        let message = auth.map(|(id, token)| cx.hash(&[id, token]));
        let until = principal.expires_at + self.verifier.leeway();
        let mut reserved = Reserved { message: None, token_id: None, until };
        let result = self.reserve_both(cx, owner, message, principal, &mut reserved);
        if let Err(error) = result {
            self.note_refusal(cx, connections, slot, None, error);
            self.release(reserved);
            cx.history.set_claimed_user(owner, &principal.user);
        }
        result.map(|()| reserved)
    }

    fn reserve_both(
        &mut self,
        cx: &Cx,
        owner: ConnId,
        message: Option<u64>,
        principal: &Principal,
        reserved: &mut Reserved,
    ) -> Result<(), TokenError> {
        let (now, until) = (cx.now, reserved.until);
        let user = cx.user_key(&principal.user);
        if let Some(message) = message {
            self.replays.reserve(now, user, message, until)?;
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
        if self.replays.reserve(now, user, mine, until).is_ok() {
            if let Err(replayed) = self.replays.reserve(now, user, used, until) {
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

/// Has the table go by `config` from here on.
fn bound(revocations: &mut Revocations, config: &Config) {
    revocations.set_capacity(config.limits.revocations);
    revocations.set_token_life(config.auth.max_token_life.get(), config.auth.leeway.get());
}
