//! TLS handshakes on threads of their own.
//!
//! A signature costs as much as twenty reads, and the key agreement of a resumed session as much as
//! six. So the records that need one go to a worker, with the rustls connection of their session:
//!
//! ```text
//! Here ── plain-text handshake records ──▶ Away ── a worker is done ──▶ Back ── the next read ──▶ Here
//!                                            └── refused: a full queue, a long wait ──▶ Back, and closed
//! ```
//!
//! The reactor does not read the socket until the session is back, so input stays in its order. If
//! the connection is closed before a worker begins, its session is dropped at once, and only an
//! empty claim is left in the queue.

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::session::{End, Scratch, TlsSession};
use crate::config::Limits;
use crate::driver::Input;
use crate::id::ConnId;
use crate::net::pool::{PoolJob, Workers};
use crate::net::transport::{self, Stream};
use crate::node::Payer;

/// How many finished handshakes wait for the reactor, which takes all of them in each turn. A worker
/// waits only if a turn is that long; `limits.pending` bounds how many there are in all.
const FINISHED_AT_ONCE: usize = 256;

/// The workers, and what they have done.
#[derive(Debug)]
pub(super) struct HandshakePool {
    workers: Workers<HandshakeJob>,
    finished: Receiver<Box<FinishedHandshake>>,
}

impl HandshakePool {
    /// A worker calls `wake` when it has done something for [`HandshakePool::next`].
    pub(super) fn new(limits: &Limits, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        // One core is left to the reactor, if there are several, because a flood of handshakes keeps
        // all threads busy.
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = limits.workers.min(cores.saturating_sub(1));
        let (done, finished) = mpsc::sync_channel(FINISHED_AT_ONCE);
        let deliver = move |handshake| {
            let is_taken = done.send(handshake).is_ok();
            wake();
            is_taken
        };
        let queue = limits.handshakes_waiting();
        let workers = Workers::new("vestibule-tls", threads, queue, Arc::new(deliver));
        Self { workers, finished }
    }

    /// Queues a handshake, and returns the one that finds no room, if any.
    pub(super) fn submit(&mut self, job: HandshakeJob) -> Option<Box<FinishedHandshake>> {
        self.workers.submit(job).err()?.refused()
    }

    /// How many handshakes wait for a worker, among them those of clients that have left.
    pub(super) fn waiting(&self) -> usize {
        self.workers.waiting()
    }

    /// The next handshake that has come back.
    pub(super) fn next(&self) -> Option<Box<FinishedHandshake>> {
        self.finished.try_recv().ok()
    }

    pub(super) fn end(self) {
        let Self { workers, finished } = self;
        // First, so that no worker waits for space in it.
        drop(finished);
        workers.end();
    }
}

/// A session, and the input that it has to process.
struct HandshakeStep {
    session: Box<TlsSession>,
    input: Vec<u8>,
}

/// A session that is with the workers. The connection and the queue share it.
#[derive(Clone)]
pub(super) struct HandshakeClaim(Arc<SharedStep>);

struct SharedStep {
    input_bytes: usize,
    /// The client waits for an answer, without which it has nothing to send.
    is_first: bool,
    /// Whoever takes it has it: a worker, or the end of the connection.
    step: Mutex<Option<HandshakeStep>>,
}

impl HandshakeClaim {
    /// `input` is all that the session has to process: what it kept, too.
    pub(super) fn new(mut session: Box<TlsSession>, input: &[u8]) -> Self {
        session.keep(&[]);
        let (input_bytes, is_first) = (input.len(), !session.has_answered);
        let step = Mutex::new(Some(HandshakeStep { session, input: input.to_vec() }));
        Self(Arc::new(SharedStep { input_bytes, is_first, step }))
    }

    /// What the socket reports while the session is away. Input stays in it. But a client that has
    /// gone before the first answer cannot complete its handshake, so nothing is done for it. Input
    /// in front of its end hides that.
    pub(super) fn read(&self, stream: &Stream) -> Input<'static> {
        let end = if self.0.is_first { transport::peek_end(stream) } else { None };
        Input { kept: self.0.input_bytes, end, ..Input::nothing() }
    }

    /// Are both of the same step of the same session?
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The connection is closed: what no worker has begun is dropped.
    pub(super) fn cancel(&self) {
        drop(self.take());
    }

    fn take(&self) -> Option<HandshakeStep> {
        self.0.step.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Prints nothing, because it contains keys.
impl fmt::Debug for HandshakeClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeClaim").finish_non_exhaustive()
    }
}

/// What waits in the queue, in turn by the addresses of the clients.
#[derive(Debug)]
pub(super) struct HandshakeJob {
    pub(super) id: ConnId,
    pub(super) payer: Payer,
    pub(super) claim: HandshakeClaim,
    /// How long it may wait. The client of an older one is about to be dropped at its deadline, so a
    /// signature would be made for nobody, while newer ones wait that could be in time.
    pub(super) patience: Duration,
}

impl HandshakeJob {
    /// The queue had no room for it, or it has waited too long. `None`: the connection has been closed.
    fn refused(self) -> Option<Box<FinishedHandshake>> {
        let Self { id, claim, .. } = self;
        let HandshakeStep { session, .. } = claim.take()?;
        Some(Box::new(FinishedHandshake { id, claim, session, opened: None }))
    }
}

impl PoolJob for HandshakeJob {
    type Done = Box<FinishedHandshake>;

    fn payer(&self) -> Payer {
        self.payer.clone()
    }

    fn run(self, waited: Duration) -> Option<Box<FinishedHandshake>> {
        if waited > self.patience {
            return self.refused();
        }
        let Self { id, claim, .. } = self;
        let HandshakeStep { mut session, mut input } = claim.take()?;
        let made = catch_unwind(AssertUnwindSafe(move || {
            let mut scratch = Scratch::default();
            // The reactor is not charged for these records.
            let (_, result) = session.open(&mut input, &mut scratch);
            (session, OpenedRecords { result, scratch })
        }));
        let Ok((session, opened)) = made else {
            // The connection ends at its deadline.
            log::error!(connection:% = id; "a TLS handshake panicked");
            return None;
        };
        Some(Box::new(FinishedHandshake { id, claim, session, opened: Some(opened) }))
    }
}

/// What came of a session's input.
pub(super) struct OpenedRecords {
    pub(super) result: Result<(), End>,
    /// The decrypted data, and the bytes for the socket.
    pub(super) scratch: Scratch,
}

/// A session that comes back from the workers.
pub(super) struct FinishedHandshake {
    pub(super) id: ConnId,
    pub(super) claim: HandshakeClaim,
    pub(super) session: Box<TlsSession>,
    /// `None`: the queue had no room, or it waited too long, and nothing was done.
    pub(super) opened: Option<OpenedRecords>,
}

/// Prints nothing else, because it contains keys.
impl fmt::Debug for FinishedHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FinishedHandshake").field("id", &self.id).finish_non_exhaustive()
    }
}
