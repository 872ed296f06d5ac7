//! Sessions that operators have ended at other nodes of a cluster, until the database has that.
//!
//! Nobody waits for these orders, and none of them comes twice; so what cannot be stored now is tried again
//! until it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::completions::CompletionSink;
use super::storage::own_sessions::{self, EndedSessions};
use super::storage::{Storage, TaskError, TaskOrigin};
use crate::node::app::{OrderFault, OrderResult};
use crate::node::{Completion, Outcome, Reading, Ticket};
use crate::time::UnixTime;

/// Users in one transaction.
const BATCH: usize = 256;
/// What could not be stored is tried again after this time.
const RETRY: Duration = Duration::from_secs(1);

/// The users whose sessions are to be ended. One task at a time ends them.
#[derive(Clone, Debug)]
pub(super) struct SessionEnds(Arc<Mutex<WaitingEnds>>);

#[derive(Debug)]
struct WaitingEnds {
    /// Up to when the sessions of each user end.
    users: BTreeMap<String, UnixTime>,
    max_users: usize,
    /// Those that the task has taken.
    taken: usize,
    due: Option<UnixTime>,
    failures: u64,
}

impl SessionEnds {
    /// For `max_users` users at most.
    pub(super) fn new(max_users: usize) -> Self {
        let (users, max_users) = (BTreeMap::new(), max_users.max(1));
        Self(Arc::new(Mutex::new(WaitingEnds {
            users,
            max_users,
            taken: 0,
            due: None,
            failures: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, WaitingEnds> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reload may change the bound.
    pub(super) fn set_max_users(&self, max_users: usize) {
        self.lock().max_users = max_users.max(1);
    }

    /// When there is something to do.
    pub(super) fn next(&self) -> Option<UnixTime> {
        self.lock().due
    }

    /// Sessions of this user that began up to `at` end. Returns false if there are too many users.
    pub(super) fn add(&self, now: UnixTime, user: &str, at: UnixTime) -> bool {
        let mut waiting = self.lock();
        let is_new = !waiting.users.contains_key(user);
        if is_new && waiting.users.len().saturating_add(waiting.taken) >= waiting.max_users {
            return false;
        }
        waiting.put(user.to_owned(), at);
        waiting.due.get_or_insert(now);
        true
    }

    /// Has the storage end the sessions of some users. Each task that has ended, or failed, delivers the
    /// result of an order that nobody has asked about; so the driver looks when the next one is due.
    pub(super) fn run(&self, now: UnixTime, storage: &Storage, completions: &CompletionSink) {
        let batch = {
            let mut waiting = self.lock();
            if waiting.due.is_none_or(|due| due > now) {
                return;
            }
            waiting.due = Some(now + RETRY);
            if waiting.taken > 0 {
                return;
            }
            waiting.take()
        };
        let (batch, completions) = (Arc::new(batch), completions.clone());
        let (ends, stored) = (self.clone(), Arc::clone(&batch));
        let work = move |database: &Connection| {
            stored.iter().try_for_each(|(user, at)| {
                own_sessions::end(database, user, &EndedSessions::UpTo(*at)).map(drop)
            })
        };
        let (left, taken) = (self.clone(), Arc::clone(&batch));
        let submitted = storage.submit(TaskOrigin::server(), work, move |done| {
            let result = done.map_err(|error| match error {
                TaskError::Failed => OrderFault::Failed,
                _ => OrderFault::Unavailable,
            });
            ends.end(now, &taken, &result);
            let outcome = Outcome::Order(result);
            completions.deliver(Completion { ticket: Ticket::UNASKED, outcome });
        });
        if submitted.is_err() {
            left.end(now, &batch, &Err(OrderFault::Unavailable));
        }
    }

    /// The task has ended. What is not stored waits again.
    fn end(&self, now: UnixTime, batch: &[(String, UnixTime)], result: &OrderResult) {
        let mut waiting = self.lock();
        waiting.taken = 0;
        if result.is_ok() {
            waiting.due = (!waiting.users.is_empty()).then_some(now);
            return;
        }
        waiting.failures = waiting.failures.saturating_add(1);
        waiting.due = Some(now + RETRY);
        for (user, at) in batch {
            waiting.put(user.clone(), *at);
        }
    }

    /// What a collector of metrics is told.
    pub(super) fn readings(&self) -> Vec<Reading> {
        let waiting = self.lock();
        let users = waiting.users.len().saturating_add(waiting.taken);
        vec![
            Reading::new(
                "vestibule_recipes_session_ends_waiting",
                "Users whose sessions another node has ended, and the database has not yet.",
                users as f64,
            ),
            Reading::new(
                "vestibule_recipes_session_ends_failures_total",
                "Transactions that were to end these sessions, and are tried again.",
                waiting.failures as f64,
            ),
        ]
    }
}

impl WaitingEnds {
    fn put(&mut self, user: String, at: UnixTime) {
        let end = self.users.entry(user).or_insert(at);
        *end = (*end).max(at);
    }

    fn take(&mut self) -> Vec<(String, UnixTime)> {
        let batch: Vec<_> = std::iter::from_fn(|| self.users.pop_first()).take(BATCH).collect();
        self.taken = batch.len();
        batch
    }
}
