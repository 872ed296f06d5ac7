//! Who a request is from, where proxies stand in front: `Forwarded` (RFC 7239) and
//! `X-Forwarded-For`.
//!
//! Anybody can send these headers, so they say something only where the TCP peer is a proxy that is
//! trusted, and then only from the right, where each proxy adds whom it was called by. The walk
//! passes over trusted proxies and ends at the first address that is not one: that is the client,
//! and whatever stands left of it is the client's own claim. What is not an address ends the walk,
//! too: the client is then the last address that was believed.
//!
//! A proxy that keeps one of the two headers lets the other one through as the client sent it. So
//! where both are there they must agree; if they do not, neither is believed, and the client is
//! the proxy itself. Who sends a spoofed header gains nothing but the company of its like.

use std::net::{IpAddr, SocketAddr};

use httparse::Header;

use crate::config::Network;

/// The client of a request that came from `peer`: `peer` itself, unless it is trusted and says
/// otherwise. The port is 0 where it is not told.
pub(crate) fn client(headers: &[Header<'_>], peer: SocketAddr, trusted: &[Network]) -> SocketAddr {
    if !is_trusted(peer.ip(), trusted) {
        return peer;
    }
    let forwarded = walk(headers, "forwarded", forwarded_for, peer, trusted);
    let listed = walk(headers, "x-forwarded-for", address, peer, trusted);
    match (forwarded, listed) {
        (Some(one), Some(other)) if one.ip() != other.ip() => peer,
        (one, other) => one.or(other).unwrap_or(peer),
    }
}

/// Does `peer`, a trusted proxy, say that its client speaks TLS with it? The last word on it counts,
/// which is that of the nearest proxy.
///
/// What a client could claim by it is only that its own browser shall use TLS, which browsers do not
/// take from an answer without TLS (RFC 6797, section 8.1).
pub(crate) fn is_https(headers: &[Header<'_>], peer: SocketAddr, trusted: &[Network]) -> bool {
    let last = |name: &str| {
        let mut lines = headers.iter().rev().filter(|line| line.name.eq_ignore_ascii_case(name));
        lines.find_map(|line| FromTheRight::new(line.value, b',').next())
    };
    let is_named = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"https");
    is_trusted(peer.ip(), trusted)
        && (last("x-forwarded-proto").is_some_and(is_named)
            || last("forwarded").is_some_and(|element| {
                FromTheRight::new(element, b';').any(|parameter| {
                    let parameter = parameter.to_ascii_lowercase();
                    matches!(parameter.as_slice(), b"proto=https" | b"proto=\"https\"")
                })
            }))
}

/// Is `ip` within one of the networks?
pub(crate) fn is_trusted(ip: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(ip))
}

/// The header lines of this name as one list, from its right end. `None`: there is none.
fn walk(
    headers: &[Header<'_>],
    name: &str,
    parse: fn(&[u8]) -> Option<SocketAddr>,
    peer: SocketAddr,
    trusted: &[Network],
) -> Option<SocketAddr> {
    let lines = headers.iter().rev().filter(|line| line.name.eq_ignore_ascii_case(name));
    let mut elements = lines.flat_map(|line| FromTheRight::new(line.value, b',')).peekable();
    elements.peek()?;
    let mut client = peer;
    for element in elements {
        let Some(before) = parse(element) else { break };
        client = before;
        if !is_trusted(client.ip(), trusted) {
            break;
        }
    }
    Some(client)
}

/// The node in `for=` of one element.
fn forwarded_for(element: &[u8]) -> Option<SocketAddr> {
    let mut found = None;
    for parameter in FromTheRight::new(element, b';') {
        let at = parameter.iter().position(|&byte| byte == b'=')?;
        let (name, value) = parameter.split_at(at);
        if !name.eq_ignore_ascii_case(b"for") {
            continue;
        }
        // Section 4: each parameter at most once.
        if found.is_some() {
            return None;
        }
        let value = value.strip_prefix(b"=")?;
        let is_quoted = value.starts_with(b"\"");
        let value = if is_quoted { value.strip_prefix(b"\"")?.strip_suffix(b"\"")? } else { value };
        found = Some(address(value)?);
    }
    found
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`. Unknown and
/// obfuscated nodes are none.
fn address(text: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let ip = text.parse().ok().or_else(bracketed);
    let found = ip.map(|ip| SocketAddr::new(ip, 0)).or_else(|| text.parse().ok())?;
    let found = SocketAddr::new(found.ip().to_canonical(), found.port());
    // Nobody has the unspecified address, which stands for the peers of Unix sockets here.
    (!found.ip().is_unspecified()).then_some(found)
}

/// The parts of a list, the last one first, without the white space around them. A separator in a
/// quoted string separates nothing.
///
/// From the right, so that a quote which a client leaves open cannot swallow what a proxy appends.
struct FromTheRight<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> FromTheRight<'a> {
    fn new(list: &'a [u8], separator: u8) -> Self {
        Self { rest: Some(list), separator }
    }
}

impl<'a> Iterator for FromTheRight<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut is_quoted = false;
        for (at, &byte) in rest.iter().enumerate().rev() {
            if byte == b'"' && !is_escaped(rest, at) {
                is_quoted = !is_quoted;
            } else if byte == self.separator && !is_quoted {
                let (before, part) = rest.split_at(at);
                self.rest = Some(before);
                return part.get(1..).map(<[u8]>::trim_ascii);
            }
        }
        self.rest = None;
        Some(rest.trim_ascii())
    }
}

/// Do an odd number of backslashes stand before `at`?
fn is_escaped(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests;
