//! The threads that hash passwords, behind a bounded queue.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

type HashJob = Box<dyn FnOnce() + Send>;

/// A thread pool. When it is dropped, each thread ends after its current job. Queued jobs are not
/// run, as the server, and with it their askers, has gone.
#[derive(Debug)]
pub(super) struct HashPool {
    queue: SyncSender<HashJob>,
    is_ending: Arc<AtomicBool>,
}

/// The queue is full; the job was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

impl HashPool {
    /// Starts `threads` threads, with a queue of `capacity` jobs; at least 1 of each.
    ///
    /// # Errors
    /// When the operating system cannot start a thread.
    pub(super) fn start(threads: usize, capacity: usize) -> io::Result<Self> {
        let (queue, jobs) = mpsc::sync_channel(capacity.max(1));
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

    /// Queues a job. Never blocks.
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
        // One thread waits for a job, the others for the lock. No job runs under it.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        if is_ending.load(Ordering::Relaxed) {
            return;
        }
        // The panic's message is not logged: it may quote what a user sent.
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
