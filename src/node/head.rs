//! The request head: what of all that is served here it asks for.
//!
//! What is refused here is refused in the order of the protocol: size, form, path and method,
//! upgrade and version, origin. Capacity and address are the node's to judge.

use std::net::SocketAddr;

use httparse::Header;
use smol_str::SmolStr;

use super::forwarded;
use super::http::Method;
use super::legacy::Credential;
use super::refusal::Refusal;
use super::upgrade;
use crate::config::{Network, Origins, Page};

/// Header lines of a request, at most: more are answered as a head that is too large.
const MAX_HEADERS: usize = 64;
const CHAT_PATH: &str = "/v1/chat/";
const NOT_HTTP_1_1: Refusal = Refusal::BadRequest("This server speaks HTTP/1.1");

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked<'a> {
    /// A WebSocket.
    Upgrade(Upgrade),
    /// `GET /healthz`, or `HEAD`.
    Health { is_head: bool },
    /// Something of the application's.
    Http(Http<'a>),
    /// May a page of this origin ask (the Fetch standard's CORS preflight)?
    Preflight {
        /// `None`: it may not.
        origin: Option<&'a str>,
    },
}

/// A request for a WebSocket. It owns what it holds, as frames are unmasked in place behind it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Upgrade {
    /// The recipe's id, percent-decoded.
    pub(crate) room: SmolStr,
    /// The answer to `Sec-WebSocket-Key`.
    pub(crate) accept: String,
    /// The client offered our subprotocol.
    pub(crate) subprotocol: bool,
    /// Who asks, as the proxies in front say.
    pub(crate) client: SocketAddr,
    /// What an old client sends instead of an `auth`.
    pub(crate) credential: Credential,
}

/// A request for something of the application's.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Http<'a> {
    pub(crate) method: Method,
    /// The answer is written without its body.
    pub(crate) is_head: bool,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// The token of `Authorization: Bearer` (RFC 6750, section 2.1).
    pub(crate) bearer: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
    /// The page's origin, where the list allows it.
    pub(crate) origin: Option<&'a str>,
    pub(crate) body_length: usize,
    /// The client waits for a word before it sends the body (RFC 9110, section 10.1.1).
    pub(crate) expects_continue: bool,
    pub(crate) client: SocketAddr,
}

/// The query and the token are not shown.
impl std::fmt::Debug for Http<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("body_length", &self.body_length)
            .finish_non_exhaustive()
    }
}

/// What a request is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) max_bytes: usize,
    pub(crate) max_body_bytes: usize,
    pub(crate) origins: &'a Origins,
    /// Whose word about the client is taken.
    pub(crate) proxies: &'a [Network],
}

/// Has a line end that could be the head's last come in `bytes` from `from` on?
///
/// Lets a head that comes a byte at a time be parsed once, not once a byte.
pub(crate) fn may_be_whole(bytes: &[u8], from: usize) -> bool {
    let unseen = bytes.get(from.saturating_sub(3)..).unwrap_or_default();
    memchr::memmem::find(unseen, b"\n\r\n").is_some()
        || memchr::memmem::find(unseen, b"\n\n").is_some()
}

/// Reads the head at the start of `bytes`. `None`: it is not whole yet. With what is asked comes the
/// head's length; what follows is a body, or frames. `serves` says which paths are the application's.
pub(crate) fn parse<'a>(
    bytes: &'a [u8],
    rules: Rules<'_>,
    peer: SocketAddr,
    serves: impl Fn(&str) -> bool,
) -> Result<Option<(Asked<'a>, usize)>, Refusal> {
    read(bytes, rules.max_bytes, |head| asked(head, rules, peer, serves))
}

/// Reads a head that is HTTP/1.1 with one `Host`, whatever `judge` makes of it.
pub(super) fn read<'a, T>(
    bytes: &'a [u8],
    max_bytes: usize,
    judge: impl FnOnce(&httparse::Request<'_, 'a>) -> Result<T, Refusal>,
) -> Result<Option<(T, usize)>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let within = bytes.get(..max_bytes).unwrap_or(bytes);
    let length = match head.parse(within) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if within.len() >= max_bytes => {
            return Err(Refusal::HeadersTooLarge);
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadersTooLarge),
        Err(httparse::Error::Version) => return Err(NOT_HTTP_1_1),
        Err(_) => return Err(Refusal::BadRequest("The request head is malformed")),
    };
    if head.version != Some(1) {
        return Err(NOT_HTTP_1_1);
    }
    // RFC 9112, section 3.2: exactly one Host.
    if values(head.headers, "host").count() != 1 {
        return Err(Refusal::BadRequest("The request needs one Host header"));
    }
    judge(&head).map(|judged| Some((judged, length)))
}

fn asked<'a>(
    head: &httparse::Request<'_, 'a>,
    rules: Rules<'_>,
    peer: SocketAddr,
    serves: impl Fn(&str) -> bool,
) -> Result<Asked<'a>, Refusal> {
    let target = head.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let client = forwarded::client(head.headers, peer, rules.proxies);
    let is_own = path.starts_with(CHAT_PATH) || path == "/healthz";
    if !is_own && serves(path) {
        return http(head, rules, path, query, client);
    }
    let has_body = values(head.headers, "transfer-encoding").next().is_some()
        || values(head.headers, "content-length").any(|length| length.trim_ascii() != b"0");
    if has_body {
        return Err(Refusal::BadRequest("A body does not belong here"));
    }
    if path == "/healthz" {
        return match head.method {
            Some("GET") => Ok(Asked::Health { is_head: false }),
            Some("HEAD") => Ok(Asked::Health { is_head: true }),
            _ => Err(Refusal::MethodNotAllowed),
        };
    }
    chat(head, rules, path, query, client)
}

