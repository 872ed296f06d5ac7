//! Accounts: sign-up, sign-in, refresh and sign-out.
//!
//! Passwords are hashed on `accounts.hashes` threads of their own, as each hash takes
//! `accounts.argon2_memory`. A storm of sign-ins waits in a bounded queue, fair by address, and does
//! not delay chat. What an address and an account may ask for is decided in [`hash_queue`].
//! Refresh and sign-out need no hash and go directly to the storage thread.
//!
//! Access tokens are JWTs, signed with the secret that the server verifies tokens with. Refresh
//! tokens are 256 random bits; the database holds only their SHA-256.

mod common;
mod email;
mod handler;
mod hash_queue;
pub(super) mod invitations;
mod known;
mod own;
mod password;
mod pool;
mod random;
mod reset;
mod tokens;
mod tries;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use self::email::Email;
use self::handler::{AccountHandler, stale, wrong_password};
use self::hash_queue::{Attempt, HashOutcome};
use self::invitations::{NewInvitation, SignUps};
use self::password::{Password, PasswordHasher};
pub(super) use self::pool::HashCounts;
use self::pool::HashPool;
use self::random::random_bytes;
pub(super) use self::random::random_id;
pub(super) use self::tokens::SigningKeys;
use self::tokens::{RefreshToken, TokenIssuer};
use super::completions::{CompletionSink, HttpAnswer};
use super::http::{self, AccountCall, Fields};
use super::storage::sessions::{self, RefreshResult};
use super::storage::{
    Storage, StorageHealth, TaskClass, TaskError, TaskOrigin, invitations as stored,
};
use crate::auth::Address;
use crate::config::{Config, Limits};
use crate::id::{Seed, SeededState};
use crate::node::app::{Invite, Reply};
use crate::node::{AppEvent, Payer, Request, Response, Ticket};
use crate::shares::Allowances;

/// The account endpoints: validates requests and hands their work to other threads.
#[derive(Debug)]
pub(super) struct AccountService {
    pool: HashPool,
    handler: Arc<AccountHandler>,
    completions: CompletionSink,
    sign_ups: SignUps,
    max_invitations: usize,
    /// What the accounts have used of their refreshes, by their keys in the database. Each stores a token,
    /// which stays until it expires, and is no guess: the address may be that of many.
    refreshes: Arc<Mutex<Allowances<i64>>>,
    health: Arc<StorageHealth>,
    /// Hashes emails, so that nobody can make two of them collide.
    hashing: SeededState,
}

impl AccountService {
    /// What is remembered of the attempts of an account or an address, and of an account's refreshes.
    pub(super) const ATTEMPT_BYTES: usize = HashPool::ENTRY_BYTES + Allowances::<i64>::ENTRY_BYTES;

    /// What reads the counters.
    pub(super) fn counts(&self) -> HashCounts {
        self.pool.counts()
    }

    /// Starts the hashing threads. Tokens are signed with `keys`.
    ///
    /// # Errors
    /// When the operating system cannot start a thread.
    pub(super) fn new(
        config: &Config,
        storage: Storage,
        (completions, keys, health): (CompletionSink, SigningKeys, Arc<StorageHealth>),
    ) -> io::Result<Self> {
        let accounts = &config.accounts;
        let handler = AccountHandler {
            storage,
            hasher: PasswordHasher::new(accounts),
            tokens: TokenIssuer { keys, access_ttl: accounts.access_ttl.get() },
            refresh_ttl: accounts.refresh_ttl.get(),
        };
        let seed = Seed::new(random_bytes().map_err(io::Error::other)?);
        let pool = HashPool::start(accounts, &seed, completions.clone())?;
        let hashing = SeededState::new(&seed.derive("attempts by account"));
        Ok(Self {
            pool,
            handler: Arc::new(handler),
            completions,
            sign_ups: SignUps::new(accounts),
            max_invitations: accounts.invitations,
            refreshes: Arc::new(Mutex::new(Allowances::new(
                config.limits.auth_per_minute_per_user,
                accounts.remembered,
            ))),
            health,
            hashing,
        })
    }

