//! Group commit: what waits is done in one transaction, and answered when that is on disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;

use rusqlite::Connection;

use crate::node::StartFlag;

/// Pieces of work in one transaction. At some 50 µs each the last of them waits 13 ms for the
/// others, about as long as a disk takes to commit.
pub(super) const MAX_BATCH: usize = 256;

/// How a transaction is committed: a test may count, delay or refuse it.
pub(in crate::recipes) type Commit = Box<dyn FnMut(&Connection) -> rusqlite::Result<()> + Send>;

/// The commit of every day: it returns when the disk has it (`synchronous = FULL`).
pub(in crate::recipes) fn by_statement() -> Commit {
    Box::new(|database| execute(database, "COMMIT"))
}

/// Why nothing of a piece of work is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::recipes) enum TaskError {
    /// It was not begun: the node has withdrawn it, or the database was locked by another process
    /// for too long.
    NotBegun,
    /// It was not done, or its commit failed. The log says why.
    Failed,
}

/// A piece of work, and who waits for it.
pub(super) trait BatchItem: Send {
    /// May the work begin, now that its turn has come? False: nobody waits for it any more.
    fn begin(&self) -> bool;

    /// Does the work. False: it failed, and what it wrote must be taken back.
    fn run(&mut self, database: &Connection) -> bool;

    /// Answers. `is_stored` is false when the commit failed.
    fn answer(self: Box<Self>, is_stored: bool);
}

/// A [`BatchItem`] made of two closures.
pub(super) struct Task<W, T, A> {
    work: Option<W>,
    /// `None`: it is done whether anybody waits or not.
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
        // The database is as it was after the savepoint is rolled back, whatever panicked.
        match catch_unwind(AssertUnwindSafe(|| work(database))) {
            Ok(Ok(outcome)) => self.outcome = Ok(outcome),
            // The error names statements, never what was bound to them.
            Ok(Err(error)) => log::error!("a database task failed: {error}"),
            // What a panic says may hold what a user sent.
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

/// Works until nobody is left who could ask, on at most `most` pieces at once.
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
        // Only here: an answer says that it is on disk.
        for item in items {
            item.answer(stored.is_ok());
        }
    }
}

/// Each job behind a savepoint of its own, so that one that fails loses only itself. An error is
/// everybody's: a full disk ends the transaction, and with it what the jobs before had written.
fn transact(
    database: &Connection,
    items: &mut [Box<dyn BatchItem>],
    commit: &mut Commit,
) -> rusqlite::Result<()> {
    // This may wait for another process. Whose time is over meanwhile is not begun with.
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
    // SQLite has ended the transaction itself where it had to.
    if !database.is_autocommit()
        && let Err(error) = execute(database, "ROLLBACK")
    {
        log::error!("cannot roll back a transaction: {error}");
    }
}

fn execute(database: &Connection, statement: &str) -> rusqlite::Result<()> {
    database.prepare_cached(statement)?.execute([]).map(drop)
}
