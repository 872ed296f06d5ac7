//! The body of a call, and answers that are only a number.

use serde::{Deserialize, Deserializer};
use smol_str::SmolStr;

use crate::node::{Response, decode_room};

/// A value that may be missing, but not `null`.
pub(super) fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Reads a JSON object. An empty body is an empty one.
pub(super) fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Response> {
    let body = if body.is_empty() { b"{}" } else { body };
    // A sequence of its values would be taken for a struct, too.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(bad_request("The body must be a JSON object"));
    }
    serde_json::from_slice(body)
        .map_err(|error| bad_request(&format!("The body is not what this call takes: {error}")))
}

pub(super) fn bad_request(message: &str) -> Response {
    Response::error(400, "bad_request", message)
}

pub(super) fn room_of(id: &str) -> Result<SmolStr, Response> {
    decode_room(id).ok_or_else(|| bad_request("The recipe id is malformed"))
}

/// How many of something there were, as `{"what":count}`.
pub(super) fn counted(what: &'static str, count: usize) -> Response {
    counted_with(200, what, count)
}

/// The same with this status.
pub(super) fn counted_with(status: u16, what: &'static str, count: usize) -> Response {
    Response::new(status, "application/json", format!("{{\"{what}\":{count}}}").into_bytes())
}
