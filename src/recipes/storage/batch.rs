//! Group commit: waiting tasks run in one transaction, and are answered when it is on disk.

use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::queue::{Queue, Queued};
use crate::node::StartFlag;

/// The most tasks in one transaction. At about 50 µs each, the last one waits 13 ms for the others,
/// which is about as long as a disk takes to commit.
pub(super) const MAX_BATCH: usize = 256;

/// How long the tasks of a transaction run. A task that comes waits for this long, and for a task and
/// a commit.
const BATCH_TIME: Duration = Duration::from_millis(5);

/// What a slow disk writes.
const DISK_BYTES_PER_MICROSECOND: u64 = 64;

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
    /// Not begun: the queue was full, and it gave way to the task of a user that has fewer.
    Busy,
    /// The task or its commit failed. The log has the cause.
    Failed,
}

/// A task, with the callback for its outcome.
pub(super) trait BatchItem: Send {
    /// Whether the task may begin. False when its asker has given up.
    fn begin(&self) -> bool;

    /// Runs the task. Returns false when it failed and its writes must be rolled back.
    fn run(&mut self, database: &Connection) -> bool;

    /// Calls the callback, with the task's own outcome if the transaction is `stored`.
    fn answer(self: Box<Self>, stored: Result<(), TaskError>);
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

    fn answer(self: Box<Self>, stored: Result<(), TaskError>) {
        let Self { outcome, answer, .. } = *self;
        let outcome = match stored {
            Err(TaskError::Busy) => Err(TaskError::Busy),
            stored => outcome.and_then(|done| stored.map(|()| done)),
        };
        if catch_unwind(AssertUnwindSafe(|| answer(outcome))).is_err() {
            log::error!("the callback of a database task panicked");
        }
    }
}

/// Runs batches of at most `most` tasks until every [`Storage`](super::Storage) is dropped.
pub(super) fn serve(
    database: &Connection,
    queue: &Queue<Box<dyn BatchItem>>,
    most: usize,
    mut commit: Commit,
) {
    while queue.wait() {
        for item in queue.take_shed() {
            item.answer(Err(TaskError::Busy));
        }
        let mut batch = Vec::new();
        let stored = transact(database, queue, most, &mut batch, &mut commit);
        if let Err(error) = &stored {
            log::error!(
                "a transaction of {} tasks failed, nothing of it was stored: {error}",
                batch.len()
            );
            roll_back(database);
        }
        // Only after the commit: an answer promises that its task is on disk.
        for Queued { item, bytes } in batch {
            queue.release(bytes);
            item.answer(stored.as_ref().map(|()| ()).map_err(|_| TaskError::Failed));
        }
    }
}

/// Runs tasks, each behind a savepoint, so that one that fails rolls back only itself. An error
/// fails the whole batch: a full disk, for example, aborts the transaction with all earlier tasks.
fn transact(
    database: &Connection,
    queue: &Queue<Box<dyn BatchItem>>,
    most: usize,
    batch: &mut Vec<Queued<Box<dyn BatchItem>>>,
    commit: &mut Commit,
) -> rusqlite::Result<()> {
    // This may wait for another process. Tasks whose time runs out during the wait are not begun.
    if let Err(error) = execute(database, "BEGIN IMMEDIATE") {
        batch.extend(iter::from_fn(|| queue.pop()).take(most).map(|(_, queued)| queued));
        return Err(error);
    }
    let begun = clock();
    let mut done = Duration::ZERO;
    while batch.len() < most
        && done < BATCH_TIME
        && let Some((turn, mut queued)) = queue.pop()
    {
        let ran = run(database, &mut *queued.item);
        let (before, bytes) = (done, queued.bytes);
        batch.push(queued);
        ran?;
        done = begun.elapsed();
        queue.charge(&turn, cost(done - before, bytes));
    }
    commit(database)
}

fn run(database: &Connection, item: &mut dyn BatchItem) -> rusqlite::Result<()> {
    if !item.begin() {
        return Ok(());
    }
    execute(database, "SAVEPOINT item")?;
    if !item.run(database) {
        execute(database, "ROLLBACK TO item")?;
    }
    execute(database, "RELEASE item")
}

/// What a task costs, in microseconds: the thread's time, and that of the disk for so many bytes. A
/// commit takes as long for one as for many, so nobody is charged for it.
fn cost(time: Duration, bytes: usize) -> u64 {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    micros.saturating_add(bytes as u64 / DISK_BYTES_PER_MICROSECOND).max(1)
}

#[expect(clippy::disallowed_methods, reason = "the storage thread measures what its tasks cost")]
pub(super) fn clock() -> Instant {
    Instant::now()
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
