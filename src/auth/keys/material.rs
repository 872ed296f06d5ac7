//! What a key is made of, and whether it is strong enough to be taken.

use jsonwebtoken::DecodingKey;
use sha2::{Digest as _, Sha256};

use super::algorithm::{Algorithm, PreparedKey};
use super::curve::{Curve, Ed25519Point};
use crate::auth::fault::KeyFault;
use crate::config::PublishedKind;

/// RSA keys of fewer bits are within reach (RFC 7518, section 3.3); with more, a check costs more
/// than a check may.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// The bytes of an RSA exponent, at most: 65,537 has three.
const MAX_EXPONENT_BYTES: usize = 4;

/// A key's own bytes.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Material {
    /// An HMAC secret.
    Secret(Vec<u8>),
    /// An RSA modulus and exponent, big-endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// An uncompressed point of a curve (SEC 1, section 2.3.3).
    Point(Curve, Vec<u8>),
    /// An Ed25519 key.
    Ed25519(Vec<u8>),
}

impl Material {
    /// A hash of the key: others have others.
    pub(super) fn thumbprint(&self) -> [u8; 32] {
        let (kind, parts): (_, [&[u8]; 2]) = match self {
            Self::Secret(bytes) => ("secret", [bytes, &[]]),
            Self::Rsa { n, e } => ("rsa", [n, e]),
            Self::Point(_, point) => ("point", [point, &[]]),
            Self::Ed25519(point) => ("ed25519", [point, &[]]),
        };
        let mut digest = Sha256::new();
        digest.update(kind);
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Self {
        Self::Rsa { n: without_zeros(n).to_vec(), e: without_zeros(e).to_vec() }
    }

    /// An HMAC secret, which must not be a value that others may have.
    pub(super) fn secret(bytes: &[u8]) -> Result<Self, KeyFault> {
        match PublishedKind::of(bytes) {
            Some(kind) => Err(KeyFault::PublishedValue(kind)),
            None => Ok(Self::Secret(bytes.to_vec())),
        }
    }

    /// A point as bytes: 4, then both coordinates.
    pub(super) fn point(curve: Curve, bytes: &[u8]) -> Result<Self, KeyFault> {
        let (first, coordinates) = bytes.split_first().ok_or(KeyFault::BadPoint)?;
        let halves = coordinates.split_at_checked(curve.coordinate_bytes());
        let (x, y) = halves.ok_or(KeyFault::BadPoint)?;
        if *first != 4 || x.len() != y.len() {
            return Err(KeyFault::BadPoint);
        }
        if !curve.has(x, y) {
            return Err(KeyFault::NotOnCurve);
        }
        Ok(Self::Point(curve, bytes.to_vec()))
    }

    pub(super) fn ed25519(bytes: &[u8]) -> Result<Self, KeyFault> {
        let key = bytes.try_into().map_err(|_| KeyFault::BadEd25519)?;
        match Ed25519Point::of(key) {
            Ed25519Point::Good => Ok(Self::Ed25519(bytes.to_vec())),
            Ed25519Point::None => Err(KeyFault::NotOnCurve),
            Ed25519Point::SmallOrder => Err(KeyFault::WeakEd25519),
        }
    }

    /// What it is, for people.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Secret(_) => "a secret of its length",
            Self::Rsa { .. } => "an RSA key",
            Self::Point(Curve::P256, _) => "a P-256 key",
            Self::Point(Curve::P384, _) => "a P-384 key",
            Self::Point(Curve::P521, _) => "a P-521 key",
            Self::Ed25519(_) => "an Ed25519 key",
        }
    }

    /// The algorithms that it can have; or why it is too weak for any.
    pub(super) fn algorithms(&self) -> Result<Vec<Algorithm>, KeyFault> {
        use jsonwebtoken::Algorithm::*;
        let known = |list: &[_]| list.iter().copied().map(Algorithm::Known).collect();
        Ok(match self {
            Self::Secret(secret) => {
                let is_long_enough = |one: &Algorithm| secret.len() >= hash_bytes(*one);
                let mut possible: Vec<_> = known(&[HS256, HS384, HS512]);
                possible.retain(is_long_enough);
                if possible.is_empty() {
                    return Err(KeyFault::ShortSecret { bytes: secret.len() });
                }
                possible
            }
            Self::Rsa { n, e } => {
                check_rsa(n, e)?;
                known(&[RS256, RS384, RS512, PS256, PS384, PS512])
            }
            Self::Point(Curve::P256, _) => known(&[ES256]),
            Self::Point(Curve::P384, _) => known(&[ES384]),
            Self::Point(Curve::P521, _) => vec![Algorithm::Es512],
            Self::Ed25519(_) => known(&[EdDSA]),
        })
    }

    pub(super) fn prepare(self) -> PreparedKey {
        PreparedKey::Known(match self {
            Self::Secret(secret) => return PreparedKey::secret(&secret),
            Self::Rsa { n, e } => DecodingKey::from_rsa_raw_components(&n, &e),
            Self::Point(Curve::P521, point) => return PreparedKey::P521(point),
            Self::Point(_, point) => DecodingKey::from_ec_der(&point),
            Self::Ed25519(key) => DecodingKey::from_ed_der(&key),
        })
    }
}

fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyFault> {
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        let (least, most) = RSA_BITS.into_inner();
        return Err(KeyFault::RsaLength { bits, least, most });
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    if !is_odd(n) || !is_odd(e) || e.len() > MAX_EXPONENT_BYTES || e == [1] {
        return Err(KeyFault::BadRsa);
    }
    Ok(())
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The bytes of the hash of an HMAC algorithm, and so of the shortest secret for it (RFC 7518,
/// section 3.2); 0 for the others.
pub(super) fn hash_bytes(algorithm: Algorithm) -> usize {
    use jsonwebtoken::Algorithm::{HS256, HS384, HS512};
    match algorithm {
        Algorithm::Known(HS256) => 32,
        Algorithm::Known(HS384) => 48,
        Algorithm::Known(HS512) => 64,
        _ => 0,
    }
}
