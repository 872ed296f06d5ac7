//! Group commit: waiting tasks run in one transaction, and are answered when it is on disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;

use rusqlite::Connection;

use crate::node::StartFlag;

/// The most tasks in one transaction. At about 50 µs each, the last one waits 13 ms for the others,
/// which is about as long as a disk takes to commit.
pub(super) const MAX_BATCH: usize = 256;

/// The function that commits a transaction. Tests count, delay or refuse commits with it.
pub(crate) type Commit = Box<dyn FnMut(&Connection) -> rusqlite::Result<()> + Send>;

/// The normal commit. It returns when the transaction is on disk (`synchronous = FULL`).
pub(crate) fn by_statement() -> Commit {
    Box::new(|database| execute(database, "COMMIT"))
}

/// Why nothing of a task is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskError {
    /// Not begun: the node withdrew it, or another process locked the database for too long.
    NotBegun,
    /// The task or its commit failed. The log has the cause.
    Failed,
}

/// A task, with the callback for its outcome.
pub(super) trait BatchItem: Send {
    /// Whether the task may begin. False when its asker has given up.
    fn begin(&self) -> bool;

    /// Runs the task. Returns false when it failed and its writes must be rolled back.
    fn run(&mut self, database: &Connection) -> bool;

    /// Calls the callback. `is_stored` is false when the commit failed.
    fn answer(self: Box<Self>, is_stored: bool);
}

/// A [`BatchItem`] made of two closures: the work and the callback.
pub(super) struct Task<W, T, A> {
    work: Option<W>,
    /// `None` for work that is done even if its asker has given up.
    start: Option<StartFlag>,
    outcome: Result<T, TaskError>,
    answer: A,
}

impl<W, T, A> Task<W, T, A>
where
    W: FnOnce(&Connection) -> rusqlite::Result<T>,
    A: FnOnce(Result<T, TaskError>),
{
    pub(super) fn new(work: W, start: Option<StartFlag>, answer: A) -> Self {
        Self { work: Some(work), start, outcome: Err(TaskError::NotBegun), answer }
    }
}

impl<W, T, A> BatchItem for Task<W, T, A>
where
    W: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
    T: Send,
    A: FnOnce(Result<T, TaskError>) + Send,
{
    fn begin(&self) -> bool {
        self.start.as_ref().is_none_or(StartFlag::begin)
    }

    fn run(&mut self, database: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        self.outcome = Err(TaskError::Failed);
        // After a panic the savepoint is rolled back, so the database stays consistent.
        match catch_unwind(AssertUnwindSafe(|| work(database))) {
            Ok(Ok(outcome)) => self.outcome = Ok(outcome),
            // SQLite's error names statements, never bound values.
            Ok(Err(error)) => log::error!("a database task failed: {error}"),
            // The panic's message is not logged: it may quote what a user sent.
            Err(_) => log::error!("a database task panicked"),
        }
        self.outcome.is_ok()
    }

    fn answer(self: Box<Self>, is_stored: bool) {
        let Self { outcome, answer, .. } = *self;
        let outcome =
            outcome.and_then(|done| if is_stored { Ok(done) } else { Err(TaskError::Failed) });
        if catch_unwind(AssertUnwindSafe(|| answer(outcome))).is_err() {
            log::error!("the callback of a database task panicked");
        }
    }
}

/// Runs batches of at most `most` tasks until every [`Storage`](super::Storage) is dropped.
pub(super) fn serve(
    database: Connection,
    queue: &Receiver<Box<dyn BatchItem>>,
    most: usize,
    mut commit: Commit,
) {
    while let Ok(first) = queue.recv() {
        let mut items = vec![first];
        items.extend(queue.try_iter().take(most - 1));
        let stored = transact(&database, &mut items, &mut commit);
        if let Err(error) = &stored {
            log::error!(
                "a transaction of {} tasks failed, nothing of it was stored: {error}",
                items.len()
            );
            roll_back(&database);
        }
        // Only after the commit: an answer promises that its task is on disk.
        for item in items {
            item.answer(stored.is_ok());
        }
    }
}

/// Runs each item behind a savepoint, so that a failed item rolls back only itself. An error fails
/// the whole batch: a full disk, for example, aborts the transaction with all earlier items.
fn transact(
    database: &Connection,
    items: &mut [Box<dyn BatchItem>],
    commit: &mut Commit,
) -> rusqlite::Result<()> {
    // This may wait for another process. Items whose time runs out during the wait are not begun.
    execute(database, "BEGIN IMMEDIATE")?;
    for item in items {
        if !item.begin() {
            continue;
        }
        execute(database, "SAVEPOINT item")?;
        if !item.run(database) {
            execute(database, "ROLLBACK TO item")?;
        }
        execute(database, "RELEASE item")?;
    }
    commit(database)
}

fn roll_back(database: &Connection) {
    // After some errors, SQLite has already rolled back the transaction itself.
    if !database.is_autocommit()
        && let Err(error) = execute(database, "ROLLBACK")
    {
        log::error!("cannot roll back a transaction: {error}");
    }
}

fn execute(database: &Connection, statement: &str) -> rusqlite::Result<()> {
    database.prepare_cached(statement)?.execute([]).map(drop)
}
