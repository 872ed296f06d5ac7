//! The responses that the handlers share, refusals most of them.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use super::tags::tag_of;
use crate::node::Response;
use crate::recipes::recipe::{DraftError, Recipe};
use crate::recipes::storage::AskError;
use crate::recipes::storage::members::RecipeAccess;
use crate::recipes::storage::users::UserAccount;
use crate::time::{Rfc3339, UnixTime};

/// 400: `before` does not name one of the user's recipes.
pub(crate) fn invalid_page() -> Response {
    bad_field("before", "must be the id of one of your recipes")
}

/// 400: a field of the body or the query is invalid. The message begins with its name.
pub(crate) fn bad_field(name: &str, problem: &str) -> Response {
    Response::error(400, "invalid_field", &format!("`{name}` {problem}"))
}

/// 400: a recipe breaks one of its limits.
pub(crate) fn bad_recipe(fault: &DraftError) -> Response {
    Response::error(400, "invalid_field", &fault.to_string())
}

/// 401: the request has no bearer token.
pub(crate) fn unauthorized() -> Response {
    Response::error(401, "invalid_token", "Sign in first: send `Authorization: Bearer …`")
        .with("WWW-Authenticate", "Bearer")
}

/// 401: the token's session has ended.
pub(crate) fn session_ended() -> Response {
    Response::error(401, "invalid_token", "The session has ended: sign in again")
        .with("WWW-Authenticate", "Bearer error=\"invalid_token\"")
}

/// 403: the password that confirms a request is wrong. Not 401: the token is good.
pub(crate) fn not_confirmed() -> Response {
    Response::error(403, "invalid_credentials", "Wrong password")
}

/// 404: the token is of a user without an account here.
pub(crate) fn no_account() -> Response {
    Response::error(404, "not_found", "There is no account of this user here")
}

/// 404: the user has no such session.
pub(crate) fn no_session() -> Response {
    Response::error(404, "not_found", "There is no such session")
}

/// 403: the account is locked. Sent only to a client that has proved with a password or a token
/// whose account it is.
pub(crate) fn account_locked() -> Response {
    Response::error(403, "account_locked", "This account is locked: ask the operator of the server")
}

/// 503: a queue is full.
pub(crate) fn busy() -> Response {
    Response::error(503, "at_capacity", "The server is busy: try again in a moment")
        .with("Retry-After", "1")
}

/// 429: the account or the address has asked for too much; or, without `seconds`, 503.
pub(crate) fn refused_hash(seconds: Option<u64>) -> Response {
    let Some(seconds) = seconds else { return busy() };
    let message = "Too many sign-ins or wrong passwords: try again later";
    Response::error(429, "too_many_attempts", message).with("Retry-After", seconds.to_string())
}

/// 429: the account has refreshed its tokens too often. The token stays good.
pub(crate) fn refreshed_too_often(wait: Duration) -> Response {
    let seconds = wait.as_millis().div_ceil(1_000).max(1);
    let message = "Too many refreshes of this account: try again later";
    Response::error(429, "too_many_requests", message).with("Retry-After", seconds.to_string())
}

/// 503: the disk is full, the database's file is gone, or another process has locked it.
pub(crate) fn unavailable() -> Response {
    Response::error(503, "backend_unavailable", "Nothing can be stored now: try again later")
        .with("Retry-After", "30")
}

/// 500: the database or another part failed. The log has the cause.
pub(crate) fn internal_error() -> Response {
    Response::error(500, "internal", "The server could not do that: nothing was changed")
}

/// 503 or 500: the database did not answer.
pub(crate) fn ask_failed(why: AskError) -> Response {
    match why {
        AskError::Busy => busy(),
        AskError::Unavailable => unavailable(),
        AskError::Failed => internal_error(),
    }
}

/// 204: it is done, and there is nothing to say about it.
pub(crate) fn done() -> Response {
    Response { status: 204, headers: Vec::new(), body: Cow::Borrowed(b""), evidence: None }
}

/// 404 for a missing recipe and for another user's alike, so that ids cannot be probed.
pub(crate) fn recipe_not_found() -> Response {
    Response::error(404, "not_found", "Recipe not found or access denied")
}

/// 403: the user may read the recipe only.
pub(crate) fn read_only() -> Response {
    Response::error(403, "read_only", "You may read this recipe, but not change it")
}

/// 404: the recipe has no such member or invitation.
pub(crate) fn no_member() -> Response {
    Response::error(404, "not_found", "There is no such member or invitation")
}

/// 409: the recipe or the address has as many members or invitations as it may have.
pub(crate) fn too_many_members() -> Response {
    let message = "There are too many members and open invitations already: remove some first";
    Response::error(409, "too_many_members", message)
}

/// 409: the user already has `recipes.per_user` recipes.
pub(crate) fn too_many_recipes(max: usize) -> Response {
    Response::error(409, "too_many_recipes", &format!("You have {max} recipes, which is the most"))
}

/// 201: the invitation, whose code is shown here only; or 409, as there are too many.
pub(crate) fn invited(
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

/// 200: the new password, which is shown here only.
pub(crate) fn reset(account: &UserAccount, password: &str) -> Response {
    #[derive(Serialize)]
    struct NewPassword<'a> {
        email: &'a str,
        user_id: &'a str,
        password: &'a str,
    }
    let (email, user_id) = (&*account.email, &*account.id);
    Response::json(200, &NewPassword { email, user_id, password })
}

/// 507: the user stores `recipes.bytes_per_user`.
pub(crate) fn stores_too_much(max: usize) -> Response {
    let message = format!("You store {} MiB, which is the most", max >> 20);
    Response::error(507, "storage_limit", &message)
}

/// 201: the recipe, with its path in `Location`, and what of an imported text is not in it.
pub(crate) fn created(recipe: &Recipe, unread: &[String]) -> Response {
    #[derive(Serialize)]
    struct Created<'a> {
        #[serde(flatten)]
        recipe: &'a Recipe,
        #[serde(flatten)]
        access: &'a RecipeAccess,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        unread: &'a [String],
    }
    let location = format!("/v1/recipes/{}", recipe.id);
    let access = &RecipeAccess::OWN;
    Response::json(201, &Created { recipe, access, unread })
        .with("ETag", tag_of(1, access.role))
        .with("Location", Cow::Owned(location))
}

/// A recipe with what its reader may do with it, and its tag.
pub(crate) fn shown(
    status: u16,
    recipe: &Recipe,
    revision: i64,
    access: &RecipeAccess,
) -> Response {
    #[derive(Serialize)]
    struct Shown<'a> {
        #[serde(flatten)]
        recipe: &'a Recipe,
        #[serde(flatten)]
        access: &'a RecipeAccess,
    }
    let tag = tag_of(revision, access.role);
    Response::json(status, &Shown { recipe, access }).with("ETag", tag)
}

/// 304: the client has the recipe with this tag.
pub(crate) fn not_modified(tag: String) -> Response {
    Response { status: 304, ..done() }.with("ETag", tag)
}

/// 428: a change has to say which revision it is of.
pub(crate) fn condition_required() -> Response {
    let message = "Send the recipe's ETag as `If-Match`, so that no other change is lost";
    Response::error(428, "condition_required", message)
}

/// 412: the recipe has another revision by now.
pub(crate) fn other_revision() -> Response {
    let message = "The recipe has changed since it was read: read it again";
    Response::error(412, "revision_mismatch", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_names_the_field() {
        let body = bad_field("email", "must be there").body.into_owned();
        let expected = r#"{"error":"invalid_field","message":"`email` must be there"}"#;
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }
}
