//! The checks of a token, in the order of the protocol, each with its own error.
//!
//! ```text
//! begin ─▶ Signed ─────────────────▶ validate_claims ─▶ Principal
//!   │        ▲                         ▲
//!   └─▶ Unchecked ─▶ SignatureCheck::run (55 to 500 µs, on a worker)
//! ```
//!
//! jsonwebtoken verifies the signature; everything that depends on the time is done here, against
//! the `now` of the moment that the verdict is used at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, mem};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use smol_str::SmolStr;

use super::claims::Claims;
use super::error::{KeyError, TokenError};
use super::keys::KeySet;
use super::revocations::IssueTime;
use super::signature::{
    CheckedAgainst, SignatureCheck, Signed, Verification, WantedKey, or_wanted, signed_by,
};
use super::token::{self, Parts};
use super::trusted::{self, TrustedIssuer};
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
    /// When this server has issued the token by its own clock, to the millisecond. Only tokens of its own
    /// accounts say so: signed with `auth.secret`, and with the claim `vestibule_session`.
    pub issued_here: Option<UnixTime>,
    /// `jti`, where there is one.
    pub token_id: Option<String>,
    /// The claims, as the JSON text that was signed.
    pub claims: String,
}

impl Principal {
    /// When the token was issued, as revocations judge it.
    pub(crate) fn issue_time(&self) -> IssueTime {
        let elsewhere = self.issued_at.map_or(IssueTime::Unknown, IssueTime::Elsewhere);
        self.issued_here.map_or(elsewhere, IssueTime::Here)
    }
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

/// Checks tokens against the keys that are there and the configured claims.
#[derive(Debug)]
pub struct Verifier {
    /// By their numbers: `[auth]` itself is 0, if it has keys; the first of `auth.issuers` is 1.
    issuers: BTreeMap<usize, TrustedIssuer>,
    leeway: Duration,
    max_token_life: Option<Duration>,
    /// Issuers whose keys come from the verifier that is replaced, with their numbers there.
    unread: Vec<(usize, usize)>,
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
            unread: Vec::new(),
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

    /// The keys of this issuer could not be read: it gets those of the issuer `before` of the verifier
    /// that this one will replace.
    #[cfg(feature = "net")]
    pub(crate) fn mark_unread(&mut self, issuer: usize, before: usize) {
        self.unread.push((issuer, before));
    }

    /// Takes the keys that could not be read from the verifier that this one replaces. Returns whose:
    /// the number of each issuer here, and there.
    pub(crate) fn take_unread(&mut self, replaced: &Self) -> Vec<(usize, usize)> {
        let unread = mem::take(&mut self.unread);
        for (issuer, before) in &unread {
            if let Some(before) = replaced.issuers.get(before) {
                self.replace_keys_of(*issuer, before.keys.clone());
            }
        }
        unread
    }

    /// The keys that tokens are checked with, by the numbers of their issuers.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (usize, &KeySet)> {
        self.issuers.iter().map(|(number, issuer)| (*number, &issuer.keys))
    }

    /// Every issuer: its number, a name for people that no other has, and whether it has no keys.
    pub(crate) fn issuer_names(&self) -> impl Iterator<Item = (usize, String, bool)> {
        self.issuers.iter().map(|(&number, issuer)| {
            let name = |issuer: &TrustedIssuer| issuer.rules.names.first().cloned();
            let own = name(issuer).unwrap_or_else(|| "auth".to_owned());
            let mut before = self.issuers.range(..number).map(|(_, other)| name(other));
            let is_taken = before.any(|other| other.as_ref() == Some(&own));
            let own = if is_taken { format!("{own} ({number})") } else { own };
            (number, own, issuer.keys.is_empty())
        })
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
        let mut short = [0; token::SHORT_HEADER_BYTES];
        let json;
        let header = match token::usual_header(parts.header) {
            Some(header) => header,
            None => {
                json = token::header_json(parts, &mut short).ok_or(TokenError::Malformed)?;
                token::header(&json).ok_or(TokenError::Malformed)?
            }
        };
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
        let keys = keys.iter().flatten().copied();
        if keys.clone().next().is_none() {
            let error = match issuer.keys.is_empty() {
                true => TokenError::KeysUnavailable,
                false => TokenError::UnknownKey,
            };
            return wanted(error).map(Verification::Wanted).ok_or(error);
        }
        let rules = Arc::clone(&issuer.rules);
        // An issuer gives no new key the `kid` of another: such a signature is forged.
        let is_named = header.key_id.is_some() && keys.clone().any(|key| key.has_id());
        let otherwise = if is_named { None } else { wanted(TokenError::BadSignature) };
        if !issuer.algorithms.are_hmac() {
            let keys = keys.cloned().collect();
            let against = CheckedAgainst { keys, algorithm, rules, otherwise };
            return Ok(Verification::Unchecked(SignatureCheck::new(token, against)));
        }
        or_wanted(signed_by(keys, parts, algorithm, rules), otherwise)
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
        let issued_here = if rules.has_own_secret { claims.issued_here() } else { None };
        Ok(Principal { user, expires_at, issued_at, issued_here, token_id, claims: text })
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

#[cfg(test)]
mod tests;
