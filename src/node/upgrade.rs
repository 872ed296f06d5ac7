//! The request head: an upgrade, one of the small routes, or a refusal in HTTP.
//!
//! What is refused here is refused with one JSON answer, in the order of the protocol: size, form,
//! path and method, upgrade and version, origin, capacity, address.

use std::io::Write;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use httparse::Header;
use smol_str::SmolStr;
use tungstenite::handshake::derive_accept_key;

use super::forwarded;
use super::refusal::Refusal;
use crate::config::Network;
use crate::id::ConnId;
use crate::protocol::{MAX_ROOM_CHARS, SUBPROTOCOL};

/// Header lines of a request, at most: more are answered as a head that is too large.
const MAX_HEADERS: usize = 64;
const CHAT_PATH: &str = "/v1/chat/";

/// What a request head asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A WebSocket for this room.
    Upgrade {
        /// The recipe's id, percent-decoded.
        room: SmolStr,
        /// The answer to `Sec-WebSocket-Key`.
        accept: String,
        /// The client offered our subprotocol.
        subprotocol: bool,
        /// Who asks, as the proxies in front say.
        client: SocketAddr,
    },
    /// `GET /healthz`.
    Health,
}

/// What a request is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) max_bytes: usize,
    pub(crate) origins: &'a [String],
    /// Whose word about the client is taken.
    pub(crate) proxies: &'a [Network],
}

/// The answer that makes the connection a WebSocket (RFC 6455, section 4.2.2).
pub(crate) fn switching_protocols(
    buffer: &mut Vec<u8>,
    accept: &str,
    subprotocol: bool,
    id: ConnId,
) {
    let protocol = if subprotocol { "Sec-WebSocket-Protocol: recipe-chat.v2\r\n" } else { "" };
    let written = write!(
        buffer,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{protocol}X-Connection-Id: {id}\r\n\r\n"
    );
    debug_assert!(written.is_ok(), "a vector takes every byte");
}

/// Has a line end that could be the head's last come in `bytes` from `from` on?
///
/// Lets a head that comes a byte at a time be parsed once, not once a byte.
pub(crate) fn may_be_whole(bytes: &[u8], from: usize) -> bool {
    let unseen = bytes.get(from.saturating_sub(3)..).unwrap_or_default();
    memchr::memmem::find(unseen, b"\n\r\n").is_some()
        || memchr::memmem::find(unseen, b"\n\n").is_some()
}

/// Reads the head at the start of `bytes`. `None`: it is not whole yet. With the request comes the
/// head's length; what follows are frames.
pub(crate) fn parse(
    bytes: &[u8],
    rules: Rules<'_>,
    peer: SocketAddr,
) -> Result<Option<(Request, usize)>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let max_bytes = rules.max_bytes;
    let within = bytes.get(..max_bytes).unwrap_or(bytes);
    match head.parse(within) {
        Ok(httparse::Status::Complete(length)) => {
            request(&head, rules, peer).map(|request| Some((request, length)))
        }
        Ok(httparse::Status::Partial) if within.len() >= max_bytes => Err(Refusal::HeadersTooLarge),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(Refusal::HeadersTooLarge),
        Err(httparse::Error::Version) => Err(Refusal::BadRequest("This server speaks HTTP/1.1")),
        Err(_) => Err(Refusal::BadRequest("The request head is malformed")),
    }
}

