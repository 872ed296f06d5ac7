//! OpenID discovery documents, which say where an issuer's keys are (OpenID Connect Discovery 1.0,
//! section 3). What such a document says is followed only where the configuration allows it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::config::Auth;
use crate::config::check::{Url, is_safe_url};
use crate::net::error::KeySourceError;

/// How much of a text from the network an error or a warning shows, in characters.
const SHOWN: usize = 200;

/// What matters here of a discovery document.
#[derive(Debug)]
pub(super) struct Discovery {
    /// The address of the keys.
    pub(super) jwks_uri: String,
    issuer: Option<String>,
}

impl Discovery {
    /// Reads a response. `None`: it is no discovery document, so it should be a JWK set.
    pub(super) fn parse(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Document {
            jwks_uri: String,
            issuer: Option<String>,
            keys: Option<IgnoredAny>,
        }
        let document: Document = serde_json::from_str(text).ok()?;
        let Document { jwks_uri, issuer, keys } = document;
        keys.is_none().then_some(Self { jwks_uri, issuer })
    }

    /// May keys be fetched from where this document, which was at `auth.jwks_url`, says?
    pub(super) fn check(&self, auth: &Auth) -> Result<(), KeySourceError> {
        let place = &self.jwks_uri;
        if !is_safe_url(place, auth.jwks_allow_http) {
            return Err(KeySourceError::UnsafeKeys(shown(place)));
        }
        let host = |url| Url::parse(url).map(|url| url.host()).unwrap_or_default();
        let (own, other) = (host(&auth.jwks_url), host(place));
        let allowed = auth.jwks_hosts.iter().map(String::as_str);
        if allowed.chain([own]).any(|host| host.eq_ignore_ascii_case(other)) {
            return Ok(());
        }
        Err(KeySourceError::OtherHost(shown(other)))
    }

    /// The document's issuer, if tokens must have another one.
    pub(super) fn foreign_issuer(&self, auth: &Auth) -> Option<String> {
        let issuer = self.issuer.as_ref()?;
        (!auth.issuer.is_empty() && *issuer != auth.issuer).then(|| shown(issuer))
    }
}

fn shown(text: &str) -> String {
    text.escape_debug().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth() -> Auth {
        let jwks_url = "https://id.example.com/.well-known/openid-configuration".to_owned();
        Auth { jwks_url, ..Auth::default() }
    }

    fn document(jwks_uri: &str) -> Discovery {
        Discovery { jwks_uri: jwks_uri.to_owned(), issuer: None }
    }

    #[test]
    fn discovery_document_has_jwks_uri_and_no_keys() {
        let found = Discovery::parse(r#"{"issuer":"i","jwks_uri":"u","x":1}"#).unwrap();
        assert_eq!((found.jwks_uri.as_str(), found.issuer.as_deref()), ("u", Some("i")));
        for text in [
            r#"{"keys":[],"jwks_uri":"u"}"#,
            r#"{"keys":[]}"#,
            r#"{"jwks_uri":5}"#,
            r#"["jwks_uri"]"#,
            "{}",
            "",
            "<html>",
        ] {
            assert!(Discovery::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn keys_are_on_the_same_host_or_a_named_one() {
        let mut auth = auth();
        for place in ["https://id.example.com/keys", "https://ID.example.com:8443/keys"] {
            document(place).check(&auth).unwrap();
        }
        let other = document("https://www.example.net/keys");
        let fault = other.check(&auth).unwrap_err().to_string();
        assert!(fault.contains("www.example.net") && fault.contains("auth.jwks_hosts"), "{fault}");
        auth.jwks_hosts = vec!["WWW.example.net".to_owned()];
        other.check(&auth).unwrap();
        for place in ["https://id.example.com.evil.net/", "https://example.com/", "https://net/"] {
            assert!(document(place).check(&auth).is_err(), "{place}");
        }
    }

    #[test]
    fn keys_are_not_fetched_from_unsafe_addresses() {
        let mut auth = auth();
        for place in ["http://id.example.com/", "file:///k", "//id.example.com/", "https://a\n", ""]
        {
            let fault = document(place).check(&auth).unwrap_err().to_string();
            assert!(fault.contains("auth.jwks_allow_http") && !fault.contains('\n'), "{fault}");
        }
        let long = "x".repeat(10_000);
        assert!(document(&long).check(&auth).unwrap_err().to_string().len() < 500);
        auth.jwks_allow_http = true;
        document("http://id.example.com/").check(&auth).unwrap();
    }

    #[test]
    fn issuer_is_foreign_if_tokens_need_another() {
        let mut auth = auth();
        let found = Discovery::parse(r#"{"issuer":"https://i","jwks_uri":"u"}"#).unwrap();
        assert_eq!(found.foreign_issuer(&auth), None);
        auth.issuer = "https://i".to_owned();
        assert_eq!(found.foreign_issuer(&auth), None);
        auth.issuer = "https://i/".to_owned();
        assert_eq!(found.foreign_issuer(&auth).as_deref(), Some("https://i"));
    }
}
