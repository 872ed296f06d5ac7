//! The two tokens of a signed-in client: access tokens and refresh tokens.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::errors::Error;
use jsonwebtoken::{Algorithm, EncodingKey};
use sha2::{Digest as _, Sha256};

use super::random::{random_bytes, random_id};
use crate::auth::{ISSUED_CLAIM, SESSION_CLAIM, TokenSigner};
use crate::config::Config;
use crate::recipes::storage::sessions::TokenHash;
use crate::time::UnixTime;

/// The label with which the key of successors is derived from the signing secret. A JWT's signed
/// text is never this label, so no JWT's signature is the key.
const SUCCESSORS: &[u8] = b"vestibule: successors of refresh tokens";
/// The length of 256 bits in base64url.
const REFRESH_TOKEN_BYTES: usize = 43;

/// The keys that sign tokens, which a reload may change.
#[derive(Clone)]
pub(crate) struct SigningKeys(Arc<RwLock<Option<Keys>>>);

struct Keys {
    signer: TokenSigner,
    successors: EncodingKey,
}

impl Keys {
    /// `None` when the server has no signing secret.
    fn new(config: &Config) -> Option<Self> {
        let signer = TokenSigner::new(&config.auth)?;
        let secret = EncodingKey::from_secret(config.auth.secret.as_bytes());
        let key = sign(SUCCESSORS, &secret, Algorithm::HS256).ok()?;
        Some(Self { signer, successors: EncodingKey::from_secret(key.as_bytes()) })
    }
}

impl SigningKeys {
    pub(crate) fn new(config: &Config) -> Self {
        Self(Arc::new(RwLock::new(Keys::new(config))))
    }

    pub(crate) fn replace(&self, config: &Config) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Keys::new(config);
    }

    /// Whether there is a signing secret.
    pub(crate) fn are_there(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn with<T>(&self, make: impl FnOnce(&Keys) -> Result<T, Error>) -> Result<T, NoToken> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        make(keys.as_ref().ok_or(NoToken)?).map_err(|_| NoToken)
    }
}

/// Omits the keys.
impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").finish_non_exhaustive()
    }
}

/// Issues tokens.
#[derive(Debug)]
pub(super) struct TokenIssuer {
    pub(super) keys: SigningKeys,
    pub(super) access_ttl: Duration,
}

impl TokenIssuer {
    /// Signs an access token for a session of the user of this id. Each has its own `jti`.
    pub(super) fn access(
        &self,
        user: &str,
        session: &str,
        now: UnixTime,
    ) -> Result<String, NoToken> {
        let id = random_id().map_err(|_| NoToken)?;
        let more = [
            ("jti".to_owned(), id.into()),
            (SESSION_CLAIM.to_owned(), session.into()),
            (ISSUED_CLAIM.to_owned(), now.as_millis().into()),
        ];
        self.keys.with(|keys| keys.signer.sign(user, now, self.access_ttl, more))
    }

    /// Derives the refresh token that follows `token`. Without the server's key it is
    /// indistinguishable from random. It is the same each time, so the server need not store it.
    pub(super) fn successor(&self, token: &RefreshToken) -> Result<RefreshToken, NoToken> {
        let make = |keys: &Keys| sign(token.0.as_bytes(), &keys.successors, Algorithm::HS256);
        self.keys.with(make).map(RefreshToken)
    }
}

/// No token was issued: there is no signing secret, or there were no random bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoToken;

/// A refresh token, in the clear. Its `Debug` does not show it.
pub(super) struct RefreshToken(String);

impl RefreshToken {
    /// Returns a token of 256 random bits.
    pub(super) fn random() -> Result<Self, NoToken> {
        let bits = random_bytes::<32>().map_err(|_| NoToken)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bits)))
    }

    /// Parses a token. `None` when it does not have the form of one.
    pub(super) fn parse(text: String) -> Option<Self> {
        let is_one = text.len() == REFRESH_TOKEN_BYTES
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        is_one.then_some(Self(text))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash that the database stores.
    pub(super) fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}
