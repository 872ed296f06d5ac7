//! The paths of the HTTP API, and the methods that each takes.

use crate::node::{Method, Response};

/// A path of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecipeRoute<'a> {
    /// `/v1/auth/…`
    Account(AccountCall),
    /// `/v1/recipes`
    Recipes,
    /// `/v1/recipes/{id}`
    Recipe(&'a str),
}

impl<'a> RecipeRoute<'a> {
    /// Parses a path. `None` when it is not part of the API.
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/v1/")?;
        Some(match rest {
            "auth/signup" => Self::Account(AccountCall::SignUp),
            "auth/signin" => Self::Account(AccountCall::SignIn),
            "auth/refresh" => Self::Account(AccountCall::Refresh),
            "auth/logout" => Self::Account(AccountCall::LogOut),
            "recipes" => Self::Recipes,
            // Generated ids need no percent-encoding, so an encoded id is unknown.
            _ => Self::Recipe(rest.strip_prefix("recipes/").filter(|id| is_id(id))?),
        })
    }

    /// Checks the method. The refusal, 405, lists the allowed ones.
    pub(crate) fn check(self, method: Method) -> Result<(), Response> {
        let (is_taken, allow) = match self {
            Self::Account(_) => (method == Method::Post, "POST"),
            Self::Recipes => (matches!(method, Method::Get | Method::Post), "GET, HEAD, POST"),
            Self::Recipe(_) => {
                (matches!(method, Method::Get | Method::Delete), "GET, HEAD, DELETE")
            }
        };
        if is_taken { Ok(()) } else { Err(Response::method_not_allowed(allow)) }
    }
}

/// Whether the text has the form of a recipe's id, as the protocol defines it.
pub(super) fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b))
}

/// The endpoints below `/v1/auth/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccountCall {
    SignUp,
    SignIn,
    Refresh,
    LogOut,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_paths_are_routed() {
        assert_eq!(
            RecipeRoute::of("/v1/auth/signin"),
            Some(RecipeRoute::Account(AccountCall::SignIn))
        );
        assert_eq!(RecipeRoute::of("/v1/recipes"), Some(RecipeRoute::Recipes));
        assert_eq!(RecipeRoute::of("/v1/recipes/a_b-C.9"), Some(RecipeRoute::Recipe("a_b-C.9")));
        for none in [
            "",
            "/",
            "/v1",
            "/v1/",
            "/v1/auth",
            "/v1/auth/",
            "/v1/auth/signin/",
            "/v1/recipes/",
            "/v1/recipes/a/b",
            "/v1/recipes/a%20b",
            "/v2/recipes",
            "/v1/Recipes",
            "v1/recipes",
        ] {
            assert_eq!(RecipeRoute::of(none), None, "{none}");
        }
    }
}
