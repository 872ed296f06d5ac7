//! `[http]`: what a request may be, and who may send it.

use super::network::Network;
use super::units::{Length, Size};

section! {
    /// `[http]`: requests, the upgrade among them.
    #[derive(Debug)]
    pub struct Http at http:

    /// Time from the TCP accept to a complete request head. A shorter time stops a slowloris attack
    /// sooner.
    header_timeout: Length = Length::from_secs(5), "`1ms` to `366d`", reload;

    /// Largest request head, including its last line end. Browsers send cookies: a site with many
    /// cookies needs more.
    header_bytes: Size = Size::kib(8), "`256` to `1MiB`", reload + memory;

    /// Largest body of a request for the application; a larger one gets 413. Each of
    /// `http.requests` may hold this much. An import into the recipe chat may have 512 KiB, or what a
    /// quarter of `limits.pending_input_total` and `limits.work_total` allows.
    body_bytes: Size = Size::kib(64), "`512` to `16MiB`", reload + memory;

    /// Requests for the application that are read, processed or answered at once; further ones get
    /// 503. Until they are answered they are pending connections too, so one address has at most
    /// `limits.pending_per_ip` of them: keep this well above that.
    requests: usize = 512, "1 to 65536 requests", reload + memory;

    /// The same for requests that keep users signed in, `POST /v1/auth/refresh`. They are counted apart
    /// from the others, so that nobody is signed out while the application is slow.
    refreshes: usize = 128, "1 to 65536 requests", reload + memory;

    /// How long the client may take to read an answer. A shorter time frees the slot of a slow
    /// reader sooner; too short a time disconnects slow phones.
    response_timeout: Length = Length::from_secs(10), "`1ms` to `366d`", reload;

    /// Web pages that may connect, and call the application over HTTP: `https://chat.example.com`
    /// exactly, or `*.example.com` for every host below it, not itself. In lower case, without a
    /// path, and with a port only if it is not the scheme's default. Empty: any may connect, and
    /// only the server's own page may change something. A client that sends no `Origin` is not a
    /// browser and is not checked.
    allowed_origins: Vec<String> = Vec::new(), "origins, or `*.` and a domain", reload;

    /// Proxies in front of the server. The address that they report for a client is used for limits
    /// and log lines; from any other sender such a header is ignored. List only your own proxies: a
    /// trusted sender can claim any address. `unix` is every peer of a Unix socket; untrusted, all of
    /// them count as one address.
    trusted_proxies: Vec<Network> = Vec::new(), "networks, such as `10.0.0.0/8` or `::1`, and `unix`", reload;

    /// With `true`, trusted proxies must send a PROXY header, version 1 or 2, before anything else;
    /// a connection without one is dropped. Forwarding headers in HTTP are then ignored. An
    /// untrusted client must not send one: it is read as HTTP, and gets 400.
    proxy_protocol: bool = false, "`true`, `false`", reload;

    /// How long browsers that have connected over TLS use only TLS for this host
    /// (`Strict-Transport-Security`). The header is sent over TLS, the server's own or that of a
    /// trusted proxy that reports it by `X-Forwarded-Proto` or `Forwarded`. `0s` makes browsers
    /// forget it: set that well before you serve the host without TLS.
    hsts: Length = Length::from_secs(365 * 86_400), "`0s` to `366d`", reload;
}
