//! The checks of a token, in the order of the protocol, each with its own close reason.
//!
//! ```text
//! begin ─▶ Signed ─────────────────▶ judge ─▶ Principal
//!   │        ▲                         ▲
//!   └─▶ Unchecked ─▶ SignatureCheck::run (55 to 400 µs, on a worker)
//! ```
//!
//! jsonwebtoken verifies the signature; everything that depends on the time is done here, against
//! the `now` of the moment that the verdict is used at.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use smol_str::SmolStr;

use super::claims::Claims;
use super::fault::KeyFault;
use super::keys::{Algorithms, Key, KeySet};
use super::token::{self, Parts};
use crate::config::Auth;
use crate::protocol::{CloseReason, MAX_USER_CHARS};
use crate::time::UnixTime;

/// Who a token speaks for, and until when.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// `sub`.
    pub user: SmolStr,
    /// `exp`.
    pub expires_at: UnixTime,
    /// `iat`, where there is one.
    pub issued_at: Option<UnixTime>,
    /// `jti`, where there is one.
    pub token_id: Option<String>,
    /// The claims, as the JSON text that was signed.
    pub claims: String,
}

/// Claims may hold what is nobody else's business.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("user", &self.user)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// The claims of a token whose signature is good. There is no other way to one than the check.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed(String);

/// Claims may hold what is nobody else's business.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").finish_non_exhaustive()
    }
}

/// What the first look at a token says.
#[derive(Debug)]
pub enum Begun {
    /// Its signature is good.
    Signed(Signed),
    /// Its form is; its signature takes long enough to be checked elsewhere.
    Unchecked(SignatureCheck),
    /// No key is there for what it names: perhaps not yet.
    NoKey,
    /// It is no token of ours: close with this.
    Refused(CloseReason),
}

/// A token's signature, to be checked with public keys. Cheap to clone.
#[derive(Clone)]
pub struct SignatureCheck {
    token: Arc<str>,
    keys: Arc<[Arc<Key>]>,
    algorithm: Algorithm,
}

/// The token is not shown.
impl fmt::Debug for SignatureCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureCheck").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl SignatureCheck {
    /// The token that is checked.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Checks the signature with each of the keys, of which there are at most 4: 55 µs each for
    /// RSA, 88 for P-256 (AWS-LC).
    ///
    /// # Errors
    /// The reason to close with.
    pub fn run(&self) -> Result<Signed, CloseReason> {
        let parts = token::parts(&self.token).ok_or(CloseReason::InvalidToken)?;
        let is_good = |key: &Arc<Key>| is_signed(parts, &key.decoding, self.algorithm);
        if self.keys.iter().any(is_good) { claims(parts) } else { Err(CloseReason::InvalidToken) }
    }
}

/// Checks tokens against the keys that are there and the configured claims.
#[derive(Debug)]
pub struct Verifier {
    keys: KeySet,
    algorithms: Algorithms,
    issuer: Option<String>,
    audience: Option<String>,
    leeway: Duration,
    max_token_life: Option<Duration>,
}

/// Why no principal comes of a token's claims.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// What to close with.
    pub(crate) reason: CloseReason,
    /// Whom the claims name all the same, where they are ours.
    pub(crate) user: Option<SmolStr>,
    /// It may live longer than `auth.max_token_life`: its issuer must be told, or the setting.
    pub(crate) lives_too_long: bool,
}

impl Misfit {
    fn of(reason: CloseReason, user: Option<SmolStr>) -> Self {
        Self { reason, user, lives_too_long: false }
    }
}

impl Verifier {
    /// A verifier for what `config` names: with its secret, if it has one; else without a key, so
    /// that every token is refused until [`Verifier::replace_keys`].
    ///
    /// # Errors
    /// [`KeyFault`] says what to change.
    pub fn new(config: &Auth) -> Result<Self, KeyFault> {
        // With both libraries built in, jsonwebtoken wants to be told which; again is no harm.
        #[cfg(all(feature = "aws-lc", feature = "pure-rust"))]
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let algorithms = Algorithms::new(&config.algorithms)?;
        let keys = if algorithms.are_hmac() && config.jwks_file.is_empty() {
            KeySet::from_secret(config.secret.as_bytes(), &algorithms)?
        } else {
            KeySet::default()
        };
        let configured = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Ok(Self {
            keys,
            algorithms,
            issuer: configured(&config.issuer),
            audience: configured(&config.audience),
            leeway: config.leeway.get(),
            max_token_life: Some(config.max_token_life.get()).filter(|life| !life.is_zero()),
        })
    }

    /// From here on tokens are checked with these keys and no others.
    pub fn replace_keys(&mut self, keys: KeySet) {
        self.keys = keys;
    }

    /// Tolerance in `exp` and `nbf`.
    #[must_use]
    pub fn leeway(&self) -> Duration {
        self.leeway
    }

