//! The signature algorithms (RFC 7518, section 3.1; RFC 8037), and how a signature is checked.
//!
//! jsonwebtoken checks most of them. ES512 it does not have; and for an HMAC it would hash the key anew
//! for each token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::{AlgorithmFamily, DecodingKey};
use sha2::{Sha256, Sha384, Sha512};

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// One that jsonwebtoken has.
    Known(jsonwebtoken::Algorithm),
    /// ECDSA with P-521 and SHA-512.
    Es512,
}

impl Algorithm {
    /// The one of this name. `Ed25519` (RFC 9864) is what `EdDSA` is with an Ed25519 key, and no
    /// other key has that one here.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "ES512" => Some(Self::Es512),
            "Ed25519" => Some(Self::Known(jsonwebtoken::Algorithm::EdDSA)),
            _ => name.parse().ok().map(Self::Known),
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Known(algorithm) => format!("{algorithm:?}"),
            Self::Es512 => "ES512".to_owned(),
        }
    }

    pub(super) fn family(self) -> AlgorithmFamily {
        match self {
            Self::Known(algorithm) => algorithm.family(),
            Self::Es512 => AlgorithmFamily::Ec,
        }
    }

    pub(super) fn is_hmac(self) -> bool {
        self.family() == AlgorithmFamily::Hmac
    }
}

/// A key in the form that signatures are checked with.
pub(super) enum PreparedKey {
    Known(DecodingKey),
    Secret(Box<HmacKeys>),
    /// An uncompressed point of P-521.
    P521(Vec<u8>),
}

/// A secret, hashed into the state in which each HMAC begins.
pub(super) struct HmacKeys {
    sha256: Hmac<Sha256>,
    sha384: Hmac<Sha384>,
    sha512: Hmac<Sha512>,
}

/// The longest HMAC, in bytes.
const MAX_HMAC_BYTES: usize = 64;

impl HmacKeys {
    /// A secret may have any length, so there always are some.
    fn new(secret: &[u8]) -> Option<Self> {
        Some(Self {
            sha256: Hmac::new_from_slice(secret).ok()?,
            sha384: Hmac::new_from_slice(secret).ok()?,
            sha512: Hmac::new_from_slice(secret).ok()?,
        })
    }

    /// Compares in a time that does not depend on the signature.
    fn verifies(
        &self,
        signature: &str,
        message: &[u8],
        algorithm: jsonwebtoken::Algorithm,
    ) -> bool {
        let mut decoded = [0; MAX_HMAC_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(signature, &mut decoded).ok();
        let Some(signature) = length.and_then(|length| decoded.get(..length)) else { return false };
        match algorithm {
            jsonwebtoken::Algorithm::HS256 => {
                self.sha256.clone().chain_update(message).verify_slice(signature).is_ok()
            }
            jsonwebtoken::Algorithm::HS384 => {
                self.sha384.clone().chain_update(message).verify_slice(signature).is_ok()
            }
            jsonwebtoken::Algorithm::HS512 => {
                self.sha512.clone().chain_update(message).verify_slice(signature).is_ok()
            }
            _ => false,
        }
    }
}

impl PreparedKey {
    /// A secret for HMACs.
    pub(super) fn secret(secret: &[u8]) -> Self {
        let prepared = HmacKeys::new(secret).map(|keys| Self::Secret(Box::new(keys)));
        prepared.unwrap_or_else(|| Self::Known(DecodingKey::from_secret(secret)))
    }

    /// Is this the signature of `message`? In base64url, as it is in the token.
    pub(super) fn verifies(&self, signature: &str, message: &[u8], algorithm: Algorithm) -> bool {
        match (self, algorithm) {
            (Self::Known(key), Algorithm::Known(algorithm)) => {
                jsonwebtoken::crypto::verify(signature, message, key, algorithm).unwrap_or(false)
            }
            (Self::Secret(keys), Algorithm::Known(algorithm)) => {
                keys.verifies(signature, message, algorithm)
            }
            (Self::P521(point), Algorithm::Es512) => {
                let signature = URL_SAFE_NO_PAD.decode(signature);
                signature.is_ok_and(|signature| verifies_p521(point, &signature, message))
            }
            _ => false,
        }
    }
}

/// Is this the signature of `message` in its form of RFC 7518, section 3.4: two numbers of 66 bytes?
#[cfg(feature = "aws-lc")]
fn verifies_p521(point: &[u8], signature: &[u8], message: &[u8]) -> bool {
    use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, UnparsedPublicKey};
    UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point).verify(message, signature).is_ok()
}

#[cfg(not(feature = "aws-lc"))]
fn verifies_p521(point: &[u8], signature: &[u8], message: &[u8]) -> bool {
    use p521::ecdsa::signature::Verifier as _;
    use p521::ecdsa::{Signature, VerifyingKey};
    let key = VerifyingKey::from_sec1_bytes(point);
    let signature = Signature::from_slice(signature);
    key.is_ok_and(|key| signature.is_ok_and(|signature| key.verify(message, &signature).is_ok()))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm as Known, EncodingKey};

    use super::*;

    #[test]
    fn hmac_is_judged_as_by_jsonwebtoken() {
        for length in [0, 1, 32, 64, 65, 128, 129, 300] {
            let secret = vec![7; length];
            let (key, other) = (PreparedKey::secret(&secret), PreparedKey::secret(&[8; 64]));
            let theirs = DecodingKey::from_secret(&secret);
            for algorithm in [Known::HS256, Known::HS384, Known::HS512] {
                let signing = EncodingKey::from_secret(&secret);
                let good = jsonwebtoken::crypto::sign(b"message", &signing, algorithm).unwrap();
                let is_good = |key: &PreparedKey, text: &str, message: &[u8], algorithm| {
                    key.verifies(text, message, Algorithm::Known(algorithm))
                };
                assert!(is_good(&key, &good, b"message", algorithm), "{algorithm:?}, {length}");
                assert!(!is_good(&other, &good, b"message", algorithm));
                assert!(!is_good(&key, &good, b"messages", algorithm));
                let shorter = good.get(..good.len() - 4).unwrap_or_default();
                for bad in
                    ["", "A", "AAAA", "=", "*", shorter, &format!("{good}AAAA"), &good.repeat(3)]
                {
                    for algorithm in [Known::HS256, Known::HS384, Known::HS512] {
                        let verdict =
                            jsonwebtoken::crypto::verify(bad, b"message", &theirs, algorithm);
                        assert!(!verdict.unwrap_or(false));
                        assert!(!is_good(&key, bad, b"message", algorithm), "{bad}");
                    }
                }
                assert!(!is_good(&key, &good, b"message", Known::RS256));
            }
        }
    }
}
