//! Whether a token that is well signed still speaks for its user.

use rusqlite::Connection;
use serde::Deserialize;

use super::{own_sessions, users};
use crate::auth::SESSION_CLAIM;

/// Who asks, by the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenUser {
    /// The `sub`.
    pub(crate) id: String,
    /// The session, if the token is one of ours.
    pub(crate) session: Option<String>,
}

/// What a user may do with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenState {
    Granted,
    /// An operator has locked the account.
    Locked,
    /// The token's session has ended.
    Ended,
}

impl TokenUser {
    /// Of a token with these claims.
    pub(crate) fn new(id: &str, claims: Option<&str>) -> Self {
        #[derive(Deserialize)]
        struct SessionClaim {
            vestibule_session: Option<String>,
        }
        let claims = claims.filter(|claims| claims.contains(SESSION_CLAIM));
        let claim = claims.and_then(|claims| serde_json::from_str::<SessionClaim>(claims).ok());
        Self { id: id.to_owned(), session: claim.and_then(|claim| claim.vestibule_session) }
    }

    pub(crate) fn access(&self, database: &Connection) -> rusqlite::Result<TokenState> {
        if users::is_locked(database, &self.id)? {
            return Ok(TokenState::Locked);
        }
        let has_ended = match &self.session {
            Some(session) => !own_sessions::exists(database, &self.id, session)?,
            None => false,
        };
        Ok(if has_ended { TokenState::Ended } else { TokenState::Granted })
    }
}
