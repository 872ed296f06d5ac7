//! Accounts: sign-up, sign-in, refresh and sign-out.
//!
//! Passwords are hashed on `accounts.hashes` threads of their own, as each hash takes
//! `accounts.argon2_memory`. A storm of sign-ins waits in a bounded queue and does not delay chat.
//! Refresh and sign-out need no hash and go directly to the storage thread.
//!
//! Access tokens are JWTs, signed with the secret that the server verifies tokens with. Refresh
//! tokens are 256 random bits; the database holds only their SHA-256.

mod email;
mod password;
mod pool;
mod random;
mod tokens;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use self::email::Email;
use self::password::{Password, PasswordHasher};
use self::pool::HashPool;
pub(super) use self::random::random_id;
pub(super) use self::tokens::SigningKeys;
use self::tokens::{RefreshToken, TokenIssuer};
use super::completions::CompletionSink;
use super::http::{self, AccountCall, Fields};
use super::storage::{Storage, TaskError, sessions, users};
use crate::auth::Evidence;
use crate::config::Config;
use crate::node::app::Reply;
use crate::node::{Completion, Outcome, Request, Response, StartFlag, Ticket};
use crate::time::{Rfc3339, UnixTime};

/// The account endpoints: validates requests and hands their work to other threads.
#[derive(Debug)]
pub(super) struct AccountService {
    pool: HashPool,
    handler: Arc<AccountHandler>,
    completions: CompletionSink,
}

/// What a hashing thread needs to answer a request.
#[derive(Debug)]
struct AccountHandler {
    storage: Storage,
    hasher: PasswordHasher,
    tokens: TokenIssuer,
    refresh_ttl: Duration,
}

impl AccountService {
    /// Starts the hashing threads. Tokens are signed with `keys`.
    ///
    /// # Errors
    /// When the operating system cannot start a thread.
    pub(super) fn new(
        config: &Config,
        storage: Storage,
        completions: CompletionSink,
        keys: SigningKeys,
    ) -> io::Result<Self> {
        let accounts = &config.accounts;
        let handler = AccountHandler {
            storage,
            hasher: PasswordHasher::new(accounts),
            tokens: TokenIssuer { keys, access_ttl: accounts.access_ttl.get() },
            refresh_ttl: accounts.refresh_ttl.get(),
        };
        let pool = HashPool::start(accounts.hashes, accounts.queue)?;
        Ok(Self { pool, handler: Arc::new(handler), completions })
    }

    /// Answers a request. Only its body is validated here; other threads do the rest.
    pub(super) fn call(&self, call: AccountCall, request: &Request<'_>) -> Reply<Response> {
        let asked = match Fields::parse(request.body) {
            Ok(mut fields) => match call {
                AccountCall::SignUp => self.sign_up(&mut fields, request),
                AccountCall::SignIn => self.sign_in(&mut fields, request),
                AccountCall::Refresh => self.refresh(&mut fields, request),
                AccountCall::LogOut => self.log_out(&mut fields, request),
            },
            Err(refusal) => Err(refusal),
        };
        asked.map_or_else(Reply::Now, |Deferred| Reply::Held)
    }

    fn sign_up(&self, fields: &mut Fields, request: &Request<'_>) -> Result<Deferred, Response> {
        let email = Email::new(&fields.text("email")?).map_err(|p| http::bad_field("email", p))?;
        let password = Password::new(fields.text("password")?)
            .map_err(|problem| http::bad_field("password", problem))?;
        let (handler, now) = (Arc::clone(&self.handler), request.now);
        self.hash(request, move || handler.sign_up(email, &password, now))
    }

    fn sign_in(&self, fields: &mut Fields, request: &Request<'_>) -> Result<Deferred, Response> {
        let (email, password) = (fields.text("email")?, fields.text("password")?);
        // No account can have these, so no hash is spent on them.
        let (Ok(email), Ok(password)) = (Email::new(&email), Password::new(password)) else {
            return Err(wrong_password());
        };
        let (handler, now) = (Arc::clone(&self.handler), request.now);
        self.hash(request, move || handler.sign_in(&email, &password, now))
    }

