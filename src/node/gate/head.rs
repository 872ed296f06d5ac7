//! The request head: what of all that is served here it asks for.
//!
//! What is refused here is refused in the order of the protocol: size, form, path, body, method,
//! upgrade and version, origin. Capacity and address are the node's to judge.

use std::mem::MaybeUninit;
use std::net::SocketAddr;

use httparse::Header;

use crate::config::Page;
use crate::node::gate::forwarded;
use crate::node::gate::headers::{accepts_gzip, bearer, body_length, has_token, single, values};
use crate::node::gate::target::{Authority, Target};
use crate::node::gate::upgrade;
use crate::node::http::client_details::ClientDetails;
use crate::node::http::message::{Method, ResponseForm};
use crate::node::http::refusal::Refusal;
use crate::node::http::request::{Credential, Http, Upgrade};
use crate::node::policy::Rules;

/// Header lines of a request, at most: more are answered as a head that is too large.
const MAX_HEADERS: usize = 64;
const CHAT_PATH: &str = "/v1/chat/";
const NOT_HTTP_1_1: Refusal = Refusal::BadRequest("This server speaks HTTP/1.1");

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// A WebSocket.
    Upgrade(Upgrade),
    /// `GET /healthz`, or `HEAD`.
    Health,
    /// Something of the application's.
    Http(Http),
    /// May the page ask (the Fetch standard's CORS preflight)?
    Preflight { is_allowed: bool },
}

/// A head that was read. It owns what it holds, as nobody reads it again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Its bytes; what follows is a body, or frames.
    pub(crate) length: usize,
    /// The client's address, as the proxies in front report it.
    pub(crate) client: SocketAddr,
    /// How its answer is written, a refusal too.
    pub(crate) form: ResponseForm,
    pub(crate) asked: Result<RequestKind, Refusal>,
}

/// Has a line end that could be the head's last come in `bytes` from `from` on?
///
/// Lets a head that comes a byte at a time be parsed once, not once a byte.
pub(crate) fn may_be_whole(bytes: &[u8], from: usize) -> bool {
    let unseen = bytes.get(from.saturating_sub(3)..).unwrap_or_default();
    memchr::memmem::find(unseen, b"\n\r\n").is_some()
        || memchr::memmem::find(unseen, b"\n\n").is_some()
}

/// Reads the head at the start of `bytes`. `None`: it is not whole yet. `largest_body` says
/// which paths are the application's, and how long a body may be there.
///
/// # Errors
/// It cannot be read, so nothing is known of it but that it is refused.
pub(crate) fn parse(
    bytes: &[u8],
    rules: Rules<'_>,
    peer: SocketAddr,
    largest_body: impl Fn(&str) -> Option<usize>,
) -> Result<Option<Head>, Refusal> {
    read(bytes, rules.max_bytes, |lines, length| {
        let path = lines.target.path;
        let largest_body = if is_own(path) { None } else { largest_body(path) };
        let page = rules.origins.judge(values(lines.headers, "origin"));
        let origin = match page {
            Page::Listed(origin) if largest_body.is_some() => Some(Box::from(origin)),
            _ => None,
        };
        let form = ResponseForm {
            is_head: lines.method == "HEAD",
            is_https: forwarded::is_https(lines.headers, peer, rules.proxies),
            origin,
        };
        let client = forwarded::client(lines.headers, peer, rules.proxies);
        let asked = match largest_body {
            Some(largest_body) => http(&lines, largest_body, page),
            None => of_the_node(&lines, rules, page),
        };
        Head { length, client, form, asked }
    })
}

/// The lines of a head that was read.
pub(crate) struct Lines<'h, 'a> {
    pub(crate) method: &'a str,
    pub(crate) target: Target<'a>,
    /// Whom it is for; `None`: it does not say, which HTTP/1.0 may.
    pub(crate) host: Option<Authority<'a>>,
    /// It is HTTP/1.0, not 1.1.
    pub(crate) is_old: bool,
    pub(crate) headers: &'h [Header<'a>],
}

impl Lines<'_, '_> {
    /// A request of HTTP/1.0 may ask for something, as probes of balancers do, and change nothing.
    pub(crate) fn check_version(&self) -> Result<(), Refusal> {
        let is_safe = matches!(self.method, "GET" | "HEAD" | "OPTIONS");
        if self.is_old && !is_safe { Err(NOT_HTTP_1_1) } else { Ok(()) }
    }
}

/// Reads a head of HTTP/1.1, or 1.0, with a good `Host`, whatever `judge` makes of it and its length.
pub(crate) fn read<'a, T>(
    bytes: &'a [u8],
    max_bytes: usize,
    judge: impl FnOnce(Lines<'_, 'a>, usize) -> T,
) -> Result<Option<T>, Refusal> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut []);
    let within = bytes.get(..max_bytes).unwrap_or(bytes);
    let length = match head.parse_with_uninit_headers(within, &mut headers) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if within.len() >= max_bytes => {
            return Err(Refusal::HeadersTooLarge);
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadersTooLarge),
        Err(httparse::Error::Version) => return Err(NOT_HTTP_1_1),
        Err(_) => return Err(Refusal::BadRequest("The request head is malformed")),
    };
    let is_old = head.version == Some(0);
    let target = Target::parse(head.path.unwrap_or_default())?;
    // RFC 9112, section 3.2: exactly one good Host; one that is there at all in HTTP/1.0.
    let mut hosts = values(head.headers, "host");
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(
            Authority::parse(host).ok_or(Refusal::BadRequest("The Host header is malformed"))?,
        ),
        (None, _) if is_old => None,
        _ => return Err(Refusal::BadRequest("The request needs one Host header")),
    };
    let lines = Lines {
        method: head.method.unwrap_or_default(),
        target,
        host: target.authority.or(host),
        is_old,
        headers: head.headers,
    };
    Ok(Some(judge(lines, length)))
}

