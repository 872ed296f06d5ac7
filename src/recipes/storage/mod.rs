//! The storage thread, which owns the database.
//!
//! Tasks arrive through a bounded queue that serves users in turn. An answer leaves when its task is
//! on disk, never before. The tasks that wait are done together, as many as take 5 ms: one
//! transaction, one commit, one wait for the disk (group commit).
//!
//! ```text
//! reactor ──▶ queue (limits.storage_queue) ──▶ batch: BEGIN · SAVEPOINT task RELEASE · … · COMMIT
//!    ▲            full: whoever has most gives way                                          │
//!    └───────────────────────────── answers, all of them after the commit ◀──────────────────┘
//! ```
//!
//! While one commit waits for the disk, the next batch gathers: the slower the disk, the more tasks
//! share a commit. Reads use the same queue, so a join sees everything acknowledged before it. What reads
//! a recipe or a page has a transaction of its own, so that the answer to a message waits for none.
//! Tasks whose asker has given up are skipped.

pub(super) mod access;
mod advice;
pub(super) mod announcements;
mod background;
mod backup;
mod batch;
pub(super) mod bounds;
pub(super) mod chat;
mod checkpoint;
mod disk;
pub(super) mod edits;
mod erase;
mod health;
pub(super) mod history;
mod inspect;
pub(super) mod invitations;
pub(super) mod list;
pub(super) mod member_changes;
pub(super) mod members;
mod migrations;
pub(super) mod new_message;
pub(super) mod own_sessions;
mod place;
mod progress;
pub(super) mod publications;
mod queue;
mod reader;
pub(super) mod recipes;
pub(super) mod retention;
mod schema;
pub(super) mod sessions;
mod space;
mod unanswered;
pub(super) mod users;
mod verify;

#[cfg(test)]
pub(super) mod memory_disk;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use crate::node::{Payer, QUESTION_BYTES, StartFlag};

pub use self::backup::{BackupError, Restored, backup, restore};
pub(super) use self::batch::{BATCH_TIME, Commit, TaskError, by_statement};
use self::batch::{BatchItem, Batcher, MAX_BATCH, StorageClock, Task, running_clock};
use self::checkpoint::Checkpointer;
use self::disk::Reserve;
use self::erase::Erasure;
pub(super) use self::health::StorageHealth;
pub use self::inspect::{DatabaseState, inspect};
pub(super) use self::queue::{Busy, QueueLimits, TaskClass};
use self::queue::{EndOfQueue, QueuedTask, TaskQueue};
pub(super) use self::reader::Reader;
pub use self::schema::StorageError;
pub(super) use self::schema::keep_pages;
use self::space::{Effect, Space};

/// How long the shutdown waits for the thread to finish the queued tasks and to checkpoint the
/// write-ahead log. Nothing that is cut off then was acknowledged.
const PATIENCE: Duration = Duration::from_secs(2);

/// A handle to the storage thread. Cheap to clone. The thread ends when the last one is dropped.
#[derive(Clone)]
pub(super) struct Storage(Arc<Sender>);

struct Sender(Arc<TaskQueue<Box<dyn BatchItem>>>);

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A [`Storage`] that does not keep the thread alive.
#[derive(Clone, Debug)]
pub(super) struct WeakStorage(Weak<Sender>);

impl WeakStorage {
    /// The storage, while the application has it.
    pub(super) fn upgrade(&self) -> Option<Storage> {
        self.0.upgrade().map(Storage)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").finish_non_exhaustive()
    }
}

/// An open database, and what belongs to its file.
pub(super) struct OpenStorage {
    pub(super) database: Connection,
    space: Space,
    /// `None` in tests.
    checkpointer: Option<Checkpointer>,
    /// Held as long as the database is open. `None` in tests.
    lock: Option<File>,
    clock: StorageClock,
}

impl OpenStorage {
    /// Locks `directory` and opens the database in it, which takes at most `limit` bytes; 0: see
    /// [`Space::new`].
    ///
    /// # Errors
    /// [`StorageError`] names the file and says what to do.
    pub(super) fn open(directory: &Path, limit: usize) -> Result<Self, StorageError> {
        let lock = schema::lock(directory)?;
        let reserve = Reserve::open(directory);
        let mut database = schema::open(directory)?;
        let space = Space::new(limit as u64, &schema::path(directory), reserve);
        verify::start(schema::path(directory), space.health()).map_err(StorageError::Thread)?;
        let checkpointer = Checkpointer::start(&mut database, &schema::path(directory))
            .map_err(StorageError::Thread)?;
        let (checkpointer, lock, clock) = (Some(checkpointer), Some(lock), running_clock());
        Ok(Self { database, space, checkpointer, lock, clock })
    }

    /// What other threads may know of the storage.
    pub(super) fn health(&self) -> Arc<StorageHealth> {
        self.space.health()
    }
}

/// Who a task is for, and what the queue has to know of it.
#[derive(Debug)]
pub(super) struct TaskOrigin {
    pub(super) class: TaskClass,
    /// Who its cost is charged to.
    pub(super) payer: Payer,
    /// The length of the texts that it holds.
    pub(super) text_bytes: usize,
    /// `None` for a task that is done even if its asker has given up.
    pub(super) start: Option<StartFlag>,
    effect: Effect,
}

