//! JWK sets (RFC 7517): what of them can be used, and why not the rest.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::material::{Curve, Material};
use super::{Algorithms, KeySet, MAX_KEY_ID_BYTES, MAX_KEYS, VerificationKey};
use crate::auth::error::{KeyError, Skipped};

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
            return Err(KeyError::NoJwks(format!("more than {MAX_JWKS_BYTES} bytes")));
        }
        // What the parser says tells the place, and nothing of the text.
        let jwks: Jwks = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            KeyError::NoJwks(format!(
                "`{{\"keys\": […]}}` is needed (line {line}, column {column})"
            ))
        })?;
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (place, value) in jwks.keys.iter().enumerate() {
            let id =
                value.get("kid").and_then(Value::as_str).filter(|id| id.len() <= MAX_KEY_ID_BYTES);
            let key = if keys.len() < MAX_KEYS {
                key(value, algorithms, from)
            } else {
                Err(format!("{MAX_KEYS} keys are enough"))
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

fn key(value: &Value, algorithms: &Algorithms, from: JwksFrom) -> Result<VerificationKey, String> {
    let jwk = Jwk(value.as_object().ok_or("no object")?);
    if jwk.text("use")?.is_some_and(|purpose| purpose != "sig") {
        return Err("its `use` is not `sig`".to_owned());
    }
    if let Some(operations) = jwk.0.get("key_ops") {
        let verifies = |ops: &Vec<Value>| ops.iter().any(|operation| operation == "verify");
        if !operations.as_array().is_some_and(verifies) {
            return Err("its `key_ops` do not name `verify`".to_owned());
        }
    }
    let id = jwk.text("kid")?;
    if id.is_some_and(|id| id.len() > MAX_KEY_ID_BYTES) {
        return Err(format!("its `kid` has more than {MAX_KEY_ID_BYTES} bytes"));
    }
    let material = match jwk.text("kty")? {
        Some("oct") if from == JwksFrom::Url => {
            return Err("a secret, and from an address: whoever sees it can sign".to_owned());
        }
        Some("oct") => Material::Secret(jwk.bytes("k")?),
        _ if jwk.0.contains_key("d") => {
            return Err("a private key: publish only the public one".to_owned());
        }
        Some("RSA") => Material::rsa(&jwk.bytes("n")?, &jwk.bytes("e")?),
        Some("EC") => jwk.point()?,
        Some("OKP") if jwk.text("crv")? == Some("Ed25519") => Material::ed25519(&jwk.bytes("x")?)?,
        Some("OKP") => return Err("its `crv` is not supported; Ed25519 is".to_owned()),
        _ => return Err("its `kty` is none of RSA, EC, OKP, oct".to_owned()),
    };
    VerificationKey::new(material, id.map(str::to_owned), jwk.text("alg")?, algorithms)
}

struct Jwk<'a>(&'a Map<String, Value>);

impl Jwk<'_> {
    /// A member that is text, where it is there.
    fn text(&self, name: &str) -> Result<Option<&str>, String> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("its `{name}` is no text")),
        }
    }

    /// A member that is bytes.
    fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        let text = self.text(name)?.ok_or_else(|| format!("it has no `{name}`"))?;
        URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("its `{name}` is no base64url"))
    }

    fn point(&self) -> Result<Material, String> {
        let curve = match self.text("crv")? {
            Some("P-256") => Curve::P256,
            Some("P-384") => Curve::P384,
            _ => return Err("its `crv` is not supported; P-256 and P-384 are".to_owned()),
        };
        let (x, y) = (self.bytes("x")?, self.bytes("y")?);
        // RFC 7518, section 6.2.1.2: a coordinate has all of its bytes.
        if x.len() != curve.coordinate_bytes() || y.len() != curve.coordinate_bytes() {
            return Err("its `x` or `y` has not the bytes of its curve".to_owned());
        }
        Material::point(curve, &[&[4], &*x, &*y].concat())
    }
}
