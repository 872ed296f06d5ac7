//! `[auth]`: who may come in, and for how long.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::units::Length;

section! {
    /// `[auth]`: tokens and the clocks around them.
    pub struct Auth at auth:

    /// Where a client's token may be: in an `auth` message, also in its request (`Authorization:
    /// Bearer` or `?token=`), or only there. The mode at the upgrade holds for a connection.
    mode: AuthMode = AuthMode::Message, "`message`, `both`, `legacy`", reload;

    /// From the upgrade to a whole `auth` message. Shorter frees the place of a silent socket
    /// sooner; too short cuts off slow phones.
    timeout: Length = Length::from_secs(5), "`1ms` to `366d`", reload;

    /// The age of an accepted `auth` at which a new one is asked for. `0s`: only by the token's
    /// expiry. Shorter notices a withdrawn access sooner and costs a signature check each time.
    reauth_after: Length = Length::from_secs(14 * 60), "`0s` to `366d`", reload;

    /// How long before the token's expiry a new `auth` is asked for. It must leave the client time
    /// to fetch a token.
    reauth_before_expiry: Length = Length::from_secs(60), "`0s` to `366d`", reload;

    /// How long the client has to answer, at most until the token expires.
    reauth_grace: Length = Length::from_secs(30), "`1ms` to `366d`", reload;

    /// The question comes up to this much earlier, at random and at most a tenth of the interval,
    /// so that clients that came together do not ask for tokens together.
    reauth_spread: Length = Length::from_secs(30), "`0s` to `366d`", reload;

    /// With `true`, a token that has a `jti` serves one connection. A stolen one is worth less, and
    /// every connection needs a token of its own.
    single_use_jti: bool = false, "`true`, `false`", reload;

    /// Signature algorithms that are taken. A token that names another is refused, whatever its
    /// signature. Secrets (`HS…`) and public keys are never taken together. Name what your keys
    /// have, and no more.
    algorithms: Vec<String> = vec!["HS256".to_owned()],
        "`HS256`, `HS384`, `HS512`; or of `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, \
         `ES256`, `ES384`, `EdDSA`", reload;

    /// The HMAC secret. Its bytes as written are the key; nothing is decoded. A file that others
    /// can read, or a shell's history, is a bad place for it: prefer `secret_file`.
    secret: String = String::new(),
        "empty, or at least 32 bytes; 48 for `HS384`, 64 for `HS512`", reload;

    /// The file that holds the secret instead, as text; one line end at its end is not part of it.
    /// A file that group or others can read is warned about. With no key set at all, a secret is
    /// generated once, in `signing.key` in the data directory (mode 0600).
    secret_file: String = String::new(), "empty, or a path", reload;

    /// Public keys instead: RSA (2048 to 8192 bits), P-256, P-384 or Ed25519, as `openssl pkey
    /// -pubout` writes them, one or several. Read at the start and on SIGHUP. They have no `kid`,
    /// so a token's is not looked at.
    public_key_file: String = String::new(), "empty, or a path", reload;

    /// Keys by `kid` instead: a JWK set. Read again within 5 seconds of a change, without a dropped
    /// connection; while it is faulty, the keys that were read last stay. With `HS…` it holds
    /// secrets (`oct`).
    jwks_file: String = String::new(), "empty, or a path", reload;

    /// The same at an address, fetched in the background: as often as its `Cache-Control: max-age`
    /// says, within a minute and an hour, and at most once a minute when a token names a key that
    /// is not there. Over faults the last keys stay. Until the first fetch every token is refused.
    jwks_url: String = String::new(),
        "empty, or `https://…`; `http://` for `127.0.0.1` and `[::1]` only", reload;

    /// The `iss` that a token must carry. Empty: any. Set it when one secret serves several
    /// issuers.
    issuer: String = String::new(), "any text", reload;

    /// What a token's `aud` must name. Empty: any. Set it so that a token made for another service
    /// is not taken here.
    audience: String = String::new(), "any text", reload;

    /// Tolerance in `exp` and `nbf`, for clocks that differ. A token lives longer by as much.
    leeway: Length = Length::from_secs(0), "`0s` to `1h`", reload;

    /// The longest life of a token, from its `iat` to its `exp`. One that lives longer, or has no
    /// `iat`, is refused as `Invalid token payload`, and the log says so. Users whose sessions an
    /// operator ended are then remembered for so long, and no longer. `0s`: any life, and they are
    /// remembered until `limits.revocations` is full.
    max_token_life: Length = Length::from_secs(0), "`0s` to `366d`", reload;

    /// Since when tokens in requests are deprecated: told to clients that send one, in the 101's
    /// `Deprecation` header. Empty: not told.
    deprecated_since: String = "2026-01-01T00:00:00Z".to_owned(),
        "empty, or an RFC 3339 date-time", reload;

    /// When such tokens will not be taken any more: told in the `Sunset` header. Empty: not told.
    sunset: String = String::new(), "empty, or an RFC 3339 date-time", reload;
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
