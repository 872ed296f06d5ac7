//! What an operator may do to a user: end the sessions, lock the account, or ask for a fresh token.
//!
//! ```text
//! disconnect ─▶ sessions ended ─┬─▶ application ─┬─▶ answer
//!                               └─▶ store ───────┘
//! lock ───────▶ application ─▶ sessions ended ─▶ store ─▶ answer
//! unlock ─────▶ application ─▶ answer
//! ```
//!
//! Ended sessions are closed, and their tokens refused, from that moment on. An order is answered when
//! the application has done its part and the revocation is stored, so that no restart forgets it.

use std::collections::BTreeMap;
use std::fmt;

use crate::auth::{Principal, Revocations, TokenError};
use crate::config::Config;
use crate::id::ConnId;
use crate::node::Node;
use crate::node::admin::{MinuteThrottle, order_response};
use crate::node::app::{OrderFault, OrderKind, OrderResult, Reply, UserOrder};
use crate::node::http::message::Response;
use crate::node::http::refusal::Refusal;
use crate::node::work::port::{Outcome, StoreError, Ticket, Work};
use crate::node::work::questions::{Kind, NewQuestion};
use crate::protocol::CloseReason;
use crate::time::{Instant, Now, UnixTime};

/// Keeps revocations over a restart, for a driver that has a disk. Without one they are in memory.
pub trait RevocationStore: Send {
    /// Takes a revocation that is to be stored. Called on the node's thread: it must not block. What
    /// became of it comes as the completion [`Outcome::Stored`] of this ticket.
    ///
    /// # Errors
    /// When nothing will come of it, as too many wait already.
    fn store(&mut self, ticket: Ticket, revocation: &Revocation<'_>) -> Result<(), StoreError>;
}

/// A user's tokens that were issued up to a moment are refused.
#[derive(Clone, Copy, Debug)]
pub struct Revocation<'a> {
    /// The `sub` of the tokens.
    pub user: &'a str,
    /// The moment.
    pub at: UnixTime,
    /// So many users need to be remembered, the latest ones; 0: all.
    pub capacity: usize,
    /// Revocations from before this moment need not be remembered. `None`: all must be.
    pub over_before: Option<UnixTime>,
}

/// Who is told what became of an order.
pub(crate) enum Asker {
    Nobody,
    Operator(ConnId),
    Program(Box<dyn FnOnce(Result<usize, OrderFault>) + Send>),
}

/// The two that an order waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Application,
    Store,
}

/// An order that is not carried out yet. `None`: that part is not done.
struct OpenOrder {
    kind: OrderKind,
    user: Box<str>,
    asker: Asker,
    disconnected: usize,
    application: Option<OrderResult>,
    stored: Option<OrderResult>,
    /// Of the questions that were opened for it.
    tickets: Vec<Ticket>,
}

impl OpenOrder {
    /// `None`: it is not carried out yet.
    fn result(&self) -> Option<Result<usize, OrderFault>> {
        let application = self.application.clone()?;
        let stored = self.stored.clone()?;
        Some(application.and(stored).map(|()| self.disconnected))
    }
}

/// The orders that are under way.
#[derive(Default)]
pub(crate) struct Orders {
    open: BTreeMap<u64, OpenOrder>,
    last: u64,
    store: Option<Box<dyn RevocationStore>>,
    unstored: MinuteThrottle,
    /// Tokens that were refused as they may live longer than any may.
    long_tokens: MinuteThrottle,
}

impl fmt::Debug for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orders").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// Orders that are under way at once. An application that never answers holds the place of its
/// order, so beyond them the oldest is given up.
const MAX_OPEN_ORDERS: usize = 1_024;

/// An empty table with the bounds of `config`.
pub(crate) fn revocations(config: &Config) -> Revocations {
    let mut revocations = Revocations::new(config.limits.revocations);
    bound(&mut revocations, config);
    revocations
}

/// Has the table go by `config` from here on.
pub(crate) fn bound(revocations: &mut Revocations, config: &Config) {
    revocations.set_capacity(config.limits.revocations);
    revocations.set_token_life(config.auth.max_token_life.get(), config.auth.leeway.get());
}

impl Node {
    /// Has `store` keep the revocations from here on.
    pub fn keep_revocations(&mut self, store: Box<dyn RevocationStore>) {
        self.orders.store = Some(store);
    }

    /// A revocation that was stored by an earlier process, or elsewhere, holds from here on.
    pub fn restore_revocation(&mut self, now: Now, user: &str, at: UnixTime) {
        let hash = self.hash(&[user]);
        self.revocations.revoke(now, hash, at);
    }

    /// How many users are remembered whose older tokens are refused.
    #[must_use]
    pub fn revoked_users(&self) -> usize {
        self.revocations.len()
    }

