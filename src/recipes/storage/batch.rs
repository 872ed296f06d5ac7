//! Group commit: waiting tasks run in one transaction, and are answered when it is on disk. What reads
//! content has a transaction of its own.

use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rusqlite::Connection;

use super::erase::Erasure;
use super::health::FailureCause;
use super::progress::clock;
use super::queue::{QueuedTask, TaskQueue, TaskTurn};
use super::schema::without_waiting;
use super::space::{Effect, Space, is_disk_full};
use crate::node::StartFlag;
use crate::time::Instant;

/// The most tasks in one transaction. At about 50 µs each, the last one waits 13 ms for the others,
/// which is about as long as a disk takes to commit.
pub(super) const MAX_BATCH: usize = 256;

/// How long the tasks of a transaction run. A task that comes waits for this long, and for a task and
/// a commit.
pub(crate) const BATCH_TIME: Duration = Duration::from_millis(5);

/// A task of at least so many bytes is large: a recipe of many steps takes 60 KiB. Of those a transaction
/// has one, or each would make the commit longer that the messages beside them wait for.
const LARGE_BYTES: usize = 16 * 1_024;

/// How often the disk is looked at while there is nothing to do.
const SECOND: Duration = Duration::from_secs(1);

/// What a slow disk writes.
const DISK_BYTES_PER_MICROSECOND: u64 = 64;

/// The function that commits a transaction. Tests count, delay or refuse commits with it.
pub(crate) type Commit = Box<dyn FnMut(&Connection) -> rusqlite::Result<()> + Send>;

/// The normal commit. It returns when the transaction is on disk (`synchronous = FULL`).
pub(crate) fn by_statement() -> Commit {
    Box::new(|database| execute(database, "COMMIT"))
}

/// How long the storage thread has run. Tests have a clock of their own.
pub(super) type StorageClock = Box<dyn Fn() -> Duration + Send>;

/// The clock of a thread that starts now.
pub(super) fn running_clock() -> StorageClock {
    let start = clock();
    Box::new(move || start.elapsed())
}

/// Why nothing of a task is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskError {
    /// Not begun: the node withdrew it.
    NotBegun,
    /// Not begun: another process locked the database for too long, or it could not be written to.
    Blocked,
    /// Not begun: the queue was full, and it gave way to the task of a user that has fewer.
    Busy,
    /// The disk is full, or the database's file is not in its place. That may change.
    Unavailable,
    /// The task or its commit failed. The log has the cause.
    Failed,
}

/// A task, with the callback for its outcome.
pub(super) trait BatchItem: Send {
    /// Whether the task may begin. False when its asker has given up.
    fn begin(&self) -> bool;

    /// What it does to the database.
    fn effect(&self) -> Effect;

    /// Runs the task. Its writes must be rolled back when it fails.
    fn run(&mut self, database: &Connection) -> Result<(), TaskFault>;

    /// Calls the callback, with the task's own outcome if the transaction is `stored`.
    fn answer(self: Box<Self>, stored: Result<(), TaskError>);
}

/// Why a task failed.
#[derive(Debug)]
pub(super) enum TaskFault {
    Sql(rusqlite::Error),
    Panicked,
}

/// A [`BatchItem`] made of two closures: the work and the callback.
pub(super) struct Task<W, T, A> {
    work: Option<W>,
    /// `None` for work that is done even if its asker has given up.
    start: Option<StartFlag>,
    effect: Effect,
    outcome: Result<T, TaskError>,
    answer: A,
}

