//! Who may sign up, and the codes of invitations: to sign up, and to a recipe.

use sha2::{Digest as _, Sha256};

use super::email::Email;
use super::random::random_id;
use crate::config;
use crate::node::Response;
use crate::recipes::http;
use crate::recipes::storage::sessions::TokenHash;

/// Who may sign up (`accounts.signup`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignUps {
    Open,
    /// Whoever has an invitation.
    Invited,
    Closed,
}

impl SignUps {
    pub(super) fn new(accounts: &config::Accounts) -> Self {
        match accounts.signup.as_str() {
            "open" => Self::Open,
            "invite" => Self::Invited,
            _ => Self::Closed,
        }
    }

    /// The invitation that a sign-up has to show, if it needs one.
    ///
    /// # Errors
    /// 403 when it may not sign up.
    pub(super) fn check(self, code: Option<&str>) -> Result<Option<TokenHash>, Response> {
        match (self, code) {
            (Self::Open, _) => Ok(None),
            (Self::Invited, Some(code)) => Ok(Some(hash(code))),
            (Self::Invited, None) => {
                let message = "Sign-up needs an invitation: send its code as `invitation`";
                Err(Response::error(403, "invitation_required", message))
            }
            (Self::Closed, _) => {
                let message = "Nobody can sign up here: ask the operator of the server";
                Err(Response::error(403, "signup_closed", message))
            }
        }
    }
}

/// An invitation that is to be given out.
pub(crate) struct NewInvitation {
    /// Shown once, to whoever gives it out.
    pub(crate) code: String,
    pub(crate) hash: TokenHash,
    pub(crate) email: Option<String>,
}

impl NewInvitation {
    /// # Errors
    /// 400 when the email is not one.
    pub(crate) fn new(email: Option<&str>) -> Result<Self, Response> {
        let email = email.map(Email::new).transpose().map_err(|p| http::bad_field("email", p))?;
        let code = random_id().map_err(|_| http::internal_error())?;
        Ok(Self { hash: hash(&code), code, email: email.map(Email::into_string) })
    }
}

/// 403: the code is wrong, used, has ended, or is for another email.
pub(crate) fn invalid() -> Response {
    let message = "The invitation is not valid: ask for a new one";
    Response::error(403, "invalid_invitation", message)
}

/// What the database stores of a code.
pub(crate) fn hash(code: &str) -> TokenHash {
    TokenHash(Sha256::digest(code.trim().as_bytes()).into())
}
