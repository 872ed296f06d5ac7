//! HTTP beside the WebSocket: what the application serves on the public listener.
//!
//! One request a connection. The node reads it whole, within its bounds, checks the bearer token
//! where there is one, and asks the application; the answer is written, and the connection ends.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use crate::auth::Evidence;
use crate::id::ConnId;
use crate::node::work::ticket::{StartFlag, Ticket};
use crate::time::{Instant, UnixTime};

/// The header lines of an answer that a page of another origin may read.
const EXPOSED: &str = "ETag, Link, Location, Retry-After";
/// A body up to this length is copied behind its head, which takes less than a second buffer does.
const COPIED_BYTES: usize = 4 * 1_024;

/// Where a request waits for its application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestPlace {
    /// Nowhere: it is answered from memory, by [`Reply::Now`](crate::Reply::Now), as a page's files are.
    Nowhere,
    /// Among those that keep users signed in (`http.refreshes`).
    Refresh,
    /// Among all others (`http.requests`).
    Ordinary,
}

/// What a request asks to be done (RFC 9110, section 9). `HEAD` is asked as `Get`, and its answer
/// written without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`, or `HEAD`.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

/// A whole request for a path that [`App::serves`](crate::node::app::App::serves).
///
/// Its `Debug` shows neither the body nor the query: passwords and tokens are in there.
pub struct Request<'a> {
    /// For [`Reply::Held`](crate::node::app::Reply::Held).
    pub ticket: Ticket,
    /// For [`Reply::Held`](crate::node::app::Reply::Held): whether the work may begin.
    pub start: &'a StartFlag,
    /// Which connection.
    pub connection: ConnId,
    /// When it was whole.
    pub now: UnixTime,
    /// The same moment on the monotonic clock, for allowances that refill with time.
    pub at: Instant,
    /// Whose request it is, as trusted proxies report it.
    pub client: IpAddr,
    /// What is to be done.
    pub method: Method,
    /// As it was sent: percent-encoded, without the query.
    pub path: &'a str,
    /// What is behind the `?`, as it was sent; empty where there is nothing.
    pub query: &'a str,
    /// The `sub` of its bearer token. A token that is not good was answered with 401 already, so
    /// `None` is: it sent none, or its path is one whose tokens are [not looked
    /// at](crate::node::app::App::requires_bearer_check).
    pub user: Option<&'a str>,
    /// The claims of its bearer token, as JSON text.
    pub claims: Option<&'a str>,
    /// The entity tags that the client has (`If-None-Match`). `None` for other methods than `GET`.
    pub if_none_match: Option<&'a str>,
    /// The entity tags that a change is meant for (`If-Match`). `None` for a `GET`.
    pub if_match: Option<&'a str>,
    /// May the answer be gzipped? Only where `Accept-Encoding` says so (RFC 9110, section 12.5.3). An
    /// answer that depends on this says `Vary: Accept-Encoding`, and has another entity tag in each form.
    pub accepts_gzip: bool,
    /// The media type of the body (`Content-Type`), as it was sent.
    pub content_type: Option<&'a str>,
    /// At most `http.body_bytes`.
    pub body: &'a [u8],
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("connection", &self.connection)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("user", &self.user)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// How an answer is written, as far as its request decides that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseForm {
    /// Without its body: a `HEAD` asks.
    pub(crate) is_head: bool,
    /// A trusted proxy says that its client speaks TLS.
    pub(crate) is_https: bool,
    /// A page of this origin may read it.
    pub(crate) origin: Option<Box<str>>,
}

impl ResponseForm {
    /// Of a request whose head is not whole, or cannot be read.
    pub(crate) fn of_unread(bytes: &[u8]) -> Self {
        Self { is_head: begins_as_head(bytes), ..Self::default() }
    }
}

/// The answer to a [`Request`]. The node adds `Content-Length`, `Connection: close`, `Vary: Origin`,
/// and, unless the answer has its own, `Cache-Control: no-store`, `X-Content-Type-Options: nosniff`
/// and, over TLS, `Strict-Transport-Security`.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// Header lines. One whose value has a control character in it is left out.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body.
    pub body: Cow<'static, [u8]>,
    /// What the request has shown of its sender, charged to its address as a token's check is: a
    /// wrong password is [`Evidence::Forged`]. `None`: nothing.
    pub evidence: Option<Evidence>,
}

impl Response {
    /// A body of this media type.
    #[must_use]
    pub fn new(
        status: u16,
        content_type: &'static str,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        let headers = vec![("Content-Type", Cow::Borrowed(content_type))];
        Self { status, headers, body: body.into(), evidence: None }
    }