impl<W, T, A> Task<W, T, A>
where
    W: FnOnce(&Connection) -> rusqlite::Result<T>,
    A: FnOnce(Result<T, TaskError>),
{
    pub(super) fn new(work: W, start: Option<StartFlag>, effect: Effect, answer: A) -> Self {
        Self { work: Some(work), start, effect, outcome: Err(TaskError::NotBegun), answer }
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

    fn effect(&self) -> Effect {
        self.effect
    }

    fn run(&mut self, database: &Connection) -> Result<(), TaskFault> {
        let Some(work) = self.work.take() else { return Ok(()) };
        self.outcome = Err(TaskError::Failed);
        // After a panic the savepoint is rolled back, so the database stays consistent.
        match catch_unwind(AssertUnwindSafe(|| work(database))) {
            Ok(Ok(outcome)) => {
                self.outcome = Ok(outcome);
                Ok(())
            }
            Ok(Err(error)) => Err(TaskFault::Sql(error)),
            // The panic's message is not logged: it may quote what a user sent.
            Err(_) => Err(TaskFault::Panicked),
        }
    }

    fn answer(self: Box<Self>, stored: Result<(), TaskError>) {
        let Self { outcome, answer, .. } = *self;
        let outcome = match stored {
            Err(why @ (TaskError::Busy | TaskError::Blocked | TaskError::Unavailable)) => Err(why),
            stored => outcome.and_then(|done| stored.map(|()| done)),
        };
        if catch_unwind(AssertUnwindSafe(|| answer(outcome))).is_err() {
            log::error!("the callback of a database task panicked");
        }
    }
}

/// The storage thread's own.
pub(super) struct Batcher<'a> {
    pub(super) database: Connection,
    pub(super) queue: &'a TaskQueue<Box<dyn BatchItem>>,
    pub(super) space: Space,
    pub(super) erasure: Erasure,
    /// Tasks in one transaction.
    pub(super) most: usize,
    /// How long its tasks run.
    pub(super) time: Duration,
    pub(super) commit: Commit,
    pub(super) clock: StorageClock,
    /// The first task of the next transaction, where the last one ended before it.
    pub(super) next: Option<TakenTask>,
}

/// A task that was taken out of the queue.
type TakenTask = (TaskTurn, QueuedTask<Box<dyn BatchItem>>);

/// Whether a task has a transaction of its own: it reads content, a page of which takes as long as ten
/// messages. The answer to a message does not wait for it, and it does not wait for the disk.
fn is_alone((turn, queued): &TakenTask) -> bool {
    queued.item.effect() == Effect::Reads && turn.is_content()
}

/// The tasks of a transaction, each with why it was refused.
type Batch = Vec<(QueuedTask<Box<dyn BatchItem>>, Option<TaskError>)>;

