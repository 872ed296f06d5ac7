//! What can be configured, with its units and defaults: plain values, no file and no environment.
//!
//! The command line fills these from TOML, environment and flags; a program that embeds the node
//! fills them by hand. A limit of 0 is "none" unless its field says otherwise.

mod admin;
pub mod check;
mod network;
mod recipes;
mod tls;
mod units;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

pub use admin::Admin;
pub use check::Fault;
pub use network::Network;
pub use recipes::{Accounts, Recipes};
pub use tls::Tls;
pub use units::{Length, Size};

/// Everything. Its serialised form is the configuration file, with every key there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses to listen on, one text or a list.
    #[serde(deserialize_with = "one_or_many")]
    pub listen: Vec<String>,
    /// Connections that the kernel completes and keeps until they are accepted.
    pub backlog: u32,
    /// Several processes on one address, connections spread by the kernel (`SO_REUSEPORT`).
    pub reuse_port: bool,
    /// The directory for what must outlive the process.
    pub data: String,
    /// Over how long a drain spreads its closes.
    pub drain: Length,
    /// The listener for whoever runs the server.
    pub admin: Admin,
    /// Who may come in, and for how long.
    pub auth: Auth,
    /// Bounds on everything a peer can grow.
    pub limits: Limits,
    /// The upgrade request.
    pub http: Http,
    /// What the public listeners show, when they speak TLS.
    pub tls: Tls,
    /// The application behind the edge.
    pub backend: Backend,
    /// The embedded recipe chat.
    pub recipes: Recipes,
    /// Its accounts.
    pub accounts: Accounts,
    /// Log lines.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec!["127.0.0.1:8080".to_owned()],
            backlog: 4_096,
            reuse_port: false,
            data: "./vestibule-data".to_owned(),
            drain: Length::from_secs(10),
            admin: Admin::default(),
            auth: Auth::default(),
            limits: Limits::default(),
            http: Http::default(),
            tls: Tls::default(),
            backend: Backend::default(),
            recipes: Recipes::default(),
            accounts: Accounts::default(),
            log: Log::default(),
        }
    }
}

/// `[auth]`: tokens and the clocks around them.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Where a token may be.
    pub mode: AuthMode,
    /// From the 101 to a whole `auth` message.
    pub timeout: Length,
    /// Age of an accepted `auth` at which a new one is asked for. Zero: only by the token's expiry.
    pub reauth_after: Length,
    /// How long before the token's expiry a new `auth` is asked for.
    pub reauth_before_expiry: Length,
    /// How long the client has to answer.
    pub reauth_grace: Length,
    /// Up to this much earlier, at random, at most a tenth of the interval.
    pub reauth_spread: Length,
    /// A token with a `jti` serves one connection.
    pub single_use_jti: bool,
    /// Signature algorithms that are taken: of secrets, or of public keys, never of both.
    pub algorithms: Vec<String>,
    /// The HMAC secret: at least as many bytes as the hash has.
    pub secret: String,
    /// The file that holds it instead.
    pub secret_file: String,
    /// Public keys instead: a file of PEM.
    pub public_key_file: String,
    /// Keys by `kid` instead: a file that holds a JWK set. Read again when it changes.
    pub jwks_file: String,
    /// The same at an address, `https://` or on this host. Fetched in the background.
    pub jwks_url: String,
    /// The `iss` a token must carry. Empty: any.
    pub issuer: String,
    /// What a token's `aud` must name. Empty: any.
    pub audience: String,
    /// Tolerance in `exp` and `nbf`.
    pub leeway: Length,
    /// Since when tokens in requests are deprecated, in RFC 3339: told to clients that send one.
    /// Empty: not told.
    pub deprecated_since: String,
    /// When they will not be taken any more, in RFC 3339. Empty: not told.
    pub sunset: String,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            mode: AuthMode::Message,
            timeout: Length::from_secs(5),
            reauth_after: Length::from_secs(14 * 60),
            reauth_before_expiry: Length::from_secs(60),
            reauth_grace: Length::from_secs(30),
            reauth_spread: Length::from_secs(30),
            single_use_jti: false,
            algorithms: vec!["HS256".to_owned()],
            secret: String::new(),
            secret_file: String::new(),
            public_key_file: String::new(),
            jwks_file: String::new(),
            jwks_url: String::new(),
            issuer: String::new(),
            audience: String::new(),
            leeway: Length::from_secs(0),
            deprecated_since: "2026-01-01T00:00:00Z".to_owned(),
            sunset: String::new(),
        }
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

