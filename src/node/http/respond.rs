//! Answers that are the node's own.

use crate::node::http::message::Response;

/// The answer to `/healthz`.
pub(crate) fn health() -> Response {
    Response::new(200, "application/json", &br#"{"status":"ok"}"#[..])
}

/// The answer to a preflight (the Fetch standard, section 3.2.2).
pub(crate) fn preflight(is_allowed: bool) -> Response {
    let response = Response { status: 204, headers: Vec::new(), ..Response::not_found() };
    if !is_allowed {
        return response;
    }
    response
        .with("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
        .with(
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, If-Match, If-None-Match",
        )
        .with("Access-Control-Max-Age", "600")
}
