//! What other threads hold of a running server: the handle, and the mailbox behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};

use mio::Waker;
use thiserror::Error;

use super::error::StartError;
use super::keys::{self, KeyWatch, Watch, WatchId};
use super::tls::Acceptor;
use crate::auth::{KeySet, Verifier};
use crate::config::Config;
use crate::node::app::{Admission, Answer, OrderFault, OrderKind};
use crate::node::{Completion, Node, Outcome, Phase, Response, Ticket};
use crate::time::Now;

/// Reaches a running [`Server`](super::Server) from any thread. Cheap to clone; never blocks.
#[derive(Clone, Debug)]
pub struct Handle {
    mailbox: Mailbox,
}

impl Handle {
    pub(super) fn new(mailbox: Mailbox) -> Self {
        Self { mailbox }
    }

    pub(super) fn mailbox(&self) -> Mailbox {
        self.mailbox.clone()
    }

    /// Begins the drain: [`Server::run`](super::Server::run) returns when the last connection is
    /// closed. A second call changes nothing.
    pub fn shutdown(&self) {
        self.mailbox.wake.shutdown.store(true, Ordering::Release);
        self.mailbox.wake.set();
    }

    /// Answers a join that was [`Held`](crate::node::app::Reply::Held).
    ///
    /// # Errors
    /// When the answer could not be left, see [`Undelivered`].
    pub fn complete_join(&self, ticket: Ticket, admission: Admission) -> Result<(), Undelivered> {
        let outcome = Outcome::Join(admission);
        self.mailbox.try_deliver(Event::Done(Completion { ticket, outcome }))
    }

    /// Answers a message that was [`Held`](crate::node::app::Reply::Held).
    ///
    /// # Errors
    /// When the answer could not be left, see [`Undelivered`].
    pub fn complete_message(&self, ticket: Ticket, answer: Answer) -> Result<(), Undelivered> {
        let outcome = Outcome::Message(answer);
        self.mailbox.try_deliver(Event::Done(Completion { ticket, outcome }))
    }

    /// Answers an HTTP request that was [`Held`](crate::node::app::Reply::Held).
    ///
    /// # Errors
    /// When the answer could not be left, see [`Undelivered`].
    pub fn complete_request(&self, ticket: Ticket, response: Response) -> Result<(), Undelivered> {
        let outcome = Outcome::Response(response);
        self.mailbox.try_deliver(Event::Done(Completion { ticket, outcome }))
    }

    /// Leaves an answer of any kind. Unlike the three above it waits while the mailbox is full, so
    /// it is for threads that may wait, which the reactor's must not. False when the server has
    /// ended: nobody waits for it.
    pub fn complete(&self, ticket: Ticket, outcome: Outcome) -> bool {
        self.mailbox.deliver(Event::Done(Completion { ticket, outcome }))
    }

    /// Has tokens checked with these keys and no others from here on. No connection is dropped.
    ///
    /// # Errors
    /// When the keys could not be left, see [`Undelivered`].
    pub fn replace_keys(&self, keys: KeySet) -> Result<(), Undelivered> {
        self.mailbox.try_deliver(Event::Keys(keys))
    }

    /// Has an order about `user` carried out, such as to end all sessions: see
    /// [`Node::order`](crate::node::Node::order). What is given back receives, once, how many
    /// connections were closed, when the application has done its part and the revocation is stored;
    /// or what failed.
    ///
    /// # Errors
    /// When the order could not be left, see [`Undelivered`].
    pub fn order(
        &self,
        kind: OrderKind,
        user: &str,
    ) -> Result<Receiver<Result<usize, OrderFault>>, Undelivered> {
        let (done, result) = mpsc::sync_channel(1);
        self.leave(user, UserCommand::Order(kind, done))?;
        Ok(result)
    }