    fn refresh(&self, fields: &mut Fields, request: &Request<'_>) -> Result<Deferred, Response> {
        let token = RefreshToken::parse(fields.text("refresh_token")?).ok_or_else(stale)?;
        let (handler, now) = (Arc::clone(&self.handler), request.now);
        let successor = handler.tokens.successor(&token).map_err(|_| http::internal_error())?;
        let (old, new) = (token.hash(), successor.hash());
        let expires_at = now + handler.refresh_ttl;
        self.store(
            request.ticket,
            Some(request.start),
            move |database| sessions::refresh(database, &old, &new, now, expires_at),
            move |used| handler.refreshed(used, &successor, now),
        )
    }

    fn log_out(&self, fields: &mut Fields, request: &Request<'_>) -> Result<Deferred, Response> {
        // An invalid token is answered like a valid one, so that tokens cannot be probed.
        let token = RefreshToken::parse(fields.text("refresh_token")?);
        let hash = token.map(|token| token.hash());
        // Without a start flag: the session ends even if the client has already closed the page.
        self.store(
            request.ticket,
            None,
            move |database| hash.map_or(Ok(()), |hash| sessions::log_out(database, &hash)),
            |()| Response::json(200, &serde_json::Map::new()),
        )
    }

    /// Runs `work` on a hashing thread, unless its asker has given up by then.
    fn hash(
        &self,
        request: &Request<'_>,
        work: impl FnOnce() -> Response + Send + 'static,
    ) -> Result<Deferred, Response> {
        let (completions, ticket, start) =
            (self.completions.clone(), request.ticket, request.start.clone());
        let job = move || {
            if !start.begin() {
                return;
            }
            completions.deliver(Completion { ticket, outcome: Outcome::Response(work()) });
        };
        self.pool.submit(Box::new(job)).map(|()| Deferred).map_err(|_| http::busy())
    }

    /// Runs `work` on the storage thread, and `answer` once it is on disk. With `start`, the work
    /// is not begun if its asker has given up by then.
    fn store<T: Send + 'static>(
        &self,
        ticket: Ticket,
        start: Option<&StartFlag>,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
        answer: impl FnOnce(T) -> Response + Send + 'static,
    ) -> Result<Deferred, Response> {
        let completions = self.completions.clone();
        let answer = move |done: Result<T, TaskError>| {
            let outcome = match done {
                Ok(done) => Outcome::Response(answer(done)),
                Err(TaskError::NotBegun) => Outcome::NotBegun,
                Err(TaskError::Failed) => Outcome::Response(http::internal_error()),
            };
            completions.deliver(Completion { ticket, outcome });
        };
        let asked = self.handler.storage.submit_with(0, start.cloned(), work, answer);
        asked.map(|()| Deferred).map_err(|_| http::busy())
    }
}

/// Another thread will answer the request.
struct Deferred;

impl AccountHandler {
    fn sign_up(&self, email: Email, password: &Password, now: UnixTime) -> Response {
        self.try_sign_up(email, password, now).unwrap_or_else(|refusal| refusal)
    }

    fn try_sign_up(
        &self,
        email: Email,
        password: &Password,
        now: UnixTime,
    ) -> Result<Response, Response> {
        // Checked before the expensive hash. The insertion checks it again.
        let address = email.clone();
        if self.ask(move |database| users::exists(database, address.as_str()))? {
            return Err(email_exists());
        }
        let hash = self.hasher.hash(password).map_err(|_| http::internal_error())?;
        let id = random_id().map_err(|_| http::internal_error())?;
        let token = RefreshToken::random().map_err(|_| http::internal_error())?;
        let (token_hash, expires_at) = (token.hash(), now + self.refresh_ttl);
        let user = self.ask(move |database| {
            let user = users::create(database, id, email.into_string(), &hash, now)?;
            if let Some(user) = &user {
                sessions::begin(database, user.key, &token_hash, now, expires_at)?;
            }
            Ok(user)
        })?;
        let user = user.ok_or_else(email_exists)?;
        // A sign-up takes a hash and a row that stays, so its address is charged as for a forged
        // token.
        Ok(self.signed_in(201, &user, &token, now)?.charging(Evidence::Forged))
    }