impl TaskOrigin {
    /// A task that somebody waits for, without a long text.
    pub(super) fn new(class: TaskClass, payer: Payer) -> Self {
        Self { class, payer, text_bytes: 0, start: None, effect: Effect::Writes }
    }

    /// The server's own.
    pub(super) fn server() -> Self {
        Self::new(TaskClass::Access, Payer::Operator)
    }

    /// The same for a task that writes nothing.
    pub(super) fn reading(self) -> Self {
        Self { effect: Effect::Reads, ..self }
    }

    /// The same for a task that stores what a user sent: it is refused on a full disk.
    pub(super) fn growing(self) -> Self {
        Self { effect: Effect::Grows, ..self }
    }

    /// The same for a task that deletes for good.
    pub(super) fn erasing(self) -> Self {
        Self { effect: Effect::Erases, ..self }
    }

    /// The same for a text of so many bytes.
    pub(super) fn with_text(self, text_bytes: usize) -> Self {
        Self { text_bytes, ..self }
    }

    /// Whether nobody waits for the task any more, and it has not begun.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.start.as_ref().is_some_and(StartFlag::is_withdrawn)
    }

    /// The same for a task that the node may withdraw through `start` until it begins.
    pub(super) fn until(self, start: &StartFlag) -> Self {
        Self { start: Some(start.clone()), ..self }
    }
}

/// Why [`Storage::ask`] returned no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskError {
    /// The queue was full.
    Busy,
    /// See [`TaskError::Blocked`] and [`TaskError::Unavailable`].
    Unavailable,
    /// The task or its commit failed, see [`TaskError::Failed`].
    Failed,
}

impl Storage {
    /// For whoever must not keep the thread alive, such as a call that takes long.
    pub(super) fn downgrade(&self) -> WeakStorage {
        WeakStorage(Arc::downgrade(&self.0))
    }

    /// Starts the thread, which commits with `commit`.
    ///
    /// # Errors
    /// When the operating system cannot start a thread.
    pub(super) fn start(
        opened: OpenStorage,
        limits: QueueLimits,
        commit: Commit,
    ) -> io::Result<(Self, JoinGuard)> {
        let queue = Arc::new(TaskQueue::new(limits.items, limits.bytes));
        let (most, time) = (limits.batch.clamp(1, MAX_BATCH), limits.batch_time);
        let (alive, gone) = mpsc::sync_channel(0);
        let sender = Sender(Arc::clone(&queue));
        thread::Builder::new().name("vestibule-storage".to_owned()).spawn(move || {
            let end = EndOfQueue(queue);
            let OpenStorage { database, space, checkpointer, lock, clock } = opened;
            let (queue, erasure) = (&end.0, Erasure::default());
            let next = None;
            let mut batcher =
                Batcher { database, queue, space, erasure, most, time, commit, clock, next };
            batcher.serve();
            if let Some(checkpointer) = checkpointer {
                checkpointer.end(&mut batcher.database);
            }
            // The lock goes when the database is closed.
            drop(batcher);
            drop((lock, end, alive));
        })?;
        Ok((Self(Arc::new(sender)), JoinGuard { gone }))
    }

    /// Counts the tasks that wait. It keeps nothing running.
    pub(super) fn waiting(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let queue = Arc::clone(&self.0.0);
        move || queue.waiting()
    }

    /// Queues `work`, and calls `answer` with its outcome once it is on disk. Never blocks.
    ///
    /// If `work` returns an error, what it wrote is rolled back; the other tasks of its batch are
    /// not affected.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        origin: TaskOrigin,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        answer: impl FnOnce(Result<T, TaskError>) + Send + 'static,
    ) -> Result<(), Busy> {
        let TaskOrigin { class, payer, text_bytes, start, effect } = origin;
        let bytes = text_bytes.saturating_add(QUESTION_BYTES);
        let item = Box::new(Task::new(work, start, effect, answer));
        self.0.0.push(class, payer, QueuedTask { item, bytes }).map_err(|_| Busy)
    }

    /// Runs `work` and waits for its outcome. Blocks, so the reactor's thread must not call it.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        origin: TaskOrigin,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, AskError> {
        let (sender, answer) = mpsc::sync_channel(1);
        // The channel has a slot for the one answer, so the send succeeds.
        self.submit(origin, work, move |outcome| drop(sender.try_send(outcome)))
            .map_err(|Busy| AskError::Busy)?;
        answer.recv().unwrap_or(Err(TaskError::Failed)).map_err(|error| match error {
            TaskError::NotBegun | TaskError::Busy => AskError::Busy,
            TaskError::Blocked | TaskError::Unavailable => AskError::Unavailable,
            TaskError::Failed => AskError::Failed,
        })
    }
}

/// Waits for the thread to end when it is dropped, for at most 2 seconds. Must be dropped after the
/// last [`Storage`].
#[derive(Debug)]
pub(super) struct JoinGuard {
    // Nothing is sent on this channel; it disconnects when the thread ends.
    gone: Receiver<Infallible>,
}

impl Drop for JoinGuard {
    fn drop(&mut self) {
        match self.gone.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => {
                log::warn!("the database did not close in time: exiting without waiting for it");
            }
            Ok(never) => match never {},
        }
    }
}