fn request(
    head: &httparse::Request<'_, '_>,
    rules: Rules<'_>,
    peer: SocketAddr,
) -> Result<Request, Refusal> {
    if head.version != Some(1) {
        return Err(Refusal::BadRequest("This server speaks HTTP/1.1"));
    }
    // RFC 9112, section 3.2: exactly one Host.
    if values(head.headers, "host").count() != 1 {
        return Err(Refusal::BadRequest("The request needs one Host header"));
    }
    let has_body = values(head.headers, "transfer-encoding").next().is_some()
        || values(head.headers, "content-length").any(|length| length.trim_ascii() != b"0");
    if has_body {
        return Err(Refusal::BadRequest("A body does not belong here"));
    }
    let path = head.path.unwrap_or_default();
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let wants_upgrade = has_token(head.headers, "upgrade", "websocket")
        && has_token(head.headers, "connection", "upgrade");
    let request = match path.strip_prefix(CHAT_PATH) {
        Some(room) if !room.is_empty() && !room.contains('/') => {
            let room =
                decode_room(room).ok_or(Refusal::BadRequest("The recipe id is malformed"))?;
            let handshake = if wants_upgrade { Some(handshake(head)?) } else { None };
            Some((room, handshake))
        }
        _ if path == "/healthz" => None,
        _ => return Err(Refusal::NotFound),
    };
    if head.method != Some("GET") {
        return Err(Refusal::MethodNotAllowed);
    }
    let Some((room, handshake)) = request else { return Ok(Request::Health) };
    let Some((accept, subprotocol)) = handshake else { return Err(Refusal::UpgradeRequired) };
    if single(head.headers, "sec-websocket-version") != Some(b"13") {
        return Err(Refusal::UnsupportedVersion);
    }
    if !rules.origins.is_empty()
        && !values(head.headers, "origin").all(|origin| is_allowed(origin, rules.origins))
    {
        return Err(Refusal::OriginNotAllowed);
    }
    let client = forwarded::client(head.headers, peer, rules.proxies);
    Ok(Request::Upgrade { room, accept, subprotocol, client })
}

/// The accept key, and whether our subprotocol was offered (RFC 6455, section 4.2.1).
fn handshake(head: &httparse::Request<'_, '_>) -> Result<(String, bool), Refusal> {
    let key = single(head.headers, "sec-websocket-key")
        .filter(|key| key.len() == 24 && STANDARD.decode_slice(key, &mut [0; 18]) == Ok(16))
        .ok_or(Refusal::BadRequest("Sec-WebSocket-Key must be 16 bytes in base64"))?;
    let mut offered = values(head.headers, "sec-websocket-protocol").flat_map(elements).peekable();
    let offers = offered.peek().is_some();
    let subprotocol = offered.any(|name| name == SUBPROTOCOL.as_bytes());
    if offers && !subprotocol {
        return Err(Refusal::UnsupportedSubprotocol);
    }
    Ok((derive_accept_key(key), subprotocol))
}

/// The values of the header lines of this name.
fn values<'a>(headers: &'a [Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
    let lines = headers.iter().filter(move |line| line.name.eq_ignore_ascii_case(name));
    lines.map(|line| line.value.trim_ascii())
}

/// The value of a header that must be there once.
fn single<'a>(headers: &'a [Header<'_>], name: &'a str) -> Option<&'a [u8]> {
    let mut lines = values(headers, name);
    lines.next().filter(|_| lines.next().is_none())
}

/// The elements of a comma-separated list (RFC 9110, section 5.6.1): empty ones do not count.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

fn has_token(headers: &[Header<'_>], name: &str, token: &str) -> bool {
    values(headers, name)
        .flat_map(elements)
        .any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// A recipe id: percent-decoded, unreserved characters only (RFC 3986, section 2.3), and no dot
/// segment.
fn decode_room(text: &str) -> Option<SmolStr> {
    let mut room = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => (hex(bytes.next()?)? << 4) | hex(bytes.next()?)?,
            byte => byte,
        };
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-')) {
            return None;
        }
        room.push(char::from(byte));
    }
    let fits = (1..=MAX_ROOM_CHARS).contains(&room.len()) && room != "." && room != "..";
    fits.then(|| SmolStr::new(room))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// `https://app.example.com` allows itself; `*.example.com` allows any scheme, the default port and
/// every name below, but not `example.com` itself. Hosts and schemes are compared without case.
fn is_allowed(origin: &[u8], allowed: &[String]) -> bool {
    let Ok(origin) = std::str::from_utf8(origin) else { return false };
    allowed.iter().any(|pattern| match pattern.strip_prefix("*.") {
        Some(domain) => origin.split_once("://").is_some_and(|(_, host)| {
            let below = host.len().checked_sub(domain.len() + 1);
            below.is_some_and(|at| {
                at > 0
                    && host.is_char_boundary(at)
                    && host
                        .split_at(at)
                        .1
                        .strip_prefix('.')
                        .is_some_and(|end| end.eq_ignore_ascii_case(domain))
                    && !host.contains('/')
            })
        }),
        None => origin.eq_ignore_ascii_case(pattern),
    })
}

#[cfg(test)]
mod tests;