impl Batcher<'_> {
    /// Runs batches until every [`Storage`](super::Storage) is dropped.
    pub(super) fn serve(&mut self) {
        let mut next_tidy = Instant::START;
        let health = self.space.health();
        while self.next.is_some() || self.queue.wait(SECOND) {
            health.progress.begin();
            for item in self.queue.take_shed() {
                item.answer(Err(TaskError::Busy));
            }
            let now = Instant::START + (self.clock)();
            self.space.check(now, &self.database);
            if now >= next_tidy {
                next_tidy = now + SECOND;
                self.try_again(now);
                let tidied = self.space.give_back(&self.database);
                let erased = self.erasure.run(&self.database);
                for error in [tidied.err(), erased.err()].into_iter().flatten() {
                    self.space.failed(now, &self.database, &error);
                }
            }
            if let Some(first) = self.next.take().or_else(|| self.queue.pop()) {
                self.serve_batch(now, first);
            }
            health.progress.end();
        }
    }

    /// Where a write has failed, tries one that changes nothing: nobody may come whose task would show
    /// that the cause is gone. It waits for no lock, as a task may wait for it.
    fn try_again(&mut self, now: Instant) {
        if self.space.is_failing() {
            match without_waiting(&self.database, |database| {
                write_nothing(database, &mut self.commit)
            }) {
                Ok(()) => self.space.recovered(),
                Err(error) => drop(self.space.failed(now, &self.database, &error)),
            }
        }
    }

    fn serve_batch(&mut self, now: Instant, first: TakenTask) {
        let mut batch = Vec::new();
        let stored = self.transact(now, first, &mut batch).map_err(|error| {
            roll_back(&self.database);
            let is_temporary = self.space.failed(now, &self.database, &error);
            if is_temporary { TaskError::Unavailable } else { TaskError::Failed }
        });
        // Only after the commit: an answer promises that its task is on disk.
        for (QueuedTask { item, bytes }, refused) in batch {
            self.queue.release(bytes);
            item.answer(refused.map_or(stored, Err));
        }
    }

    /// Runs tasks, each behind a savepoint, so that one that fails rolls back only itself. An error
    /// fails the whole batch: a full disk, for example, aborts the transaction with all earlier
    /// tasks.
    fn transact(
        &mut self,
        now: Instant,
        first: TakenTask,
        batch: &mut Batch,
    ) -> rusqlite::Result<()> {
        // This may wait for another process. Tasks whose time runs out meanwhile are not begun.
        if let Err(error) = execute(&self.database, "BEGIN IMMEDIATE") {
            let waiting = iter::once(first).chain(iter::from_fn(|| self.queue.pop()));
            batch.extend(
                waiting.take(self.most).map(|(_, queued)| (queued, Some(TaskError::Blocked))),
            );
            return Err(error);
        }
        let begun = clock();
        let mut done = Duration::ZERO;
        let is_one = is_alone(&first);
        let mut has_large = false;
        let mut next = Some(first);
        while let Some((turn, mut queued)) = next {
            let is_refused = self.space.refuses(now, queued.item.effect());
            let ran = if is_refused { Ok(()) } else { self.run(now, &mut *queued.item) };
            let (before, bytes) = (done, queued.bytes);
            has_large |= bytes >= LARGE_BYTES;
            batch.push((queued, is_refused.then_some(TaskError::Unavailable)));
            ran?;
            done = begun.elapsed();
            self.queue.charge(&turn, cost(done.saturating_sub(before), bytes));
            let is_whole = is_one || batch.len() >= self.most || done >= self.time;
            next = if is_whole { None } else { self.queue.pop() };
            self.next =
                next.take_if(|next| is_alone(next) || has_large && next.1.bytes >= LARGE_BYTES);
        }
        let committing = clock();
        let committed = (self.commit)(&self.database);
        self.space.record_commit(committing.elapsed());
        committed
    }

    fn run(&mut self, now: Instant, item: &mut dyn BatchItem) -> rusqlite::Result<()> {
        if !item.begin() {
            return Ok(());
        }
        if item.effect() == Effect::Erases {
            self.erasure.request();
        }
        execute(&self.database, "SAVEPOINT item")?;
        if let Err(fault) = item.run(&self.database) {
            match fault {
                // SQLite may have rolled the whole transaction back, and no savepoint is left.
                TaskFault::Sql(error) if is_disk_full(&error) || self.database.is_autocommit() => {
                    return Err(error);
                }
                TaskFault::Sql(error) => {
                    self.space.count_error(now, &error);
                }
                TaskFault::Panicked => {
                    self.space.count_failure(now, FailureCause::Panicked, "it panicked");
                }
            }
            execute(&self.database, "ROLLBACK TO item")?;
        }
        execute(&self.database, "RELEASE item")
    }
}

/// Writes the version of the schema as it is.
fn write_nothing(database: &Connection, commit: &mut Commit) -> rusqlite::Result<()> {
    execute(database, "BEGIN IMMEDIATE")?;
    let written = database
        .pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))
        .and_then(|version| database.pragma_update(None, "user_version", version))
        .and_then(|()| commit(database));
    if written.is_err() {
        roll_back(database);
    }
    written
}

/// What a task costs, in microseconds: the thread's time, and that of the disk for so many bytes. A
/// commit takes as long for one as for many, so nobody is charged for it.
fn cost(time: Duration, bytes: usize) -> u64 {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    micros.saturating_add(bytes as u64 / DISK_BYTES_PER_MICROSECOND).max(1)
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
