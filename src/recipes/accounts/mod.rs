//! Accounts: who signs up, signs in, stays signed in, and signs out.
//!
//! A password is hashed on threads of their own, as many at once as their memory was allowed for
//! (`accounts.hashes`): a storm of sign-ins waits in a bounded queue and slows nobody's chat. What
//! needs no hash, a refresh and a sign-out, goes to the storage thread at once.
//!
//! Access tokens are JWTs, signed with the secret that the server checks tokens with. Refresh
//! tokens are 256 random bits; the database has their SHA-256 alone.

mod email;
mod password;
mod pool;
mod tokens;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use self::email::Email;
pub(super) use self::password::PasswordHash;
use self::password::{Hasher, Password};
use self::pool::HashPool;
use self::tokens::{RefreshToken, TokenIssuer};
pub(super) use self::tokens::{SigningKeys, TokenHash};
use super::CompletionSink;
use super::http::{self, Fields};
use super::storage::{Storage, TaskError, sessions, users};
use crate::auth::Evidence;
use crate::config::Config;
use crate::node::app::Reply;
use crate::node::{Completion, Outcome, Request, Response, StartFlag, Ticket};
use crate::time::{Rfc3339, UnixTime};

/// The four calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccountCall {
    SignUp,
    SignIn,
    Refresh,
    LogOut,
}

/// Accounts, as the application has them.
#[derive(Debug)]
pub(super) struct AccountService {
    pool: HashPool,
    handler: Arc<AccountHandler>,
    completions: CompletionSink,
}

/// What a thread needs to answer a call.
#[derive(Debug)]
struct AccountHandler {
    storage: Storage,
    hasher: Hasher,
    tokens: TokenIssuer,
    refresh_ttl: Duration,
}

impl AccountService {
    /// Accounts whose tokens are signed with `keys`.
    ///
    /// # Errors
    /// When the system has no threads to give.
    pub(super) fn new(
        config: &Config,
        storage: Storage,
        completions: CompletionSink,
        keys: SigningKeys,
    ) -> io::Result<Self> {
        let accounts = &config.accounts;
        let handler = AccountHandler {
            storage,
            hasher: Hasher::new(accounts),
            tokens: TokenIssuer { keys, access_ttl: accounts.access_ttl.get() },
            refresh_ttl: accounts.refresh_ttl.get(),
        };
        let pool = HashPool::start(accounts.hashes, accounts.queue)?;
        Ok(Self { pool, handler: Arc::new(handler), completions })
    }

    /// Answers a call. The body is looked at here; the rest happens elsewhere.
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
        // What could not have signed up does not sign in, and costs no hash.
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
        // A token that is none belongs to no session, and nobody is to be told which ones do.
        let token = RefreshToken::parse(fields.text("refresh_token")?);
        let hash = token.map(|token| token.hash());
        // Done though nobody may wait for it any more: who closes the page right behind it has logged
        // out.
        self.store(
            request.ticket,
            None,
            move |database| hash.map_or(Ok(()), |hash| sessions::log_out(database, &hash)),
            |()| Response::json(200, &serde_json::Map::new()),
        )
    }

    /// Runs `work` on a thread that may block, unless its asker has given up by then.
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

    /// Runs `work` on the storage thread, and `answer` when that is on disk. With `start`, the work
    /// is not begun when its asker has given up by then.
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

/// Somebody else will answer.
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
        // Asked before the hash, which is the dear part; and by the insertion once more.
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
        // A hash, and a row that stays: it costs its address what a forged token does.
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
            // As long as it would take with an account: the time does not tell that there is none.
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
        user: &users::Account,
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

/// 401 for a wrong password and for an unknown address alike.
fn wrong_password() -> Response {
    Response::error(401, "invalid_credentials", "Wrong email or password")
        .charging(Evidence::Forged)
}

/// 401 for a refresh token that is good no more, which old tabs come with.
fn stale() -> Response {
    Response::error(401, "invalid_token", "The refresh token is not valid: sign in again")
        .charging(Evidence::Honest)
}

/// Who asks about many addresses is told of few.
fn email_exists() -> Response {
    Response::error(409, "email_exists", "There is an account with this email already")
        .charging(Evidence::Forged)
}

/// The operating system has no random bits to give, which no request can bring about.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoRandomBits;

/// `N` random bytes.
fn random_bytes<const N: usize>() -> Result<[u8; N], NoRandomBits> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        log::error!("the operating system returned no random bytes: {error}");
        NoRandomBits
    })?;
    Ok(bytes)
}

/// 128 random bits in 22 characters of `A-Z a-z 0-9 _ -`: for users, recipes, and tokens' `jti`.
pub(super) fn random_id() -> Result<String, NoRandomBits> {
    random_bytes::<16>().map(|bits| URL_SAFE_NO_PAD.encode(bits))
}
