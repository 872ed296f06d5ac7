//! The HTTP API: its routes, and the responses that its handlers share.

mod routes;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use self::routes::is_id;
pub(super) use self::routes::{AccountCall, RecipeRoute};
use super::recipe::{DraftError, Recipe};
use super::storage::AskError;
use crate::node::{Request, Response};
use crate::time::{Rfc3339, UnixTime};

/// Checks that a body is JSON: 415 if not. A page of another site can send other types without its
/// browser asking first.
pub(super) fn check_media_type(request: &Request<'_>) -> Result<(), Response> {
    let media_type = request.content_type.and_then(|text| text.split(';').next());
    let is_json =
        media_type.is_some_and(|text| text.trim().eq_ignore_ascii_case("application/json"));
    if is_json || request.body.is_empty() {
        return Ok(());
    }
    let message = "The body must be JSON: send `Content-Type: application/json`";
    Err(Response::error(415, "unsupported_media_type", message))
}

/// The query of a page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageQuery {
    pub(super) limit: usize,
    pub(super) before: Option<String>,
}

impl PageQuery {
    /// The largest page.
    const MAX: usize = 200;

    /// Parses `limit=50&before=ID`. Other parameters are ignored.
    pub(super) fn parse(query: &str) -> Result<Self, Response> {
        let mut page = Self { limit: Self::MAX, before: None };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=Self::MAX).contains(limit));
                    page.limit =
                        limit.ok_or_else(|| bad_field("limit", "must be a number of 1 to 200"))?;
                }
                "before" if is_id(value) => page.before = Some(value.to_owned()),
                "before" => return Err(invalid_page()),
                _ => {}
            }
        }
        Ok(page)
    }
}

/// The fields of a JSON body. Unknown fields are ignored.
///
/// Has no `Debug`: it holds passwords and tokens.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Parses a body.
    ///
    /// # Errors
    /// 400 when the body is not a JSON object.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Response> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err(bad_field("body", "must be a JSON object")),
        }
    }

    /// Removes and returns the string of this name.
    ///
    /// # Errors
    /// 400 that names the field when it is missing or not a string.
    pub(super) fn text(&mut self, name: &str) -> Result<String, Response> {
        match self.0.remove(name) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(bad_field(name, "must be a text")),
            None => Err(bad_field(name, "must be there")),
        }
    }

    /// The same, of a field that may be missing.
    pub(super) fn optional_text(&mut self, name: &str) -> Result<Option<String>, Response> {
        if self.0.contains_key(name) { self.text(name).map(Some) } else { Ok(None) }
    }
}

/// 400: `before` does not name one of the user's recipes.
pub(super) fn invalid_page() -> Response {
    bad_field("before", "must be the id of one of your recipes")
}

/// 400: a field of the body or the query is invalid. The message begins with its name.
pub(super) fn bad_field(name: &str, problem: &str) -> Response {
    Response::error(400, "invalid_field", &format!("`{name}` {problem}"))
}

/// 400: a recipe breaks one of its limits.
pub(super) fn bad_recipe(fault: &DraftError) -> Response {
    Response::error(400, "invalid_field", &fault.to_string())
}

/// 401: the request has no bearer token.
pub(super) fn unauthorized() -> Response {
    Response::error(401, "invalid_token", "Sign in first: send `Authorization: Bearer …`")
        .with("WWW-Authenticate", "Bearer")
}

/// 403: the account is locked. Sent only to a client that has proved with a password or a token
/// whose account it is.
pub(super) fn account_locked() -> Response {
    Response::error(403, "account_locked", "This account is locked: ask whoever runs the server")
}

/// 503: a queue is full.
pub(super) fn busy() -> Response {
    Response::error(503, "at_capacity", "The server is busy: try again in a moment")
        .with("Retry-After", "1")
}

/// 429: the account or the address has asked for too much; or, without `seconds`, 503.
pub(super) fn refused_hash(seconds: Option<u64>) -> Response {
    let Some(seconds) = seconds else { return busy() };
    let message = "Too many sign-ins or wrong passwords: try again later";
    Response::error(429, "too_many_attempts", message).with("Retry-After", seconds.to_string())
}

/// 503: the disk is full, or the database's file is gone.
pub(super) fn unavailable() -> Response {
    Response::error(503, "backend_unavailable", "Nothing can be stored now: try again later")
        .with("Retry-After", "30")
}

/// 500: the database or another part failed. The log has the cause.
pub(super) fn internal_error() -> Response {
    Response::error(500, "internal", "The server could not do that: nothing was changed")
}

/// 503 or 500: the database did not answer.
pub(super) fn ask_failed(why: AskError) -> Response {
    match why {
        AskError::Busy => busy(),
        AskError::Unavailable => unavailable(),
        AskError::Failed => internal_error(),
    }
}

/// 204: it is done, and there is nothing to say about it.
pub(super) fn done() -> Response {
    Response { status: 204, headers: Vec::new(), body: Cow::Borrowed(b""), evidence: None }
}

/// 404 for a missing recipe and for another user's alike, so that ids cannot be probed.
pub(super) fn recipe_not_found() -> Response {
    Response::error(404, "not_found", "Recipe not found or access denied")
}

/// 409: the user already has `recipes.per_user` recipes.
pub(super) fn too_many_recipes(max: usize) -> Response {
    Response::error(409, "too_many_recipes", &format!("You have {max} recipes, which is the most"))
}

/// 201: the invitation, whose code is shown here only; or 409, as there are too many.
pub(super) fn invited(
    is_created: bool,
    code: &str,
    email: Option<&str>,
    expires_at: UnixTime,
) -> Response {
    #[derive(Serialize)]
    struct Invited<'a> {
        invitation: &'a str,
        email: Option<&'a str>,
        expires_at: Rfc3339,
    }
    if !is_created {
        let message = "There are accounts.invitations unused invitations already";
        return Response::error(409, "too_many_invitations", message);
    }
    let expires_at = expires_at.to_rfc3339();
    Response::json(201, &Invited { invitation: code, email, expires_at })
}

/// 507: the user stores `recipes.bytes_per_user`.
pub(super) fn stores_too_much(max: usize) -> Response {
    let message = format!("You store {} MiB, which is the most", max >> 20);
    Response::error(507, "storage_limit", &message)
}

/// 201: the recipe, with its path in `Location`.
pub(super) fn created(recipe: &Recipe) -> Response {
    let location = format!("/v1/recipes/{}", recipe.id);
    Response::json(201, recipe).with("Location", Cow::Owned(location))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_limit_is_1_to_200() {
        let page = |query| PageQuery::parse(query);
        assert_eq!(page("").unwrap(), PageQuery { limit: 200, before: None });
        let expected = PageQuery { limit: 7, before: Some("abc".to_owned()) };
        assert_eq!(page("x=1&limit=7&before=abc").unwrap(), expected);
        for wrong in ["limit=0", "limit=201", "limit=x", "limit=-1", "before=", "before=a/b"] {
            assert_eq!(page(wrong).unwrap_err().status, 400, "{wrong}");
        }
    }

    #[test]
    fn refusal_names_the_field() {
        let body = bad_field("email", "must be there").body.into_owned();
        let expected = r#"{"error":"invalid_field","message":"`email` must be there"}"#;
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }
}
