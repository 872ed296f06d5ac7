//! What can be called, and by whom.

use crate::node::app::OrderKind;
use crate::node::{AdminKeys, KeyScope, OperatorCall, Refusal, Response, hex, is_unix_peer};
use crate::protocol::MAX_USER_CHARS;

/// What there is, each with its path's variable part as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Health,
    Ready,
    Status,
    Nodes,
    Stats,
    Metrics,
    Rooms {
        query: &'a str,
    },
    Users {
        query: &'a str,
    },
    Room {
        id: &'a str,
        query: &'a str,
    },
    CloseRoom(&'a str),
    Connection(&'a str),
    CloseConnection(&'a str),
    Ends {
        query: &'a str,
    },
    Publish(&'a str),
    /// To many rooms, users and connections.
    PublishMany,
    /// An order about a user.
    Order(OrderKind, &'a str),
    RequireAuth(&'a str),
    Invitations,
    Passwords,
    Drain,
}

impl<'a> Route<'a> {
    fn of(path: &'a str, query: &'a str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').collect();
        Some(match segments.as_slice() {
            ["", "healthz"] => Self::Health,
            ["", "readyz"] => Self::Ready,
            ["", "v1", "status"] => Self::Status,
            ["", "v1", "nodes"] => Self::Nodes,
            ["", "v1", "stats"] => Self::Stats,
            ["", "metrics"] => Self::Metrics,
            ["", "v1", "rooms"] => Self::Rooms { query },
            ["", "v1", "users"] => Self::Users { query },
            ["", "v1", "rooms", room, "disconnect"] => Self::CloseRoom(room),
            ["", "v1", "connections", id, "disconnect"] => Self::CloseConnection(id),
            ["", "v1", "rooms", id] => Self::Room { id, query },
            ["", "v1", "rooms", room, "publish"] => Self::Publish(room),
            ["", "v1", "users", user, "disconnect"] => Self::Order(OrderKind::Disconnect, user),
            ["", "v1", "users", user, "lock"] => Self::Order(OrderKind::Lock, user),
            ["", "v1", "users", user, "unlock"] => Self::Order(OrderKind::Unlock, user),
            ["", "v1", "users", user, "require-auth"] => Self::RequireAuth(user),
            ["", "v1", "connections", id] => Self::Connection(id),
            ["", "v1", "ends"] => Self::Ends { query },
            ["", "v1", "invitations"] => Self::Invitations,
            ["", "v1", "passwords"] => Self::Passwords,
            ["", "v1", "publish"] => Self::PublishMany,
            ["", "v1", "drain"] => Self::Drain,
            _ => return None,
        })
    }

    /// It changes something.
    fn is_command(&self) -> bool {
        match self {
            Self::Publish(_) | Self::PublishMany => true,
            Self::Order(..) | Self::RequireAuth(_) => true,
            Self::CloseRoom(_) | Self::CloseConnection(_) => true,
            Self::Invitations | Self::Passwords | Self::Drain => true,
            Self::Health | Self::Ready | Self::Status | Self::Stats | Self::Metrics => false,
            Self::Nodes | Self::Rooms { .. } | Self::Users { .. } => false,
            Self::Room { .. } | Self::Connection(_) | Self::Ends { .. } => false,
        }
    }

    /// It only publishes, as a backend does: the key for that is enough.
    fn is_publishing(&self) -> bool {
        matches!(self, Self::Publish(_) | Self::PublishMany)
    }

    /// It changes something, or names people, hosts or files. Numbers are for whoever reaches the address,
    /// as who collects them often has no key.
    fn needs_key(&self) -> bool {
        let names_people = matches!(self, Self::Connection(_) | Self::Ends { .. })
            || matches!(self, Self::Rooms { .. } | Self::Users { .. } | Self::Room { .. });
        self.is_command() || names_people || matches!(self, Self::Status | Self::Nodes)
    }

    /// The methods it takes.
    fn allow(&self) -> &'static str {
        if self.is_command() { "POST" } else { "GET, HEAD" }
    }

    fn takes(&self, method: &str) -> bool {
        self.allow().split(", ").any(|taken| taken == method)
    }
}

/// May this be called, by whoever calls it?
///
/// A browser on the operator's own host can be made to call by any page it shows. Such a call
/// names its page's `Origin`, and is refused whatever it asks for: nothing here is for pages. An
/// old browser's form names none, but a content type that is not JSON's. And a page whose name
/// was made to lead to this host (DNS rebinding) is told by that name in `Host`; where there is a
/// key, which such a page has not, an operator may call this host by any name.
pub(super) fn judge<'a>(
    call: &'a OperatorCall,
    keys: Option<&AdminKeys>,
) -> Result<Route<'a>, Response> {
    // No page can reach a Unix socket, by whatever name.
    let is_local =
        is_unix_peer(call.peer.ip()) || call.peer.ip().is_loopback() && call.is_for_loopback;
    if keys.is_none() && !is_local && !call.is_of_collector {
        return Err(Response::error(
            403,
            "host_not_allowed",
            "Without admin.key_file this listener answers this host only, by its address or as \
             localhost",
        ));
    }
    if call.is_of_page {
        let message = "Web pages may not call the admin listener";
        return Err(Response::error(403, "origin_not_allowed", message));
    }
    let route = Route::of(&call.path, &call.query);
    if call.is_of_collector && route != Some(Route::Metrics) {
        return Err(Response::not_found());
    }
    if let Some(keys) = keys
        && route.as_ref().is_none_or(Route::needs_key)
    {
        let publishes = route.as_ref().is_some_and(Route::is_publishing);
        check_key(keys, call.bearer.as_deref(), publishes)?;
    }
    let Some(route) = route else { return Err(Response::not_found()) };
    if !route.takes(&call.method) {
        return Err(Response::method_not_allowed(route.allow()));
    }
    call.version.map_err(Refusal::response)?;
    if call.is_of_other_type {
        let message = "The body's Content-Type must be application/json";
        return Err(Response::error(415, "unsupported_media_type", message));
    }
    let body_length = call.body_length.map_err(Refusal::response)?;
    if body_length > 0 && !route.is_command() {
        return Err(Response::error(400, "bad_request", "A body does not belong here"));
    }
    Ok(route)
}

/// Is what a call has shown a key for it?
fn check_key(keys: &AdminKeys, shown: Option<&[u8]>, publishes: bool) -> Result<(), Response> {
    let (status, code, message, challenge) = match shown.map(|shown| keys.scope_of(shown)) {
        Some(KeyScope::Operate) => return Ok(()),
        Some(KeyScope::Publish) if publishes => return Ok(()),
        // RFC 6750, section 3.1.
        Some(KeyScope::Publish) => (
            403,
            "insufficient_scope",
            "This key may only publish",
            "Bearer error=\"insufficient_scope\"",
        ),
        Some(KeyScope::Nothing) => {
            (401, "unauthorized", "The key is wrong", "Bearer error=\"invalid_token\"")
        }
        None => {
            let message = "This call needs `Authorization: Bearer` and the key";
            (401, "unauthorized", message, "Bearer")
        }
    };
    Err(Response::error(status, code, message).with("WWW-Authenticate", challenge))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_admin_paths_exist_with_their_methods() {
        for (path, allow, needs_key) in [
            ("/healthz", "GET, HEAD", false),
            ("/readyz?x", "GET, HEAD", false),
            ("/v1/stats", "GET, HEAD", false),
            ("/v1/status", "GET, HEAD", true),
            ("/metrics", "GET, HEAD", false),
            ("/v1/rooms?limit=2", "GET, HEAD", true),
            ("/v1/users", "GET, HEAD", true),
            ("/v1/rooms/soup/disconnect", "POST", true),
            ("/v1/connections/00000001-000000/disconnect", "POST", true),
            ("/v1/rooms/soup", "GET, HEAD", true),
            ("/v1/connections/00000001-000000", "GET, HEAD", true),
            ("/v1/ends?user=alice", "GET, HEAD", true),
            ("/v1/rooms/soup/publish", "POST", true),
            ("/v1/publish", "POST", true),
            ("/v1/users/a%2Fb/disconnect", "POST", true),
            ("/v1/users/alice/require-auth", "POST", true),
            ("/v1/users/alice/lock", "POST", true),
            ("/v1/users/alice/unlock", "POST", true),
            ("/v1/invitations", "POST", true),
            ("/v1/passwords", "POST", true),
            ("/v1/drain", "POST", true),
        ] {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let route = Route::of(path, query).unwrap();
            assert_eq!((route.allow(), route.needs_key()), (allow, needs_key), "{path}");
        }
        for path in ["/", "/v1", "/v1/chat/soup", "/healthz/", "/v1/rooms/a/b", "//healthz"] {
            assert_eq!(Route::of(path, ""), None, "{path}");
        }
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
