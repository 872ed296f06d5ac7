//! The checks of a token, in the order of the protocol, each with its own close reason.
//!
//! jsonwebtoken verifies the signature; everything that depends on the time is done here, against
//! the `now` that is passed in. The algorithm is pinned by the key (RFC 8725, section 3.1): what the
//! token's header says is compared with it, never believed.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use smol_str::SmolStr;

use crate::config::Auth;
use crate::protocol::{CloseReason, MAX_USER_CHARS};
use crate::time::UnixTime;

/// The shortest HMAC secret that is taken: as many bytes as SHA-256 gives (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;

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

/// Why a verifier cannot be made: an operator's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// `auth.secret` is too short for HMAC with SHA-256.
    ShortSecret {
        /// How many bytes it has.
        bytes: usize,
    },
    /// `auth.algorithms` names one that is not supported.
    UnknownAlgorithm(String),
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortSecret { bytes } => write!(
                f,
                "auth.secret has {bytes} bytes: give it at least {MIN_SECRET_BYTES} random ones"
            ),
            Self::UnknownAlgorithm(name) => {
                write!(f, "auth.algorithms names `{name}`: only HS256 is supported")
            }
        }
    }
}

impl std::error::Error for KeyFault {}

/// Checks tokens against one key and the configured claims.
pub struct Verifier {
    key: DecodingKey,
    algorithm: Algorithm,
    algorithm_name: &'static str,
    issuer: Option<String>,
    audience: Option<String>,
    leeway: Duration,
}

/// The key is not shown.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier for what `config` names.
    ///
    /// # Errors
    /// [`KeyFault`] says what to change.
    pub fn new(config: &Auth) -> Result<Self, KeyFault> {
        if let Some(name) = config.algorithms.iter().find(|name| *name != "HS256") {
            return Err(KeyFault::UnknownAlgorithm(name.clone()));
        }
        if config.secret.len() < MIN_SECRET_BYTES {
            return Err(KeyFault::ShortSecret { bytes: config.secret.len() });
        }
        // With both libraries built in, jsonwebtoken wants to be told which; a second call is no harm.
        #[cfg(all(feature = "aws-lc", feature = "pure-rust"))]
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let configured = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Ok(Self {
            key: DecodingKey::from_secret(config.secret.as_bytes()),
            algorithm: Algorithm::HS256,
            algorithm_name: "HS256",
            issuer: configured(&config.issuer),
            audience: configured(&config.audience),
            leeway: config.leeway.get(),
        })
    }

    /// Tolerance in `exp` and `nbf`.
    #[must_use]
    pub fn leeway(&self) -> Duration {
        self.leeway
    }

    /// Who `token` speaks for at `now`. About 2 µs.
    ///
    /// # Errors
    /// The close reason of the first check that fails.
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<Principal, CloseReason> {
        let claims_text = self.signed_claims(token).ok_or(CloseReason::InvalidToken)?;
        let claims_text =
            String::from_utf8(claims_text).map_err(|_| CloseReason::InvalidTokenPayload)?;
        let claims: Claims<'_> =
            serde_json::from_str(&claims_text).map_err(|_| CloseReason::InvalidTokenPayload)?;
        let expires_at = claims.expires.required().ok_or(CloseReason::InvalidTokenPayload)?;
        let not_before = claims.not_before.optional().ok_or(CloseReason::InvalidTokenPayload)?;
        let issued_at = claims.issued.optional().ok_or(CloseReason::InvalidTokenPayload)?;
        // RFC 7519, section 4.1.4: not accepted on or after the expiry.
        if now >= expires_at + self.leeway {
            return Err(CloseReason::TokenExpired);
        }
        if not_before.is_some_and(|not_before| now + self.leeway < not_before) {
            return Err(CloseReason::TokenNotYetValid);
        }
        let user = self.audited_subject(&claims).ok_or(CloseReason::InvalidTokenPayload)?;
        let token_id = claims.token_id.text().map(str::to_owned);
        Ok(Principal { user, expires_at, issued_at, token_id, claims: claims_text })
    }

    /// The claims, if the token is a JWS in the compact form, signed with our key and algorithm.
    fn signed_claims(&self, token: &str) -> Option<Vec<u8>> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        if claims.contains('.') {
            return None;
        }
        let header = URL_SAFE_NO_PAD.decode(header).ok()?;
        let header: Header<'_> = serde_json::from_slice(&header).ok()?;
        // RFC 7515, section 4.1.11: who does not understand what is critical must refuse.
        if header.algorithm != self.algorithm_name || header.critical.is_some() {
            return None;
        }
        let verified =
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, self.algorithm);
        if !verified.unwrap_or(false) {
            return None;
        }
        URL_SAFE_NO_PAD.decode(claims).ok()
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

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(rename = "alg", borrow)]
    algorithm: Cow<'a, str>,
    #[serde(rename = "crit")]
    critical: Option<IgnoredAny>,
}

/// The registered claims that are looked at; of a name given twice the last counts.
#[derive(Default)]
struct Claims<'a> {
    issuer: Claim<'a>,
    subject: Claim<'a>,
    audience: Claim<'a>,
    expires: Claim<'a>,
    not_before: Claim<'a>,
    issued: Claim<'a>,
    token_id: Claim<'a>,
}

/// A claim as it was found: judged later, so that each fault has its place in the order.
#[derive(Default)]
enum Claim<'a> {
    #[default]
    Missing,
    Text(Cow<'a, str>),
    Number(f64),
    List(Vec<Cow<'a, str>>),
    Other,
}

impl Claim<'_> {
    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn names(&self, audience: &str) -> bool {
        match self {
            Self::Text(one) => one == audience,
            Self::List(many) => many.iter().any(|one| one == audience),
            _ => false,
        }
    }

    /// A NumericDate (RFC 7519, section 2) that this calendar has; one before 1970 is long past.
    fn required(&self) -> Option<UnixTime> {
        let Self::Number(seconds) = *self else { return None };
        let last = UnixTime::MAX.as_millis() / 1_000;
        // A float casts to an integer saturating: what is negative becomes 0.
        (seconds <= last as f64).then(|| UnixTime::from_millis((seconds * 1_000.0) as u64))
    }

    /// The same, or not there. `None` when it is there and no date.
    fn optional(&self) -> Option<Option<UnixTime>> {
        if matches!(self, Self::Missing) { Some(None) } else { self.required().map(Some) }
    }
}

impl<'de> Deserialize<'de> for Claims<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsVisitor)
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut claims = Claims::default();
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let claim = match &*name.0 {
                "iss" => &mut claims.issuer,
                "sub" => &mut claims.subject,
                "aud" => &mut claims.audience,
                "exp" => &mut claims.expires,
                "nbf" => &mut claims.not_before,
                "iat" => &mut claims.issued,
                "jti" => &mut claims.token_id,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *claim = map.next_value()?;
        }
        Ok(claims)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Claim<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClaimVisitor)
    }
}

struct ClaimVisitor;

impl<'de> Visitor<'de> for ClaimVisitor {
    type Value = Claim<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Claim::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Claim::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Claim::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Claim::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Claim::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Claim::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Claim::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(element) = seq.next_element::<Element<'de>>()? {
            texts.extend(element.0);
        }
        Ok(Claim::List(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Claim::Other)
    }
}

/// An element of a list: kept when it is text. Its own type, so that lists do not nest in memory.
struct Element<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Element<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Claim::deserialize(deserializer)? {
            Claim::Text(text) => Some(text),
            _ => None,
        }))
    }
}

#[cfg(test)]
mod tests;
