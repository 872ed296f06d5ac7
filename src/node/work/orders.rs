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
use std::time::Duration;

use crate::config::counted;
use crate::id::ConnId;
use crate::node::app::{OrderFault, OrderKind, OrderResult};
use crate::node::observe::MinuteThrottle;
use crate::node::observe::dependency::Dependency;
use crate::node::work::port::StoreError;
use crate::node::work::ticket::Ticket;
use crate::node::work::unstored::UnstoredRevocations;
use crate::time::{Instant, UnixTime};

/// Keeps revocations over a restart, for a driver that has a disk. Without one they are in memory.
pub trait RevocationStore: Send {
    /// Takes a revocation that is to be stored. Called on the node's thread: it must not block. What
    /// became of it comes as the completion [`Outcome::Stored`](crate::node::Outcome::Stored) of this
    /// ticket.
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

/// Where the result of an order goes.
pub(crate) enum Asker {
    Nobody,
    Operator(ConnId),
    Program(Box<dyn FnOnce(Result<usize, OrderFault>) + Send>),
}

/// How many nodes of the cluster have carried something out, of those that are alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct ConfirmedBy {
    pub(crate) confirmed: usize,
    pub(crate) total: usize,
}

/// Something was carried out on this node, and the other nodes of the cluster do not hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Done for {} at this node only: the cluster's engine cannot be reached, so the other nodes do not \
     hear of it. Call again when it can",
    counted(*connections, "connection")
)]
pub(crate) struct NotShared {
    /// The connections of this node that it was carried out for.
    pub(crate) connections: usize,
}

/// What an order waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Application,
    Store,
    /// The engine of the cluster, and the other nodes.
    Cluster,
}

/// An order that is not carried out yet. `None`: that part is not done.
pub(crate) struct OpenOrder {
    pub(crate) kind: OrderKind,
    pub(crate) user: Box<str>,
    pub(crate) asker: Asker,
    pub(crate) disconnected: usize,
    /// Up to when the user's tokens are refused. `None`: the sessions are not ended yet.
    pub(crate) revoked_at: Option<UnixTime>,
    pub(crate) application: Option<OrderResult>,
    pub(crate) stored: Option<OrderResult>,
    pub(crate) shared: Option<OrderResult>,
    /// How many nodes of the cluster have carried it out, and how many there are.
    pub(crate) nodes: Option<ConfirmedBy>,
    /// Of the questions that were opened for it.
    pub(crate) tickets: Vec<Ticket>,
}

impl OpenOrder {
    /// `None`: it is not carried out yet.
    fn result(&self) -> Option<Result<usize, OrderFault>> {
        let application = self.application.clone()?;
        let stored = self.stored.clone()?;
        let shared = self.shared.clone()?;
        Some(application.and(stored).and(shared).map(|()| self.disconnected))
    }
}

/// The orders that are under way.
#[derive(Default)]
pub(crate) struct Orders {
    open: BTreeMap<u64, OpenOrder>,
    last: u64,
    pub(crate) store: Option<Box<dyn RevocationStore>>,
    /// Revocations that could not be stored, for the log.
    pub(crate) unstored: MinuteThrottle,
    /// The same, to be stored again.
    pub(crate) kept: UnstoredRevocations,
    /// The order that stores one of these again.
    repeated: Option<u64>,
    /// When the next one begins, unless another revocation is stored before.
    repeats_at: Option<Instant>,
}

/// Revocations that could not be stored are tried again so long after the last failure.
const REPEAT_AFTER: Duration = Duration::from_secs(30);

/// How the storing of revocations is, where a restart forgets those of `lost` users, who are not kept to be
/// stored again. `None`: nothing stores them.
pub(crate) fn dependency(orders: &Orders, lost: usize) -> Option<Dependency> {
    orders.store.as_ref()?;
    let revocations = Dependency::working("revocations");
    let Some(fault) = orders.kept.fault(lost) else { return Some(revocations) };
    Some(revocations.degraded("revocations_not_stored", fault))
}

