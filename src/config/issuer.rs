//! `[[auth.issuers]]`: issuers whose tokens are taken, each with its keys and its rules.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// An issuer whose tokens are taken. A token selects its issuer by `iss`, before any key is looked up.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthIssuer {
    /// Values of `iss`, at least one: an issuer may have several spellings.
    #[serde(deserialize_with = "super::units::one_or_many")]
    pub issuer: Vec<String>,
    /// Values of which `aud` must contain one. Empty: any.
    #[serde(deserialize_with = "super::units::one_or_many")]
    pub audience: Vec<String>,
    /// As `auth.algorithms`, for this issuer. No other issuer of the same `iss` has one of them.
    #[serde(deserialize_with = "super::units::one_or_many")]
    pub algorithms: Vec<String>,
    /// As `auth.secret`.
    pub secret: String,
    /// As `auth.secret_file`.
    pub secret_file: String,
    /// As `auth.public_key_file`.
    pub public_key_file: String,
    /// As `auth.jwks_file`.
    pub jwks_file: String,
    /// As `auth.jwks_url`, which may also name the issuer's discovery document.
    pub jwks_url: String,
    /// As `auth.jwks_hosts`.
    pub jwks_hosts: Vec<String>,
    /// As `auth.jwks_ca_file`.
    pub jwks_ca_file: String,
    /// As `auth.jwks_allow_http`.
    pub jwks_allow_http: bool,
    /// The claim that names the user: text, or a whole number, which is taken as its digits.
    pub user_claim: String,
    /// What is put before it, so that users of two issuers are never the same one.
    pub user_prefix: String,
    /// Claims that a token must have, each with its value, or with one of several.
    pub require: BTreeMap<String, RequiredValues>,
}

/// Values of which a claim must have one: as text, a number or a truth value, or in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequiredValues(#[serde(deserialize_with = "super::units::one_or_many")] pub Vec<String>);

impl Default for AuthIssuer {
    fn default() -> Self {
        Self {
            issuer: Vec::new(),
            audience: Vec::new(),
            algorithms: Vec::new(),
            secret: String::new(),
            secret_file: String::new(),
            public_key_file: String::new(),
            jwks_file: String::new(),
            jwks_url: String::new(),
            jwks_hosts: Vec::new(),
            jwks_ca_file: String::new(),
            jwks_allow_http: false,
            user_claim: "sub".to_owned(),
            user_prefix: String::new(),
            require: BTreeMap::new(),
        }
    }
}

/// The secret is not shown.
impl fmt::Debug for AuthIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthIssuer")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}
