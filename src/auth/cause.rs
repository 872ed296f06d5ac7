//! Why a token is refused, in detail, for the operator.
//!
//! [`TokenError`] is what the checks return, and costs nothing. The text is made here from the token,
//! and only for one that is refused. Values of the token are its sender's: they are cut, and control
//! characters in them are escaped. The token itself and its signature are never part of a text.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::error::TokenError;
use super::token::{self, Header, Parts};
use super::trusted::IssuerRules;
use super::verifier::Verifier;
use crate::config::counted;
use crate::protocol::MAX_USER_CHARS;
use crate::time::UnixTime;

/// Characters of a value that are shown; an ellipsis stands for the rest.
const MAX_VALUE_CHARS: usize = 100;
/// Entries of a list that are shown: of an `aud`, and of the keys.
const MAX_LISTED: usize = 8;
/// Bytes of a text, at most.
pub(crate) const MAX_CAUSE_BYTES: usize = 384;
/// The claims that the server looks at.
const CLAIMS: [&str; 7] = ["iss", "sub", "aud", "iat", "nbf", "exp", "jti"];

impl Verifier {
    /// Why `token` is refused with `error` at `now`: what was found, and what the configuration
    /// wants. One line of at most 384 bytes. Values of the token are cut to 100 characters and
    /// escaped. It costs about as much as the checks without the signature.
    #[must_use]
    pub fn explain(&self, token: &str, error: TokenError, now: UnixTime) -> String {
        let mut text = self.cause(token, error, now).unwrap_or_else(|| error.to_string());
        if text.len() > MAX_CAUSE_BYTES {
            text.truncate(text.floor_char_boundary(MAX_CAUSE_BYTES - '…'.len_utf8()));
            text.push('…');
        }
        text
    }

    /// `None`: there is no more to say than `error` does.
    fn cause(&self, token: &str, error: TokenError, now: UnixTime) -> Option<String> {
        let Some(parts) = token::parts(token) else {
            let dots = token.bytes().filter(|&byte| byte == b'.').count();
            let is_empty = if token.is_empty() { ", and is empty" } else { "" };
            return Some(format!("it has {} instead of 3{is_empty}", counted(dots + 1, "part")));
        };
        match error {
            TokenError::Malformed => return Some(form_fault(parts)),
            TokenError::BadAlgorithm => {
                let json = decoded(parts.header)?;
                let found = quoted(&token::header(&json)?.algorithm);
                let names = self.issuers().flat_map(|issuer| issuer.algorithms.names());
                let allowed = names.collect::<Vec<_>>().join(", ");
                return Some(format!("its `alg` is {found}; auth.algorithms allows {allowed}"));
            }
            TokenError::UnknownKey | TokenError::BadSignature => {
                let json = decoded(parts.header)?;
                return self.key_fault(parts, &token::header(&json)?, error);
            }
            TokenError::UnknownIssuer
            | TokenError::Expired
            | TokenError::NotYet
            | TokenError::LivesTooLong
            | TokenError::Claim { .. } => {}
            _ => return None,
        }
        let claims = serde_json::from_slice::<Value>(&decoded(parts.claims)?).ok()?;
        if let TokenError::Claim { which } = error {
            let json = decoded(parts.header)?;
            let issuer = self.issuer_of(parts, &token::header(&json)?.algorithm)?;
            return Some(claim_fault(&issuer.rules, &claims, which));
        }
        if error == TokenError::UnknownIssuer {
            let names = self.issuers().flat_map(|issuer| &issuer.rules.names);
            let found = found(claims.get("iss"));
            return Some(format!("its `iss` {found}; the issuers are {}", listed(names)));
        }
        self.claims_fault(&claims, error, now)
    }

    fn key_fault(
        &self,
        parts: Parts<'_>,
        header: &Header<'_>,
        error: TokenError,
    ) -> Option<String> {
        let issuer = self.issuer_of(parts, &header.algorithm)?;
        let algorithm = quoted(&header.algorithm);
        let wanted = match &header.key_id {
            Some(id) => format!("`alg` {algorithm} and `kid` {}", quoted(id)),
            None => format!("`alg` {algorithm} and no `kid`"),
        };
        let mut text = if error == TokenError::BadSignature {
            format!(
                "its signature is from none of the keys for its {wanted}: another key made it, or \
                 the token was altered"
            )
        } else {
            format!("no key is there for its {wanted}")
        };
        let keys = issuer.keys.described();
        let more = keys.len().saturating_sub(MAX_LISTED);
        let keys: Vec<_> = keys
            .into_iter()
            .take(MAX_LISTED)
            .map(|(id, takes)| match id {
                Some(id) => format!("{} ({takes})", quoted(id)),
                None => format!("one without `kid` ({takes})"),
            })
            .collect();
        // Writing into a string cannot fail.
        let _ = write!(text, "; known: {}", keys.join(", "));
        if more > 0 {
            let _ = write!(text, " and {more} more");
        }
        Some(text)
    }

    fn claims_fault(&self, claims: &Value, error: TokenError, now: UnixTime) -> Option<String> {
        let date = |name| claims.get(name).and_then(Value::as_f64).map(date);
        let leeway = seconds(self.leeway());
        match error {
            TokenError::Expired => {
                let end = date("exp")?;
                let ago = seconds(now.since(end));
                let end = end.to_rfc3339();
                Some(format!("its `exp`, {end}, is {ago} past; auth.leeway is {leeway}"))
            }
            TokenError::NotYet => {
                let start = date("nbf")?;
                let ahead = seconds(start.since(now));
                let start = start.to_rfc3339();
                Some(format!("its `nbf`, {start}, is {ahead} ahead; auth.leeway is {leeway}"))
            }
            TokenError::LivesTooLong => Some(match date("iat") {
                Some(issued) => format!(
                    "from its `iat` to its `exp` it lives for {}; auth.max_token_life is {}",
                    seconds(date("exp")?.since(issued)),
                    seconds(self.max_token_life()?)
                ),
                None => "it has no `iat`, which auth.max_token_life needs".to_owned(),
            }),
            _ => None,
        }
    }
}

