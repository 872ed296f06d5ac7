//! Answers in HTTP: what is refused before it is a WebSocket, and how well the server is.

/// What a refused request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    HeadersTooLarge,
    BadRequest(&'static str),
    UnsupportedSubprotocol,
    NotFound,
    MethodNotAllowed,
    UpgradeRequired,
    UnsupportedVersion,
    OriginNotAllowed,
    AtCapacity,
    /// With the seconds after which to come again.
    TooManyRequests(u32),
}

impl Refusal {
    /// Status, reason phrase, code, text, and the header that goes with it.
    fn parts(self) -> (u16, &'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::HeadersTooLarge => (
                431,
                "Request Header Fields Too Large",
                "headers_too_large",
                "The request head is too large",
                "",
            ),
            Self::BadRequest(text) => (400, "Bad Request", "bad_request", text, ""),
            Self::UnsupportedSubprotocol => (
                400,
                "Bad Request",
                "unsupported_version",
                "This server speaks the subprotocol recipe-chat.v2",
                "",
            ),
            Self::NotFound => (404, "Not Found", "not_found", "There is nothing at this path", ""),
            Self::MethodNotAllowed => (
                405,
                "Method Not Allowed",
                "method_not_allowed",
                "This path takes GET",
                "Allow: GET\r\n",
            ),
            Self::UpgradeRequired => (
                426,
                "Upgrade Required",
                "upgrade_required",
                "This path takes a WebSocket upgrade",
                "Upgrade: websocket\r\n",
            ),
            Self::UnsupportedVersion => (
                426,
                "Upgrade Required",
                "unsupported_version",
                "This server speaks WebSocket version 13",
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            ),
            Self::OriginNotAllowed => (
                403,
                "Forbidden",
                "origin_not_allowed",
                "This origin is not in the configured list",
                "",
            ),
            Self::AtCapacity => (
                503,
                "Service Unavailable",
                "at_capacity",
                "The server is full or draining",
                "Retry-After: 5\r\n",
            ),
            Self::TooManyRequests(_) => (
                429,
                "Too Many Requests",
                "too_many_requests",
                "Too many pending or failed authentications from this address",
                "",
            ),
        }
    }

    /// The HTTP status.
    pub(crate) fn status(self) -> u16 {
        self.parts().0
    }

    /// The whole answer.
    pub(crate) fn response(self) -> String {
        let (status, phrase, code, text, header) = self.parts();
        let header = match self {
            Self::TooManyRequests(seconds) => &format!("Retry-After: {seconds}\r\n"),
            _ => header,
        };
        response(status, phrase, header, &format!(r#"{{"error":"{code}","message":"{text}"}}"#))
    }
}

/// The answer to `GET /healthz`.
pub(crate) fn health() -> String {
    response(200, "OK", "", r#"{"status":"ok"}"#)
}

fn response(status: u16, phrase: &str, header: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n{header}\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_json_answer() {
        let text = Refusal::UnsupportedVersion.response();
        assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
        assert!(text.contains("\r\nSec-WebSocket-Version: 13\r\n"));
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(text.contains(&format!("Content-Length: {}\r\n", body.len())));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["error"], "unsupported_version");
    }
}
