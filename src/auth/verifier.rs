//! The checks of a token, in the order of the protocol, each with its own error.
//!
//! ```text
//! begin ─▶ Signed ─────────────────▶ validate_claims ─▶ Principal
//!   │        ▲                         ▲
//!   └─▶ Unchecked ─▶ SignatureCheck::run (55 to 400 µs, on a worker)
//! ```
//!
//! jsonwebtoken verifies the signature; everything that depends on the time is done here, against
//! the `now` of the moment that the verdict is used at.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use smol_str::SmolStr;

use super::claims::Claims;
use super::error::{KeyError, TokenError};
use super::keys::{KeySet, VerificationKey};
use super::token::{self, Parts};
use super::trusted::{self, IssuerRules, TrustedIssuer};
use crate::config::Auth;
use crate::time::UnixTime;

/// The user of a token, and how long it is valid.
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
#[derive(Clone)]
pub struct Signed {
    claims: String,
    /// What its issuer's tokens must say: those of the configuration that the key was taken from.
    rules: Arc<IssuerRules>,
}

/// Claims may hold what is nobody else's business.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").finish_non_exhaustive()
    }
}

/// How far [`Verifier::begin`] has verified a token.
#[derive(Debug)]
pub(crate) enum Verification {
    /// Its signature is good.
    Signed(Signed),
    /// Its form is good. Its signature takes long enough to be checked on a worker.
    Unchecked(SignatureCheck),
    /// Its form is good. Its key is not there, but may be where the keys come from.
    Wanted(WantedKey),
}

/// The key of a token, which is not there: none has its `kid`, or none has made its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WantedKey {
    /// The number of its issuer, whose keys are to be fetched.
    pub(crate) issuer: usize,
    /// The token's `kid`, where it has one: the sender's word.
    pub(crate) key_id: Option<String>,
    /// Why the token is refused if the key cannot be had.
    pub(crate) error: TokenError,
}

impl WantedKey {
    /// Was the token's signature checked with the keys that are there? A made-up token gets so far.
    pub(crate) fn was_tried(&self) -> bool {
        self.error == TokenError::BadSignature
    }
}

/// A token's signature, to be checked with public keys. Cheap to clone.
#[derive(Clone)]
pub struct SignatureCheck {
    token: Arc<str>,
    against: Arc<CheckedAgainst>,
}

/// What a signature is checked against, and what its issuer's tokens must say.
struct CheckedAgainst {
    keys: Vec<Arc<VerificationKey>>,
    algorithm: Algorithm,
    rules: Arc<IssuerRules>,
    /// What is to be fetched where none of the keys has made the signature.
    otherwise: Option<WantedKey>,
}

/// The token is not shown.
impl fmt::Debug for SignatureCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureCheck")
            .field("algorithm", &self.against.algorithm)
            .finish_non_exhaustive()
    }
}

impl SignatureCheck {
    /// The token that is checked.
    #[must_use]
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Checks the signature with each of the keys, of which there are at most 4: 55 µs each for
    /// RSA, 88 for P-256 (AWS-LC).
    ///
    /// # Errors
    /// [`TokenError::BadSignature`] when none of them has made it; or what is signed is no text.
    pub(crate) fn run(&self) -> Result<Signed, TokenError> {
        let parts = token::parts(&self.token).ok_or(TokenError::Malformed)?;
        let CheckedAgainst { keys, algorithm, rules, .. } = &*self.against;
        signed_by(keys.iter(), parts, *algorithm, Arc::clone(rules))
    }

    /// What this check has shown. Without a good signature the key may be one of those that the
    /// issuer has published since.
    pub(crate) fn verdict(
        &self,
        checked: Result<Signed, TokenError>,
    ) -> Result<Verification, TokenError> {
        or_wanted(checked, self.against.otherwise.clone())
    }
}

/// Checks tokens against the keys that are there and the configured claims.
#[derive(Debug)]
pub struct Verifier {
    /// By their numbers: `[auth]` itself is 0, if it has keys; the first of `auth.issuers` is 1.
    issuers: BTreeMap<usize, TrustedIssuer>,
    leeway: Duration,
    max_token_life: Option<Duration>,
}

/// Why no principal comes of a token's claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidClaims {
    /// The first check that fails.
    pub(crate) error: TokenError,
    /// Whom the claims name all the same, where they are ours.
    pub(crate) user: Option<SmolStr>,
}

impl From<TokenError> for InvalidClaims {
    fn from(error: TokenError) -> Self {
        Self { error, user: None }
    }
}

