//! `[http]`: what a request may be, and who may send it.

use super::network::Network;
use super::units::{Length, Size};

section! {
    /// `[http]`: requests, the upgrade among them.
    #[derive(Debug)]
    pub struct Http at http:

    /// From the TCP accept to a whole request head. Shorter ends a slow-loris sooner.
    header_timeout: Length = Length::from_secs(5), "`1ms` to `366d`", reload;

    /// The largest request head, its last line end included. Browsers send cookies: a site with
    /// many needs more.
    header_bytes: Size = Size::kib(8), "`256` to `1MiB`", reload;

    /// The largest body of a request that the application serves; a larger one is answered 413.
    /// Each of `http.requests` may hold this much.
    body_bytes: Size = Size::kib(64), "`512` to `16MiB`", reload;

    /// Requests for the application that are read, asked or answered at once; more are answered
    /// 503. Until they are answered they are pending connections, too, so one address has at most
    /// `limits.pending_per_ip` of them: keep this well above that.
    requests: usize = 512, "1 to 65536 requests", reload;

    /// How long an answer may take to be read. Shorter frees the place of a slow reader sooner; too
    /// short cuts off slow phones.
    response_timeout: Length = Length::from_secs(10), "`1ms` to `366d`", reload;

    /// Which web pages may connect, and call the application over HTTP: `https://chat.example.com`
    /// exactly, or `*.example.com` for every host below it, not itself. In lower case, without a
    /// path, and with a port only where it is not the scheme's own. Empty: any. A client that sends
    /// no `Origin` is no browser and is not asked.
    allowed_origins: Vec<String> = Vec::new(), "origins, or `*.` and a domain", reload;

    /// Proxies in front. A client's address is then who they say it is; limits and log lines go by
    /// it. From anybody else such a header is ignored. Name your proxies and nobody else: who is
    /// trusted can be anyone.
    trusted_proxies: Vec<Network> = Vec::new(), "networks, such as `10.0.0.0/8` or `::1`", reload;

    /// With `true`, trusted proxies must send a PROXY header, version 1 or 2, before anything else,
    /// and are dropped without one; no header of HTTP is believed then. Who is not trusted must not
    /// send one: it is taken as HTTP, and answered 400.
    proxy_protocol: bool = false, "`true`, `false`", reload;

    /// For how long browsers that have been here over TLS use nothing else for this host
    /// (`Strict-Transport-Security`). It is sent over TLS, of the server itself or of a trusted proxy
    /// that says so by `X-Forwarded-Proto` or `Forwarded`. `0s` makes browsers forget it: set that
    /// well before the host is served without TLS.
    hsts: Length = Length::from_secs(365 * 86_400), "`0s` to `366d`", reload;
}
