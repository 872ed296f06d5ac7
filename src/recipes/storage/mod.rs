//! The storage thread: the one that owns the database.
//!
//! Work comes through a bounded queue, and an answer goes out when its work is on disk, never
//! before. What waits is done together: one transaction, one commit, one wait for the disk.
//!
//! ```text
//! reactor ──▶ queue (limits.storage_queue) ──▶ batch: BEGIN · SAVEPOINT work RELEASE · … · COMMIT
//!    ▲            full: refused at once                                                      │
//!    └───────────────────────────── answers, all of them after the commit ◀──────────────────┘
//! ```
//!
//! While one commit waits for the disk the next batch gathers, so the slower the disk, the more
//! share a commit. Reads take the same way: a join sees what was acknowledged before it was asked.
//! Work whose asker has given up when its turn comes is passed over.

mod batch;
pub(super) mod chat;
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

use crate::config::memory::QUESTION_BYTES;
use crate::node::StartFlag;

use self::batch::{BatchItem, MAX_BATCH, Task};
pub(super) use self::batch::{Commit, TaskError, by_statement};
pub(super) use self::schema::{keep_pages, open};

/// How long the end of the server waits for the thread to finish what was asked of it and to fold
/// the log into the database. What is cut off then was not acknowledged.
const PATIENCE: Duration = Duration::from_secs(2);

/// The asker's side. Cheap to clone: the thread ends when the last one is dropped.
#[derive(Clone)]
pub(super) struct Storage {
    queue: SyncSender<Box<dyn BatchItem>>,
    /// What waits in it takes so much of memory: work whose asker has given up is still there.
    queued_bytes: Arc<AtomicUsize>,
    limits: QueueLimits,
}

/// How much may wait for the thread, and how much it does at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueLimits {
    /// Pieces of work that wait.
    pub(super) items: usize,
    /// What they may take of memory. 0: no bound but their number.
    pub(super) bytes: usize,
    /// Pieces of work in one transaction, at most [`MAX_BATCH`].
    pub(super) batch: usize,
}

/// Memory of a piece of work that waits, given back when it is answered.
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

/// The queue has no room: nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// Why [`Storage::ask`] has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskError {
    /// The queue has no room, or the database was locked.
    Busy,
    /// See [`TaskError`].
    Failed,
}

impl Storage {
    /// Starts the thread, which takes work ahead as far as there is `limits`, and commits by `commit`.
    ///
    /// # Errors
    /// When the system has no thread to give.
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

    /// Hands `work` to the thread, and its outcome to `answer` once it is on disk. Never blocks.
    ///
    /// `work` must do all or nothing on its own only as far as it gives back an error: what it had
    /// written until then is taken back, and the others of its batch are not.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        answer: impl FnOnce(Result<T, TaskError>) + Send + 'static,
    ) -> Result<(), Busy> {
        self.submit_with(0, None, work, answer)
    }

    /// The same for work that brings so many bytes of text, and that the node may withdraw until its
    /// turn has come.
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

    /// The same for threads that may wait for the answer, which the reactor's must not.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, AskError> {
        let (sender, answer) = mpsc::sync_channel(1);
        // There is room for the one answer, and who asked is here to take it.
        self.submit(work, move |outcome| drop(sender.try_send(outcome)))
            .map_err(|Busy| AskError::Busy)?;
        answer.recv().unwrap_or(Err(TaskError::Failed)).map_err(|error| match error {
            TaskError::NotBegun => AskError::Busy,
            TaskError::Failed => AskError::Failed,
        })
    }
}

/// Waits, when it is dropped, for the thread to end: a moment, not for ever. Must be dropped after
/// the last [`Storage`].
#[derive(Debug)]
pub(super) struct JoinGuard {
    // Nothing is ever sent: the other end is gone when the thread is.
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