    fn sign_in(&self, email: &Email, password: &Password, now: UnixTime) -> Response {
        self.try_sign_in(email, password, now).unwrap_or_else(|refusal| refusal)
    }

    fn try_sign_in(
        &self,
        email: &Email,
        password: &Password,
        now: UnixTime,
    ) -> Result<Response, Response> {
        let address = email.clone();
        let found = self.ask(move |database| users::find(database, address.as_str()))?;
        let Some((user, hash)) = found else {
            // Takes as long as with an account, so that the time does not reveal whether one
            // exists.
            self.hasher.hash_in_vain(password);
            return Err(wrong_password());
        };
        if !hash.is_of(password) {
            return Err(wrong_password());
        }
        let token = RefreshToken::random().map_err(|_| http::internal_error())?;
        let (token_hash, expires_at) = (token.hash(), now + self.refresh_ttl);
        let is_begun = self.ask(move |database| {
            sessions::begin(database, user.key, &token_hash, now, expires_at)
        })?;
        if !is_begun {
            return Err(http::account_locked());
        }
        self.signed_in(200, &user, &token, now)
    }

    fn signed_in(
        &self,
        status: u16,
        user: &users::UserAccount,
        token: &RefreshToken,
        now: UnixTime,
    ) -> Result<Response, Response> {
        #[derive(Serialize)]
        struct SignedIn<'a> {
            access_token: &'a str,
            refresh_token: &'a str,
            user: UserView<'a>,
        }
        #[derive(Serialize)]
        struct UserView<'a> {
            id: &'a str,
            email: &'a str,
            created_at: Rfc3339,
        }
        let access = self.tokens.access(&user.id, now).map_err(|_| http::internal_error())?;
        let user =
            UserView { id: &user.id, email: &user.email, created_at: user.created_at.to_rfc3339() };
        let body = SignedIn { access_token: &access, refresh_token: token.as_str(), user };
        Ok(Response::json(status, &body))
    }

    fn refreshed(
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
        let user = match used {
            sessions::RefreshResult::Accepted(user) => user,
            sessions::RefreshResult::Unknown => return stale(),
            sessions::RefreshResult::TooMany(user) => {
                log::warn!("user {user} refreshed a session too often: the session was ended");
                return stale();
            }
            sessions::RefreshResult::Reused(user) => {
                log::warn!("a refresh token of user {user} was reused: its session was ended");
                return stale();
            }
        };
        match self.tokens.access(&user, now) {
            Ok(access) => {
                let body = Refreshed { access_token: &access, refresh_token: successor.as_str() };
                Response::json(200, &body)
            }
            Err(_) => http::internal_error(),
        }
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Response> {
        self.storage.ask(work).map_err(http::ask_failed)
    }
}

/// 401 for a wrong password and for an unknown email alike.
fn wrong_password() -> Response {
    Response::error(401, "invalid_credentials", "Wrong email or password")
        .charging(Evidence::Forged)
}

/// 401 for an invalid refresh token. Charged as honest: old tabs send expired ones.
fn stale() -> Response {
    Response::error(401, "invalid_token", "The refresh token is not valid: sign in again")
        .charging(Evidence::Honest)
}

/// 409: the email is taken. Charged as forged, which limits how many emails a client can probe.
fn email_exists() -> Response {
    Response::error(409, "email_exists", "There is an account with this email already")
        .charging(Evidence::Forged)
}