    /// `value` as JSON. What refuses to be serialised, as a map does whose keys are not text, is
    /// answered with 500.
    #[must_use]
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::new(status, "application/json", body),
            Err(_) => Self::error(500, "internal", "The answer could not be written"),
        }
    }

    /// `{"error": CODE, "message": TEXT}`, as every refusal is.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        #[derive(Serialize)]
        struct Fault<'a> {
            error: &'a str,
            message: &'a str,
        }
        // Two texts: cannot refuse to be serialised.
        let body = serde_json::to_vec(&Fault { error: code, message }).unwrap_or_default();
        Self::new(status, "application/json", body)
    }

    /// 404 `not_found`.
    #[must_use]
    pub fn not_found() -> Self {
        Self::error(404, "not_found", "There is nothing at this path")
    }

    /// 405 `method_not_allowed`, with the methods that the path takes: `GET, POST`.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::error(405, "method_not_allowed", "This path takes other methods").with("Allow", allow)
    }

    /// With one more header line.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As it is written to a request of this form: its bytes, and behind them, where it is long, the
    /// body as it is, which is not copied. Browsers use TLS for this host from then on, for
    /// `secure_seconds`, where that is given: over TLS only (RFC 6797, section 7.2).
    pub(crate) fn into_bytes(
        self,
        form: &ResponseForm,
        secure_seconds: Option<u64>,
    ) -> (Vec<u8>, Option<Vec<u8>>) {
        let (mut bytes, has_body) = self.head(form, secure_seconds);
        match self.body {
            _ if !has_body || form.is_head => (bytes, None),
            Cow::Owned(mut body) if body.len() > COPIED_BYTES => {
                // It waits for its reader without the space that it was written into.
                body.shrink_to_fit();
                (bytes, Some(body))
            }
            body => {
                bytes.extend_from_slice(&body);
                (bytes, None)
            }
        }
    }

    /// Its head, and whether it says that there is a body.
    fn head(&self, form: &ResponseForm, secure_seconds: Option<u64>) -> (Vec<u8>, bool) {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, phrase(self.status));
        let mut line = |name: &str, value: &str| {
            let is_clean = !value.bytes().any(|byte| byte.is_ascii_control());
            debug_assert!(is_clean, "a header's value has no control characters: {name}");
            if is_clean {
                head.extend([name, ": ", value, "\r\n"]);
            }
        };
        for (name, value) in &self.headers {
            line(name, value);
        }
        let has = |name: &str| self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        if !has("cache-control") {
            line("Cache-Control", "no-store");
        }
        if let Some(origin) = &form.origin {
            line("Access-Control-Allow-Origin", origin);
            // The Fetch standard, section 3.3.3: a page reads only these beside the plainest ones.
            line("Access-Control-Expose-Headers", EXPOSED);
        }
        // Whether there is a refusal, or the line above, is the origin's doing, also where none was
        // sent: what is answered to one page must not be shown to the next by a cache in between
        // (RFC 9110, section 12.5.5).
        line("Vary", "Origin");
        if !has("x-content-type-options") {
            line("X-Content-Type-Options", "nosniff");
        }
        if let Some(seconds) = secure_seconds
            && !has("strict-transport-security")
        {
            line("Strict-Transport-Security", &format!("max-age={seconds}"));
        }
        // RFC 9110, section 8.6: not with these.
        let has_body = !matches!(self.status, 204 | 304);
        if has_body {
            line("Content-Length", &self.body.len().to_string());
        }
        // RFC 9110, section 7.8: without the option a proxy forwards `Upgrade`, which HTTP/2 forbids.
        line("Connection", if has("upgrade") { "close, upgrade" } else { "close" });
        head.push_str("\r\n");
        (head.into_bytes(), has_body)
    }

    /// With what the request has shown of its sender.
    #[must_use]
    pub fn charging(mut self, evidence: Evidence) -> Self {
        self.evidence = Some(evidence);
        self
    }
}

/// The status and the headers' names: tokens are in bodies.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Does a `HEAD` ask, as far as that is known of a head that is not whole or cannot be read? Its
/// refusal has no body either (RFC 9110, section 9.3.2).
fn begins_as_head(bytes: &[u8]) -> bool {
    // RFC 9112, section 2.2: an empty line in front is passed over.
    let start = bytes.iter().position(|byte| !b"\r\n".contains(byte));
    start.and_then(|start| bytes.get(start..)).is_some_and(|line| line.starts_with(b"HEAD "))
}

/// The reason phrase of a status that is answered here; of another, none (RFC 9112, section 4).
fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        507 => "Insufficient Storage",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
