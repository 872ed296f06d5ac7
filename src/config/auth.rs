//! `[auth]`: who may come in, and for how long.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::issuer::AuthIssuer;
use super::units::Length;

section! {
    /// `[auth]`: tokens and the clocks around them.
    pub struct Auth at auth:

    /// Where a client may send its token: in an `auth` message, also in its request
    /// (`Authorization: Bearer` or `?token=`), or only there. The mode at the upgrade applies to
    /// the whole connection.
    mode: AuthMode = AuthMode::Message, "`message`, `both`, `legacy`", reload;

    /// Time from the upgrade to a complete `auth` message. A shorter time frees the slots of silent
    /// sockets sooner; too short a time disconnects slow phones.
    timeout: Length = Length::from_secs(5), "`1ms` to `366d`", reload;

    /// Age of an accepted `auth` at which the server asks for a new one. `0s`: only before the
    /// token expires. A shorter time detects withdrawn access sooner, and costs a signature check
    /// each time.
    reauth_after: Length = Length::from_secs(14 * 60), "`0s` to `366d`", reload;

    /// How long before the token expires the server asks for a new `auth`. It must leave the client
    /// time to fetch a token.
    reauth_before_expiry: Length = Length::from_secs(60), "`0s` to `366d`", reload;

    /// How long the client has to answer, at most until the token expires.
    reauth_grace: Length = Length::from_secs(30), "`1ms` to `366d`", reload;

    /// The server asks up to this much earlier, at random and at most a tenth of the interval, so
    /// that clients that connected together do not fetch tokens together.
    reauth_spread: Length = Length::from_secs(30), "`0s` to `366d`", reload;

    /// With `true`, a token that has a `jti` serves one connection. A stolen token is worth less,
    /// and every connection needs a token of its own.
    single_use_jti: bool = false, "`true`, `false`", reload;

    /// Accepted signature algorithms. A token that names another one is refused, whatever its
    /// signature. Secrets (`HS…`) and public keys are never accepted together. List only the
    /// algorithms of your keys. `Ed25519` is another name of `EdDSA`, in tokens and keys too.
    algorithms: Vec<String> = vec!["HS256".to_owned()],
        "`HS256`, `HS384`, `HS512`; or of `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, \
         `ES256`, `ES384`, `ES512`, `EdDSA`, `Ed25519`", reload;

    /// The HMAC secret. Its bytes are the key as written; nothing is decoded or stripped. A warning
    /// is logged if it has blanks around it, a byte order mark or several lines. Prefer
    /// `secret_file`: a configuration file that others can read, or a shell's history, can leak it.
    secret: String = String::new(),
        "empty, or at least 32 bytes; 48 for `HS384`, 64 for `HS512`", reload;

    /// File that contains the secret as text. One line end at its end is not part of it; all its
    /// other bytes are the key, and blanks around it, a byte order mark or several lines are warned
    /// about. So is a file that group or others can read. A key of a pair, a certificate or a JWK
    /// set, in any encoding, is refused: everybody who has it could sign. If no key is set at all, the
    /// server generates a secret once, in `signing.key` in the data directory (mode 0600).
    secret_file: String = String::new(), "empty, or a path", reload;

    /// File with one or several public keys instead: RSA (2048 to 8192 bits), P-256, P-384, P-521 or
    /// Ed25519, as `openssl pkey -pubout` writes them. It is read at the start and on SIGHUP. These
    /// keys have no `kid`, so a token's `kid` is ignored; there may be 4 of each algorithm.
    public_key_file: String = String::new(), "empty, or a path", reload;

    /// File with a JWK set instead: keys by `kid`. The server looks at it every two
    /// seconds, and uses a changed one without dropping a connection; while it is faulty, the keys
    /// that were read last stay. With `HS…` it holds secrets (`oct`).
    jwks_file: String = String::new(), "empty, or a path", reload;

    /// URL of a JWK set, or of an OpenID discovery document that names one. It is fetched in the
    /// background: as often as its `Cache-Control` or `Expires` says, but between once a minute and
    /// once an hour, and at most once a second when a token names an unknown key: that token waits
    /// for the fetch. After a failed fetch the last keys stay. Until the first has succeeded, which
    /// is tried every second or two, tokens wait, and `/readyz` says `keys_unavailable`. A client
    /// whose token waits in vain is closed with `Keys unavailable`, and comes back.
    jwks_url: String = String::new(),
        "empty, or `https://…`; `http://` for `127.0.0.1` and `[::1]`, and see `jwks_allow_http`",
        reload;

    /// PEM file with the certificate authorities that may vouch for `jwks_url`, instead of the
    /// public ones. Only these are trusted. Empty: the file in the environment variable
    /// `SSL_CERT_FILE`; without that, Mozilla's list of public authorities, which is built in. It is
    /// read at the start and on SIGHUP.
    jwks_ca_file: String = String::new(), "empty, or a path", reload;

    /// With `true`, `jwks_url` may be `http://` on a private network: an address of RFC 1918, RFC
    /// 4193 or link-local, or a name that resolves to such addresses only. An attacker who can change
    /// traffic on that network can then sign tokens. Public addresses are refused in any case.
    jwks_allow_http: bool = false, "`true`, `false`", reload;

    /// Other hosts to which the discovery document at `jwks_url` may send for the keys, without a
    /// port: `www.googleapis.com` for `https://accounts.google.com`. The host of `jwks_url` itself
    /// is always allowed.
    jwks_hosts: Vec<String> = Vec::new(), "names of hosts, or IP addresses", reload;

    /// How old the keys of `jwks_url` may be that the last run kept in `data`: a server that starts
    /// while its issuer cannot be reached checks tokens with them until a fetch succeeds. `0s`: none
    /// are kept.
    keep_keys: Length = Length::from_secs(86_400), "`0s` to `366d`", restart;

    /// The `iss` that a token must have. Empty: any. Set it if one secret serves several issuers.
    issuer: String = String::new(), "any text", reload;

    /// The value that a token's `aud` must contain. Empty: any. Set it so that a token for another
    /// service is not accepted here.
    audience: String = String::new(), "any text", reload;

    /// Tolerance for `exp` and `nbf`, for clocks that differ. Every token is accepted that much
    /// longer.
    leeway: Length = Length::from_secs(30), "`0s` to `1h`", reload;

    /// Longest lifetime of a token, from its `iat` to its `exp`. A token that lives longer, or has
    /// no `iat`, is refused as `Invalid token payload`, and the log says so. Users whose sessions
    /// an operator ended are then remembered for that long only. `0s`: any lifetime, and they are
    /// remembered until `limits.revocations` is full.
    max_token_life: Length = Length::from_secs(0), "`0s` to `366d`", reload;

    /// Further issuers whose tokens are taken: see [`issuers.md`](issuers.md). A token selects its
    /// issuer by `iss`. `[auth]` itself then takes tokens only if it has a secret or keys of its own.
    issuers: Vec<AuthIssuer> = Vec::new(), "tables `[[auth.issuers]]`", reload;

    /// Date since when tokens in requests are deprecated. Clients that send one get it in the 101's
    /// `Deprecation` header. Empty: no header.
    deprecated_since: String = "2026-01-01T00:00:00Z".to_owned(),
        "empty, or an RFC 3339 date-time", reload;

    /// Date from which such tokens will be refused. Clients get it in the `Sunset` header. Empty:
    /// no header.
    sunset: String = String::new(), "empty, or an RFC 3339 date-time", reload;
}