fn claim_fault(rules: &IssuerRules, claims: &Value, which: &'static str) -> String {
    match which {
        "iss" => {
            let wanted = listed(&rules.names);
            format!("its `iss` {}; auth.issuer is {wanted}", found(claims.get("iss")))
        }
        "aud" => {
            let wanted = listed(&rules.audiences);
            format!("its `aud` {}; auth.audience is {wanted}", found(claims.get("aud")))
        }
        "require" => match rules.unmet(claims) {
            Some((claim, values)) => {
                let found = found(claims.get(claim));
                format!("its {} {found}; `require` wants {}", quoted(claim), listed(values))
            }
            None => "a claim of `require` is not as it has to be".to_owned(),
        },
        "user_claim" => {
            let claim = rules.user_claim();
            format!("its {} {}", quoted(claim), subject_fault(claims.get(claim)))
        }
        "sub" => format!("its `sub` {}", subject_fault(claims.get("sub"))),
        _ => format!("its `{which}` {}", date_fault(claims.get(which))),
    }
}

fn found(claim: Option<&Value>) -> String {
    claim.map_or("is missing".to_owned(), |found| format!("is {}", shown(found)))
}

fn listed<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    let texts: Vec<_> = texts.into_iter().take(MAX_LISTED).map(|text| quoted(text)).collect();
    texts.join(" or ")
}

/// What a token says of itself, whoever signed it: `alg` and `kid`, and the claims that the server
/// looks at, as far as they are there. The values are cut and escaped like those of
/// [`Verifier::explain`].
#[must_use]
pub fn token_summary(token: &str) -> Vec<(&'static str, String)> {
    let Some(parts) = token::parts(token) else { return Vec::new() };
    let object = |part| serde_json::from_slice::<Value>(&decoded(part)?).ok();
    let (header, claims) = (object(parts.header), object(parts.claims));
    let part = |of: &Option<Value>, name: &'static str| {
        let value = of.as_ref()?.get(name)?;
        let date = ["iat", "nbf", "exp"].contains(&name).then(|| value.as_f64()).flatten();
        let date = date.map(|seconds| format!(" ({})", date_text(seconds))).unwrap_or_default();
        Some((name, format!("{}{date}", shown(value))))
    };
    let of_header = ["alg", "kid"].into_iter().filter_map(|name| part(&header, name));
    of_header.chain(CLAIMS.into_iter().filter_map(|name| part(&claims, name))).collect()
}

fn decoded(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// What is wrong with the form of a token that has its three parts.
fn form_fault(parts: Parts<'_>) -> String {
    let Some(header) = decoded(parts.header) else {
        return "its header is not base64url without padding".to_owned();
    };
    match serde_json::from_slice::<Header<'_>>(&header) {
        Err(error) => format!("its header is refused: {}", escaped(&error.to_string())),
        Ok(_) => "its claims are not base64url without padding".to_owned(),
    }
}

fn subject_fault(found: Option<&Value>) -> String {
    match found {
        None => "is missing".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "is empty".to_owned(),
        Some(Value::String(text)) => format!(
            "has {} characters, or control characters among them: {}; 1 to {MAX_USER_CHARS} and no \
             control characters are wanted",
            text.chars().count(),
            quoted(text)
        ),
        Some(other) => format!("is {} instead of a string", kind(other)),
    }
}

fn date_fault(found: Option<&Value>) -> String {
    match found {
        None => "is missing".to_owned(),
        Some(Value::Number(number)) => format!(
            "is {number}, beyond the year 9999: it counts seconds since 1970, not milliseconds"
        ),
        Some(other) => format!("is {} instead of a number", kind(other)),
    }
}

/// A value of a token, with its type where it is none that a claim should have.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Number(number) => number.to_string(),
        Value::Array(entries) => {
            let texts: Vec<_> = entries
                .iter()
                .take(MAX_LISTED)
                .map(|entry| match entry {
                    Value::String(text) => quoted(text),
                    other => kind(other).to_owned(),
                })
                .collect();
            let more = if entries.len() > MAX_LISTED { ", …" } else { "" };
            format!("[{}{more}]", texts.join(", "))
        }
        other => kind(other).to_owned(),
    }
}

/// The JSON type of a value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// At most 100 characters of `text`, escaped as Rust escapes them: no control character is left.
fn escaped(text: &str) -> String {
    let mut chars = text.chars();
    let mut kept: String =
        chars.by_ref().take(MAX_VALUE_CHARS).flat_map(char::escape_debug).collect();
    if chars.next().is_some() {
        kept.push('…');
    }
    kept
}

/// Rounded up, so that nothing that is late is late by 0.
fn seconds(length: Duration) -> String {
    format!("{} s", length.as_millis().div_ceil(1_000))
}

/// A NumericDate (RFC 7519, section 2). A cast of a float saturates.
fn date(seconds: f64) -> UnixTime {
    UnixTime::from_millis((seconds * 1_000.0) as u64)
}

fn date_text(seconds: f64) -> String {
    let last = (UnixTime::MAX.as_millis() / 1_000) as f64;
    if seconds > last {
        "beyond the year 9999".to_owned()
    } else {
        date(seconds).to_rfc3339().to_string()
    }
}

#[cfg(test)]
mod tests;
