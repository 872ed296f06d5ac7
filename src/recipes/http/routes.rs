//! The paths of the HTTP API, and the methods that each takes.

use crate::node::{Method, Response};

/// A path of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecipeRoute<'a> {
    /// `/v1/auth/…`, for whoever signs up, in or out.
    Account(AccountCall),
    /// `/v1/auth/…`, for whoever is signed in.
    Own(OwnCall),
    /// `/v1/auth/sessions/{id}`
    Session(&'a str),
    /// `/openapi.json`
    Description,
    /// `/v1/recipes`
    Recipes,
    /// `/v1/recipes/{id}`
    Recipe(&'a str),
    /// `/v1/recipes/import`
    Import,
    /// `/v1/recipes/export`
    ExportAll,
    /// `/v1/recipes/{id}/duplicate`
    Duplicate(&'a str),
    /// `/v1/recipes/{id}/export`
    Export(&'a str),
    /// `/v1/recipes/{id}/messages`
    Messages(&'a str),
    /// `/v1/recipes/{id}/members`
    Members(&'a str),
    /// `/v1/recipes/{id}/members/{member}`
    Member(&'a str, &'a str),
    /// `/v1/recipes/join`
    Join,
}

impl<'a> RecipeRoute<'a> {
    /// Parses a path. `None` when it is not part of the API.
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        if path == "/openapi.json" {
            return Some(Self::Description);
        }
        let rest = path.strip_prefix("/v1/")?;
        let route = match rest {
            "auth/signup" => Self::Account(AccountCall::SignUp),
            "auth/signin" => Self::Account(AccountCall::SignIn),
            "auth/refresh" => Self::Account(AccountCall::Refresh),
            "auth/logout" => Self::Account(AccountCall::LogOut),
            "auth/me" => Self::Own(OwnCall::Me),
            "auth/me/export" => Self::Own(OwnCall::Export),
            "auth/password" => Self::Own(OwnCall::Password),
            "auth/sessions" => Self::Own(OwnCall::Sessions),
            "recipes" => Self::Recipes,
            "recipes/import" => Self::Import,
            "recipes/join" => Self::Join,
            "recipes/export" => Self::ExportAll,
            _ => match rest.strip_prefix("auth/sessions/") {
                Some(id) if is_id(id) => Self::Session(id),
                _ => Self::of_recipe(rest.strip_prefix("recipes/")?)?,
            },
        };
        Some(route)
    }

    fn of_recipe(rest: &'a str) -> Option<Self> {
        let (id, part) = rest.split_once('/').map_or((rest, None), |(id, part)| (id, Some(part)));
        // Generated ids need no percent-encoding, so an encoded id is unknown.
        if !is_id(id) {
            return None;
        }
        Some(match part {
            None => Self::Recipe(id),
            Some("duplicate") => Self::Duplicate(id),
            Some("export") => Self::Export(id),
            Some("messages") => Self::Messages(id),
            Some("members") => Self::Members(id),
            Some(part) => match part.strip_prefix("members/") {
                Some(member) if is_id(member) => Self::Member(id, member),
                _ => return None,
            },
        })
    }

    /// Checks the method, and returns the names of the query's parameters. The refusal, 405, lists the
    /// methods of the path.
    pub(crate) fn check(self, method: Method) -> Result<&'static [&'static str], Response> {
        let (allow, taken): (_, &[TakenMethod]) = match self {
            Self::Account(_)
            | Self::Own(OwnCall::Password)
            | Self::Import
            | Self::Join
            | Self::Duplicate(_) => ("POST", &[(Method::Post, &[])]),
            Self::Members(_) => ("GET, HEAD, POST", &[(Method::Get, &[]), (Method::Post, &[])]),
            Self::Own(OwnCall::Me | OwnCall::Sessions) => {
                ("GET, HEAD, DELETE", &[(Method::Get, &[]), (Method::Delete, &[])])
            }
            Self::Own(OwnCall::Export) => ("GET, HEAD", &[(Method::Get, &["limit", "before"])]),
            Self::Description => ("GET, HEAD", &[(Method::Get, &[])]),
            Self::Session(_) => ("DELETE", &[(Method::Delete, &[])]),
            Self::Member(..) => ("PATCH, DELETE", &[(Method::Patch, &[]), (Method::Delete, &[])]),
            Self::ExportAll => ("GET, HEAD", &[(Method::Get, &["format", "limit", "before"])]),
            Self::Export(_) => ("GET, HEAD", &[(Method::Get, &["format"])]),
            Self::Messages(_) => ("GET, HEAD", &[(Method::Get, &["limit", "before"])]),
            Self::Recipes => ("GET, HEAD, POST", &[(Method::Get, LIST), (Method::Post, &[])]),
            Self::Recipe(_) => (
                "GET, HEAD, PATCH, DELETE",
                &[(Method::Get, &[]), (Method::Patch, &[]), (Method::Delete, &[])],
            ),
        };
        let taken = taken.iter().find(|(one, _)| *one == method);
        taken.map(|(_, names)| *names).ok_or_else(|| Response::method_not_allowed(allow))
    }
}

/// A method that a path takes, with the parameters of its query.
type TakenMethod = (Method, &'static [&'static str]);

const LIST: &[&str] = &["limit", "before", "q", "sort"];

/// Whether the text has the form of a recipe's id, as the protocol defines it.
pub(super) fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b))
}

/// Signing up, in and out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccountCall {
    SignUp,
    SignIn,
    Refresh,
    LogOut,
}

/// What users ask about their own accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnCall {
    Me,
    Export,
    Password,
    Sessions,
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
        assert_eq!(RecipeRoute::of("/v1/auth/sessions/a"), Some(RecipeRoute::Session("a")));
        assert_eq!(RecipeRoute::of("/v1/recipes"), Some(RecipeRoute::Recipes));
        assert_eq!(RecipeRoute::of("/v1/recipes/a_b-C.9"), Some(RecipeRoute::Recipe("a_b-C.9")));
        assert_eq!(RecipeRoute::of("/v1/recipes/a/duplicate"), Some(RecipeRoute::Duplicate("a")));
        let member = RecipeRoute::of("/v1/recipes/a/members/b");
        assert_eq!(member, Some(RecipeRoute::Member("a", "b")));
        assert_eq!(RecipeRoute::of("/v1/recipes/import"), Some(RecipeRoute::Import));
        for none in [
            "",
            "/",
            "/v1",
            "/v1/",
            "/v1/auth",
            "/v1/auth/",
            "/v1/auth/signin/",
            "/v1/auth/sessions/",
            "/v1/auth/me/",
            "/v1/recipes/",
            "/v1/recipes/a/b",
            "/v1/recipes//duplicate",
            "/v1/recipes/a/members/",
            "/v1/recipes/a/members/b/c",
            "/v1/recipes/a/duplicate/",
            "/v1/recipes/a%20b",
            "/v2/recipes",
            "/v1/Recipes",
            "v1/recipes",
        ] {
            assert_eq!(RecipeRoute::of(none), None, "{none}");
        }
    }
}
