//! What can be wrong with configured keys: an operator's fault, whose text says what to do.

use std::fmt;

/// Why keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// `auth.secret` is shorter than the hash that it is used with.
    ShortSecret {
        /// How many bytes it has.
        bytes: usize,
        /// How many it needs.
        needed: usize,
    },
    /// `auth.algorithms` is empty.
    NoAlgorithm,
    /// `auth.algorithms` names one that is not supported.
    UnknownAlgorithm(String),
    /// `auth.algorithms` names HMAC and asymmetric ones.
    MixedAlgorithms,
    /// A public key, but `auth.algorithms` names HMAC.
    PublicKeyForHmac,
    /// A key that cannot be used: what it is.
    Unusable(String),
    /// The text is no JWK set: why.
    NoJwks(String),
    /// No key of a JWK set can be used: why, for each.
    NoUsableKey(Vec<String>),
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortSecret { bytes, needed } => {
                write!(f, "auth.secret has {bytes} bytes: give it at least {needed} random ones")
            }
            Self::NoAlgorithm => f.write_str("auth.algorithms is empty: name at least one"),
            Self::UnknownAlgorithm(name) => write!(
                f,
                "auth.algorithms names `{name}`, which is not supported; what is: HS256 to HS512, \
                 RS256 to RS512, PS256 to PS512, ES256, ES384, EdDSA"
            ),
            Self::MixedAlgorithms => f.write_str(
                "auth.algorithms names HMAC (HS…) and others: name either, so that a public key is \
                 never taken for a secret",
            ),
            Self::PublicKeyForHmac => f.write_str(
                "a public key, but auth.algorithms names HMAC (HS…): name the key's own, such as \
                 RS256, ES256 or EdDSA",
            ),
            Self::Unusable(what) => f.write_str(what),
            Self::NoJwks(why) => write!(f, "no JWK set: {why}"),
            Self::NoUsableKey(whys) if whys.is_empty() => f.write_str("a JWK set without keys"),
            Self::NoUsableKey(whys) => {
                write!(f, "no key of the JWK set can be used: {}", whys.join("; "))
            }
        }
    }
}

impl std::error::Error for KeyFault {}
