//! `[http]`: what a request may be, and who may send it.

use serde::{Deserialize, Serialize};

use super::{Length, Network, Size};

/// `[http]`: requests, the upgrade among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// From the TCP accept to a whole request head. Shorter ends a slow-loris sooner.
    ///
    /// Range: `1ms` to `366d`.
    pub header_timeout: Length,
    /// The largest request head, its last line end included. Browsers send cookies: a site with
    /// many needs more.
    ///
    /// Range: `256` to `1MiB`.
    pub header_bytes: Size,
    /// The largest body of a request that the application serves; a larger one is answered 413.
    /// Each of `http.requests` may hold this much.
    ///
    /// Range: `512` to `16MiB`.
    pub body_bytes: Size,
    /// Requests for the application that are read, asked or answered at once; more are answered
    /// 503. Until they are answered they are pending connections, too, so one address has at most
    /// `limits.pending_per_ip` of them: keep this well above that.
    ///
    /// Range: 1 to 65536 requests.
    pub requests: usize,
    /// How long an answer may take to be read. Shorter frees the place of a slow reader sooner; too
    /// short cuts off slow phones.
    ///
    /// Range: `1ms` to `366d`.
    pub response_timeout: Length,
    /// Which web pages may connect, and call the application over HTTP: `https://chat.example.com`
    /// exactly, or `*.example.com` for every host below it, not itself. In lower case, without a
    /// path, and with a port only where it is not the scheme's own. Empty: any. A client that sends
    /// no `Origin` is no browser and is not asked.
    ///
    /// Range: origins, or `*.` and a domain.
    pub allowed_origins: Vec<String>,
    /// Proxies in front. A client's address is then who they say it is; limits and log lines go by
    /// it. From anybody else such a header is ignored. Name your proxies and nobody else: who is
    /// trusted can be anyone.
    ///
    /// Range: networks, such as `10.0.0.0/8` or `::1`.
    pub trusted_proxies: Vec<Network>,
    /// With `true`, trusted proxies must send a PROXY header, version 1 or 2, before anything else,
    /// and are dropped without one; no header of HTTP is believed then. Who is not trusted must not
    /// send one: it is taken as HTTP, and answered 400.
    ///
    /// Range: `true`, `false`.
    pub proxy_protocol: bool,
    /// For how long browsers that have been here over TLS use nothing else for this host
    /// (`Strict-Transport-Security`). It is sent over TLS, of the server itself or of a trusted proxy
    /// that says so by `X-Forwarded-Proto` or `Forwarded`. `0s` makes browsers forget it: set that
    /// well before the host is served without TLS.
    ///
    /// Range: `0s` to `366d`.
    pub hsts: Length,
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
            hsts: Length::from_secs(365 * 86_400),
        }
    }
}
