//! The storage thread, which owns the database.
//!
//! Tasks arrive through a bounded queue. An answer leaves when its task is on disk, never before.
//! The tasks that wait are done together: one transaction, one commit, one wait for the disk (group
//! commit).
//!
//! ```text
//! reactor ──▶ queue (limits.storage_queue) ──▶ batch: BEGIN · SAVEPOINT task RELEASE · … · COMMIT
//!    ▲            full: refused at once                                                      │
//!    └───────────────────────────── answers, all of them after the commit ◀──────────────────┘
//! ```
//!
//! While one commit waits for the disk, the next batch gathers: the slower the disk, the more tasks
//! share a commit. Reads use the same queue, so a join sees everything acknowledged before it.
//! Tasks whose asker has given up are skipped.

mod batch;
pub(super) mod chat;
pub(super) mod invitations;
pub(super) mod recipes;
mod schema;
pub(super) mod sessions;
pub(super) mod users;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use crate::node::QUESTION_BYTES;
use crate::node::StartFlag;

use self::batch::{BatchItem, MAX_BATCH, Task};
pub(super) use self::batch::{Commit, TaskError, by_statement};
pub use self::schema::StorageError;
pub(super) use self::schema::{keep_pages, open};

/// How long the shutdown waits for the thread to finish the queued tasks and to checkpoint the
/// write-ahead log. Nothing that is cut off then was acknowledged.
const PATIENCE: Duration = Duration::from_secs(2);

/// A handle to the storage thread. Cheap to clone. The thread ends when the last one is dropped.
#[derive(Clone)]
pub(super) struct Storage {
    queue: SyncSender<Box<dyn BatchItem>>,
    /// Bytes of memory of the queued tasks, including those whose asker has given up.
    queued_bytes: Arc<AtomicUsize>,
    limits: QueueLimits,
}

/// The limits of the storage queue and of one batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueLimits {
    /// Tasks that may wait.
    pub(super) items: usize,
    /// Bytes of memory that these may take. 0 means that only their number is limited.
    pub(super) bytes: usize,
    /// Tasks in one transaction, at most [`MAX_BATCH`].
    pub(super) batch: usize,
}

/// The memory charged for a queued task, released when the task is answered.
struct MemoryCharge(Arc<AtomicUsize>, usize);

impl Drop for MemoryCharge {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").finish_non_exhaustive()
    }
}

/// The queue is full; the task was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// Why [`Storage::ask`] returned no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskError {
    /// The queue was full, or another process locked the database for too long.
    Busy,
    /// The task or its commit failed, see [`TaskError::Failed`].
    Failed,
}

impl Storage {
    /// Starts the thread, which commits with `commit`.
    ///
    /// # Errors
    /// When the operating system cannot start a thread.
    pub(super) fn start(
        database: Connection,
        limits: QueueLimits,
        commit: Commit,
    ) -> io::Result<(Self, JoinGuard)> {
        let (queue, work) = mpsc::sync_channel(limits.items.max(1));
        let most = limits.batch.clamp(1, MAX_BATCH);
        let (alive, gone) = mpsc::sync_channel(0);
        thread::Builder::new().name("vestibule-storage".to_owned()).spawn(move || {
            batch::serve(database, &work, most, commit);
            drop(alive);
        })?;
        Ok((Self { queue, queued_bytes: Arc::default(), limits }, JoinGuard { gone }))
    }

    /// Queues `work`, and calls `answer` with its outcome once it is on disk. Never blocks.
    ///
    /// If `work` returns an error, what it wrote is rolled back; the other tasks of its batch are
    /// not affected.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        answer: impl FnOnce(Result<T, TaskError>) + Send + 'static,
    ) -> Result<(), Busy> {
        self.submit_with(0, None, work, answer)
    }

    /// [`submit`](Self::submit) for work that holds `text_bytes` of text. The node may withdraw it
    /// through `start` until it begins.
    pub(super) fn submit_with<T: Send + 'static>(
        &self,
        text_bytes: usize,
        start: Option<StartFlag>,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        answer: impl FnOnce(Result<T, TaskError>) + Send + 'static,
    ) -> Result<(), Busy> {
        let bytes = text_bytes.saturating_add(QUESTION_BYTES);
        let before = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let queued_bytes = MemoryCharge(Arc::clone(&self.queued_bytes), bytes);
        if self.limits.bytes > 0 && before > 0 && before.saturating_add(bytes) > self.limits.bytes {
            return Err(Busy);
        }
        let answer = move |outcome| {
            drop(queued_bytes);
            answer(outcome);
        };
        self.queue.try_send(Box::new(Task::new(work, start, answer))).map_err(|refused| {
            if let TrySendError::Disconnected(_) = refused {
                log::error!("the storage thread has stopped: restart the server");
            }
            Busy
        })
    }

    /// Runs `work` and waits for its outcome. Blocks, so the reactor's thread must not call it.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, AskError> {
        let (sender, answer) = mpsc::sync_channel(1);
        // The channel has a slot for the one answer, so the send succeeds.
        self.submit(work, move |outcome| drop(sender.try_send(outcome)))
            .map_err(|Busy| AskError::Busy)?;
        answer.recv().unwrap_or(Err(TaskError::Failed)).map_err(|error| match error {
            TaskError::NotBegun => AskError::Busy,
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