/// A WebSocket for a room.
fn chat<'a>(
    head: &httparse::Request<'_, 'a>,
    rules: Rules<'_>,
    path: &str,
    query: &str,
    client: SocketAddr,
) -> Result<Asked<'a>, Refusal> {
    let room = path.strip_prefix(CHAT_PATH).ok_or(Refusal::NotFound)?;
    if room.is_empty() || room.contains('/') {
        return Err(Refusal::NotFound);
    }
    let room =
        upgrade::decode_room(room).ok_or(Refusal::BadRequest("The recipe id is malformed"))?;
    let wants_upgrade = has_token(head.headers, "upgrade", "websocket")
        && has_token(head.headers, "connection", "upgrade");
    let handshake = if wants_upgrade { Some(upgrade::handshake(head.headers)?) } else { None };
    if head.method != Some("GET") {
        return Err(Refusal::MethodNotAllowed);
    }
    let Some((accept, subprotocol)) = handshake else { return Err(Refusal::UpgradeRequired) };
    if single(head.headers, "sec-websocket-version") != Some(b"13") {
        return Err(Refusal::UnsupportedVersion);
    }
    if rules.origins.judge(values(head.headers, "origin")) == Page::Refused {
        return Err(Refusal::OriginNotAllowed);
    }
    let credential = Credential::find(head.headers, query);
    Ok(Asked::Upgrade(Upgrade { room, accept, subprotocol, client, credential }))
}

/// A request for something of the application's.
fn http<'a>(
    head: &httparse::Request<'_, 'a>,
    rules: Rules<'_>,
    path: &'a str,
    query: &'a str,
    client: SocketAddr,
) -> Result<Asked<'a>, Refusal> {
    let text = |name| single(head.headers, name).and_then(|value| std::str::from_utf8(value).ok());
    let page = rules.origins.judge(values(head.headers, "origin"));
    let origin = if let Page::Listed(origin) = page { Some(origin) } else { None };
    let (method, takes_body) = match head.method {
        Some("GET" | "HEAD") => (Method::Get, false),
        Some("POST") => (Method::Post, true),
        Some("PUT") => (Method::Put, true),
        Some("PATCH") => (Method::Patch, true),
        Some("DELETE") => (Method::Delete, true),
        // A browser that is told nothing does not make the request that it asks about.
        Some("OPTIONS") => return Ok(Asked::Preflight { origin }),
        _ => return Err(Refusal::MethodNotAllowed),
    };
    // Not left to the browser: it hides the answer from the page, but the request has been made.
    if page == Page::Refused {
        return Err(Refusal::OriginNotAllowed);
    }
    let body_length = body_length(head.headers)?;
    if body_length > rules.max_body_bytes {
        return Err(Refusal::BodyTooLarge);
    }
    if body_length > 0 && !takes_body {
        return Err(Refusal::BadRequest("A body does not belong here"));
    }
    Ok(Asked::Http(Http {
        method,
        is_head: head.method == Some("HEAD"),
        path,
        query,
        bearer: text("authorization").and_then(bearer),
        if_none_match: text("if-none-match"),
        origin,
        body_length,
        expects_continue: has_token(head.headers, "expect", "100-continue"),
        client,
    }))
}

/// The body's length. Without the header there is none (RFC 9112, section 6.3); chunks are not
/// taken, as nobody who fits into the bound needs them.
pub(super) fn body_length(headers: &[Header<'_>]) -> Result<usize, Refusal> {
    if values(headers, "transfer-encoding").next().is_some() {
        return Err(Refusal::LengthRequired);
    }
    let mut lengths = values(headers, "content-length");
    let Some(length) = lengths.next() else { return Ok(0) };
    const MALFORMED: Refusal = Refusal::BadRequest("Content-Length is malformed");
    if lengths.any(|other| other != length) || !length.iter().all(u8::is_ascii_digit) {
        return Err(MALFORMED);
    }
    let length = std::str::from_utf8(length).ok().filter(|text| !text.is_empty());
    // More digits than a number holds are too many bytes, too.
    Ok(length.ok_or(MALFORMED)?.parse().unwrap_or(usize::MAX))
}

/// The token of `Authorization: Bearer`. Another scheme is no token.
pub(super) fn bearer_of(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then_some(token)
}

fn bearer(value: &str) -> Option<&str> {
    bearer_of(value.as_bytes()).and_then(|token| std::str::from_utf8(token).ok())
}

/// The values of the header lines of this name.
pub(super) fn values<'h, 'a>(
    headers: &'h [Header<'a>],
    name: &'h str,
) -> impl Iterator<Item = &'a [u8]> + use<'h, 'a> {
    let lines = headers.iter().filter(move |line| line.name.eq_ignore_ascii_case(name));
    lines.map(|line| line.value.trim_ascii())
}

/// The value of a header that must be there once.
pub(super) fn single<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a [u8]> {
    let mut lines = values(headers, name);
    let first = lines.next();
    if lines.next().is_some() { None } else { first }
}

/// The elements of a comma-separated list (RFC 9110, section 5.6.1): empty ones do not count.
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Is `token` among the elements of this header?
pub(super) fn has_token(headers: &[Header<'_>], name: &str, token: &str) -> bool {
    values(headers, name)
        .flat_map(elements)
        .any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests;
