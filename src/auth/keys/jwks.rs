//! JWK sets (RFC 7517): what of them can be used, and why not the rest.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::material::{Curve, Material};
use super::{Algorithms, KeySet, MAX_KEY_ID_BYTES, MAX_KEYS, VerificationKey};
use crate::auth::error::{KeyError, KeyFault, Skipped};

/// The largest JWK set that is read: some 2,000 keys.
pub(crate) const MAX_JWKS_BYTES: usize = 1 << 20;

/// Where a JWK set came from: a secret that came over the network is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwksFrom {
    /// A file of this host.
    File,
    /// An address.
    Url,
}

impl KeySet {
    /// The usable keys of a JWK set (RFC 7517), and the others with the reason: they are skipped.
    ///
    /// # Errors
    /// [`KeyError`] when the text is no JWK set, or no key in it can be used: whoever has keys
    /// already is better off with those.
    pub fn from_jwks(
        text: &str,
        algorithms: &Algorithms,
        from: JwksFrom,
    ) -> Result<(Self, Vec<Skipped>), KeyError> {
        if text.len() > MAX_JWKS_BYTES {
            return Err(KeyError::LongJwks { most: MAX_JWKS_BYTES });
        }
        // What the parser says tells the place, and nothing of the text.
        let jwks: Jwks = serde_json::from_str(text)
            .map_err(|error| KeyError::NoJwks { line: error.line(), column: error.column() })?;
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (place, value) in jwks.keys.iter().enumerate() {
            let id =
                value.get("kid").and_then(Value::as_str).filter(|id| id.len() <= MAX_KEY_ID_BYTES);
            let key = if keys.len() < MAX_KEYS {
                key(value, algorithms, from)
            } else {
                Err(KeyFault::TooManyKeys { most: MAX_KEYS })
            };
            match key {
                Ok(key) => keys.push(Arc::new(key)),
                Err(why) => {
                    skipped.push(Skipped { place: place + 1, id: id.map(str::to_owned), why });
                }
            }
        }
        if keys.is_empty() && skipped.is_empty() {
            return Err(KeyError::EmptyJwks);
        }
        if keys.is_empty() {
            return Err(KeyError::NoUsableKey(skipped));
        }
        Ok((Self { keys }, skipped))
    }
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

fn key(
    value: &Value,
    algorithms: &Algorithms,
    from: JwksFrom,
) -> Result<VerificationKey, KeyFault> {
    let jwk = Jwk(value.as_object().ok_or(KeyFault::NoObject)?);
    if jwk.text("use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(KeyFault::BadUse);
    }
    if let Some(operations) = jwk.0.get("key_ops") {
        let verifies = |ops: &Vec<Value>| ops.iter().any(|operation| operation == "verify");
        if !operations.as_array().is_some_and(verifies) {
            return Err(KeyFault::BadOperations);
        }
    }
    let id = jwk.text("kid")?;
    if id.is_some_and(|id| id.len() > MAX_KEY_ID_BYTES) {
        return Err(KeyFault::LongId { most: MAX_KEY_ID_BYTES });
    }
    let material = match jwk.text("kty")? {
        Some("oct") if from == JwksFrom::Url => return Err(KeyFault::PublishedSecret),
        Some("oct") => Material::Secret(jwk.bytes("k")?),
        _ if jwk.0.contains_key("d") => return Err(KeyFault::PrivateJwk),
        Some("RSA") => Material::rsa(&jwk.bytes("n")?, &jwk.bytes("e")?),
        Some("EC") => jwk.point()?,
        Some("OKP") if jwk.text("crv")? == Some("Ed25519") => Material::ed25519(&jwk.bytes("x")?)?,
        Some("OKP") => return Err(KeyFault::UnsupportedCurve { supported: "Ed25519 is" }),
        _ => return Err(KeyFault::UnsupportedType),
    };
    VerificationKey::new(material, id.map(str::to_owned), jwk.text("alg")?, algorithms)
}

struct Jwk<'a>(&'a Map<String, Value>);

impl Jwk<'_> {
    /// A member that is text, where it is there.
    fn text(&self, name: &'static str) -> Result<Option<&str>, KeyFault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(KeyFault::NoText(name)),
        }
    }

    /// A member that is bytes.
    fn bytes(&self, name: &'static str) -> Result<Vec<u8>, KeyFault> {
        let text = self.text(name)?.ok_or(KeyFault::Missing(name))?;
        URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyFault::NoBase64Url(name))
    }

    fn point(&self) -> Result<Material, KeyFault> {
        let curve = match self.text("crv")? {
            Some("P-256") => Curve::P256,
            Some("P-384") => Curve::P384,
            _ => return Err(KeyFault::UnsupportedCurve { supported: "P-256 and P-384 are" }),
        };
        let (x, y) = (self.bytes("x")?, self.bytes("y")?);
        // RFC 7518, section 6.2.1.2: a coordinate has all of its bytes.
        if x.len() != curve.coordinate_bytes() || y.len() != curve.coordinate_bytes() {
            return Err(KeyFault::BadCoordinates);
        }
        Material::point(curve, &[&[4], &*x, &*y].concat())
    }
}
