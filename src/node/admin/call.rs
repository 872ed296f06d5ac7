//! A call's head: what it asks for, and what it shows of whoever asks.

use httparse::Header;

use crate::config::{Origins, Page};
use crate::node::app::OrderKind;
use crate::node::connections::connection::Connection;
use crate::node::gate::head;
use crate::node::gate::headers::{bearer_of, body_length, has_token, single, values};
use crate::node::gate::target::Authority;
use crate::node::http::message::Response;
use crate::node::http::refusal::Refusal;
use crate::node::policy::Policy;
use crate::protocol::MAX_USER_CHARS;

/// A call, as far as its head tells.
#[derive(Debug)]
pub(crate) struct OperatorCall<'a> {
    /// `None`: there is nothing at its path.
    pub(crate) route: Option<Route<'a>>,
    pub(crate) method: &'a str,
    pub(crate) bearer: Option<&'a [u8]>,
    /// `None`: it does not say, which HTTP/1.0 may.
    host: Option<Authority<'a>>,
    /// A page in a browser makes it.
    pub(crate) is_of_page: bool,
    /// It has a body or a content type, and that is not JSON.
    pub(crate) is_of_other_type: bool,
    /// Judged behind the path, so that a path where nothing is says so whatever is sent to it.
    pub(crate) body_length: Result<usize, Refusal>,
    /// Is it of a version that may ask for that?
    pub(crate) version: Result<(), Refusal>,
    /// The client waits for a word before it sends the body (RFC 9110, section 10.1.1).
    pub(crate) expects_continue: bool,
}

/// What there is, each with its path's variable part as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
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
    pub(crate) fn is_command(&self) -> bool {
        match self {
            Self::Publish(_) | Self::Order(..) | Self::RequireAuth(_) | Self::Drain => true,
            Self::Health | Self::Ready | Self::Stats | Self::Metrics => false,
            Self::Room(_) | Self::Connection(_) | Self::Ends { .. } => false,
        }
    }

    /// It changes something, or names people. Numbers are for whoever reaches the address, as who
    /// collects them often has no key.
    pub(crate) fn needs_key(&self) -> bool {
        let names_people = matches!(self, Self::Room(_) | Self::Connection(_) | Self::Ends { .. });
        self.is_command() || names_people
    }

    /// The methods it takes.
    pub(crate) fn allow(&self) -> &'static str {
        if self.is_command() { "POST" } else { "GET, HEAD" }
    }

    pub(crate) fn takes(&self, method: &str) -> bool {
        self.allow().split(", ").any(|taken| taken == method)
    }
}

impl<'a> OperatorCall<'a> {
    /// The answer is written without its body.
    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// May this be called, by whoever calls it? With what is called comes the length of the body.
    ///
    /// A browser on the operator's own host can be made to call by any page it shows. Such a call
    /// names its page's `Origin`, and is refused whatever it asks for: nothing here is for pages. An
    /// old browser's form names none, but a content type that is not JSON's. And a page whose name
    /// was made to lead to this host (DNS rebinding) is told by that name in `Host`; where there is a
    /// key, which such a page has not, an operator may call this host by any name.
    pub(crate) fn judge(
        &self,
        policy: &Policy,
        connection: &Connection,
    ) -> Result<(Route<'a>, usize), Response> {
        let is_here = connection.peer().ip().is_loopback() && self.is_for_loopback();
        if policy.admin_key.is_none() && !is_here {
            return Err(Response::error(
                403,
                "host_not_allowed",
                "Without admin.key_file this listener answers this host only, by its address or as \
                 localhost",
            ));
        }
        if self.is_of_page {
            let message = "Web pages may not call the admin listener";
            return Err(Response::error(403, "origin_not_allowed", message));
        }
        let needs_key = self.route.as_ref().is_none_or(Route::needs_key);
        if needs_key && let Some(key) = &policy.admin_key {
            key.check(self.bearer)?;
        }
        let Some(route) = &self.route else { return Err(Response::not_found()) };
        if !route.takes(self.method) {
            return Err(Response::method_not_allowed(route.allow()));
        }
        self.version.map_err(Refusal::response)?;
        if self.is_of_other_type {
            let message = "The body's Content-Type must be application/json";
            return Err(Response::error(415, "unsupported_media_type", message));
        }
        let body_length = self.body_length.map_err(Refusal::response)?;
        if body_length > 0 && !route.is_command() {
            return Err(Response::error(400, "bad_request", "A body does not belong here"));
        }
        Ok((route.clone(), body_length))
    }

    /// Is it for this host, named as nobody else can have it named? One that names no host does not
    /// come from a browser, and so from no page that was made to lead here.
    pub(crate) fn is_for_loopback(&self) -> bool {
        self.host.is_none_or(|host| host.is_loopback())
    }
}

/// Reads a call's head; with it comes the head's length. `None`: it is not whole yet.
pub(crate) fn parse(
    bytes: &[u8],
    max_bytes: usize,
    max_body_bytes: usize,
) -> Result<Option<(OperatorCall<'_>, usize)>, Refusal> {
    head::read(bytes, max_bytes, |lines, length| {
        let headers = lines.headers;
        let body_length = match body_length(headers) {
            Ok(length) if length > max_body_bytes => Err(Refusal::BodyTooLarge),
            length => length,
        };
        let call = OperatorCall {
            route: Route::of(lines.target.path, lines.target.query),
            method: lines.method,
            bearer: single(headers, "authorization").and_then(bearer_of),
            host: lines.host,
            is_of_page: Origins::NONE.judge(values(headers, "origin")) != Page::None,
            is_of_other_type: is_of_other_type(headers, matches!(body_length, Ok(1..))),
            body_length,
            version: lines.check_version(),
            expects_continue: has_token(headers, "expect", "100-continue"),
        };
        (call, length)
    })
}

fn is_of_other_type(headers: &[Header<'_>], has_body: bool) -> bool {
    let mut types = values(headers, "content-type");
    let Some(first) = types.next() else { return has_body };
    let essence = first.split(|&byte| byte == b';').next().unwrap_or_default();
    types.next().is_some() || !essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// A user's name, percent-decoded: 1 to 256 characters, as a token's `sub` has them.
pub(crate) fn decode_user(text: &str) -> Option<String> {
    decode_text(text).filter(|user| (1..=MAX_USER_CHARS).contains(&user.chars().count()))
}

/// A text, percent-decoded.
pub(crate) fn decode_text(text: &str) -> Option<String> {
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
    crate::node::gate::upgrade::hex(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str) -> OperatorCall<'_> {
        parse(text.as_bytes(), 8_192, 1_000).unwrap().unwrap().0
    }

    #[test]
    fn only_listed_admin_paths_exist_with_their_methods() {
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
