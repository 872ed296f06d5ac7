//! Threads for the node's work that blocks.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::handle::{Event, Mailbox};
use super::pool::{PoolJob, Workers};
use crate::config::Limits;
use crate::node::{Command, Completion, Outcome, Payer, Work};

/// The stack of a worker thread. The default of the standard library is 2 MiB of address space.
pub(crate) const STACK_BYTES: usize = 256 << 10;
/// The stack of a thread that verifies signatures. It runs no code of the application.
pub(crate) const CHECK_STACK_BYTES: usize = 128 << 10;
/// A place in the queue to workers, its user's places in the queue's trees, and one in the slot that
/// answers come through.
pub(crate) const PLACE_BYTES: usize = 384;

/// The two pools of the node. The application's work may block for long and must not delay
/// authentication, so signatures have their own threads.
#[derive(Debug)]
pub(super) struct Pools {
    work: Workers<Command>,
    checks: Workers<Command>,
}

impl Pools {
    /// Creates both pools, with the threads and queue lengths of `limits`. Signatures get at most
    /// one thread for each core, because they never block, and a queue for all that the node
    /// submits at once.
    pub(super) fn new(limits: &Limits, mailbox: &Mailbox) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (threads, checks) = (limits.workers.min(cores), limits.checks_at_once());
        let deliver = || {
            let mailbox = mailbox.clone();
            Arc::new(move |done| mailbox.deliver(Event::Done(done)))
        };
        let (workers, queue) = (limits.workers, limits.worker_queue);
        Self {
            work: Workers::new("vestibule-worker", workers, queue, deliver()),
            checks: Workers::new("vestibule-check", threads, checks, deliver()),
        }
    }

    /// See [`Workers::submit`].
    pub(super) fn submit(&mut self, command: Command) -> Result<(), Completion> {
        let submitted = match command.work {
            Work::Verify(_) => self.checks.submit(command),
            _ => self.work.submit(command),
        };
        submitted.map_err(|Command { ticket, .. }| Completion { ticket, outcome: Outcome::Refused })
    }

    /// See [`Workers::end`].
    pub(super) fn end(self) {
        self.checks.end();
        self.work.end();
    }
}

impl PoolJob for Command {
    type Done = Completion;

    fn payer(&self) -> Payer {
        self.payer.clone()
    }

    fn run(self, _: Duration) -> Option<Completion> {
        Some(run(self))
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
