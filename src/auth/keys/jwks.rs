//! JWK sets (RFC 7517): what of them can be used, and why not the rest.

use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::curve::Curve;
use super::material::Material;
use super::{Algorithms, KeySet, MAX_KEY_ID_BYTES, VerificationKey};
use crate::auth::error::KeyError;
use crate::auth::fault::{KeyFault, Skipped};

/// The largest JWK set that is read: some 2,000 keys.
pub(crate) const MAX_JWKS_BYTES: usize = 1 << 20;
/// Entries of a set that are looked at; each costs some 50 µs at most.
pub(crate) const MAX_ENTRIES: usize = 1_024;
/// Skipped keys that are remembered with their own reason.
pub(crate) const MAX_REASONS: usize = 64;

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
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // What the parser says tells the place, and nothing of the text.
        let jwks: Jwks<'_> = serde_json::from_str(text)
            .map_err(|error| KeyError::NoJwks { line: error.line(), column: error.column() })?;
        let (mut set, mut skipped) = (Self::default(), Vec::new());
        for (place, text) in (1..).zip(jwks.keys) {
            if place > MAX_ENTRIES {
                skip(&mut skipped, place, None, KeyFault::TooManyKeys { most: MAX_ENTRIES });
                continue;
            }
            // An entry is read by itself, so that one that cannot be read loses no other.
            let value = serde_json::from_str::<Value>(text.get()).map_err(|_| KeyFault::BadJson);
            let id = value.as_ref().ok().and_then(|value| value.get("kid")).and_then(Value::as_str);
            let id = id.filter(|id| id.len() <= MAX_KEY_ID_BYTES).map(str::to_owned);
            let key = value.and_then(|value| key(&value, algorithms, from));
            if let Err(why) = key.and_then(|key| set.add(key)) {
                skip(&mut skipped, place, id, why);
            }
        }
        if set.keys.is_empty() && skipped.is_empty() {
            return Err(KeyError::EmptyJwks);
        }
        if set.keys.is_empty() {
            return Err(KeyError::NoUsableKey(skipped));
        }
        set.skipped = skipped.as_slice().into();
        Ok((set, skipped))
    }
}

/// Remembers one more that is skipped: beyond [`MAX_REASONS`] only that there is.
fn skip(skipped: &mut Vec<Skipped>, place: usize, id: Option<String>, why: KeyFault) {
    if skipped.len() < MAX_REASONS {
        skipped.push(Skipped { place, id, why });
        return;
    }
    match skipped.last_mut() {
        Some(Skipped { why: KeyFault::AndMore { more }, .. }) => *more += 1,
        _ => skipped.push(Skipped { place, id: None, why: KeyFault::AndMore { more: 0 } }),
    }
}

#[derive(Deserialize)]
struct Jwks<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
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
    if let Some(operations) = jwk.member("key_ops") {
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
        Some("oct") => Material::secret(&jwk.bytes("k")?)?,
        _ if jwk.member("d").is_some() => return Err(KeyFault::PrivateJwk),
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
    /// A member, where it is there. Some issuers write `null` for one that is not.
    fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A member that is text, where it is there.
    fn text(&self, name: &'static str) -> Result<Option<&str>, KeyFault> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(KeyFault::NoText(name)),
        }
    }

    /// A member that is bytes.
    fn bytes(&self, name: &'static str) -> Result<Vec<u8>, KeyFault> {
        let text = self.text(name)?.ok_or(KeyFault::Missing(name))?;
        from_base64(text).map_err(|_| KeyFault::NoBase64Url(name))
    }

    fn point(&self) -> Result<Material, KeyFault> {
        let curve = match self.text("crv")? {
            Some("P-256") => Curve::P256,
            Some("P-384") => Curve::P384,
            Some("P-521") => Curve::P521,
            _ => {
                return Err(KeyFault::UnsupportedCurve { supported: "P-256, P-384 and P-521 are" });
            }
        };
        let (x, y) = (self.bytes("x")?, self.bytes("y")?);
        // RFC 7518, section 6.2.1.2: a coordinate has all of its bytes.
        if x.len() != curve.coordinate_bytes() || y.len() != curve.coordinate_bytes() {
            return Err(KeyFault::BadCoordinates);
        }
        Material::point(curve, &[&[4], &*x, &*y].concat())
    }
}

/// The bytes of base64url (RFC 7515, section 2), or of base64, which some issuers write; each with
/// or without its padding.
fn from_base64(text: &str) -> Result<Vec<u8>, DecodeError> {
    const fn with(alphabet: &Alphabet) -> GeneralPurpose {
        let config = GeneralPurposeConfig::new();
        let config = config.with_decode_padding_mode(DecodePaddingMode::Indifferent);
        GeneralPurpose::new(alphabet, config)
    }
    const BASE64_URL: GeneralPurpose = with(&URL_SAFE);
    const BASE64: GeneralPurpose = with(&STANDARD);
    BASE64_URL.decode(text).or_else(|_| BASE64.decode(text))
}
