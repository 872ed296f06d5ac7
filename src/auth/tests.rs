//! Keys and tokens for tests, and the tests that take several files of this layer together.

mod keys;
mod published_sets;
mod rfc8725;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::keys::jwks::{MAX_ENTRIES, MAX_REASONS};
use super::keys::{MAX_KEY_ID_BYTES, MAX_KEYS, MAX_TRIED};
use super::*;
use crate::config::Auth;
use crate::time::UnixTime;

/// The text of a file of `tests/fixtures/keys`.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys/", $name, ".pem"))
    };
}
use fixture;

const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const GOOD: &str = r#"{"sub":"alice","exp":1800000060}"#;

/// A key pair: its public half as PEM, and what signs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pair {
    Rsa,
    OtherRsa,
    P256,
    P384,
    Ed25519,
}

impl Pair {
    pub(crate) fn public(self) -> &'static str {
        match self {
            Self::Rsa => fixture!("rsa"),
            Self::OtherRsa => fixture!("other_rsa"),
            Self::P256 => fixture!("p256"),
            Self::P384 => fixture!("p384"),
            Self::Ed25519 => fixture!("ed25519"),
        }
    }

    fn signer(self) -> EncodingKey {
        match self {
            Self::Rsa => EncodingKey::from_rsa_der(&der(fixture!("rsa.private"))),
            Self::OtherRsa => EncodingKey::from_rsa_der(&der(fixture!("other_rsa.private"))),
            Self::P256 => EncodingKey::from_ec_der(&der(fixture!("p256.private"))),
            Self::P384 => EncodingKey::from_ec_der(&der(fixture!("p384.private"))),
            Self::Ed25519 => EncodingKey::from_ed_der(&der(fixture!("ed25519.private"))),
        }
    }

    fn algorithm(self) -> Algorithm {
        match self {
            Self::Rsa | Self::OtherRsa => Algorithm::RS256,
            Self::P256 => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
            Self::Ed25519 => Algorithm::EdDSA,
        }
    }

    /// A token with this header.
    pub(crate) fn token(self, header: &Value, claims: &str) -> String {
        signed(&self.signer(), self.algorithm(), &header.to_string(), claims)
    }

    /// The public half as a JWK, with these members more.
    pub(crate) fn jwk(self, more: &Value) -> Value {
        let info = der(self.public());
        let end = |bytes: usize| URL_SAFE_NO_PAD.encode(&info[info.len() - bytes..]);
        let half = |from: usize, bytes: usize| {
            let start = info.len() - from;
            URL_SAFE_NO_PAD.encode(&info[start..start + bytes])
        };
        let mut jwk = match self {
            // In front of the exponent, which is 5 bytes with its tag, is the modulus.
            Self::Rsa | Self::OtherRsa => {
                json!({"kty": "RSA", "n": half(5 + 256, 256), "e": end(3)})
            }
            Self::P256 => json!({"kty": "EC", "crv": "P-256", "x": half(64, 32), "y": end(32)}),
            Self::P384 => json!({"kty": "EC", "crv": "P-384", "x": half(96, 48), "y": end(48)}),
            Self::Ed25519 => json!({"kty": "OKP", "crv": "Ed25519", "x": end(32)}),
        };
        let members = jwk.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        jwk
    }
}

/// The bytes of a PEM block.
fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

fn signed(
    key: &EncodingKey,
    algorithm: Algorithm,
    header: &str,
    claims: impl AsRef<[u8]>,
) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A token that is signed with `secret`.
fn secret_token(secret: &str, algorithm: Algorithm, header: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    signed(&key, algorithm, &header.to_string(), GOOD)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn algorithms(list: &[&str]) -> Algorithms {
    Algorithms::new(&names(list)).unwrap()
}

/// A verifier with these keys.
fn verifier(list: &[&str], keys: KeySet) -> Verifier {
    let auth = Auth { algorithms: names(list), secret: SECRET.to_owned(), ..Auth::default() };
    let mut verifier = Verifier::new(&auth).unwrap();
    verifier.replace_keys(keys);
    verifier
}

/// A JWK set of these keys, as text.
pub(crate) fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// A verifier with a JWK set.
fn with_jwks(list: &[&str], keys: &[Value]) -> Verifier {
    let (keys, skipped) = KeySet::from_jwks(&jwks(keys), &algorithms(list), JwksFrom::Url).unwrap();
    assert_eq!(skipped, []);
    verifier(list, keys)
}

/// A verifier with one public key.
fn with_pem(list: &[&str], pem: &str) -> Verifier {
    verifier(list, KeySet::from_pem(pem, &algorithms(list)).unwrap())
}

fn is_good(verifier: &Verifier, token: &str) -> bool {
    match verifier.verify(token, NOW) {
        Ok(principal) => {
            assert_eq!(principal.user, "alice");
            true
        }
        Err(error) => {
            assert!(!error.is_signed(), "{error}: {token}");
            false
        }
    }
}
