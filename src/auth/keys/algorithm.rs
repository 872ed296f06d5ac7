//! The signature algorithms (RFC 7518, section 3.1; RFC 8037), and how a signature is checked.
//!
//! jsonwebtoken checks all of them but ES512, for which the library beneath it is called.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{AlgorithmFamily, DecodingKey};

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
    /// An uncompressed point of P-521.
    P521(Vec<u8>),
}

impl PreparedKey {
    /// Is this the signature of `message`? In base64url, as it is in the token.
    pub(super) fn verifies(&self, signature: &str, message: &[u8], algorithm: Algorithm) -> bool {
        match (self, algorithm) {
            (Self::Known(key), Algorithm::Known(algorithm)) => {
                jsonwebtoken::crypto::verify(signature, message, key, algorithm).unwrap_or(false)
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