impl fmt::Debug for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orders").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// Orders that are under way at once. An application that never answers holds the place of its
/// order, so beyond them the oldest is given up.
const MAX_OPEN_ORDERS: usize = 1_024;

impl Orders {
    /// Opens an order. With its number comes the one that is given up for it, if one is.
    pub(crate) fn open(
        &mut self,
        kind: OrderKind,
        user: &str,
        asker: Asker,
    ) -> (u64, Option<OpenOrder>) {
        let is_full = self.open.len() >= MAX_OPEN_ORDERS;
        let given_up = if is_full { self.open.pop_first() } else { None };
        let given_up = given_up.map(|(_, order)| order);
        if let Some(OpenOrder { user, revoked_at: Some(at), stored: None, .. }) = &given_up {
            // Nobody hears whether it is stored. To store it twice does no harm.
            self.kept.insert(user, *at, "too many orders were under way".to_owned());
        }
        (self.add(kind, user, asker), given_up)
    }

    fn add(&mut self, kind: OrderKind, user: &str, asker: Asker) -> u64 {
        self.last += 1;
        let needs_store = kind != OrderKind::Unlock;
        let order = OpenOrder {
            kind,
            user: user.into(),
            asker,
            disconnected: 0,
            revoked_at: None,
            application: None,
            stored: if needs_store { None } else { Some(Ok(())) },
            shared: Some(Ok(())),
            nodes: None,
            tickets: Vec::new(),
        };
        self.open.insert(self.last, order);
        self.last
    }

    /// Opens an order that stores a revocation again which could not be stored: its number, the user, and
    /// the moment. One at a time, beside those that others have opened.
    pub(crate) fn repeat_unstored(&mut self, now: Instant) -> Option<(u64, Box<str>, UnixTime)> {
        if self.is_repeating() {
            return None;
        }
        let (user, at) = self.kept.first()?;
        self.repeats_at = Some(now + REPEAT_AFTER);
        let order = self.add(OrderKind::Disconnect, &user, Asker::Nobody);
        let open = self.open.get_mut(&order)?;
        // The application has done its part already.
        (open.application, open.revoked_at) = (Some(Ok(())), Some(at));
        self.repeated = Some(order);
        Some((order, user, at))
    }

    fn is_repeating(&self) -> bool {
        self.repeated.is_some_and(|order| self.open.contains_key(&order))
    }

    /// When to store one again that could not be stored. `None`: there is none, or it is under way.
    pub(crate) fn next_repeat(&self) -> Option<Instant> {
        self.repeats_at.filter(|_| self.kept.len() > 0 && !self.is_repeating())
    }

    /// The revocation of this order is stored, or is not.
    pub(crate) fn note_stored(
        &mut self,
        now: Instant,
        order: u64,
        stored: &Result<(), StoreError>,
    ) {
        if self.repeated == Some(order) {
            self.repeated = None;
        }
        let Some(open) = self.open.get(&order) else { return };
        let Some(at) = open.revoked_at else { return };
        match stored {
            Ok(()) => self.kept.remove(&open.user, at),
            Err(error) => {
                self.kept.insert(&open.user, at, error.to_string());
                self.repeats_at = Some(now + REPEAT_AFTER);
            }
        }
    }

    pub(crate) fn get(&self, order: u64) -> Option<&OpenOrder> {
        self.open.get(&order)
    }

    pub(crate) fn get_mut(&mut self, order: u64) -> Option<&mut OpenOrder> {
        self.open.get_mut(&order)
    }

    /// The order of this operator's call.
    pub(crate) fn of_operator(&self, asker: ConnId) -> Option<&OpenOrder> {
        let is_its = |open: &&OpenOrder| matches!(open.asker, Asker::Operator(id) if id == asker);
        self.open.values().find(is_its)
    }

    /// Takes an order out that is carried out. A program that gave it is told.
    pub(crate) fn finish(&mut self, order: u64) -> Option<(OpenOrder, Result<usize, OrderFault>)> {
        let result = self.open.get(&order)?.result()?;
        let mut open = self.open.remove(&order)?;
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
