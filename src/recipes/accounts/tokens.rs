//! The two tokens of who is signed in: one to show, one to come back with.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::errors::Error;
use jsonwebtoken::{Algorithm, EncodingKey};
use sha2::{Digest as _, Sha256};

use super::{random_bytes, random_id};
use crate::auth::TokenSigner;
use crate::config::Config;
use crate::time::UnixTime;

/// What the key of successors is derived from the signing secret with. No JWT has this as its
/// signed text, so no signature of one is this key, or the other way round.
const SUCCESSORS: &[u8] = b"vestibule: successors of refresh tokens";
/// 256 bits as base64url.
const REFRESH_TOKEN_BYTES: usize = 43;

/// What tokens are signed with, which may change while the server runs.
#[derive(Clone)]
pub(in crate::recipes) struct SigningKeys(Arc<RwLock<Option<Keys>>>);

struct Keys {
    signer: TokenSigner,
    successors: EncodingKey,
}

impl Keys {
    /// `None` where the server has no secret to sign with.
    fn new(config: &Config) -> Option<Self> {
        let signer = TokenSigner::new(&config.auth)?;
        let secret = EncodingKey::from_secret(config.auth.secret.as_bytes());
        let key = sign(SUCCESSORS, &secret, Algorithm::HS256).ok()?;
        Some(Self { signer, successors: EncodingKey::from_secret(key.as_bytes()) })
    }
}

impl SigningKeys {
    pub(in crate::recipes) fn new(config: &Config) -> Self {
        Self(Arc::new(RwLock::new(Keys::new(config))))
    }

    pub(in crate::recipes) fn replace(&self, config: &Config) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Keys::new(config);
    }

    /// Can tokens be signed?
    pub(in crate::recipes) fn are_there(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn with<T>(&self, make: impl FnOnce(&Keys) -> Result<T, Error>) -> Result<T, NoToken> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        make(keys.as_ref().ok_or(NoToken)?).map_err(|_| NoToken)
    }
}

/// The keys are left out.
impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").finish_non_exhaustive()
    }
}

/// Makes tokens.
#[derive(Debug)]
pub(super) struct TokenIssuer {
    pub(super) keys: SigningKeys,
    pub(super) access_ttl: Duration,
}

impl TokenIssuer {
    /// An access token for the user of this id. Each has a `jti` of its own.
    pub(super) fn access(&self, user: &str, now: UnixTime) -> Result<String, NoToken> {
        let id = random_id().map_err(|_| NoToken)?;
        let more = [("jti".to_owned(), id.into())];
        self.keys.with(|keys| keys.signer.sign(user, now, self.access_ttl, more))
    }

    /// The token that comes after `token`: as good as random to whoever has not the server's key,
    /// and the same each time, though the server keeps neither of the two.
    pub(super) fn successor(&self, token: &RefreshToken) -> Result<RefreshToken, NoToken> {
        let make = |keys: &Keys| sign(token.0.as_bytes(), &keys.successors, Algorithm::HS256);
        self.keys.with(make).map(RefreshToken)
    }
}

/// No token was made: no secret, or no random bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoToken;

/// What a client comes back with. It has no `Debug` that shows it.
pub(super) struct RefreshToken(String);

impl RefreshToken {
    /// 256 random bits.
    pub(super) fn random() -> Result<Self, NoToken> {
        let bits = random_bytes::<32>().map_err(|_| NoToken)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bits)))
    }

    /// `None`: no token of ours looks like this.
    pub(super) fn parse(text: String) -> Option<Self> {
        let is_one = text.len() == REFRESH_TOKEN_BYTES
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        is_one.then_some(Self(text))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// What the database has of it.
    pub(super) fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

/// The SHA-256 of a refresh token. It needs no salt: the token is random, and not to be guessed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::recipes) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(in crate::recipes) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}