impl Auth {
    /// The same with the algorithms and keys of `issuer` in the place of its own, and no issuers.
    #[must_use]
    pub(crate) fn of_issuer(&self, issuer: &AuthIssuer) -> Self {
        Self {
            algorithms: issuer.algorithms.clone(),
            secret: issuer.secret.clone(),
            secret_file: issuer.secret_file.clone(),
            public_key_file: issuer.public_key_file.clone(),
            jwks_file: issuer.jwks_file.clone(),
            jwks_url: issuer.jwks_url.clone(),
            jwks_hosts: issuer.jwks_hosts.clone(),
            jwks_ca_file: issuer.jwks_ca_file.clone(),
            jwks_allow_http: issuer.jwks_allow_http,
            // Of several spellings none is the one.
            issuer: match &*issuer.issuer {
                [one] => one.clone(),
                _ => String::new(),
            },
            audience: issuer.audience.first().cloned().unwrap_or_default(),
            issuers: Vec::new(),
            ..self.clone()
        }
    }

    /// Does `[auth]` itself name a secret or keys, beside those of its issuers?
    #[must_use]
    pub fn has_keys(&self) -> bool {
        let places = [
            &self.secret,
            &self.secret_file,
            &self.public_key_file,
            &self.jwks_file,
            &self.jwks_url,
        ];
        places.into_iter().any(|place| !place.is_empty())
    }

    /// Does `[auth]` itself take tokens? Without issuers it has to.
    #[must_use]
    pub(crate) fn is_issuer(&self) -> bool {
        self.issuers.is_empty() || self.has_keys()
    }

    /// Where keys are, by the number of their issuer: `[auth]` itself is 0, if it has keys; the first
    /// of `auth.issuers` is 1.
    #[cfg(feature = "net")]
    pub(crate) fn key_places(&self) -> Vec<(usize, Auth)> {
        let own = self.is_issuer().then(|| (0, Self { issuers: Vec::new(), ..self.clone() }));
        let others = self.issuers.iter().enumerate();
        own.into_iter().chain(others.map(|(at, it)| (at + 1, self.of_issuer(it)))).collect()
    }
}

/// Where a client's token may be (protocol, section 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// In an `auth` message. One in the request is not looked at.
    Message,
    /// In the request, or in an `auth` message.
    Both,
    /// In the request.
    Legacy,
}

/// The secret is masked: a configuration may be logged, a secret never.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("algorithms", &self.algorithms)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_in_the_debug_form() {
        let auth = Auth { secret: "hush-hush".to_owned(), ..Auth::default() };
        assert!(!format!("{auth:?}").contains("hush"));
    }
}