    /// Asks all sessions of `user` for a fresh token: see
    /// [`Node::require_auth`](crate::node::Node::require_auth). What is given back receives how many
    /// were asked, once.
    ///
    /// # Errors
    /// When the order could not be left, see [`Undelivered`].
    pub fn require_auth(&self, user: &str) -> Result<Receiver<usize>, Undelivered> {
        let (done, count) = mpsc::sync_channel(1);
        self.leave(user, UserCommand::RequireAuth(done))?;
        Ok(count)
    }

    /// Has the server go by `config` from here on, see
    /// [`Node::reconfigure`](crate::node::Node::reconfigure): keys, modes, limits, origins; and
    /// certificates, for connections that come from here on. Where it listens, whether it speaks TLS,
    /// its threads and its queues stay as they are.
    ///
    /// Blocks while it reads the keys that are named, an address for 5 seconds at most. When it
    /// returns, the change is on its way.
    ///
    /// # Errors
    /// When keys or certificates cannot be read or used: then nothing has changed.
    pub fn reload(&self, config: &Config) -> Result<(), ReloadError> {
        let reload = Reload::prepare(config, &self.mailbox)?;
        // For a higher `limits.connections`: here, where this thread waits and not the reactor's.
        super::descriptors::prepare(config);
        let is_taken = self.mailbox.deliver(Event::Reload(Box::new(reload)));
        if is_taken { Ok(()) } else { Err(ReloadError::Ended) }
    }

    /// How the server is, as its reactor says it between two turns. Waits until it does, for a watch
    /// that is to notice a reactor that hangs; never to be called by what runs on that thread.
    /// `None`: the server has ended.
    #[must_use]
    pub fn health(&self) -> Option<Health> {
        let (done, health) = mpsc::sync_channel(1);
        self.mailbox.deliver(Event::Health(done));
        health.recv().ok()
    }

    fn leave(&self, user: &str, command: UserCommand) -> Result<(), Undelivered> {
        self.mailbox.try_deliver(Event::Order(Order { user: user.to_owned(), command }))
    }
}

/// What is left for the reactor.
#[derive(Debug)]
pub(super) enum Event {
    /// An answer.
    Done(Completion),
    /// Keys instead of those that are there.
    Keys(KeySet),
    /// The same from a watch: taken as long as it is the one that counts.
    Watched(WatchId, KeySet),
    /// A configuration instead of the one that is there.
    Reload(Box<Reload>),
    /// What an operator wants done to a user.
    Order(Order),
    /// Somebody wants to know how it is.
    Health(SyncSender<Health>),
}

/// How a server is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Connections of the public listeners, those that are not authenticated included.
    pub connections: usize,
    /// A drain is under way.
    pub is_draining: bool,
}

impl Health {
    pub(super) fn of(node: &Node) -> Self {
        let connections = Phase::ALL.iter().map(|&phase| node.connections_in(phase)).sum();
        Self { connections, is_draining: node.is_draining() }
    }
}

/// What an operator wants done to a user.
#[derive(Debug)]
pub(super) struct Order {
    user: String,
    command: UserCommand,
}

/// Which of them, and who is told what became of it.
#[derive(Debug)]
enum UserCommand {
    Order(OrderKind, SyncSender<Result<usize, OrderFault>>),
    RequireAuth(SyncSender<usize>),
}

impl Order {
    /// Carries it out.
    pub(super) fn carry_out(self, node: &mut Node, now: Now) {
        // Who does not want to know has dropped the other end; there is room for one answer.
        match self.command {
            UserCommand::Order(kind, done) => {
                node.order(now, kind, &self.user, move |result| drop(done.try_send(result)));
            }
            UserCommand::RequireAuth(done) => {
                let _ = done.try_send(node.require_auth(now, &self.user));
            }
        }
    }
}

/// A configuration that was found good, and its keys.
#[derive(Debug)]
pub(super) struct Reload {
    config: Config,
    verifier: Verifier,
    watch: Option<KeyWatch>,
    /// What new connections are met with from here on.
    pub(super) acceptor: Option<Acceptor>,
}

