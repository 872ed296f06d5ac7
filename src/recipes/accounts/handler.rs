//! What the hashing threads do for a request: look up, hash, store, and sign tokens.

use std::time::Duration;

use rusqlite::Connection;
use serde::Serialize;

use super::email::Email;
use super::hash_queue::HashOutcome;
use super::invitations as invitation;
use super::password::{Password, PasswordHasher};
use super::random::random_id;
use super::tokens::{RefreshToken, TokenIssuer};
use crate::auth::Evidence;
use crate::node::{Response, StartFlag};
use crate::recipes::http;
use crate::recipes::storage::sessions::TokenHash;
use crate::recipes::storage::{Storage, TaskOrigin, invitations, sessions, users};
use crate::time::UnixTime;

/// What a hashing thread needs to answer a request.
#[derive(Debug)]
pub(super) struct AccountHandler {
    pub(super) storage: Storage,
    pub(super) hasher: PasswordHasher,
    pub(super) tokens: TokenIssuer,
    pub(super) refresh_ttl: Duration,
}

/// An answer, and what it says of the password.
pub(super) type Judged = (HashOutcome, Response);

impl AccountHandler {
    /// With the invitation that the sign-up needs, if it needs one.
    pub(super) fn sign_up(
        &self,
        email: Email,
        password: &Password,
        invitation: Option<TokenHash>,
        asked: (UnixTime, &StartFlag),
    ) -> Judged {
        self.try_sign_up(email, password, invitation, asked).unwrap_or_else(|refusal| refusal)
    }

    fn try_sign_up(
        &self,
        email: Email,
        password: &Password,
        invitation: Option<TokenHash>,
        (now, start): (UnixTime, &StartFlag),
    ) -> Result<Judged, Judged> {
        // Checked before the expensive hash. The insertion checks it again.
        let address = email.clone();
        let refusal = self.ask(move |database| {
            sign_up_refusal(database, address.as_str(), invitation.as_ref(), now)
        })?;
        if let Some(refusal) = refusal {
            return Err((HashOutcome::Wrong(None), refusal));
        }
        let hash = self.hasher.hash(password).map_err(failed)?;
        let id = random_id().map_err(failed)?;
        let (session, token) = new_session()?;
        let (session_id, token_hash, expires_at) =
            (session.clone(), token.hash(), now + self.refresh_ttl);
        let created =
            self.ask_as(TaskOrigin::server().growing().until(start), move |database| {
                let refusal = sign_up_refusal(database, email.as_str(), invitation.as_ref(), now)?;
                if let Some(refusal) = refusal {
                    return Ok(Err(refusal));
                }
                let Some(user) = users::create(database, id, email.into_string(), &hash, now)?
                else {
                    return Ok(Err(email_exists()));
                };
                if let Some(code) = &invitation {
                    invitations::delete(database, code)?;
                }
                sessions::begin(database, user.key, (&session_id, &token_hash), now, expires_at)?;
                Ok(Ok(user))
            })?;
        let user = created.map_err(|refusal| (HashOutcome::Wrong(None), refusal))?;
        Ok((HashOutcome::Created, self.signed_in(201, &user, (&session, &token), now)?))
    }

    pub(super) fn sign_in(
        &self,
        email: &Email,
        password: &Password,
        asked: (UnixTime, &StartFlag),
    ) -> Judged {
        self.try_sign_in(email, password, asked).unwrap_or_else(|refusal| refusal)
    }

    fn try_sign_in(
        &self,
        email: &Email,
        password: &Password,
        (now, start): (UnixTime, &StartFlag),
    ) -> Result<Judged, Judged> {
        let address = email.clone();
        let found = self.ask(move |database| users::find(database, address.as_str()))?;
        let Some((user, hash)) = found else {
            // Takes as long as with an account, so that the time does not reveal whether one
            // exists.
            self.hasher.hash_in_vain(password);
            return Err((HashOutcome::Wrong(None), wrong_password()));
        };
        if !hash.is_of(password) {
            return Err((HashOutcome::Wrong(Some(user.id)), wrong_password()));
        }
        let (session, token) = new_session()?;
        let (session_id, token_hash, expires_at) =
            (session.clone(), token.hash(), now + self.refresh_ttl);
        let is_begun = self.ask_until(start, move |database| {
            sessions::begin(database, user.key, (&session_id, &token_hash), now, expires_at)
        })?;
        if !is_begun {
            return Err((HashOutcome::Right, http::account_locked()));
        }
        Ok((HashOutcome::Right, self.signed_in(200, &user, (&session, &token), now)?))
    }

