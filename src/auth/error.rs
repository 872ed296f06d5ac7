//! What can be wrong with a token, and with configured keys.

use thiserror::Error;

use super::fault::{KeyFault, Skipped};

/// Why a token is refused, for the operator: the text and the label say the cause, and hold nothing
/// of the token. What its sender is told says less, and is chosen where the token came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// No JWS in the compact form (RFC 7515, section 7.1), or one whose header must be refused.
    #[error("it is not a compact JWS, or its header must be refused")]
    Malformed,
    /// Its `alg` is none of `auth.algorithms`.
    #[error("its `alg` is not in auth.algorithms")]
    BadAlgorithm,
    /// Its `iss` is of no issuer that is configured.
    #[error("its `iss` is of no issuer that is configured")]
    UnknownIssuer,
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
    #[error("its claims are not a JSON object in UTF-8")]
    BadClaims,
    /// A claim is missing, of the wrong form, or not the configured one.
    #[error("its claim `{which}` is missing, of the wrong form, or not the configured one")]
    Claim {
        /// `exp`, `nbf`, `iat`, `iss`, `aud` or `sub`; of an issuer, `require` or `user_claim`: one of the
        /// claims that these settings name.
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
    pub const LABELS: [&'static str; 21] = [
        "malformed",
        "unknown_issuer",
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
        "require",
        "user_claim",
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
            Self::UnknownIssuer => "unknown_issuer",
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
                | Self::UnknownIssuer
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
    #[error("the secret has {bytes} bytes, at least {needed} are needed")]
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
        "auth.algorithms names `{0}`, which is not supported; supported are HS256 to HS512, RS256 to \
         RS512, PS256 to PS512, ES256, ES384, ES512, EdDSA (also called Ed25519)"
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

/// The first of them, in a line that can be read.
fn reasons(skipped: &[Skipped]) -> String {
    const SHOWN: usize = 4;
    let mut text: Vec<_> = skipped.iter().take(SHOWN).map(ToString::to_string).collect();
    if skipped.len() > SHOWN {
        text.push("and so on".to_owned());
    }
    text.join("; ")
}
