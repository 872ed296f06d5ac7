//! The thread that reads long texts, so that the storage thread reads none.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::background::go_last;
use super::progress::clock;
use super::queue::{Busy, EndOfQueue, QueueLimits, QueuedTask, TaskClass, TaskQueue};
use crate::node::{Payer, QUESTION_BYTES};

/// Reads a text, and queues what it says. `Err`: the queue was full, and it gave way to another
/// user's.
type ReadingJob = Box<dyn FnOnce(Result<(), Busy>) + Send>;

/// A handle to the thread, which ends when the last one is dropped and what waits is done.
#[derive(Clone)]
pub(crate) struct Reader(Arc<ReaderQueue>);

struct ReaderQueue(Arc<TaskQueue<ReadingJob>>);

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Drop for ReaderQueue {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Reader {
    /// Starts the thread, with a queue like that to the storage thread.
    ///
    /// # Errors
    /// When the operating system cannot start a thread.
    pub(crate) fn start(limits: QueueLimits) -> io::Result<Self> {
        let queue: Arc<TaskQueue<ReadingJob>> =
            Arc::new(TaskQueue::new(limits.items, limits.bytes));
        let reader = Self(Arc::new(ReaderQueue(Arc::clone(&queue))));
        thread::Builder::new().name("vestibule-reader".to_owned()).spawn(move || {
            go_last();
            let end = EndOfQueue(queue);
            serve(&end.0);
        })?;
        Ok(reader)
    }

    /// Queues a job that reads `text_bytes` of `payer`. Never blocks.
    pub(crate) fn submit(
        &self,
        payer: Payer,
        text_bytes: usize,
        job: impl FnOnce(Result<(), Busy>) + Send + 'static,
    ) -> Result<(), Busy> {
        let bytes = text_bytes.saturating_add(QUESTION_BYTES);
        let queued = QueuedTask { item: Box::new(job) as ReadingJob, bytes };
        self.0.0.push(TaskClass::Content, payer, queued).map_err(|_| Busy)
    }
}

fn serve(queue: &TaskQueue<ReadingJob>) {
    while queue.wait(Duration::from_secs(60)) {
        for job in queue.take_shed() {
            job(Err(Busy));
        }
        let Some((turn, QueuedTask { item: job, bytes })) = queue.pop() else { continue };
        let begun = clock();
        // What a panic says is not logged: it may quote what a user sent.
        if catch_unwind(AssertUnwindSafe(|| job(Ok(())))).is_err() {
            log::error!("the reader of a text panicked");
        }
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        queue.charge(&turn, micros.max(1));
        queue.release(bytes);
    }
}
