//! What the application does by itself, when its time has come.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::completions::CompletionSink;
use super::storage::member_changes::{self, NextEnd};
use super::storage::{Storage, TaskClass, TaskOrigin, retention};
use crate::node::{Completion, Outcome, Payer, Ticket};
use crate::time::UnixTime;

/// How often what is kept for some days is looked at.
const TIDY_EACH: Duration = Duration::from_secs(3_600);
/// What could not be dropped is tried again after this time.
const TIDY_RETRY: Duration = Duration::from_secs(60);

/// When something is due. Each kind is a task of its own: one that fails keeps no other from being done.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines {
    /// The next membership ends.
    pub(super) ends: Arc<NextEnd>,
    /// What is kept for some days is dropped.
    tidies: Arc<NextEnd>,
}

impl Deadlines {
    pub(super) fn next(&self) -> Option<UnixTime> {
        [self.ends.get(), self.tidies.get()].into_iter().flatten().min()
    }

    /// Asks the storage for what is due.
    pub(super) fn run(&self, now: UnixTime, storage: &Storage, completions: &CompletionSink) {
        let is_due = |next: &NextEnd| next.get().is_some_and(|next| next <= now);
        if is_due(&self.ends) {
            self.end_memberships(now, storage, completions.clone());
        }
        if is_due(&self.tidies) {
            self.tidy(now, storage);
        }
    }

    /// Closes the connections of members whose access has ended.
    fn end_memberships(&self, now: UnixTime, storage: &Storage, completions: CompletionSink) {
        self.ends.begin(now);
        let (next, ends) = (Arc::clone(&self.ends), Arc::clone(&self.ends));
        let forget = move |database: &Connection| member_changes::forget_due(database, now, &ends);
        // Without a place in the queue, or a disk, it is due again soon.
        let _ = storage.submit(TaskOrigin::server(), forget, move |done| {
            let Ok(events) = done else { return next.add(now + NextEnd::RETRY) };
            for outcome in events.into_iter().map(Outcome::Event) {
                completions.deliver(Completion { ticket: Ticket::UNASKED, outcome });
            }
        });
    }

    /// Drops what is kept too long, a part of it in one task. What is left is due at once.
    fn tidy(&self, now: UnixTime, storage: &Storage) {
        self.tidies.set(Some(now + TIDY_RETRY));
        let tidies = Arc::clone(&self.tidies);
        let origin = TaskOrigin::new(TaskClass::Content, Payer::Operator);
        let tidy = move |database: &Connection| retention::forget_old(database, now);
        let _ = storage.submit(origin, tidy, move |done| {
            if let Ok(is_over) = done {
                tidies.set(Some(if is_over { now + TIDY_EACH } else { now }));
            }
        });
    }
}
