//! Making tokens, with the secret that the server checks them with.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Map, Value};

use super::keys::Algorithms;
use crate::config::{Auth, PublishedKind};
use crate::time::UnixTime;

/// Signs tokens that a [`Verifier`](super::Verifier) of the same configuration takes.
pub struct TokenSigner {
    header: Header,
    key: EncodingKey,
    issuer: String,
    audience: String,
}

/// The key is left out.
impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSigner").field("header", &self.header).finish_non_exhaustive()
    }
}

impl TokenSigner {
    /// A signer with `auth.secret` and the first of the algorithms. `None` where there is no secret,
    /// or a value that others may have, or tokens are checked with public keys.
    #[must_use]
    pub fn new(auth: &Auth) -> Option<Self> {
        let algorithms = Algorithms::new(&auth.algorithms).ok()?;
        let secret = auth.secret.as_bytes();
        if secret.is_empty() || PublishedKind::of(secret).is_some() || !algorithms.are_hmac() {
            return None;
        }
        let algorithm = auth.algorithms.first()?.parse().ok()?;
        Some(Self {
            header: Header::new(algorithm),
            key: EncodingKey::from_secret(secret),
            issuer: auth.issuer.clone(),
            audience: auth.audience.clone(),
        })
    }

    /// A token for `sub` from `now` on, good for `ttl` in whole seconds, with the configured issuer
    /// and audience. `more` claims come last, and win over what is there already.
    ///
    /// # Errors
    /// When the signature cannot be made, which no claim can bring about.
    pub fn sign(
        &self,
        sub: &str,
        now: UnixTime,
        ttl: Duration,
        more: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let issued = now.as_millis() / 1_000;
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("sub", sub.into());
        set("iat", issued.into());
        set("exp", issued.saturating_add(ttl.as_secs()).into());
        if !self.issuer.is_empty() {
            set("iss", self.issuer.clone().into());
        }
        if !self.audience.is_empty() {
            set("aud", self.audience.clone().into());
        }
        claims.extend(more);
        jsonwebtoken::encode(&self.header, &claims, &self.key)
    }
}
