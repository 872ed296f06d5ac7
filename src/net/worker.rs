//! Threads for work that blocks, behind bounded queues.

use std::convert::Infallible;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::handle::{Event, Mailbox};
use crate::config::Limits;
use crate::node::{Command, Completion, Outcome, Work};

/// The stack of a worker thread. The default of the standard library is 2 MiB of address space.
pub(crate) const STACK_BYTES: usize = 256 << 10;
/// The stack of a thread that verifies signatures. It runs no code of the application.
pub(crate) const CHECK_STACK_BYTES: usize = 128 << 10;
/// One slot in the queue to the workers, and one in the mailbox for the answer.
pub(crate) const PLACE_BYTES: usize = 256;

/// How long a server that ends waits for running work. Nothing waits for the result any more, but a
/// write to a database should be completed if a moment is enough.
const PATIENCE: Duration = Duration::from_secs(1);

/// A pool of threads. A thread is started when there is work for it, and stays. An application that
/// never blocks costs no thread.
#[derive(Debug)]
struct Workers {
    name: &'static str,
    queue: SyncSender<Command>,
    shared: Arc<PoolState>,
    mailbox: Mailbox,
    threads: Vec<JoinHandle<()>>,
    limit: usize,
    // Nothing is ever sent on it: it disconnects when all workers have ended.
    alive: SyncSender<Infallible>,
    gone: Receiver<Infallible>,
}

/// The two pools. The application's work may block for long and must not delay authentication, so
/// signatures have their own threads.
#[derive(Debug)]
pub(super) struct Pools {
    work: Workers,
    checks: Workers,
}

impl Pools {
    /// Creates both pools, with the threads and queue lengths of `limits`. Signatures get at most
    /// one thread for each core, because they never block, and a queue for all that the node
    /// submits at once.
    pub(super) fn new(limits: &Limits, mailbox: &Mailbox) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (threads, checks) = (limits.workers.min(cores), limits.checks_at_once());
        Self {
            work: Workers::new(
                "vestibule-worker",
                limits.workers,
                limits.worker_queue,
                mailbox.clone(),
            ),
            checks: Workers::new("vestibule-check", threads, checks, mailbox.clone()),
        }
    }

    /// See [`Workers::submit`].
    pub(super) fn submit(&mut self, command: Command) -> Result<(), Completion> {
        match command.work {
            Work::Verify(_) => self.checks.submit(command),
            _ => self.work.submit(command),
        }
    }

    /// See [`Workers::end`].
    pub(super) fn end(self) {
        self.checks.end();
        self.work.end();
    }
}

#[derive(Debug)]
struct PoolState {
    queue: Mutex<Receiver<Command>>,
    /// Commands that wait or run. The reactor increments it, the workers decrement it.
    in_flight: AtomicUsize,
    ending: AtomicBool,
}

impl Workers {
    /// A pool of at most `limit` threads with this name, and a queue of `room` commands. Both are
    /// at least 1.
    fn new(name: &'static str, limit: usize, room: usize, mailbox: Mailbox) -> Self {
        let (queue, waiting) = mpsc::sync_channel(room.max(1));
        let (alive, gone) = mpsc::sync_channel(0);
        let shared = PoolState {
            queue: Mutex::new(waiting),
            in_flight: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
        };
        Self {
            name,
            queue,
            shared: Arc::new(shared),
            mailbox,
            threads: Vec::new(),
            limit: limit.max(1),
            alive,
            gone,
        }
    }

    /// Queues `command`. Never blocks: if the queue is full or no thread can be started, returns
    /// the completion that says so.
    fn submit(&mut self, command: Command) -> Result<(), Completion> {
        let refused = Completion { ticket: command.ticket, outcome: Outcome::Refused };
        let in_flight = self.shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        // As many threads as commands, up to the limit, so that no command waits for another one
        // before that.
        if in_flight > self.threads.len() && self.threads.len() < self.limit {
            match self.start() {
                Ok(thread) => self.threads.push(thread),
                Err(error) => log::warn!("no thread for a worker: {error}"),
            }
        }
        if !self.threads.is_empty() {
            match self.queue.try_send(command) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            }
        }
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        Err(refused)
    }

    /// Gives the workers up to [`PATIENCE`] to finish. A thread that is stuck is left running until
    /// the process ends.
    fn end(self) {
        let Self { queue, shared, mailbox, threads, alive, gone, .. } = self;
        shared.ending.store(true, Ordering::Relaxed);
        drop((queue, mailbox, alive));
        match gone.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Timeout) => log::warn!("a worker is stuck, and left behind"),
            Err(RecvTimeoutError::Disconnected) => {
                for thread in threads {
                    if thread.join().is_err() {
                        log::warn!("a worker had died");
                    }
                }
            }
            Ok(never) => match never {},
        }
    }

    fn start(&self) -> io::Result<JoinHandle<()>> {
        let (shared, mailbox) = (Arc::clone(&self.shared), self.mailbox.clone());
        let alive = self.alive.clone();
        thread::Builder::new().name(self.name.to_owned()).spawn(move || {
            work(&shared, &mailbox);
            drop(alive);
        })
    }
}

fn work(shared: &PoolState, mailbox: &Mailbox) {
    loop {
        // One worker waits in the queue, the others for the lock. A worker that runs a command
        // holds no lock.
        let next = shared.queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(command) = next else { return };
        if shared.ending.load(Ordering::Relaxed) {
            return;
        }
        let done = run(command);
        shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !mailbox.deliver(Event::Done(done)) {
            return;
        }
    }
}

/// Runs the command. The text of a panic is not logged, because it may contain a user's data. (The
/// panic hook prints it anyway, unless the program has set another one.)
fn run(command: Command) -> Completion {
    let ticket = command.ticket;
    catch_unwind(AssertUnwindSafe(|| command.run())).unwrap_or_else(|_| {
        log::error!("work for the application panicked");
        Completion { ticket, outcome: Outcome::Panicked }
    })
}
