//! Rules for `auth.algorithms` and where their keys are.

use super::url::{Url, UrlFault, is_private};
use crate::config::Auth;
use crate::config::error::FaultKind::{Conflict, Malformed, Missing};
use crate::config::error::Faults;
use crate::config::published::PublishedKind;

/// Signature algorithms that can be configured.
pub const ALGORITHMS: [&str; 14] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "ES512", "EdDSA", "Ed25519",
];

impl Faults {
    /// Which algorithms are taken, and where their keys are: in one place.
    pub(super) fn keys(&mut self, auth: &Auth) {
        if auth.algorithms.is_empty() {
            let problem = format!("no algorithm: write {}", ALGORITHMS.join(", "));
            self.add("auth.algorithms", Missing, problem);
        }
        for name in &auth.algorithms {
            if !ALGORITHMS.contains(&name.as_str()) {
                let problem =
                    format!("`{name}` is not supported; supported are {}", ALGORITHMS.join(", "));
                self.add("auth.algorithms", Malformed, problem);
            }
        }
        let known = auth.algorithms.iter().filter(|name| ALGORITHMS.contains(&name.as_str()));
        let (hmac, public): (Vec<&String>, Vec<_>) = known.partition(|name| name.starts_with("HS"));
        if !hmac.is_empty() && !public.is_empty() {
            let problem = "HMAC (HS…) and others: write either, so that a public key is never \
                           taken for a secret";
            self.add("auth.algorithms", Conflict, problem);
            return;
        }
        if !auth.secret.is_empty()
            && let Some(problem) = secret_problem(&auth.secret, &auth.algorithms)
        {
            self.add("auth.secret", Malformed, problem);
        }
        if !auth.jwks_url.is_empty()
            && let Err(fault) = safe_url(&auth.jwks_url, auth.jwks_allow_http)
        {
            let wanted = "not an address that can be trusted: write `https://…`; `http://` is taken \
                           for 127.0.0.1 and [::1], and for private addresses with \
                           auth.jwks_allow_http";
            self.add("auth.jwks_url", Malformed, fault.or(wanted));
        }
        for host in auth.jwks_hosts.iter().filter(|host| !is_host(host)) {
            let problem =
                format!("`{host}` is not a valid host: write `keys.example.com`, without a port");
            self.add("auth.jwks_hosts", Malformed, problem);
        }
        self.places(auth, !hmac.is_empty(), !public.is_empty());
    }

    /// The keys are in one place, of a kind that fits the algorithms.
    fn places(&mut self, auth: &Auth, takes_secrets: bool, takes_public: bool) {
        let places = [
            ("auth.secret", &auth.secret),
            ("auth.secret_file", &auth.secret_file),
            ("auth.public_key_file", &auth.public_key_file),
            ("auth.jwks_file", &auth.jwks_file),
            ("auth.jwks_url", &auth.jwks_url),
        ];
        let mut set = places.into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, _)| key);
        let first = set.next();
        for other in set {
            let problem = format!("{} is set too: keep one of them", first.unwrap_or_default());
            self.add(other, Conflict, problem);
        }
        match first {
            Some(key @ ("auth.secret" | "auth.secret_file")) if takes_public => {
                let problem =
                    "no algorithm of auth.algorithms takes a secret: name HS256, or unset it";
                self.conflict(key, &["auth.algorithms"], problem);
            }
            Some(key @ ("auth.public_key_file" | "auth.jwks_url")) if takes_secrets => {
                let problem = "auth.algorithms takes secrets (HS…), and there are none: name the \
                               algorithms of the keys, such as RS256, ES256 or EdDSA";
                self.conflict(key, &["auth.algorithms"], problem);
            }
            None if takes_public => {
                let problem = "no keys for them: set auth.public_key_file, auth.jwks_file or \
                               auth.jwks_url";
                self.add("auth.algorithms", Missing, problem);
            }
            _ => {}
        }
    }
}

/// Why `secret` cannot be used with `algorithms`, without showing it; `None` when it can. A secret
/// that is shorter than the hash is easier to guess than the hash (RFC 7518, section 3.2).
#[must_use]
pub fn secret_problem(secret: impl AsRef<[u8]>, algorithms: &[String]) -> Option<String> {
    let secret = secret.as_ref();
    if let Some(kind) = PublishedKind::of(secret) {
        return Some(kind.to_string());
    }
    let bytes = |name: &String| match name.as_str() {
        "HS384" => 48,
        "HS512" => 64,
        _ => 32,
    };
    let (length, needed) = (secret.len(), algorithms.iter().map(bytes).max().unwrap_or(32));
    (length < needed)
        .then(|| format!("the secret has {length} bytes, at least {needed} are needed"))
}