impl Verifier {
    /// A verifier for what `config` names: with its secret, if it has one; else without a key, so
    /// that no token can be judged until [`Verifier::replace_keys`].
    ///
    /// # Errors
    /// [`KeyError`] says what to change.
    pub fn new(config: &Auth) -> Result<Self, KeyError> {
        // With both libraries built in, jsonwebtoken wants to be told which; again is no harm.
        #[cfg(all(feature = "aws-lc", feature = "pure-rust"))]
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let mut issuers = BTreeMap::new();
        if config.is_issuer() {
            issuers.insert(0, TrustedIssuer::own(config)?);
        }
        for (at, issuer) in config.issuers.iter().enumerate() {
            issuers.insert(at + 1, TrustedIssuer::other(issuer, config)?);
        }
        Ok(Self {
            issuers,
            leeway: config.leeway.get(),
            max_token_life: Some(config.max_token_life.get()).filter(|life| !life.is_zero()),
        })
    }

    /// From here on tokens of `[auth]` itself are checked with these keys and no others.
    pub fn replace_keys(&mut self, keys: KeySet) {
        self.replace_keys_of(0, keys);
    }

    /// From here on tokens of this issuer are checked with these keys and no others. 0: `[auth]`
    /// itself; 1: the first of `auth.issuers`. Keys of an issuer that is not there are passed over.
    pub fn replace_keys_of(&mut self, issuer: usize, keys: KeySet) {
        if let Some(issuer) = self.issuers.get_mut(&issuer) {
            issuer.keys = keys;
        }
    }

