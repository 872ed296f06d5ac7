//! A call's head: what it asks for, and what it shows of whoever asks.

use httparse::Header;

use crate::config::{Origins, Page};
use crate::node::app::OrderKind;
use crate::node::head::{self, bearer_of, body_length, has_token, single, values};
use crate::node::refusal::Refusal;
use crate::protocol::MAX_USER_CHARS;

/// A call, as far as its head tells.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// `None`: there is nothing at its path.
    pub(super) route: Option<Route<'a>>,
    pub(super) method: &'a str,
    pub(super) bearer: Option<&'a [u8]>,
    host: &'a [u8],
    /// A page in a browser makes it.
    pub(super) is_of_page: bool,
    /// It has a body or a content type, and that is not JSON.
    pub(super) is_of_other_type: bool,
    pub(super) body_length: usize,
    /// The client waits for a word before it sends the body (RFC 9110, section 10.1.1).
    pub(super) expects_continue: bool,
}

/// What there is, each with its path's variable part as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Health,
    Ready,
    Stats,
    Metrics,
    Room(&'a str),
    Connection(&'a str),
    Ends {
        query: &'a str,
    },
    Publish(&'a str),
    /// An order about a user.
    Order(OrderKind, &'a str),
    RequireAuth(&'a str),
    Drain,
}

impl<'a> Route<'a> {
    fn of(path: &'a str, query: &'a str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').collect();
        Some(match segments.as_slice() {
            ["", "healthz"] => Self::Health,
            ["", "readyz"] => Self::Ready,
            ["", "v1", "stats"] => Self::Stats,
            ["", "metrics"] => Self::Metrics,
            ["", "v1", "rooms", room] => Self::Room(room),
            ["", "v1", "rooms", room, "publish"] => Self::Publish(room),
            ["", "v1", "users", user, "disconnect"] => Self::Order(OrderKind::Disconnect, user),
            ["", "v1", "users", user, "lock"] => Self::Order(OrderKind::Lock, user),
            ["", "v1", "users", user, "unlock"] => Self::Order(OrderKind::Unlock, user),
            ["", "v1", "users", user, "require-auth"] => Self::RequireAuth(user),
            ["", "v1", "connections", id] => Self::Connection(id),
            ["", "v1", "ends"] => Self::Ends { query },
            ["", "v1", "drain"] => Self::Drain,
            _ => return None,
        })
    }

    /// It changes something.
    pub(super) fn is_command(&self) -> bool {
        match self {
            Self::Publish(_) | Self::Order(..) | Self::RequireAuth(_) | Self::Drain => true,
            Self::Health | Self::Ready | Self::Stats | Self::Metrics => false,
            Self::Room(_) | Self::Connection(_) | Self::Ends { .. } => false,
        }
    }

    /// It changes something, or names people. Numbers are for whoever reaches the address, as who
    /// collects them often has no key.
    pub(super) fn needs_key(&self) -> bool {
        let names_people = matches!(self, Self::Room(_) | Self::Connection(_) | Self::Ends { .. });
        self.is_command() || names_people
    }

    /// The methods it takes.
    pub(super) fn allow(&self) -> &'static str {
        if self.is_command() { "POST" } else { "GET, HEAD" }
    }

    pub(super) fn takes(&self, method: &str) -> bool {
        self.allow().split(", ").any(|taken| taken == method)
    }
}

impl Call<'_> {
    /// The answer is written without its body.
    pub(super) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// Does `Host` name this host as nobody else can have it named: `localhost`, or an address of
    /// its loopback?
    pub(super) fn is_for_loopback(&self) -> bool {
        let Ok(host) = std::str::from_utf8(self.host) else { return false };
        // The last colon is before a port, unless it is inside the brackets of an IPv6 address.
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let ip: Option<std::net::IpAddr> = bare.parse().ok();
        name.eq_ignore_ascii_case("localhost") || ip.is_some_and(|ip| ip.is_loopback())
    }
}

/// Reads a call's head; with it comes the head's length. `None`: it is not whole yet.
pub(super) fn parse(
    bytes: &[u8],
    max_bytes: usize,
    max_body_bytes: usize,
) -> Result<Option<(Call<'_>, usize)>, Refusal> {
    head::read(bytes, max_bytes, |head| {
        let body_length = body_length(head.headers)?;
        if body_length > max_body_bytes {
            return Err(Refusal::BodyTooLarge);
        }
        let target = head.path.unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ok(Call {
            route: Route::of(path, query),
            method: head.method.unwrap_or_default(),
            bearer: single(head.headers, "authorization").and_then(bearer_of),
            host: single(head.headers, "host").unwrap_or_default(),
            is_of_page: Origins::NONE.judge(values(head.headers, "origin")) != Page::None,
            is_of_other_type: is_of_other_type(head.headers, body_length),
            body_length,
            expects_continue: has_token(head.headers, "expect", "100-continue"),
        })
    })
}

fn is_of_other_type(headers: &[Header<'_>], body_length: usize) -> bool {
    let mut types = values(headers, "content-type");
    let Some(first) = types.next() else { return body_length > 0 };
    let essence = first.split(|&byte| byte == b';').next().unwrap_or_default();
    types.next().is_some() || !essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// A user's name, percent-decoded: 1 to 256 characters, as a token's `sub` has them.
pub(super) fn decode_user(text: &str) -> Option<String> {
    decode_text(text).filter(|user| (1..=MAX_USER_CHARS).contains(&user.chars().count()))
}

/// A text, percent-decoded.
pub(super) fn decode_text(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => (hex(bytes.next()?)? << 4) | hex(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    crate::node::upgrade::hex(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str) -> Call<'_> {
        parse(text.as_bytes(), 8_192, 1_000).unwrap().unwrap().0
    }

    #[test]
    fn every_path_has_its_methods_and_no_other_path_is_there() {
        for (path, allow, needs_key) in [
            ("/healthz", "GET, HEAD", false),
            ("/readyz?x", "GET, HEAD", false),
            ("/v1/stats", "GET, HEAD", false),
            ("/metrics", "GET, HEAD", false),
            ("/v1/rooms/soup", "GET, HEAD", true),
            ("/v1/connections/00000001-000000", "GET, HEAD", true),
            ("/v1/ends?user=alice", "GET, HEAD", true),
            ("/v1/rooms/soup/publish", "POST", true),
            ("/v1/users/a%2Fb/disconnect", "POST", true),
            ("/v1/users/alice/require-auth", "POST", true),
            ("/v1/users/alice/lock", "POST", true),
            ("/v1/users/alice/unlock", "POST", true),
            ("/v1/drain", "POST", true),
        ] {
            let text = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
            let route = call(&text).route.unwrap();
            assert_eq!((route.allow(), route.needs_key()), (allow, needs_key), "{path}");
        }
        for path in ["/", "/v1", "/v1/chat/soup", "/healthz/", "/v1/rooms/a/b", "//healthz"] {
            let text = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(call(&text).route, None, "{path}");
        }
    }

    #[test]
    fn a_host_that_others_can_name_is_not_loopback() {
        let is_here =
            |host: &str| call(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_for_loopback();
        for host in ["localhost", "LOCALHOST:9090", "127.0.0.1:1", "127.9.9.9", "[::1]", "[::1]:9"]
        {
            assert!(is_here(host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example:80", "10.0.0.1", "[::2]:80", ":80"]
        {
            assert!(!is_here(host), "{host}");
        }
    }

    #[test]
    fn a_body_is_json_and_says_so() {
        let is_other = |lines: &str| {
            call(&format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")).is_of_other_type
        };
        assert!(!is_other(""));
        assert!(!is_other(
            "Content-Length: 2\r\nContent-Type: Application/JSON; charset=utf-8\r\n"
        ));
        assert!(is_other("Content-Length: 2\r\n"));
        assert!(is_other("Content-Type: application/x-www-form-urlencoded\r\n"));
        assert!(is_other("Content-Type: application/json\r\nContent-Type: text/plain\r\n"));
    }

    #[test]
    fn users_are_decoded_whatever_they_are_called() {
        assert_eq!(decode_user("auth0%7Calice%2f%C3%A9").as_deref(), Some("auth0|alice/é"));
        assert_eq!(decode_user(&"é".repeat(256)).map(|user| user.len()), Some(512));
        for bad in ["", "%", "%4", "%zz", "%ff", &"x".repeat(257)] {
            assert_eq!(decode_user(bad), None, "{bad}");
        }
    }
}
