//! Threads that hash passwords: as many as may hash at once, behind a bounded queue.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

type HashJob = Box<dyn FnOnce() + Send>;

/// The pool. When it is dropped, its threads end after the work they are at, a moment; what waits
/// then is left undone, and nobody waits for it any more.
#[derive(Debug)]
pub(super) struct HashPool {
    queue: SyncSender<HashJob>,
    is_ending: Arc<AtomicBool>,
}

/// The queue has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

impl HashPool {
    /// `threads` threads, and `room` pieces of work that wait for one; at least 1 of each.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn start(threads: usize, room: usize) -> io::Result<Self> {
        let (queue, jobs) = mpsc::sync_channel(room.max(1));
        let jobs = Arc::new(Mutex::new(jobs));
        let is_ending = Arc::new(AtomicBool::new(false));
        for _ in 0..threads.max(1) {
            let (jobs, is_ending) = (Arc::clone(&jobs), Arc::clone(&is_ending));
            thread::Builder::new()
                .name("vestibule-accounts".to_owned())
                .spawn(move || work(&jobs, &is_ending))?;
        }
        Ok(Self { queue, is_ending })
    }

    /// Never blocks.
    pub(super) fn submit(&self, job: HashJob) -> Result<(), QueueFull> {
        self.queue.try_send(job).map_err(|_| QueueFull)
    }
}

impl Drop for HashPool {
    fn drop(&mut self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }
}

fn work(jobs: &Mutex<Receiver<HashJob>>, is_ending: &AtomicBool) {
    loop {
        // One thread waits in the queue, the others for the lock; none holds it while it works.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        if is_ending.load(Ordering::Relaxed) {
            return;
        }
        // What a panic says may hold what a user sent.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            log::error!("a password-hashing task panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn running_and_queued_jobs_are_bounded() {
        let pool = HashPool::start(2, 3).unwrap();
        let (started, starts) = channel();
        let mut ends = Vec::new();
        let mut submit = || {
            let (end, wait) = channel::<()>();
            ends.push(end);
            let started = started.clone();
            pool.submit(Box::new(move || {
                started.send(()).unwrap();
                let _ = wait.recv();
            }))
        };
        for _ in 0..2 {
            submit().unwrap();
            starts.recv().unwrap();
        }
        for _ in 0..3 {
            submit().unwrap();
        }
        assert_eq!(submit(), Err(QueueFull));
        assert!(starts.try_recv().is_err());
        ends.clear();
        for _ in 0..3 {
            starts.recv().unwrap();
        }
    }

    #[test]
    fn panic_does_not_end_its_thread() {
        let pool = HashPool::start(1, 4).unwrap();
        let (done, wait) = channel();
        pool.submit(Box::new(|| std::panic::resume_unwind(Box::new(())))).unwrap();
        pool.submit(Box::new(move || done.send(()).unwrap())).unwrap();
        wait.recv().unwrap();
    }
}
