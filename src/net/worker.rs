//! Threads for work that blocks, behind bounded queues that serve their users in turn.

use std::convert::Infallible;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::handle::{Event, Mailbox};
use crate::config::Limits;
use crate::node::{Command, Completion, Outcome, Payer, Work};
use crate::shares::FairQueue;

/// The stack of a worker thread. The default of the standard library is 2 MiB of address space.
pub(crate) const STACK_BYTES: usize = 256 << 10;
/// The stack of a thread that verifies signatures. It runs no code of the application.
pub(crate) const CHECK_STACK_BYTES: usize = 128 << 10;
/// A place in the queue to workers, its user's places in the queue's trees, and one in the slot that
/// answers come through.
pub(crate) const PLACE_BYTES: usize = 384;

/// How long a server that ends waits for running work. Nothing waits for the result any more, but a
/// write to a database should be completed if a moment is enough.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most microseconds of a worker's time that a user is behind the others for work that took
/// long.
const MAX_DEBT: u64 = 1_000_000;

/// The pool. A thread is started when there is work for it, and stays: an application that never
/// blocks costs no thread.
#[derive(Debug)]
struct Workers {
    name: &'static str,
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
    queue: Mutex<CommandQueue<Command>>,
    wake: Condvar,
    /// Commands that wait or run. The reactor adds, the workers subtract.
    in_flight: AtomicUsize,
}

/// Commands that wait.
#[derive(Debug)]
struct CommandQueue<T> {
    waiting: FairQueue<Payer, T>,
    /// How many may wait.
    capacity: usize,
    is_closed: bool,
}

impl<T> CommandQueue<T> {
    /// Room for `capacity` commands, at least 1.
    fn new(capacity: usize) -> Self {
        Self { waiting: FairQueue::new(MAX_DEBT), capacity: capacity.max(1), is_closed: false }
    }

    /// Puts in a command, and returns the one that finds no room: the newest of whoever has most, and
    /// this one only where nobody has more than its payer.
    fn push(&mut self, payer: Payer, command: T) -> Option<T> {
        let mut shed = None;
        if self.waiting.len() >= self.capacity {
            match self.waiting.shed(&payer) {
                Some((_, newest)) => shed = Some(newest),
                None => return Some(command),
            }
        }
        self.waiting.push(payer, command);
        shed
    }
}

impl PoolState {
    fn lock(&self) -> MutexGuard<'_, CommandQueue<Command>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the command that is next. `None`: the pool ends.
    fn next(&self) -> Option<(Payer, Command)> {
        let is_idle =
            |queue: &mut CommandQueue<Command>| queue.waiting.is_empty() && !queue.is_closed;
        let queue = self.wake.wait_while(self.lock(), is_idle);
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        if queue.is_closed { None } else { queue.waiting.pop() }
    }
}

impl Workers {
    /// At most `limit` threads of this name, and `capacity` commands that wait for one; at least 1
    /// of each.
    fn new(name: &'static str, limit: usize, capacity: usize, mailbox: Mailbox) -> Self {
        let (alive, gone) = mpsc::sync_channel(0);
        let shared = PoolState {
            queue: Mutex::new(CommandQueue::new(capacity)),
            wake: Condvar::new(),
            in_flight: AtomicUsize::new(0),
        };
        Self {
            name,
            shared: Arc::new(shared),
            mailbox,
            threads: Vec::new(),
            limit: limit.max(1),
            alive,
            gone,
        }
    }

    /// Queues `command`. Never blocks: when there is no room, or no thread can be started, this
    /// gives back the completion of the command that is refused ([`CommandQueue::push`]).
    fn submit(&mut self, command: Command) -> Result<(), Completion> {
        let in_flight = self.shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        // As many threads as commands, up to the limit, so that no command waits for another one
        // before that.
        if in_flight > self.threads.len() && self.threads.len() < self.limit {
            match self.start() {
                Ok(thread) => self.threads.push(thread),
                Err(error) => log::warn!("no thread for a worker: {error}"),
            }
        }
        let refused = self.queue(command);
        let Some(Command { ticket, .. }) = refused else { return Ok(()) };
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        Err(Completion { ticket, outcome: Outcome::Refused })
    }

    /// Queues `command`, and returns the one that finds no room.
    fn queue(&self, command: Command) -> Option<Command> {
        if self.threads.is_empty() {
            return Some(command);
        }
        let shed = self.shared.lock().push(command.payer.clone(), command);
        self.shared.wake.notify_one();
        shed
    }

    /// Lets the workers finish what they do, for at most [`PATIENCE`], and leaves behind who is
    /// stuck: the end of the process takes it. What waits is not begun.
    fn end(self) {
        let Self { shared, mailbox, threads, alive, gone, .. } = self;
        shared.lock().is_closed = true;
        shared.wake.notify_all();
        drop((mailbox, alive));
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
    while let Some((payer, command)) = shared.next() {
        let begun = clock();
        let done = run(command);
        let micros = begun.elapsed().as_micros().try_into().unwrap_or(u64::MAX);
        shared.lock().waiting.charge(&payer, micros.max(1));
        shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !mailbox.deliver(Event::Done(done)) {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a worker measures what its work costs")]
fn clock() -> Instant {
    Instant::now()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shares::rivalry::{self, RivalQueue, Rivalry};
    use crate::time;

    /// Commands that are numbers, each with its payer.
    struct Scene {
        queue: CommandQueue<usize>,
        payers: Vec<Payer>,
        refused: Vec<usize>,
    }

    impl RivalQueue for Scene {
        fn push(&mut self, _: time::Instant, user: usize, job: usize) {
            let payer = Payer::user(&user.to_string());
            self.payers.push(payer.clone());
            self.refused.extend(self.queue.push(payer, job));
        }

        fn pop(&mut self, _: time::Instant) -> Option<usize> {
            self.queue.waiting.pop().map(|(_, job)| job)
        }

        fn dropped(&mut self) -> Option<usize> {
            self.refused.pop()
        }

        fn done(&mut self, _: time::Instant, job: usize, took: Duration) {
            self.queue.waiting.charge(&self.payers[job], took.as_micros() as u64);
        }
    }

    #[test]
    fn rival_has_twice_its_part_of_the_workers_at_most() {
        for (rivals, servers) in [(4, 1), (7, 1)] {
            let rivalry = Rivalry { rivals, servers, differs_in_cost: true };
            rivalry::check(rivalry, |is_first_come| {
                let mut queue = CommandQueue::new(64);
                if is_first_come {
                    queue.waiting.plant_first_come();
                }
                Scene { queue, payers: Vec::new(), refused: Vec::new() }
            });
        }
    }
}