/// `[limits]`: a bound for everything a peer can grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// TCP connections in all. 0: what the descriptor limit allows.
    pub connections: usize,
    /// Of these, not yet authenticated. 0: half of `connections`.
    pub pending: usize,
    /// Of the pending ones, those of one address; an IPv6 /64 is one.
    pub pending_per_ip: usize,
    /// Connections of one user (`sub`).
    pub connections_per_user: u32,
    /// Points of authentication a minute for one address, and their burst: a forged token costs 10.
    pub auth_per_minute_per_ip: u32,
    /// Addresses whose points are remembered; full: the one with the least to drain goes.
    pub addresses: usize,
    /// Chat messages a minute on one connection, and its burst.
    pub messages_per_minute: u32,
    /// The largest message.
    pub message_bytes: Size,
    /// The largest message before authentication.
    pub pending_message_bytes: Size,
    /// Messages that wait for an earlier one's answer, on one connection; more wait in the kernel.
    pub waiting_messages: u32,
    /// Queued to one slow reader.
    pub outbound_bytes: Size,
    /// Silence after which a ping is sent; the connection ends after 2 unanswered.
    pub ping: Length,
    /// Accepted `auth` messages that are remembered; full: the one nearest to its expiry goes.
    pub replay_entries: usize,
    /// Users whose sessions an operator ended and whose older tokens are refused; full: the one
    /// nearest to its end is forgotten.
    pub revocations: usize,
    /// Answers that are remembered for repeated ids, in all; full: the stalest room's go.
    pub answer_bytes: Size,
    /// Rooms whose owner the in-memory application remembers; full: no new room.
    pub rooms: usize,
    /// Threads for work that blocks.
    pub workers: usize,
    /// Work that waits for a thread; full: the connection that asks is refused.
    pub worker_queue: usize,
    /// Work that waits for the embedded application's database; full: who asks is refused.
    pub storage_queue: usize,
    /// Accepts, handshakes and signature checks in one turn of the reactor.
    pub pending_per_turn: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 0,
            pending: 0,
            pending_per_ip: 256,
            connections_per_user: 5,
            auth_per_minute_per_ip: 120,
            addresses: 65_536,
            messages_per_minute: 30,
            message_bytes: Size::kib(64),
            pending_message_bytes: Size::kib(16),
            waiting_messages: 16,
            outbound_bytes: Size::kib(256),
            ping: Length::from_secs(30),
            replay_entries: 65_536,
            revocations: 65_536,
            answer_bytes: Size::kib(16 * 1_024),
            rooms: 65_536,
            workers: 4,
            worker_queue: 1_024,
            storage_queue: 4_096,
            pending_per_turn: 64,
        }
    }
}

/// `[http]`: requests, the upgrade among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// From the TCP accept to a whole request head.
    pub header_timeout: Length,
    /// The largest request head, its last line end included.
    pub header_bytes: Size,
    /// The largest body of a request that the application serves.
    pub body_bytes: Size,
    /// Requests for the application that are read, asked or answered at once.
    pub requests: usize,
    /// How long the answer may take to be read.
    pub response_timeout: Length,
    /// Exact origins, or `*.example.com`. Empty: any.
    pub allowed_origins: Vec<String>,
    /// Proxies in front: who they say the client is, is believed.
    pub trusted_proxies: Vec<Network>,
    /// They say it by the PROXY protocol, version 1 or 2, and not by HTTP headers.
    pub proxy_protocol: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            header_timeout: Length::from_secs(5),
            header_bytes: Size::kib(8),
            body_bytes: Size::kib(64),
            requests: 512,
            response_timeout: Length::from_secs(10),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
        }
    }
}

/// `[backend]`: the application behind the edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backend {
    /// Where the application is, `https://` or `http://`. Empty: it is one of this process.
    pub url: String,
    /// The file that holds the secret which signs requests, `whsec_…`. Required off loopback.
    pub secret_file: String,
    /// How long the application has for a join or for a message's answer.
    pub timeout: Length,
    /// Calls of the backend at the same time, each on a thread of its own.
    pub workers: usize,
    /// Questions that wait for one of them; full: who asks is refused. And as many leaves.
    pub queue: usize,
}

impl Default for Backend {
    fn default() -> Self {
        Self {
            url: String::new(),
            secret_file: String::new(),
            timeout: Length::from_secs(5),
            workers: 16,
            queue: 1_024,
        }
    }
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// `text`, or `json`: one object a line.
    pub format: String,
    /// Appended to. Empty: standard error.
    pub file: String,
    /// Lines that wait for the writing thread; more are dropped, and counted.
    pub queue: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: "text".to_owned(),
            file: String::new(),
            queue: 1_024,
        }
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a text or a list of texts")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_in_the_debug_form() {
        let auth = Auth { secret: "hush-hush".to_owned(), ..Auth::default() };
        assert!(!format!("{:?}", Config { auth, ..Config::default() }).contains("hush"));
    }
}
