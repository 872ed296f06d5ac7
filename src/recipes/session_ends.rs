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
use crate::config::counted;
use crate::node::app::OrderFault;
use crate::node::{Completion, Outcome, Reading, Ticket};
use crate::time::UnixTime;

/// Users in one transaction.
const BATCH: usize = 256;
/// What could not be stored is tried again after this time.
const RETRY: Duration = Duration::from_secs(1);
/// Failures are logged once in this time.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// The users whose sessions are to be ended. One task at a time ends them.
#[derive(Clone, Debug)]
pub(super) struct SessionEnds(Arc<Mutex<WaitingEnds>>);

#[derive(Debug)]
struct WaitingEnds {
    /// Up to when the sessions of each user end.
    users: BTreeMap<String, UnixTime>,
    /// 0: any number.
    max_users: usize,
    /// Those that the task has taken.
    taken: usize,
    due: Option<UnixTime>,
    /// Why the last task failed, until the driver's thread has seen it. The storage thread that reports it
    /// has no clock, and a retry is timed from there.
    fault: Option<OrderFault>,
    failures: u64,
    refused: u64,
    /// When a failure was logged last, and how many there had been.
    logged: Option<(UnixTime, u64)>,
}

impl SessionEnds {
    /// For `max_users` users at most, or any number if that is 0.
    pub(super) fn new(max_users: usize) -> Self {
        Self(Arc::new(Mutex::new(WaitingEnds {
            users: BTreeMap::new(),
            max_users,
            taken: 0,
            due: None,
            fault: None,
            failures: 0,
            refused: 0,
            logged: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, WaitingEnds> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reload may change the bound.
    pub(super) fn set_max_users(&self, max_users: usize) {
        self.lock().max_users = max_users;
    }

    /// When there is something to do. While a task runs, nothing is.
    pub(super) fn next(&self) -> Option<UnixTime> {
        let waiting = self.lock();
        if waiting.taken > 0 {
            return None;
        }
        if waiting.fault.is_some() { Some(UnixTime::default()) } else { waiting.due }
    }

    /// Sessions of this user that began up to `at` end. Returns false if there are too many users.
    pub(super) fn add(&self, now: UnixTime, user: &str, at: UnixTime) -> bool {
        let mut waiting = self.lock();
        let count = waiting.users.len().saturating_add(waiting.taken);
        let is_full = waiting.max_users != 0 && count >= waiting.max_users;
        if is_full && !waiting.users.contains_key(user) {
            waiting.refused = waiting.refused.saturating_add(1);
            return false;
        }
        waiting.put(user.to_owned(), at);
        waiting.due = Some(waiting.due_by(now).unwrap_or(now));
        true
    }

    /// Has the storage end the sessions of some users. Each task that has ended or failed delivers the result
    /// of an order that nobody has asked about: so the driver runs this again. It is always `Ok`, as what has
    /// failed is not lost.
    pub(super) fn run(&self, now: UnixTime, storage: &Storage, completions: &CompletionSink) {
        let batch = {
            let mut waiting = self.lock();
            if let Some(fault) = waiting.fault.take() {
                waiting.retry_after(now, &fault);
            }
            waiting.due = waiting.due_by(now);
            if waiting.taken > 0 || waiting.due.is_none_or(|due| due > now) {
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
        let taken = Arc::clone(&batch);
        let submitted = storage.submit(TaskOrigin::server(), work, move |done| {
            ends.lock().end(
                &taken,
                done.err().map(|error| match error {
                    TaskError::Failed => OrderFault::Failed,
                    _ => OrderFault::Unavailable,
                }),
            );
            let outcome = Outcome::Order(Ok(()));
            completions.deliver(Completion { ticket: Ticket::UNASKED, outcome });
        });
        if submitted.is_err() {
            let mut waiting = self.lock();
            waiting.end(&batch, Some(OrderFault::Unavailable));
            if let Some(fault) = waiting.fault.take() {
                waiting.retry_after(now, &fault);
            }
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
            Reading::new(
                "vestibule_recipes_session_ends_refused_total",
                "Orders of other nodes to end sessions that were refused, as limits.revocations users waited.",
                waiting.refused as f64,
            ),
        ]
    }
}

impl WaitingEnds {
    /// When something is due, where a clock that was set back does not delay it.
    fn due_by(&self, now: UnixTime) -> Option<UnixTime> {
        self.due.map(|due| due.min(now + RETRY))
    }

    fn put(&mut self, user: String, at: UnixTime) {
        let end = self.users.entry(user).or_insert(at);
        *end = (*end).max(at);
    }

    fn take(&mut self) -> Vec<(String, UnixTime)> {
        let batch: Vec<_> = std::iter::from_fn(|| self.users.pop_first()).take(BATCH).collect();
        self.taken = batch.len();
        self.due = None;
        batch
    }

    /// The task has ended. What is not stored waits again.
    fn end(&mut self, batch: &[(String, UnixTime)], fault: Option<OrderFault>) {
        self.taken = 0;
        if fault.is_some() {
            for (user, at) in batch {
                self.put(user.clone(), *at);
            }
        }
        self.fault = fault;
        self.due = (!self.users.is_empty()).then(UnixTime::default);
    }

    /// A transaction has failed. It is tried again a while after `now`, when that was seen.
    fn retry_after(&mut self, now: UnixTime, fault: &OrderFault) {
        self.due = Some(now + RETRY);
        self.failures = self.failures.saturating_add(1);
        // A clock that was set back does not silence it.
        let is_silent = |last: UnixTime| now >= last && now.since(last) < BETWEEN_LINES;
        if self.logged.is_some_and(|(last, _)| is_silent(last)) {
            return;
        }
        let before = self.logged.map_or(0, |(_, count)| count);
        let failures = counted(self.failures.saturating_sub(before), "time");
        let users = counted(self.users.len() as u64, "user");
        self.logged = Some((now, self.failures));
        log::error!(
            "the sessions of {users} that other nodes have ended could not be ended in the database, \
             {failures}: {fault}; it is tried again (docs/troubleshooting.md, VestibuleSessionEndsWait)"
        );
    }
}