/// Keys that come unprotected could be anybody's, unless they never leave this host. `localhost` is
/// a name, and whoever answers for names could be anybody too. With `allow_http` a private network
/// is trusted like this host; what a name stands for is judged when it is resolved.
#[cfg(any(feature = "jwks-url", test))]
pub(crate) fn is_safe_url(text: &str, allow_http: bool) -> bool {
    safe_url(text, allow_http).is_ok()
}

fn safe_url(text: &str, allow_http: bool) -> Result<(), UrlFault> {
    let url = Url::parse(text)?;
    let is_safe = url.is_protected
        || url.is_loopback_address()
        || (allow_http && url.ip().is_none_or(is_private));
    if is_safe { Ok(()) } else { Err(UrlFault::NotHttp) }
}

/// A host as a URL has it, without a port.
fn is_host(text: &str) -> bool {
    Url::parse(&format!("https://{text}")).is_ok_and(|url| url.host() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn keys(config: &Config) -> Vec<&'static str> {
        config.faults().into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn keys_are_in_one_place_and_fit_their_algorithms() {
        let faults = |change: &dyn Fn(&mut Auth)| {
            let mut auth = Auth::default();
            change(&mut auth);
            keys(&Config { auth, ..Config::default() })
        };
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        for name in &ALGORITHMS[3..] {
            let with_file = |auth: &mut Auth| {
                auth.algorithms = names(&[name]);
                auth.public_key_file = "key.pem".to_owned();
            };
            assert_eq!(faults(&with_file), [""; 0]);
        }
        let mixed = |auth: &mut Auth| auth.algorithms = names(&["HS256", "RS256"]);
        assert_eq!(faults(&mixed), ["auth.algorithms"]);
        assert_eq!(faults(&|auth| auth.algorithms = names(&["RS256"])), ["auth.algorithms"]);
        assert_eq!(faults(&|auth| auth.public_key_file = "f".into()), ["auth.public_key_file"]);
        assert_eq!(faults(&|auth| auth.jwks_url = "https://h/".into()), ["auth.jwks_url"]);
        assert_eq!(faults(&|auth| auth.jwks_file = "f".into()), [""; 0]);
        let two = |auth: &mut Auth| {
            auth.algorithms = names(&["ES256"]);
            (auth.jwks_file, auth.jwks_url) = ("f".into(), "https://h/".into());
        };
        assert_eq!(faults(&two), ["auth.jwks_url"]);
        let secret = |auth: &mut Auth| {
            (auth.algorithms, auth.secret) = (names(&["ES256"]), "x".repeat(32));
        };
        assert_eq!(faults(&secret), ["auth.secret"]);
        let short = |auth: &mut Auth| {
            (auth.algorithms, auth.secret) = (names(&["HS256", "HS512"]), "x".repeat(63));
        };
        assert_eq!(faults(&short), ["auth.secret"]);
    }

    #[test]
    fn keys_are_fetched_protected_or_from_this_host() {
        for url in [
            "https://example.com/jwks",
            "http://127.0.0.1:8000/jwks",
            "http://127.0.0.1/jwks",
            "http://[::1]:8000/",
            "http://[::1]/",
        ] {
            assert!(is_safe_url(url, false), "{url}");
        }
        for url in [
            "",
            "jwks.json",
            "http://example.com/jwks",
            "http://localhost/",
            "http://127.0.0.1@example.com/",
            "http://127.0.0.1.example.com/",
            "https://",
            "https:///x",
            "file:///etc/keys",
            "https://a b/",
            "https://user:password@example.com/",
            "https://example.com:70000/jwks",
            "http://127.0.0.1:0/jwks",
        ] {
            assert!(!is_safe_url(url, false), "{url}");
        }
    }

    #[test]
    fn private_networks_are_trusted_by_their_key() {
        for url in [
            "http://10.0.0.1:8000/jwks",
            "http://[fd00::1]/jwks",
            "http://localhost/jwks",
            "http://keycloak:8080/jwks",
        ] {
            assert!(is_safe_url(url, true) && !is_safe_url(url, false), "{url}");
        }
        for url in ["http://1.1.1.1/", "http://[2001:db8::1]:80/", "http://0.0.0.0/", "ftp://h/"] {
            assert!(!is_safe_url(url, true), "{url}");
        }
    }

    #[test]
    fn jwks_hosts_are_hosts() {
        for host in ["www.googleapis.com", "10.0.0.1", "[::1]"] {
            assert!(is_host(host), "{host}");
        }
        for host in ["", "a:443", "https://a", "a/b", "a b", "u@a", "a?b"] {
            let auth = Auth { jwks_hosts: vec![host.to_owned()], ..Auth::default() };
            assert_eq!(keys(&Config { auth, ..Config::default() }), ["auth.jwks_hosts"], "{host}");
        }
    }
}
