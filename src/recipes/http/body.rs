//! The bodies of requests.

use std::time::Duration;

use serde_json::{Map, Value};

use super::responses::bad_field;
use crate::node::{Method, Request, Response};

/// A hundred years.
const MAX_SECONDS: u64 = 3_153_600_000;

/// Checks that a body is JSON, or a patch of JSON: 415 if not. A page of another site can send other types
/// without its browser asking first.
pub(crate) fn check_media_type(request: &Request<'_>) -> Result<(), Response> {
    let media_type = request.content_type.and_then(|text| text.split(';').next());
    let is_json = media_type.is_some_and(|text| {
        let is = |name: &str| text.trim().eq_ignore_ascii_case(name);
        let is_patch = request.method == Method::Patch && is("application/merge-patch+json");
        is_patch || is("application/json")
    });
    if is_json || request.body.is_empty() {
        return Ok(());
    }
    let message = "The body must be JSON: send `Content-Type: application/json`";
    Err(Response::error(415, "unsupported_media_type", message))
}

/// The fields of a JSON body. Unknown fields are ignored.
///
/// Has no `Debug`: it holds passwords and tokens.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Parses a body.
    ///
    /// # Errors
    /// 400 when the body is not a JSON object.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Response> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err(bad_field("body", "must be a JSON object")),
        }
    }

    /// Removes and returns the string of this name.
    ///
    /// # Errors
    /// 400 that names the field when it is missing or not a string.
    pub(crate) fn text(&mut self, name: &str) -> Result<String, Response> {
        match self.0.remove(name) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(bad_field(name, "must be a text")),
            None => Err(bad_field(name, "must be there")),
        }
    }

    /// The number of seconds of this name, 1 to a hundred years, if it is there.
    ///
    /// # Errors
    /// 400 that names the field when it is not one.
    pub(crate) fn optional_seconds(&mut self, name: &str) -> Result<Option<Duration>, Response> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        let seconds = value.as_u64().filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
        let seconds = seconds
            .ok_or_else(|| bad_field(name, "must be a whole number of 1 to 3153600000 seconds"))?;
        Ok(Some(Duration::from_secs(seconds)))
    }

    /// The same as [`text`](Self::text), of a field that may be missing.
    pub(crate) fn optional_text(&mut self, name: &str) -> Result<Option<String>, Response> {
        if self.0.contains_key(name) { self.text(name).map(Some) } else { Ok(None) }
    }
}