    /// Closes every connection of `user` with 1008 `Session revoked`, and says how many there were.
    ///
    /// Tokens that were issued before are refused from here on, however long they live. The
    /// application ends what else lets the user come back, and the revocation is stored, both
    /// later: [`Node::order`] tells when. O(connections of that user).
    pub fn disconnect(&mut self, now: Now, user: &str) -> usize {
        self.begin_order(now, OrderKind::Disconnect, user, Asker::Nobody).0
    }

    /// Carries an order out. `done` is told how many connections were closed, when the application
    /// has done its part and the revocation is stored; or which of the two failed.
    pub fn order(
        &mut self,
        now: Now,
        kind: OrderKind,
        user: &str,
        done: impl FnOnce(Result<usize, OrderFault>) + Send + 'static,
    ) {
        self.begin_order(now, kind, user, Asker::Program(Box::new(done)));
    }

    /// Sends `auth_required` with the reason `requested` to every connection of `user` that is not
    /// asked already, and says how many that were. O(connections of that user).
    pub fn require_auth(&mut self, now: Now, user: &str) -> usize {
        let members: Vec<usize> = self.users.members(user).collect();
        let asked = members.into_iter().filter(|&index| {
            self.with_session(index, |session, _| session.require_auth(now.monotonic))
                .unwrap_or(false)
        });
        asked.count()
    }

    /// Is the token of this principal one of those that an operator revoked? Every token passes
    /// here, whatever it came with, and with the revocations of the moment that it is used at.
    pub(crate) fn refuse_revoked(
        &mut self,
        index: usize,
        principal: &Principal,
    ) -> Result<(), TokenError> {
        let user = self.hash(&[&principal.user]);
        if !self.revocations.refuses(user, principal.issued_at) {
            return Ok(());
        }
        self.ends.claims(self.id_of(index), &principal.user);
        Err(TokenError::Revoked)
    }

    /// A well-signed token may live longer than any may: its issuer or the setting is wrong, which
    /// nobody would find out from what the client is told.
    pub(crate) fn note_long_token(&mut self, now: Now) {
        self.metrics.long_tokens += 1;
        if let Some(count) = self.orders.long_tokens.count(now.monotonic) {
            log::warn!(
                "{count} tokens were refused that live longer than auth.max_token_life, or have no \
                 `iat`: have their issuer make them shorter, or set it to more. Told once a minute"
            );
        }
    }

    /// An operator's call. `None`: it is answered later.
    pub(crate) fn order_by_call(
        &mut self,
        now: Now,
        index: usize,
        kind: OrderKind,
        user: &str,
    ) -> Option<Response> {
        let asker = self.id_of(index);
        let (_, result) = self.begin_order(now, kind, user, Asker::Operator(asker));
        if let Some(result) = result {
            return Some(order_response(kind, result));
        }
        let open = self.orders.open.get(&self.orders.last);
        let ticket = open.and_then(|open| open.tickets.last()).copied();
        if let Some(request) = self.pending_request(index) {
            request.ticket = ticket;
        }
        let answer_by = now.monotonic + self.policy.answer_timeout;
        self.with_session(index, |session, _| session.ends_by(answer_by));
        None
    }

    /// The time of `index` is over, and what it asked for is not done: it is told so.
    pub(crate) fn answer_in_time(&mut self, now: Now, index: usize) {
        let asker = self.id_of(index);
        let is_its = |open: &&OpenOrder| matches!(open.asker, Asker::Operator(id) if id == asker);
        let Some(open) = self.orders.open.values().find(is_its) else {
            return self.refuse(now, index, Refusal::BackendTimeout);
        };
        let message = match open.application {
            None => "The application has not done its part in time, and may do it yet",
            Some(_) => "In force, but not stored in time, and may be stored yet",
        };
        let message = format!("{message}. Call again to know");
        let response = Response::error(504, "backend_timeout", &message);
        self.write_response(now, index, &response);
    }

    /// Begins an order: how many connections were closed by now, and the result if there is one.
    fn begin_order(
        &mut self,
        now: Now,
        kind: OrderKind,
        user: &str,
        asker: Asker,
    ) -> (usize, Option<Result<usize, OrderFault>>) {
        let key = self.open_order(kind, user, asker);
        if kind == OrderKind::Disconnect {
            self.end_sessions(now, key, user);
        }
        let ticket = self.questions.issue();
        let part = Part::Application;
        match self.app.on_order(&UserOrder { ticket, now: now.unix, user, kind }) {
            Reply::Now(result) => self.part_done(now, key, part, result),
            Reply::Later(job) => self.ask(now, key, ticket, part, Some(Work::Order(job))),
            Reply::Held => self.ask(now, key, ticket, part, None),
        }
        let disconnected = self.orders.open.get(&key).map_or(0, |open| open.disconnected);
        (disconnected, self.finish_order(key).map(|(_, result)| result))
    }

