//! The threads that hash passwords, behind a fair and bounded queue.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use super::hash_queue::{Attempt, Counts, HashOutcome, HashQueue, HashRefusal, Next};
use crate::config;
use crate::id::Seed;
use crate::node::{Request, StartFlag, Ticket};
use crate::recipes::completions::{CompletionSink, HttpAnswer};
use crate::recipes::http;
use crate::recipes::storage::TaskError;
use crate::time::Instant;

/// Computes a hash, and answers.
type HashWork = Box<dyn FnOnce() -> (HashOutcome, HttpAnswer) + Send>;

/// A request, and what answers it.
pub(super) struct HashJob {
    ticket: Ticket,
    work: HashWork,
}

impl fmt::Debug for HashJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HashJob").field(&self.ticket).finish()
    }
}

/// A thread pool. When it is dropped, each thread ends after its current job. Queued jobs are not
/// run, as the server, and with it their askers, has gone.
#[derive(Debug)]
pub(super) struct HashPool(Arc<SharedQueue>);

#[derive(Debug)]
struct SharedQueue {
    queue: Mutex<HashQueue<HashJob>>,
    /// There is something in the queue, or the pool ends.
    wake: Condvar,
    is_ending: AtomicBool,
    completions: CompletionSink,
}

impl HashPool {
    /// What is remembered of an account or an address.
    pub(super) const ENTRY_BYTES: usize = HashQueue::<HashJob>::ENTRY_BYTES;

    /// Starts `accounts.hashes` threads, which answer through `completions`.
    ///
    /// # Errors
    /// When the operating system cannot start a thread.
    pub(super) fn start(
        accounts: &config::Accounts,
        seed: &Seed,
        completions: CompletionSink,
    ) -> io::Result<Self> {
        let shared = Arc::new(SharedQueue {
            queue: Mutex::new(HashQueue::new(accounts, seed)),
            wake: Condvar::new(),
            is_ending: AtomicBool::new(false),
            completions,
        });
        for _ in 0..accounts.hashes.max(1) {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("vestibule-accounts".to_owned())
                .spawn(move || shared.work())?;
        }
        Ok(Self(shared))
    }

    /// Queues a request. The queue's lock is never held while a hash is computed.
    pub(super) fn submit(
        &self,
        attempt: Attempt,
        request: &Request<'_>,
        work: HashWork,
    ) -> Result<(), HashRefusal> {
        self.submit_for(attempt, (request.ticket, request.at, request.start), work)
    }

    /// The same for another question than a request.
    pub(super) fn submit_for(
        &self,
        attempt: Attempt,
        (ticket, at, start): (Ticket, Instant, &StartFlag),
        work: HashWork,
    ) -> Result<(), HashRefusal> {
        let job = HashJob { ticket, work };
        self.0.lock().push(at, attempt, start.clone(), job)?;
        self.0.wake.notify_one();
        Ok(())
    }

    /// What reads the counters of what was hashed and refused.
    pub(super) fn counts(&self) -> HashCounts {
        HashCounts(Arc::downgrade(&self.0))
    }
}

/// Reads the counters of a pool.
#[derive(Clone, Debug)]
pub(crate) struct HashCounts(Weak<SharedQueue>);

impl HashCounts {
    /// `None` once the pool is gone.
    pub(crate) fn read(&self) -> Option<Counts> {
        self.0.upgrade().map(|shared| shared.lock().counts())
    }
}

impl Drop for HashPool {
    fn drop(&mut self) {
        self.0.is_ending.store(true, Ordering::Relaxed);
        // Under the lock no thread is between its look at the flag and its wait.
        drop(self.0.lock());
        self.0.wake.notify_all();
    }
}

impl SharedQueue {
    fn lock(&self) -> MutexGuard<'_, HashQueue<HashJob>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.lock();
        while !self.is_ending.load(Ordering::Relaxed) {
            let Some(Next { job: HashJob { ticket, work }, turn }) = queue.pop() else {
                queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(queue);
            let answer = match turn {
                Err(refusal) => Some(http::refused_hash(refusal.retry_seconds()).into()),
                Ok(running) => {
                    // The panic's message is not logged: it may quote what a user sent.
                    let done = catch_unwind(AssertUnwindSafe(work)).ok();
                    if done.is_none() {
                        log::error!("a password-hashing task panicked");
                    }
                    let (verdict, answer) = done
                        .map_or((HashOutcome::Failed, None), |(verdict, answer)| {
                            (verdict, Some(answer))
                        });
                    // Before the answer: whoever has it may ask again at once.
                    self.lock().finish(running, verdict);
                    answer
                }
            };
            self.completions.answer(ticket, answer.ok_or(TaskError::Failed));
            queue = self.lock();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::auth::Address;
    use crate::id::ConnId;
    use crate::node::{Method, Outcome, Response};
    use crate::time::UnixTime;

    #[test]
    fn panic_is_answered_and_does_not_end_its_thread() {
        let (sender, answers) = channel();
        let completions = CompletionSink::default();
        completions.connect(move |done| sender.send(done).unwrap());
        let accounts = config::Accounts { hashes: 1, ..config::Accounts::default() };
        let pool = HashPool::start(&accounts, &Seed::predictable(1), completions).unwrap();
        let client = IpAddr::from([192, 0, 2, 1]);
        let attempt = Attempt { address: Address::from(client), account: 1, pair: 2 };
        let (ticket, start) = (Ticket { index: 1, serial: 1 }, StartFlag::default());
        let request = || Request {
            ticket,
            start: &start,
            connection: ConnId::new(1, 1),
            now: UnixTime::default(),
            at: Instant::START,
            client,
            method: Method::Post,
            path: "/",
            query: "",
            user: None,
            claims: None,
            if_none_match: None,
            if_match: None,
            accepts_gzip: false,
            content_type: None,
            body: b"",
        };
        let panic: HashWork = Box::new(|| std::panic::resume_unwind(Box::new(())));
        pool.submit(attempt, &request(), panic).unwrap();
        let status = || match answers.recv().unwrap().outcome {
            Outcome::Response(response) => response.status,
            other => panic!("{other:?}"),
        };
        assert_eq!(status(), 500);
        let start = StartFlag::default();
        let request = Request { start: &start, ..request() };
        let right: HashWork = Box::new(|| (HashOutcome::Right, Response::not_found().into()));
        pool.submit(attempt, &request, right).unwrap();
        assert_eq!(status(), 404);
    }
}
