//! The issuers whose tokens are taken, each with its keys, and what it says of a user.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use smol_str::SmolStr;

use super::claims::Claims;
use super::error::{KeyError, TokenError};
use super::keys::{Algorithm, Algorithms, KeySet};
use super::signer::TokenSigner;
use crate::config::{Auth, AuthIssuer};
use crate::protocol::MAX_USER_CHARS;

/// An issuer, and its keys. A key belongs to one issuer, whatever its `kid`.
#[derive(Debug)]
pub(super) struct TrustedIssuer {
    pub(super) keys: KeySet,
    /// Do the keys come from a place that may have others by now?
    pub(super) is_renewable: bool,
    pub(super) algorithms: Algorithms,
    pub(super) rules: Arc<IssuerRules>,
}

/// What a token of an issuer must say, and how it names the user.
#[derive(Debug, Default)]
pub(super) struct IssuerRules {
    /// Values of `iss`. Empty: any that is no other issuer's.
    pub(super) names: Vec<String>,
    /// Values of `aud`. Empty: any.
    pub(super) audiences: Vec<String>,
    /// `None`: `sub`.
    user_claim: Option<String>,
    user_prefix: String,
    required: BTreeMap<String, Vec<String>>,
    /// Its tokens are signed with the secret that this server signs the tokens of its own accounts with.
    pub(super) has_own_secret: bool,
}

impl TrustedIssuer {
    /// What `[auth]` itself names.
    pub(super) fn own(config: &Auth) -> Result<Self, KeyError> {
        let configured = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let rules = IssuerRules {
            names: configured(&config.issuer).into_iter().collect(),
            audiences: configured(&config.audience).into_iter().collect(),
            has_own_secret: config.jwks_file.is_empty() && TokenSigner::new(config).is_some(),
            ..IssuerRules::default()
        };
        Self::with(config, rules)
    }

    /// One of `auth.issuers`.
    pub(super) fn other(issuer: &AuthIssuer, config: &Auth) -> Result<Self, KeyError> {
        let required =
            issuer.require.iter().map(|(claim, values)| (claim.clone(), values.0.clone()));
        let rules = IssuerRules {
            names: issuer.issuer.clone(),
            audiences: issuer.audience.clone(),
            user_claim: Some(issuer.user_claim.clone()).filter(|claim| claim != "sub"),
            user_prefix: issuer.user_prefix.clone(),
            required: required.collect(),
            has_own_secret: false,
        };
        Self::with(&config.of_issuer(issuer), rules)
    }

    fn with(config: &Auth, rules: IssuerRules) -> Result<Self, KeyError> {
        let algorithms = Algorithms::new(&config.algorithms)?;
        let keys = if algorithms.are_hmac() && config.jwks_file.is_empty() {
            KeySet::from_secret(config.secret.as_bytes(), &algorithms)?
        } else {
            KeySet::default()
        };
        let is_renewable = !config.jwks_file.is_empty() || !config.jwks_url.is_empty();
        Ok(Self { keys, is_renewable, algorithms, rules: Arc::new(rules) })
    }
}

/// The issuer among `issuers`, by its number, that a token with these claims, whoever signed it, and
/// this `alg` is judged by.
///
/// # Errors
/// None has this `iss`, or one has and does not take the algorithm.
pub(super) fn chosen(
    issuers: &BTreeMap<usize, TrustedIssuer>,
    claims: &[u8],
    algorithm: &str,
) -> Result<(usize, Algorithm), TokenError> {
    let takes = |(&number, issuer): (&usize, &TrustedIssuer)| {
        issuer.algorithms.named(algorithm).map(|algorithm| (number, algorithm))
    };
    // With one issuer the claims are not looked at before the signature.
    if issuers.len() == 1 {
        return issuers.iter().find_map(takes).ok_or(TokenError::BadAlgorithm);
    }
    let claims: Claims<'_> =
        serde_json::from_slice(claims).map_err(|_| TokenError::UnknownIssuer)?;
    let name = claims.issuer.text();
    let has = |issuer: &TrustedIssuer| issuer.rules.names.iter().any(|it| Some(&**it) == name);
    let named = issuers.values().any(has);
    let fits = |issuer: &TrustedIssuer| {
        if named { has(issuer) } else { issuer.rules.names.is_empty() }
    };
    let mut candidates = issuers.iter().filter(|(_, issuer)| fits(issuer)).peekable();
    if candidates.peek().is_none() {
        return Err(TokenError::UnknownIssuer);
    }
    candidates.find_map(takes).ok_or(TokenError::BadAlgorithm)
}

impl IssuerRules {
    /// The user of these claims, when `iss`, `aud` and what else is required are as they should be.
    /// `text`: the claims as they were signed.
    pub(super) fn user(&self, claims: &Claims<'_>, text: &str) -> Result<SmolStr, TokenError> {
        let wrong = |which| TokenError::Claim { which };
        let is_ours = |name: &String| claims.issuer.text() == Some(name);
        if !self.names.is_empty() && !self.names.iter().any(is_ours) {
            return Err(wrong("iss"));
        }
        let is_for_us = |audience: &String| claims.audience.names(audience);
        if !self.audiences.is_empty() && !self.audiences.iter().any(is_for_us) {
            return Err(wrong("aud"));
        }
        if self.required.is_empty() && self.user_claim.is_none() {
            return self.fitting(claims.subject.text().ok_or(wrong("sub"))?).ok_or(wrong("sub"));
        }
        let all: Value = serde_json::from_str(text).map_err(|_| TokenError::BadClaims)?;
        if self.unmet(&all).is_some() {
            return Err(wrong("require"));
        }
        let user = match (&self.user_claim, all.get(self.user_claim())) {
            (_, Some(Value::String(user))) => user.clone(),
            // An id that is a whole number is its digits.
            (Some(_), Some(Value::Number(id))) if id.is_u64() => id.to_string(),
            (None, _) => return Err(wrong("sub")),
            (Some(_), _) => return Err(wrong("user_claim")),
        };
        let which = if self.user_claim.is_some() { "user_claim" } else { "sub" };
        self.fitting(&user).ok_or(wrong(which))
    }

    /// A claim that is required and is not as it has to be, and its values.
    pub(super) fn unmet(&self, claims: &Value) -> Option<(&str, &[String])> {
        let unmet = |values: &[String], found: Option<&Value>| {
            !found.is_some_and(|found| is_one_of(found, values))
        };
        self.required
            .iter()
            .find(|(claim, values)| unmet(values, claims.get(claim)))
            .map(|(claim, values)| (&**claim, &**values))
    }

    /// The claim that names the user.
    pub(super) fn user_claim(&self) -> &str {
        self.user_claim.as_deref().unwrap_or("sub")
    }

    fn fitting(&self, user: &str) -> Option<SmolStr> {
        let length = user.chars().count() + self.user_prefix.chars().count();
        let fits =
            !user.is_empty() && length <= MAX_USER_CHARS && !user.chars().any(char::is_control);
        fits.then(|| match &*self.user_prefix {
            "" => user.into(),
            prefix => [prefix, user].concat().into(),
        })
    }
}

/// Is the claim one of these values, or a list with one of them in it?
fn is_one_of(found: &Value, values: &[String]) -> bool {
    let is = |text: &str| values.iter().any(|value| value == text);
    match found {
        Value::String(text) => is(text),
        Value::Number(number) => is(&number.to_string()),
        Value::Bool(truth) => is(if *truth { "true" } else { "false" }),
        Value::Array(many) => many.iter().any(|one| !one.is_array() && is_one_of(one, values)),
        Value::Null | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests;
