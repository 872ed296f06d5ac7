//! A token's signature: checked here, and which key is wanted where it cannot be.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::error::TokenError;
use super::keys::{Algorithm, VerificationKey};
use super::token::{self, Parts};
use super::trusted::IssuerRules;

/// The claims of a token whose signature is good. There is no other way to one than the check.
#[derive(Clone)]
pub struct Signed {
    pub(super) claims: String,
    /// What its issuer's tokens must say: those of the configuration that the key was taken from.
    pub(super) rules: Arc<IssuerRules>,
}

/// Claims may hold what is nobody else's business.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").finish_non_exhaustive()
    }
}

/// How far a token is verified before its claims are looked at.
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

/// What a check is about: a token, and the keys that it is checked with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignatureDigest([u8; 32]);

impl SignatureDigest {
    /// For tests.
    #[cfg(test)]
    pub(crate) fn of_text(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// It is of a token, so it is not shown.
impl fmt::Debug for SignatureDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignatureDigest")
    }
}

/// What a signature is checked against, and what its issuer's tokens must say.
pub(super) struct CheckedAgainst {
    pub(super) keys: Vec<Arc<VerificationKey>>,
    pub(super) algorithm: Algorithm,
    pub(super) rules: Arc<IssuerRules>,
    /// What is to be fetched where none of the keys has made the signature.
    pub(super) otherwise: Option<WantedKey>,
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
    pub(super) fn new(token: &str, against: CheckedAgainst) -> Self {
        Self { token: token.into(), against: Arc::new(against) }
    }

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

    /// What is checked: this token, with these keys. Other keys make another digest, as do those that
    /// come beside them.
    pub(crate) fn digest(&self) -> SignatureDigest {
        let CheckedAgainst { keys, algorithm, .. } = &*self.against;
        let mut digest = Sha256::new();
        digest.update(algorithm.name());
        keys.iter().for_each(|key| digest.update(key.thumbprint()));
        digest.update(self.token.as_bytes());
        SignatureDigest(digest.finalize().into())
    }

    /// The claims of the token, for who knows that this very check (see [`Self::digest`]) was done before
    /// and the signature was good.
    pub(crate) fn done_before(&self) -> Result<Signed, TokenError> {
        let parts = token::parts(&self.token).ok_or(TokenError::Malformed)?;
        signed(parts, Arc::clone(&self.against.rules))
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

/// The verdict on a signature: a bad one may be good with the key that is fetched `otherwise`.
pub(super) fn or_wanted(
    checked: Result<Signed, TokenError>,
    otherwise: Option<WantedKey>,
) -> Result<Verification, TokenError> {
    match (checked, otherwise) {
        (Err(TokenError::BadSignature), Some(wanted)) => Ok(Verification::Wanted(wanted)),
        (checked, _) => checked.map(Verification::Signed),
    }
}

/// The claims of a token that one of these keys has signed.
pub(super) fn signed_by<'a>(
    mut keys: impl Iterator<Item = &'a Arc<VerificationKey>>,
    parts: Parts<'_>,
    algorithm: Algorithm,
    rules: Arc<IssuerRules>,
) -> Result<Signed, TokenError> {
    let message = parts.message.as_bytes();
    if !keys.any(|key| key.verifies(parts.signature, message, algorithm)) {
        return Err(TokenError::BadSignature);
    }
    signed(parts, rules)
}

/// The claims of a token whose signature is good.
fn signed(parts: Parts<'_>, rules: Arc<IssuerRules>) -> Result<Signed, TokenError> {
    let claims = URL_SAFE_NO_PAD.decode(parts.claims).map_err(|_| TokenError::Malformed)?;
    let claims = String::from_utf8(claims).map_err(|_| TokenError::BadClaims)?;
    Ok(Signed { claims, rules })
}