    fn open_order(&mut self, kind: OrderKind, user: &str, asker: Asker) -> u64 {
        if self.orders.open.len() >= MAX_OPEN_ORDERS
            && let Some((_, oldest)) = self.orders.open.pop_first()
        {
            for ticket in oldest.tickets {
                self.questions.close(ticket);
            }
        }
        self.orders.last += 1;
        let needs_store = kind != OrderKind::Unlock;
        let order = OpenOrder {
            kind,
            user: user.into(),
            asker,
            disconnected: 0,
            application: None,
            stored: if needs_store { None } else { Some(Ok(())) },
            tickets: Vec::new(),
        };
        self.orders.open.insert(self.orders.last, order);
        self.orders.last
    }

    /// An answer surely comes, so the question has no end of its own: an application that takes long
    /// does its part all the same, and what follows from it must be done then.
    fn ask(&mut self, now: Now, order: u64, ticket: Ticket, part: Part, work: Option<Work>) {
        let (kind, deadline) = (Kind::Order { order, part }, Instant::NEVER);
        let asker = ConnId::from_bits(u64::MAX);
        self.open_question(now, ticket, NewQuestion { asker, kind, deadline, cost: 0 }, work);
        if let Some(open) = self.orders.open.get_mut(&order) {
            open.tickets.push(ticket);
        }
    }

    /// Refuses the user's tokens up to now, closes the connections, and has that stored.
    fn end_sessions(&mut self, now: Now, order: u64, user: &str) {
        let hash = self.hash(&[user]);
        self.revocations.revoke(now, hash, now.unix);
        let members: Vec<usize> = self.users.members(user).collect();
        for &index in &members {
            self.close(now, index, CloseReason::SessionRevoked);
        }
        if let Some(open) = self.orders.open.get_mut(&order) {
            open.disconnected = members.len();
        }
        let revocation = Revocation {
            user,
            at: now.unix,
            capacity: self.revocations.capacity(),
            over_before: self.revocations.over_before(now),
        };
        let ticket = self.questions.issue();
        let taken = self.orders.store.as_mut().map(|store| store.store(ticket, &revocation));
        match taken {
            // Whoever runs the node without a store has none to wait for.
            None => self.part_done(now, order, Part::Store, Ok(())),
            Some(Ok(())) => self.ask(now, order, ticket, Part::Store, None),
            Some(Err(error)) => self.stored(now, order, Err(error)),
        }
    }

    /// The store has stored a revocation, or not.
    fn stored(&mut self, now: Now, order: u64, stored: Result<(), StoreError>) {
        let result = stored.map_err(|error| OrderFault::NotStored(error.to_string()));
        if let Err(fault) = &result {
            self.metrics.revocations_unstored += 1;
            if let Some(count) = self.orders.unstored.count(now.monotonic) {
                log::error!("{count} revocations are in force and not stored: {fault}");
            }
        } else {
            self.metrics.revocations_stored += 1;
        }
        self.part_done(now, order, Part::Store, result);
    }

    /// One of the two has done its part.
    fn part_done(&mut self, now: Now, order: u64, part: Part, result: OrderResult) {
        let Some(open) = self.orders.open.get_mut(&order) else { return };
        match part {
            Part::Store => open.stored = Some(result),
            Part::Application => {
                let is_locked = open.kind == OrderKind::Lock && result.is_ok();
                if open.kind == OrderKind::Lock && result.is_err() {
                    // Nothing was done to this user, so nothing is to be stored.
                    open.stored = Some(Ok(()));
                }
                open.application = Some(result);
                if is_locked {
                    let user = open.user.clone();
                    self.end_sessions(now, order, &user);
                }
            }
        }
    }

    /// What the application or the store has answered.
    pub(crate) fn order_answered(&mut self, now: Now, order: u64, part: Part, outcome: Outcome) {
        match (part, outcome) {
            (Part::Store, Outcome::Stored(stored)) => self.stored(now, order, stored),
            (Part::Store, _) => self.stored(now, order, Err(StoreError::Ended)),
            (Part::Application, Outcome::Order(result)) => self.part_done(now, order, part, result),
            (Part::Application, Outcome::Refused | Outcome::NotBegun) => {
                self.part_done(now, order, part, Err(OrderFault::Unavailable));
            }
            (Part::Application, _) => self.part_done(now, order, part, Err(OrderFault::Failed)),
        }
        let Some((open, result)) = self.finish_order(order) else { return };
        if let Asker::Operator(asker) = open.asker
            && open.tickets.iter().any(|&ticket| self.awaits_response(asker, ticket))
        {
            self.write_response(now, asker.index(), &order_response(open.kind, result));
            self.resume(now, asker.index(), true);
        }
    }

    /// Takes an order out that is carried out. A program that gave it is told.
    fn finish_order(&mut self, order: u64) -> Option<(OpenOrder, Result<usize, OrderFault>)> {
        let result = self.orders.open.get(&order)?.result()?;
        let mut open = self.orders.open.remove(&order)?;
        match open.asker {
            Asker::Program(done) => {
                done(result.clone());
                open.asker = Asker::Nobody;
            }
            asker => open.asker = asker,
        }
        Some((open, result))
    }
}
