//! What other threads hold of a running server: the handle, and the mail slot behind it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};

use mio::Waker;

use crate::node::app::{Admission, Answer};
use crate::node::{Completion, Outcome, Ticket};

/// Reaches a running [`Server`](super::Server) from any thread. Cheap to clone; never blocks.
#[derive(Clone, Debug)]
pub struct Handle {
    mail: Mail,
}

impl Handle {
    pub(super) fn new(mail: Mail) -> Self {
        Self { mail }
    }

    /// Begins the drain: [`Server::run`](super::Server::run) returns when the last connection is
    /// closed. A second call changes nothing.
    pub fn shutdown(&self) {
        self.mail.bell.shutdown.store(true, Ordering::Release);
        self.mail.bell.ring();
    }

    /// Answers a join that was [`Held`](crate::node::app::Reply::Held).
    ///
    /// # Errors
    /// When the answer could not be left, see [`Undelivered`].
    pub fn complete_join(&self, ticket: Ticket, admission: Admission) -> Result<(), Undelivered> {
        self.mail.try_deliver(Completion { ticket, outcome: Outcome::Join(admission) })
    }

    /// Answers a message that was [`Held`](crate::node::app::Reply::Held).
    ///
    /// # Errors
    /// When the answer could not be left, see [`Undelivered`].
    pub fn complete_message(&self, ticket: Ticket, answer: Answer) -> Result<(), Undelivered> {
        self.mail.try_deliver(Completion { ticket, outcome: Outcome::Message(answer) })
    }
}

/// Why the reactor did not take an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// `limits.worker_queue` answers wait already: try again after a moment.
    Full,
    /// The server has ended: nobody waits for an answer.
    Ended,
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "too many answers wait for the server: try again after a moment",
            Self::Ended => "the server has ended",
        })
    }
}

impl Error for Undelivered {}

/// The sender's side of the mail slot: answers, and a bell that wakes the reactor.
#[derive(Clone, Debug)]
pub(super) struct Mail {
    answers: SyncSender<Completion>,
    bell: Arc<Bell>,
}

impl Mail {
    /// For a worker: waits while the slot is full. False when the server has ended.
    pub(super) fn deliver(&self, done: Completion) -> bool {
        let taken = self.answers.send(done).is_ok();
        self.bell.ring();
        taken
    }

    fn try_deliver(&self, done: Completion) -> Result<(), Undelivered> {
        self.answers.try_send(done).map_err(|refused| match refused {
            TrySendError::Full(_) => Undelivered::Full,
            TrySendError::Disconnected(_) => Undelivered::Ended,
        })?;
        self.bell.ring();
        Ok(())
    }
}

/// The reactor's side.
#[derive(Debug)]
pub(super) struct Inbox {
    answers: Receiver<Completion>,
    bell: Arc<Bell>,
}

impl Inbox {
    /// Must be called when the bell woke the poller, before [`Inbox::take`]: what is left after
    /// this call rings anew.
    pub(super) fn hear(&self) {
        // A swap, not a store: it reads the value of the last sender that did not ring because the
        // bell had rung already, and so makes what that sender left visible to `take`.
        self.bell.rung.swap(false, Ordering::AcqRel);
    }

    /// The next answer.
    pub(super) fn take(&self) -> Option<Completion> {
        self.answers.try_recv().ok()
    }

    pub(super) fn wants_shutdown(&self) -> bool {
        self.bell.shutdown.load(Ordering::Acquire)
    }
}

/// Wakes the reactor; rings once however many leave something before it looks.
#[derive(Debug)]
struct Bell {
    waker: Waker,
    rung: AtomicBool,
    shutdown: AtomicBool,
}

impl Bell {
    fn ring(&self) {
        if self.rung.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = self.waker.wake() {
            // The next one rings again; the eventfd behind it can only fail for want of memory.
            self.rung.store(false, Ordering::Release);
            log::error!("the reactor cannot be woken: {error}");
        }
    }
}

/// A mail slot for `room` answers whose bell is `waker`.
pub(super) fn mail_slot(waker: Waker, room: usize) -> (Mail, Inbox) {
    let (answers, inbox) = mpsc::sync_channel(room.max(1));
    let bell = Bell { waker, rung: AtomicBool::new(false), shutdown: AtomicBool::new(false) };
    let bell = Arc::new(bell);
    (Mail { answers, bell: Arc::clone(&bell) }, Inbox { answers: inbox, bell })
}
