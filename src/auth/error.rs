//! What can be wrong with a token, and with configured keys.

use std::fmt;

use thiserror::Error;

/// Why a token is refused, for the operator: the text and the label say the cause, and hold nothing
/// of the token. What its sender is told says less, and is chosen where the token came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// No JWS in the compact form (RFC 7515, section 7.1), or one whose header must be refused.
    #[error("it is no compact JWS, or one whose header must be refused")]
    Malformed,
    /// Its `alg` is none of `auth.algorithms`.
    #[error("its `alg` is not in auth.algorithms")]
    BadAlgorithm,
    /// No key at all has been loaded yet, so nothing is known of it.
    #[error("no key has been loaded yet")]
    KeysUnavailable,
    /// No key is there for its `alg` and `kid`: perhaps not yet.
    #[error("no key is there for its `alg` and `kid`")]
    UnknownKey,
    /// None of the keys that it may be checked with has made its signature.
    #[error("its signature is not from a key that is configured")]
    BadSignature,
    /// What is signed is no JSON object in UTF-8.
    #[error("its claims are no JSON object in UTF-8")]
    BadClaims,
    /// A claim is missing, of the wrong form, or not the configured one.
    #[error("its claim `{which}` is missing, of the wrong form, or not the configured one")]
    Claim {
        /// `exp`, `nbf`, `iat`, `iss`, `aud` or `sub`.
        which: &'static str,
    },
    /// It may live longer than `auth.max_token_life`, or does not say since when it lives.
    #[error("it lives longer than auth.max_token_life, or has no `iat`")]
    LivesTooLong,
    /// `exp` is past.
    #[error("its `exp` is past")]
    Expired,
    /// `nbf` is to come.
    #[error("its `nbf` is to come")]
    NotYet,
    /// An operator ended its user's sessions after it was issued.
    #[error("it was issued before an operator ended its user's sessions")]
    Revoked,
    /// It was issued after that, but by less than `auth.leeway`: the issuer's clock may be ahead.
    #[error(
        "its `iat` is less than auth.leeway after an operator ended its user's sessions: the \
         issuer's clock may be ahead"
    )]
    IssuedTooSoon,
    /// The same message, or a token that is single-use, was accepted before.
    #[error("it was accepted before")]
    Replayed,
}

impl TokenError {
    /// Every label, in the order of the checks.
    pub const LABELS: [&'static str; 18] = [
        "malformed",
        "bad_algorithm",
        "keys_unavailable",
        "unknown_key",
        "bad_signature",
        "bad_claims",
        "exp",
        "nbf",
        "iat",
        "expired",
        "not_yet",
        "iss",
        "aud",
        "sub",
        "lives_too_long",
        "revoked",
        "issued_too_soon",
        "replayed",
    ];

    /// The cause in one word, which does not change between versions: of a claim, its name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadAlgorithm => "bad_algorithm",
            Self::KeysUnavailable => "keys_unavailable",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::BadClaims => "bad_claims",
            Self::Claim { which } => which,
            Self::LivesTooLong => "lives_too_long",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Revoked => "revoked",
            Self::IssuedTooSoon => "issued_too_soon",
            Self::Replayed => "replayed",
        }
    }

    /// Was its signature found to be ours? All other checks come after the signature's.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        !matches!(
            self,
            Self::Malformed
                | Self::BadAlgorithm
                | Self::KeysUnavailable
                | Self::UnknownKey
                | Self::BadSignature
        )
    }
}

/// Why keys cannot be used. The text says what to do, and shows no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// `auth.secret` is shorter than the hash that it is used with.
    #[error("auth.secret has {bytes} bytes: give it at least {needed} random ones")]
    ShortSecret {
        /// How many bytes it has.
        bytes: usize,
        /// How many it needs.
        needed: usize,
    },
    /// `auth.algorithms` is empty.
    #[error("auth.algorithms is empty: name at least one")]
    NoAlgorithm,
    /// `auth.algorithms` names one that is not supported.
    #[error(
        "auth.algorithms names `{0}`, which is not supported; what is: HS256 to HS512, RS256 to \
         RS512, PS256 to PS512, ES256, ES384, EdDSA"
    )]
    UnknownAlgorithm(String),
    /// `auth.algorithms` names HMAC and asymmetric ones.
    #[error(
        "auth.algorithms names HMAC (HS…) and others: name either, so that a public key is never \
         taken for a secret"
    )]
    MixedAlgorithms,
    /// A public key, but `auth.algorithms` names HMAC.
    #[error(
        "a public key, but auth.algorithms names HMAC (HS…): name the key's own, such as RS256, \
         ES256 or EdDSA"
    )]
    PublicKeyForHmac,
    /// A key that cannot be used: why.
    #[error(transparent)]
    Unusable(#[from] KeyFault),
    /// The text is too long for a JWK set.
    #[error("no JWK set: more than {most} bytes")]
    LongJwks {
        /// How many bytes it may have.
        most: usize,
    },
    /// The text is no JWK set.
    #[error("no JWK set: `{{\"keys\": […]}}` is needed (line {line}, column {column})")]
    NoJwks {
        /// Where it stops being one.
        line: usize,
        /// The same within the line.
        column: usize,
    },
    /// A JWK set without keys.
    #[error("a JWK set without keys")]
    EmptyJwks,
    /// No key of a JWK set can be used.
    #[error("no key of the JWK set can be used: {}", reasons(.0))]
    NoUsableKey(Vec<Skipped>),
}

fn reasons(skipped: &[Skipped]) -> String {
    skipped.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

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
    #[error("a PEM block that is no public key")]
    NoPublicKey,
    /// A PEM block whose body is no base64.
    #[error("a PEM block that is no base64")]
    NoBase64,
    /// A PEM block whose bytes are no public key.
    #[error("a PEM block that is no whole public key")]
    NotWhole,
    /// A public key in PEM that is not of a supported kind.
    #[error("a public key of a kind that is not supported; what is: RSA, P-256, P-384, Ed25519")]
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
    #[error("an EC key that is no uncompressed point of its curve")]
    BadPoint,
    /// An Ed25519 key of another length.
    #[error("an Ed25519 key that has not 32 bytes")]
    BadEd25519,
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
    /// A JWK that is no object.
    #[error("no object")]
    NoObject,
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
    #[error("a secret, and from an address: whoever sees it can sign")]
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
    #[error("its `{0}` is no text")]
    NoText(&'static str),
    /// A member of a JWK that should be bytes in base64url.
    #[error("its `{0}` is no base64url")]
    NoBase64Url(&'static str),
    /// A JWK whose coordinates have another length than its curve's.
    #[error("its `x` or `y` has not the bytes of its curve")]
    BadCoordinates,
}

/// A key of a set that cannot be used, and why. Its text holds nothing of the key but its `kid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub(super) place: usize,
    pub(super) id: Option<String>,
    pub(super) why: KeyFault,
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