    /// Goes by `limits` from here on.
    pub(super) fn reload(&self, limits: &Limits) {
        let mut refreshes = self.refreshes.lock().unwrap_or_else(PoisonError::into_inner);
        let capacity = refreshes.capacity();
        refreshes.set_allowance(limits.auth_per_minute_per_user, capacity);
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

    /// Stores an invitation, and answers with its code once it is on disk.
    pub(super) fn invite(&self, invite: &Invite<'_>) -> Reply<Response> {
        if !self.handler.tokens.keys.are_there() || self.sign_ups == SignUps::Closed {
            let message = "Nobody can sign up here: see auth.secret and accounts.signup";
            return Reply::Now(Response::error(409, "not_supported", message));
        }
        let NewInvitation { code, hash, email } = match NewInvitation::new(invite.email) {
            Ok(invitation) => invitation,
            Err(refusal) => return Reply::Now(refusal),
        };
        let (now, most) = (invite.now, self.max_invitations);
        let expires_at = now + invite.valid;
        let address = email.clone();
        let asked = self.store(
            invite.ticket,
            TaskOrigin::new(TaskClass::Access, Payer::Operator).until(invite.start),
            move |database| {
                let times = (now, expires_at);
                stored::create(database, &hash, address.as_deref(), times, most)
            },
            move |is_created| http::invited(is_created, &code, email.as_deref(), expires_at),
        );
        asked.map_or_else(Reply::Now, |Deferred| Reply::Held)
    }

    fn sign_up(&self, fields: &mut Fields, request: &Request<'_>) -> Result<Deferred, Response> {
        let invitation = self.sign_ups.check(fields.optional_text("invitation")?.as_deref())?;
        let email = Email::new(&fields.text("email")?).map_err(|p| http::bad_field("email", p))?;
        let password = Password::new(fields.text("password")?)
            .map_err(|problem| http::bad_field("password", problem))?;
        if password.is_easily_guessed(email.as_str()) {
            let problem = "is easily guessed: use one that nobody else would think of";
            return Err(http::bad_field("password", problem));
        }
        let (handler, now) = (Arc::clone(&self.handler), request.now);
        let attempt = self.attempt("sign up", email.as_str(), request);
        let start = request.start.clone();
        self.hash(attempt, request, move || {
            handler.sign_up(email, &password, invitation, (now, &start))
        })
    }

    fn sign_in(&self, fields: &mut Fields, request: &Request<'_>) -> Result<Deferred, Response> {
        let (email, password) = (fields.text("email")?, fields.text("password")?);
        // No account can have these, so no hash is spent on them.
        let (Ok(email), Ok(password)) = (Email::new(&email), Password::new(password)) else {
            return Err(wrong_password());
        };
        let (handler, now) = (Arc::clone(&self.handler), request.now);
        let attempt = self.attempt("sign in", email.as_str(), request);
        let start = request.start.clone();
        self.hash(attempt, request, move || handler.sign_in(&email, &password, (now, &start)))
    }

    fn refresh(&self, fields: &mut Fields, request: &Request<'_>) -> Result<Deferred, Response> {
        let token = RefreshToken::parse(fields.text("refresh_token")?).ok_or_else(stale)?;
        let (handler, now) = (Arc::clone(&self.handler), request.now);
        let successor = handler.tokens.successor(&token).map_err(|_| http::internal_error())?;
        let (old, new) = (token.hash(), successor.hash());
        let times = (now, now + handler.refresh_ttl);
        let (refreshes, at) = (Arc::clone(&self.refreshes), request.at);
        let health = Arc::clone(&self.health);
        self.store(
            request.ticket,
            TaskOrigin::new(TaskClass::Access, payer(request)).until(request.start),
            move |database| {
                sessions::refresh(database, &old, &new, times, |account| {
                    let mut refreshes = refreshes.lock().unwrap_or_else(PoisonError::into_inner);
                    refreshes.charge(at, account, 1)
                })
            },
            move |used| {
                if matches!(used, RefreshResult::TooOften(_)) {
                    health.count_refused_refresh();
                }
                let event = match &used {
                    RefreshResult::Reused(user) | RefreshResult::TooMany(user) => {
                        Some(AppEvent::SessionEnded { user: user.clone() })
                    }
                    RefreshResult::Accepted(..)
                    | RefreshResult::TooOften(_)
                    | RefreshResult::Unknown => None,
                };
                HttpAnswer::with(handler.refreshed(used, &successor, now), event)
            },
        )
    }

    fn log_out(&self, fields: &mut Fields, request: &Request<'_>) -> Result<Deferred, Response> {
        // An invalid token is answered like a valid one, so that tokens cannot be probed.
        let token = RefreshToken::parse(fields.text("refresh_token")?);
        let hash = token.map(|token| token.hash());
        // Without a start flag: the session ends even if the client has already closed the page.
        self.store(
            request.ticket,
            TaskOrigin::new(TaskClass::Access, payer(request)),
            move |database| hash.map_or(Ok(None), |hash| sessions::log_out(database, &hash)),
            |user| {
                let event = user.map(|user| AppEvent::SessionEnded { user });
                HttpAnswer::with(Response::json(200, &serde_json::Map::new()), event)
            },
        )
    }

    /// Who asks for a hash, and for what.
    fn attempt(&self, kind: &str, account: &str, request: &Request<'_>) -> Attempt {
        Attempt::new(&self.hashing, kind, account, Address::from(request.client))
    }

    /// Runs `work` on a hashing thread, unless its asker has given up by then.
    fn hash<A: Into<HttpAnswer>>(
        &self,
        attempt: Attempt,
        request: &Request<'_>,
        work: impl FnOnce() -> (HashOutcome, A) + Send + 'static,
    ) -> Result<Deferred, Response> {
        let work = move || {
            let (outcome, answer) = work();
            (outcome, answer.into())
        };
        let refused = self.pool.submit(attempt, request, Box::new(work));
        refused.map(|()| Deferred).map_err(|why| http::refused_hash(why.retry_seconds()))
    }

    /// Runs `work` on the storage thread, and `answer` once it is on disk.
    fn store<T: Send + 'static, A: Into<HttpAnswer>>(
        &self,
        ticket: Ticket,
        origin: TaskOrigin,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
        answer: impl FnOnce(T) -> A + Send + 'static,
    ) -> Result<Deferred, Response> {
        let completions = self.completions.clone();
        let answer = move |done: Result<T, TaskError>| {
            completions.answer(ticket, done.map(|done| answer(done).into()));
        };
        let asked = self.handler.storage.submit(origin, work, answer);
        asked.map(|()| Deferred).map_err(|_| http::busy())
    }
}

/// Who a request without a token is charged to.
fn payer(request: &Request<'_>) -> Payer {
    Payer::Address(Address::from(request.client))
}

/// Another thread will answer the request.
struct Deferred;