    fn signed_in(
        &self,
        status: u16,
        user: &users::UserAccount,
        (session, token): (&str, &RefreshToken),
        now: UnixTime,
    ) -> Result<Response, Judged> {
        #[derive(Serialize)]
        struct SignedIn<'a> {
            access_token: &'a str,
            refresh_token: &'a str,
            user: users::AccountView<'a>,
        }
        let access = self.tokens.access(&user.id, session, now).map_err(failed)?;
        let user = user.view();
        let body = SignedIn { access_token: &access, refresh_token: token.as_str(), user };
        Ok(Response::json(status, &body))
    }

    pub(super) fn refreshed(
        &self,
        used: sessions::RefreshResult,
        successor: &RefreshToken,
        now: UnixTime,
    ) -> Response {
        #[derive(Serialize)]
        struct Refreshed<'a> {
            access_token: &'a str,
            refresh_token: &'a str,
        }
        let (user, session) = match used {
            sessions::RefreshResult::Accepted(user, session) => (user, session),
            sessions::RefreshResult::Unknown => return stale(),
            sessions::RefreshResult::TooOften(wait) => return http::refreshed_too_often(wait),
            sessions::RefreshResult::TooMany(user) => {
                log::warn!("user {user} refreshed a session too often: the session was ended");
                return stale();
            }
            sessions::RefreshResult::Reused(user) => {
                log::warn!("a refresh token of user {user} was reused: its session was ended");
                return stale();
            }
        };
        match self.tokens.access(&user, &session, now) {
            Ok(access) => {
                let body = Refreshed { access_token: &access, refresh_token: successor.as_str() };
                Response::json(200, &body)
            }
            Err(_) => http::internal_error(),
        }
    }

    pub(super) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Judged> {
        self.ask_as(TaskOrigin::server(), work)
    }

    /// The same, unless nobody waits for it any more when the database has its turn for it: what was
    /// answered 504 is not stored after that.
    pub(super) fn ask_until<T: Send + 'static>(
        &self,
        start: &StartFlag,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Judged> {
        self.ask_as(TaskOrigin::server().until(start), work)
    }

    pub(super) fn ask_as<T: Send + 'static>(
        &self,
        origin: TaskOrigin,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Judged> {
        let answer = self.storage.ask(origin, work);
        answer.map_err(|why| (HashOutcome::Failed, http::ask_failed(why)))
    }
}

/// The id of a session, and its first refresh token.
fn new_session() -> Result<(String, RefreshToken), Judged> {
    Ok((random_id().map_err(failed)?, RefreshToken::random().map_err(failed)?))
}

/// 500: no hash, random bytes or token could be made.
pub(super) fn failed<E>(_: E) -> Judged {
    (HashOutcome::Failed, http::internal_error())
}

/// Why this email cannot sign up. An invitation is looked at first, so that whoever has none cannot
/// find out which emails have an account.
fn sign_up_refusal(
    database: &Connection,
    email: &str,
    invitation: Option<&TokenHash>,
    now: UnixTime,
) -> rusqlite::Result<Option<Response>> {
    if let Some(code) = invitation
        && !invitations::is_valid(database, code, email, now)?
    {
        return Ok(Some(invitation::invalid()));
    }
    Ok(users::exists(database, email)?.then(email_exists))
}

/// 401 for a wrong password and for an unknown email alike.
pub(super) fn wrong_password() -> Response {
    Response::error(401, "invalid_credentials", "Wrong email or password")
}

/// 401 for an invalid refresh token. Charged as honest: old tabs send expired ones.
pub(super) fn stale() -> Response {
    Response::error(401, "invalid_token", "The refresh token is not valid: sign in again")
        .charging(Evidence::Honest)
}

/// 409: the email is taken. Charged as a guess, which limits how many emails a client can probe.
fn email_exists() -> Response {
    Response::error(409, "email_exists", "There is an account with this email already")
}