impl Reload {
    fn prepare(config: &Config, mailbox: &Mailbox) -> Result<Self, StartError> {
        let mut verifier = Verifier::new(&config.auth)?;
        let acceptor = Acceptor::load(&config.tls)?;
        let (keys, watch) = keys::open(&config.auth, keys::WaitForKeys::UntilThere)?;
        if let Some(keys) = keys {
            verifier.replace_keys(keys);
        }
        let watch = watch.map(|watch| mailbox.watch_keys(watch)).transpose()?;
        Ok(Self { config: config.clone(), verifier, watch, acceptor })
    }

    /// Carries it out; the watch that counts from here on is returned.
    pub(super) fn carry_out(self, node: &mut Node, now: Now) -> Option<KeyWatch> {
        node.reconfigure(now, &self.config, self.verifier);
        self.watch
    }
}

/// Why a configuration was not taken up. Nothing has changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// Its keys or certificates cannot be read or used.
    #[error(transparent)]
    Unusable(#[from] StartError),
    /// The server has ended.
    #[error("the server has ended")]
    Ended,
}

/// Why the reactor did not take an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Undelivered {
    /// `limits.worker_queue` answers wait already: try again after a moment.
    #[error("too many answers wait for the server: try again after a moment")]
    Full,
    /// The server has ended: nobody waits for an answer.
    #[error("the server has ended")]
    Ended,
}

/// The sender's side of the mailbox: events, and a flag that wakes the reactor.
#[derive(Clone, Debug)]
pub(super) struct Mailbox {
    events: SyncSender<Event>,
    wake: Arc<WakeFlag>,
}

impl Mailbox {
    /// For threads that may wait: while the slot is full. False when the server has ended.
    pub(super) fn deliver(&self, event: Event) -> bool {
        let taken = self.events.send(event).is_ok();
        self.wake.set();
        taken
    }

    /// Has the keys that `watch` finds left here.
    pub(super) fn watch_keys(&self, watch: Watch) -> Result<KeyWatch, StartError> {
        let mailbox = self.clone();
        watch.start(move |id, keys| mailbox.deliver(Event::Watched(id, keys)))
    }

    fn try_deliver(&self, event: Event) -> Result<(), Undelivered> {
        self.events.try_send(event).map_err(|refused| match refused {
            TrySendError::Full(_) => Undelivered::Full,
            TrySendError::Disconnected(_) => Undelivered::Ended,
        })?;
        self.wake.set();
        Ok(())
    }
}

/// The reactor's side.
#[derive(Debug)]
pub(super) struct Inbox {
    events: Receiver<Event>,
    wake: Arc<WakeFlag>,
}

impl Inbox {
    /// Must be called when the poller was woken, before [`Inbox::take`]: what is left after this call
    /// wakes it anew.
    pub(super) fn clear_wake(&self) {
        // A swap, not a store: it reads the value of the last sender that did not wake the poller
        // because another had done so, and so makes what that sender left visible to `take`.
        self.wake.is_set.swap(false, Ordering::AcqRel);
    }

    /// The next event.
    pub(super) fn take(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    pub(super) fn wants_shutdown(&self) -> bool {
        self.wake.shutdown.load(Ordering::Acquire)
    }
}

/// Wakes the reactor, once however many leave something before it looks.
#[derive(Debug)]
struct WakeFlag {
    waker: Waker,
    is_set: AtomicBool,
    shutdown: AtomicBool,
}

impl WakeFlag {
    fn set(&self) {
        if self.is_set.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = self.waker.wake() {
            // The next one tries again; the eventfd behind it can only fail for want of memory.
            self.is_set.store(false, Ordering::Release);
            log::error!("the reactor cannot be woken: {error}");
        }
    }
}

/// A mailbox for `room` events that wakes the reactor through `waker`.
pub(super) fn mailbox(waker: Waker, room: usize) -> (Mailbox, Inbox) {
    let (events, inbox) = mpsc::sync_channel(room.max(1));
    let flag = AtomicBool::new(false);
    let wake = Arc::new(WakeFlag { waker, is_set: flag, shutdown: AtomicBool::new(false) });
    (Mailbox { events, wake: Arc::clone(&wake) }, Inbox { events: inbox, wake })
}
