//! What can be wrong with one key.

use std::fmt;

use thiserror::Error;

use crate::config::PublishedKind;

/// What is wrong with one key. The text shows nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// A PEM block without its last line.
    #[error("a PEM block has no end: is the file whole?")]
    UnfinishedPem,
    /// A text without a PEM block.
    #[error("no PEM block: write a public key, `-----BEGIN PUBLIC KEY-----` …")]
    NoPem,
    /// A certificate instead of a key.
    #[error("a certificate: take the key out of it by `openssl x509 -pubkey -noout`")]
    Certificate,
    /// A private key in PEM.
    #[error(
        "a private key: the server needs only the public one, which `openssl pkey -pubout` takes \
         out of it; keep the private one away from here"
    )]
    PrivatePem,
    /// A PEM block of another kind.
    #[error("a PEM block that is not a public key")]
    NoPublicKey,
    /// A PEM block whose body is no base64.
    #[error("a PEM block that is not base64")]
    NoBase64,
    /// A PEM block whose bytes are no public key.
    #[error("a PEM block that is not a whole public key")]
    NotWhole,
    /// A public key in PEM that is not of a supported kind.
    #[error(
        "a public key of a kind that is not supported; supported are RSA, P-256, P-384, P-521, Ed25519"
    )]
    UnsupportedKind,
    /// A secret that is shorter than the shortest hash.
    #[error("a secret of {bytes} bytes; 32 are needed")]
    ShortSecret {
        /// How many bytes it has.
        bytes: usize,
    },
    /// An RSA key that is too short or too long.
    #[error("an RSA key of {bits} bits; {least} to {most} are taken")]
    RsaLength {
        /// How many bits it has.
        bits: usize,
        /// How many it needs.
        least: usize,
        /// How many it may have.
        most: usize,
    },
    /// An RSA key whose numbers cannot be an RSA key's.
    #[error("an RSA key whose modulus or exponent cannot be one")]
    BadRsa,
    /// An EC key that is no uncompressed point.
    #[error("an EC key that is not an uncompressed point of its curve")]
    BadPoint,
    /// An EC or Ed25519 key that is not on its curve.
    #[error("a point that is not on its curve: the key is damaged")]
    NotOnCurve,
    /// An Ed25519 key of another length.
    #[error("an Ed25519 key that has not 32 bytes")]
    BadEd25519,
    /// An Ed25519 key of small order.
    #[error("an Ed25519 key of small order: anybody could sign for it")]
    WeakEd25519,
    /// A value that others may have, used as a secret.
    #[error("{0}")]
    PublishedValue(PublishedKind),
    /// It is made for one algorithm, which such a key cannot have.
    #[error("its `alg` is none that {key} can have")]
    BadAlgorithm {
        /// What it is: `an RSA key`.
        key: &'static str,
    },
    /// No configured algorithm can be used with it.
    #[error("no algorithm of auth.algorithms is one of {key}")]
    NoAlgorithm {
        /// What it is: `an RSA key`.
        key: &'static str,
    },
    /// A set has as many usable keys in front of it as are taken.
    #[error("{most} keys are enough")]
    TooManyKeys {
        /// How many are taken.
        most: usize,
    },
    /// Enough keys in front of it have the same `kid` and algorithm, or no `kid` either.
    #[error(
        "{most} keys in front of it have the same `kid`, or none either, and its algorithm: no \
         token is tried with more; give each key a `kid` of its own"
    )]
    TooManyAlike {
        /// How many are taken.
        most: usize,
    },
    /// The end of a long list of skipped keys.
    #[error("it and {more} after it cannot be used either")]
    AndMore {
        /// How many more are skipped.
        more: usize,
    },
    /// A JWK that is no object.
    #[error("no object")]
    NoObject,
    /// A JWK that is no JSON that can be read: a number or a nesting beyond all bounds.
    #[error("no JSON that can be read")]
    BadJson,
    /// A JWK that is not for signatures.
    #[error("its `use` is not `sig`")]
    BadUse,
    /// A JWK that is not for verifying.
    #[error("its `key_ops` do not name `verify`")]
    BadOperations,
    /// A JWK whose `kid` is too long.
    #[error("its `kid` has more than {most} bytes")]
    LongId {
        /// How many bytes it may have.
        most: usize,
    },
    /// A secret in a JWK set from an address.
    #[error("a secret, and from an address: everybody who sees it can sign")]
    PublishedSecret,
    /// A private key in a JWK set.
    #[error("a private key: publish only the public one")]
    PrivateJwk,
    /// A JWK of a kind that is not supported.
    #[error("its `kty` is none of RSA, EC, OKP, oct")]
    UnsupportedType,
    /// A JWK of a curve that is not supported.
    #[error("its `crv` is not supported; {supported}")]
    UnsupportedCurve {
        /// Which are.
        supported: &'static str,
    },
    /// A JWK without a member that it needs.
    #[error("it has no `{0}`")]
    Missing(&'static str),
    /// A member of a JWK that should be text.
    #[error("its `{0}` is not a string")]
    NoText(&'static str),
    /// A member of a JWK that should be bytes in base64url, or in base64.
    #[error("its `{0}` is not base64url")]
    NoBase64Url(&'static str),
    /// A JWK whose coordinates have another length than its curve's.
    #[error("its `x` or `y` has not the bytes of its curve")]
    BadCoordinates,
}

impl KeyFault {
    /// The reason in one word, which does not change between versions.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::UnfinishedPem => "unfinished_pem",
            Self::NoPem => "no_pem",
            Self::Certificate => "certificate",
            Self::PrivatePem => "private_pem",
            Self::NoPublicKey => "no_public_key",
            Self::NoBase64 => "no_base64",
            Self::NotWhole => "not_whole",
            Self::UnsupportedKind => "unsupported_kind",
            Self::ShortSecret { .. } => "short_secret",
            Self::RsaLength { .. } => "rsa_length",
            Self::BadRsa => "bad_rsa",
            Self::BadPoint => "bad_point",
            Self::NotOnCurve => "not_on_curve",
            Self::BadEd25519 => "bad_ed25519",
            Self::WeakEd25519 => "weak_ed25519",
            Self::PublishedValue(_) => "published_value",
            Self::BadAlgorithm { .. } => "bad_algorithm",
            Self::NoAlgorithm { .. } => "no_algorithm",
            Self::TooManyKeys { .. } => "too_many_keys",
            Self::TooManyAlike { .. } => "too_many_alike",
            Self::AndMore { .. } => "and_more",
            Self::NoObject => "no_object",
            Self::BadJson => "bad_json",
            Self::BadUse => "bad_use",
            Self::BadOperations => "bad_operations",
            Self::LongId { .. } => "long_id",
            Self::PublishedSecret => "published_secret",
            Self::PrivateJwk => "private_jwk",
            Self::UnsupportedType => "unsupported_type",
            Self::UnsupportedCurve { .. } => "unsupported_curve",
            Self::Missing(_) => "missing",
            Self::NoText(_) => "no_text",
            Self::NoBase64Url(_) => "no_base64_url",
            Self::BadCoordinates => "bad_coordinates",
        }
    }
}

/// A key of a set that cannot be used, and why. Its text holds nothing of the key but its `kid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub(super) place: usize,
    pub(super) id: Option<String>,
    pub(super) why: KeyFault,
}

impl Skipped {
    /// Its place in the set, from 1 on.
    #[must_use]
    pub fn place(&self) -> usize {
        self.place
    }

    /// Its `kid`, if it has one of at most 256 bytes.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Why it cannot be used.
    #[must_use]
    pub fn reason(&self) -> &KeyFault {
        &self.why
    }

    /// How many keys this stands for: 1, but for the end of a long list.
    #[must_use]
    pub fn count(&self) -> usize {
        if let KeyFault::AndMore { more } = self.why { more.saturating_add(1) } else { 1 }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", self.place)?;
        if let Some(id) = &self.id {
            write!(f, " (kid {id:?})")?;
        }
        write!(f, ": {}", self.why)
    }
}