/// Is this path the node's own, whatever the application serves?
fn is_own(path: &str) -> bool {
    path.starts_with(CHAT_PATH) || path == "/healthz"
}

/// What the node answers itself.
fn of_the_node(
    lines: &Lines<'_, '_>,
    rules: Rules<'_>,
    page: Page<'_>,
) -> Result<RequestKind, Refusal> {
    let path = lines.target.path;
    let room = path.strip_prefix(CHAT_PATH).filter(|room| !room.is_empty() && !room.contains('/'));
    if path != "/healthz" && room.is_none() {
        return Err(Refusal::NotFound);
    }
    let has_body = values(lines.headers, "transfer-encoding").next().is_some()
        || values(lines.headers, "content-length").any(|length| length.trim_ascii() != b"0");
    if has_body {
        return Err(Refusal::BadRequest("A body does not belong here"));
    }
    match (room, lines.method) {
        (Some(room), _) => chat(lines, room, rules, page).map(RequestKind::Upgrade),
        (None, "GET" | "HEAD") => Ok(RequestKind::Health),
        (None, _) => Err(Refusal::MethodNotAllowed),
    }
}

/// A WebSocket for a room.
fn chat(
    lines: &Lines<'_, '_>,
    room: &str,
    rules: Rules<'_>,
    page: Page<'_>,
) -> Result<Upgrade, Refusal> {
    // RFC 6455, section 4.2.1: an upgrade is HTTP/1.1, or higher.
    if lines.is_old {
        return Err(NOT_HTTP_1_1);
    }
    let room =
        upgrade::decode_room(room).ok_or(Refusal::BadRequest("The recipe id is malformed"))?;
    let wants_upgrade = has_token(lines.headers, "upgrade", "websocket")
        && has_token(lines.headers, "connection", "upgrade");
    let handshake = if wants_upgrade { Some(upgrade::handshake(lines.headers)?) } else { None };
    if lines.method != "GET" {
        return Err(Refusal::MethodNotAllowed);
    }
    let Some((accept, subprotocol)) = handshake else { return Err(Refusal::UpgradeRequired) };
    if single(lines.headers, "sec-websocket-version") != Some(b"13") {
        return Err(Refusal::UnsupportedVersion);
    }
    if page == Page::Refused {
        return Err(Refusal::OriginNotAllowed);
    }
    let credential = Credential::find(lines.headers, lines.target.query);
    let names = ["origin", "user-agent"].map(|name| single(lines.headers, name));
    let details = ClientDetails::new(subprotocol, names, lines.target.query, rules.client_bytes);
    Ok(Upgrade { room, accept, subprotocol, credential, details })
}

/// A request for something of the application's.
fn http(
    lines: &Lines<'_, '_>,
    largest_body: usize,
    page: Page<'_>,
) -> Result<RequestKind, Refusal> {
    let headers = lines.headers;
    let text = |name| single(headers, name).and_then(|value| std::str::from_utf8(value).ok());
    lines.check_version()?;
    let (method, takes_body) = match lines.method {
        "GET" | "HEAD" => (Method::Get, false),
        "POST" => (Method::Post, true),
        "PUT" => (Method::Put, true),
        "PATCH" => (Method::Patch, true),
        "DELETE" => (Method::Delete, true),
        // A browser that is told nothing does not make the request that it asks about.
        "OPTIONS" => {
            return Ok(RequestKind::Preflight { is_allowed: matches!(page, Page::Listed(_)) });
        }
        _ => return Err(Refusal::MethodNotAllowed),
    };
    // Not left to the browser: it hides the answer from the page, but the request has been made.
    let is_same_origin = single(headers, "sec-fetch-site") == Some(b"same-origin");
    let may_change = page.may_change(text("host"), is_same_origin);
    if page == Page::Refused || (method != Method::Get && !may_change) {
        return Err(Refusal::OriginNotAllowed);
    }
    let condition = if method == Method::Get { "if-none-match" } else { "if-match" };
    let body_length = body_length(headers)?;
    if body_length > largest_body {
        return Err(Refusal::BodyTooLarge);
    }
    if body_length > 0 && !takes_body {
        return Err(Refusal::BadRequest("A body does not belong here"));
    }
    Ok(RequestKind::Http(Http {
        method,
        path: lines.target.path.into(),
        query: lines.target.query.into(),
        bearer: text("authorization").and_then(bearer).map(Box::from),
        tags: text(condition).map(Box::from),
        accepts_gzip: accepts_gzip(headers),
        content_type: text("content-type").map(Box::from),
        body_length,
        expects_continue: has_token(headers, "expect", "100-continue"),
    }))
}

#[cfg(test)]
mod tests;