    /// Form, algorithm and key of `token`, and with a secret its signature too: about 2 µs.
    #[must_use]
    pub fn begin(&self, token: &str) -> Begun {
        const REFUSED: Begun = Begun::Refused(CloseReason::InvalidToken);
        let Some(parts) = token::parts(token) else { return REFUSED };
        let Ok(header) = URL_SAFE_NO_PAD.decode(parts.header) else { return REFUSED };
        let Some(header) = token::header(&header) else { return REFUSED };
        let Some(algorithm) = self.algorithms.named(&header.algorithm) else { return REFUSED };
        let keys = self.keys.select(algorithm, header.key_id.as_deref());
        if keys.is_empty() {
            return Begun::NoKey;
        }
        if !self.algorithms.are_hmac() {
            let keys = keys.into_iter().cloned().collect();
            return Begun::Unchecked(SignatureCheck { token: token.into(), keys, algorithm });
        }
        if !keys.iter().any(|key| is_signed(parts, &key.decoding, algorithm)) {
            return REFUSED;
        }
        claims(parts).map_or_else(Begun::Refused, Begun::Signed)
    }

    /// Who these claims speak for at `now`.
    ///
    /// # Errors
    /// The close reason of the first check that fails.
    pub fn judge(&self, signed: Signed, now: UnixTime) -> Result<Principal, CloseReason> {
        self.judge_or_name(signed, now).map_err(|misfit| misfit.reason)
    }

    /// The same. With the reason comes whom the claims name all the same, where they are ours.
    pub(crate) fn judge_or_name(&self, signed: Signed, now: UnixTime) -> Result<Principal, Misfit> {
        let unfit = || Misfit::of(CloseReason::InvalidTokenPayload, None);
        let Signed(text) = signed;
        let claims: Claims<'_> = serde_json::from_str(&text).map_err(|_| unfit())?;
        let expires_at = claims.expires.required().ok_or_else(unfit)?;
        let not_before = claims.not_before.optional().ok_or_else(unfit)?;
        let issued_at = claims.issued.optional().ok_or_else(unfit)?;
        // RFC 7519, section 4.1.4: not accepted on or after the expiry.
        if now >= expires_at + self.leeway {
            return Err(Misfit::of(CloseReason::TokenExpired, self.audited_subject(&claims)));
        }
        if not_before.is_some_and(|not_before| now + self.leeway < not_before) {
            return Err(Misfit::of(CloseReason::TokenNotYetValid, self.audited_subject(&claims)));
        }
        let user = self.audited_subject(&claims).ok_or_else(unfit)?;
        if !self.is_short_lived(issued_at, expires_at) {
            return Err(Misfit { user: Some(user), lives_too_long: true, ..unfit() });
        }
        let token_id = claims.token_id.text().map(str::to_owned);
        Ok(Principal { user, expires_at, issued_at, token_id, claims: text })
    }

    /// Who `token` speaks for at `now`: all of the above at once.
    ///
    /// # Errors
    /// The close reason of the first check that fails.
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<Principal, CloseReason> {
        let signed = match self.begin(token) {
            Begun::Signed(signed) => signed,
            Begun::Unchecked(check) => check.run()?,
            Begun::NoKey => return Err(CloseReason::InvalidToken),
            Begun::Refused(reason) => return Err(reason),
        };
        self.judge(signed, now)
    }

    /// Does a token of these dates live for at most `auth.max_token_life`? Revocations are dropped
    /// after that time, so one that lives longer, or does not say since when, would outlive them.
    fn is_short_lived(&self, issued_at: Option<UnixTime>, expires_at: UnixTime) -> bool {
        let Some(longest) = self.max_token_life else { return true };
        issued_at.is_some_and(|issued| expires_at.since(issued) <= longest)
    }

    /// `sub`, when `iss`, `aud` and itself are as they should be.
    fn audited_subject(&self, claims: &Claims<'_>) -> Option<SmolStr> {
        if self.issuer.as_deref().is_some_and(|issuer| claims.issuer.text() != Some(issuer)) {
            return None;
        }
        if self.audience.as_deref().is_some_and(|audience| !claims.audience.names(audience)) {
            return None;
        }
        let user = claims.subject.text()?;
        let length = user.chars().count();
        let fits = (1..=MAX_USER_CHARS).contains(&length) && !user.chars().any(char::is_control);
        fits.then(|| SmolStr::new(user))
    }
}

fn is_signed(parts: Parts<'_>, key: &DecodingKey, algorithm: Algorithm) -> bool {
    let message = parts.message.as_bytes();
    jsonwebtoken::crypto::verify(parts.signature, message, key, algorithm).unwrap_or(false)
}

/// The claims as text: for parts whose signature is good, and no others.
fn claims(parts: Parts<'_>) -> Result<Signed, CloseReason> {
    let bytes = URL_SAFE_NO_PAD.decode(parts.claims).map_err(|_| CloseReason::InvalidToken)?;
    let text = String::from_utf8(bytes).map_err(|_| CloseReason::InvalidTokenPayload)?;
    Ok(Signed(text))
}

#[cfg(test)]
mod tests;