    /// The keys that tokens are checked with, by the numbers of their issuers.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (usize, &KeySet)> {
        self.issuers.iter().map(|(number, issuer)| (*number, &issuer.keys))
    }

    /// The issuers whose keys come from a place that may have others by now.
    pub(crate) fn renewable(&self) -> impl Iterator<Item = usize> {
        let renewable = self.issuers.iter().filter(|(_, issuer)| issuer.is_renewable);
        renewable.map(|(number, _)| *number)
    }

    /// Can tokens of this issuer be judged?
    #[cfg(feature = "jwks-url")]
    pub(crate) fn has_keys_of(&self, issuer: usize) -> bool {
        self.issuers.get(&issuer).is_some_and(|issuer| !issuer.keys.is_empty())
    }

    /// Can tokens be judged, of some issuer at least?
    #[must_use]
    pub(crate) fn has_keys(&self) -> bool {
        self.issuers.values().any(|issuer| !issuer.keys.is_empty())
    }

    /// Tolerance in `exp` and `nbf`.
    #[must_use]
    pub(crate) fn leeway(&self) -> Duration {
        self.leeway
    }

    /// The issuer that judges a token of this form, whoever signed it; `None`: none does.
    pub(super) fn issuer_of(&self, parts: Parts<'_>, algorithm: &str) -> Option<&TrustedIssuer> {
        let claims = URL_SAFE_NO_PAD.decode(parts.claims).ok()?;
        let (issuer, _) = trusted::chosen(&self.issuers, &claims, algorithm).ok()?;
        self.issuers.get(&issuer)
    }

    pub(super) fn issuers(&self) -> impl Iterator<Item = &TrustedIssuer> {
        self.issuers.values()
    }

    pub(super) fn max_token_life(&self) -> Option<Duration> {
        self.max_token_life
    }

    /// Form, algorithm and key of `token`, and with a secret its signature too: about 2 µs.
    ///
    /// # Errors
    /// The first check that fails.
    pub(crate) fn begin(&self, token: &str) -> Result<Verification, TokenError> {
        let parts = token::parts(token).ok_or(TokenError::Malformed)?;
        let header = URL_SAFE_NO_PAD.decode(parts.header).map_err(|_| TokenError::Malformed)?;
        let header = token::header(&header).ok_or(TokenError::Malformed)?;
        let claims = match self.issuers.len() {
            1 => Vec::new(),
            _ => URL_SAFE_NO_PAD.decode(parts.claims).map_err(|_| TokenError::Malformed)?,
        };
        let (number, algorithm) = trusted::chosen(&self.issuers, &claims, &header.algorithm)?;
        let issuer = self.issuers.get(&number).ok_or(TokenError::UnknownIssuer)?;
        let keys = issuer.keys.select(algorithm, header.key_id.as_deref());
        let wanted = |error| {
            let key_id = header.key_id.as_deref().map(str::to_owned);
            issuer.is_renewable.then_some(WantedKey { issuer: number, key_id, error })
        };
        if keys.is_empty() {
            let error = match issuer.keys.is_empty() {
                true => TokenError::KeysUnavailable,
                false => TokenError::UnknownKey,
            };
            return wanted(error).map(Verification::Wanted).ok_or(error);
        }
        let rules = Arc::clone(&issuer.rules);
        // An issuer gives no new key the `kid` of another: such a signature is forged.
        let is_named = header.key_id.is_some() && keys.iter().any(|key| key.has_id());
        let otherwise = if is_named { None } else { wanted(TokenError::BadSignature) };
        if !issuer.algorithms.are_hmac() {
            let keys = keys.into_iter().cloned().collect();
            let against = Arc::new(CheckedAgainst { keys, algorithm, rules, otherwise });
            let check = SignatureCheck { token: token.into(), against };
            return Ok(Verification::Unchecked(check));
        }
        or_wanted(signed_by(keys.into_iter(), parts, algorithm, rules), otherwise)
    }

    /// The principal of these claims, validated at `now`.
    ///
    /// # Errors
    /// The first check that fails; and whom the claims name all the same, where they are ours.
    pub(crate) fn validate_claims(
        &self,
        signed: Signed,
        now: UnixTime,
    ) -> Result<Principal, InvalidClaims> {
        let wrong = |which| TokenError::Claim { which };
        let Signed { claims: text, rules } = signed;
        let claims: Claims<'_> = serde_json::from_str(&text).map_err(|_| TokenError::BadClaims)?;
        let expires_at = claims.expires.required().ok_or(wrong("exp"))?;
        let not_before = claims.not_before.optional().ok_or(wrong("nbf"))?;
        let issued_at = claims.issued.optional().ok_or(wrong("iat"))?;
        let invalid = |error| InvalidClaims { error, user: rules.user(&claims, &text).ok() };
        // RFC 7519, section 4.1.4: not accepted on or after the expiry.
        if now >= expires_at + self.leeway {
            return Err(invalid(TokenError::Expired));
        }
        if not_before.is_some_and(|not_before| now + self.leeway < not_before) {
            return Err(invalid(TokenError::NotYet));
        }
        let user = rules.user(&claims, &text)?;
        if !self.is_short_lived(issued_at, expires_at) {
            return Err(invalid(TokenError::LivesTooLong));
        }
        let token_id = claims.token_id.text().map(str::to_owned);
        Ok(Principal { user, expires_at, issued_at, token_id, claims: text })
    }

    /// The principal of `token` at `now`: all of the above at once.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<Principal, TokenError> {
        let signed = match self.begin(token)? {
            Verification::Signed(signed) => signed,
            Verification::Unchecked(check) => check.run()?,
            Verification::Wanted(wanted) => return Err(wanted.error),
        };
        self.validate_claims(signed, now).map_err(|invalid| invalid.error)
    }

    /// Does a token of these dates live for at most `auth.max_token_life`? Revocations are dropped
    /// after that time, so one that lives longer, or does not say since when, would outlive them.
    fn is_short_lived(&self, issued_at: Option<UnixTime>, expires_at: UnixTime) -> bool {
        let Some(longest) = self.max_token_life else { return true };
        issued_at.is_some_and(|issued| expires_at.since(issued) <= longest)
    }
}

/// The verdict on a signature: a bad one may be good with the key that is fetched `otherwise`.
fn or_wanted(
    checked: Result<Signed, TokenError>,
    otherwise: Option<WantedKey>,
) -> Result<Verification, TokenError> {
    match (checked, otherwise) {
        (Err(TokenError::BadSignature), Some(wanted)) => Ok(Verification::Wanted(wanted)),
        (checked, _) => checked.map(Verification::Signed),
    }
}

/// The claims of a token that one of these keys has signed.
fn signed_by<'a>(
    mut keys: impl Iterator<Item = &'a Arc<VerificationKey>>,
    parts: Parts<'_>,
    algorithm: Algorithm,
    rules: Arc<IssuerRules>,
) -> Result<Signed, TokenError> {
    let message = parts.message.as_bytes();
    let is_good = |key: &Arc<VerificationKey>| {
        let checked =
            jsonwebtoken::crypto::verify(parts.signature, message, &key.decoding, algorithm);
        checked.unwrap_or(false)
    };
    if !keys.any(is_good) {
        return Err(TokenError::BadSignature);
    }
    let claims = URL_SAFE_NO_PAD.decode(parts.claims).map_err(|_| TokenError::Malformed)?;
    let claims = String::from_utf8(claims).map_err(|_| TokenError::BadClaims)?;
    Ok(Signed { claims, rules })
}

#[cfg(test)]
mod tests;
