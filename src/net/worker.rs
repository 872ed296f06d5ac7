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

/// What a thread uses of its stack, at most. The standard library reserves 2 MiB of addresses.
pub(crate) const STACK_BYTES: usize = 256 << 10;
/// The same of a thread that checks signatures, which runs nobody's code but ours.
pub(crate) const CHECK_STACK_BYTES: usize = 128 << 10;
/// A place in the queue to workers, and one in the slot that their answers come through.
pub(crate) const PLACE_BYTES: usize = 256;

/// How long the end of the server waits for work that is under way. Nobody waits for its answer
/// any more, but a write to a database should not be cut off where a moment is enough.
const PATIENCE: Duration = Duration::from_secs(1);

/// The pool. A thread is started when there is work for it, and stays: an application that never
/// blocks costs no thread.
#[derive(Debug)]
struct Workers {
    name: &'static str,
    queue: SyncSender<Command>,
    shared: Arc<PoolState>,
    mailbox: Mailbox,
    threads: Vec<JoinHandle<()>>,
    limit: usize,
    // Never sent on: all of its senders are gone when all workers are.
    alive: SyncSender<Infallible>,
    gone: Receiver<Infallible>,
}

/// The two pools. Work of the application may block for long, and must not keep anybody from being
/// authenticated: signatures have threads of their own.
#[derive(Debug)]
pub(super) struct Pools {
    work: Workers,
    checks: Workers,
}

impl Pools {
    /// As many threads and places as `limits` has; for signatures no more threads than the host has
    /// cores, as they wait for nothing, and room for all that the node submits at once.
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
    /// Commands that wait or run. The reactor adds, the workers subtract.
    in_flight: AtomicUsize,
    ending: AtomicBool,
}

impl Workers {
    /// At most `limit` threads of this name, and `room` commands that wait for one; at least 1 of
    /// each.
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

    /// Queues `command`. Never blocks: when there is no room, or no thread can be started, this
    /// gives back the completion that says so.
    fn submit(&mut self, command: Command) -> Result<(), Completion> {
        let refused = Completion { ticket: command.ticket, outcome: Outcome::Refused };
        let in_flight = self.shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        // As many threads as commands, up to the limit: none waits for another one's work before.
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

    /// Lets the workers finish what they do, for at most [`PATIENCE`], and leaves behind who is
    /// stuck: the end of the process takes it.
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
        // One worker waits in the queue, the others for the lock; it holds no lock while it works.
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

/// Runs the work. What a panic says is not looked at: it may hold what a user sent. (The panic hook
/// prints it nevertheless, where the program did not set another one.)
fn run(command: Command) -> Completion {
    let ticket = command.ticket;
    catch_unwind(AssertUnwindSafe(|| command.run())).unwrap_or_else(|_| {
        log::error!("work for the application panicked");
        Completion { ticket, outcome: Outcome::Panicked }
    })
}
