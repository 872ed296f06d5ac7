//! The part of a running server that other threads hold: the handle, and the mailbox behind it.

mod order;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;
use thiserror::Error;

use self::order::{Order, UserCommand};
use super::bus::resolved::ResolvedEngine;
use super::certificate::{CertificateState, CertificateWatch};
use super::clock::Clock;
use super::error::StartError;
use super::keys::{self, KeyWatch, Watch, WatchId};
use super::tls::Acceptor;
use crate::auth::{KeySet, Verifier};
use crate::config::{self, Auth, Config};
use crate::node::app::{Admission, Answer, OrderFault, OrderKind};
use crate::node::{AppEvent, Completion, KeyNews, Node, Outcome, Phase, Response, Ticket};
use crate::time::Now;

/// Reaches a running [`Server`](super::Server) from any thread. Cheap to clone; never blocks.
#[derive(Clone, Debug)]
pub struct Handle {
    mailbox: Mailbox,
    certificate: CertificateState,
    /// What names the keys that tokens are checked with.
    auth: Arc<Mutex<Auth>>,
}

impl Handle {
    pub(super) fn new(mailbox: Mailbox, certificate: CertificateState, auth: Auth) -> Self {
        Self { mailbox, certificate, auth: Arc::new(Mutex::new(auth)) }
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
    /// The answer was not accepted: see [`Undelivered`].
    pub fn complete_join(&self, ticket: Ticket, admission: Admission) -> Result<(), Undelivered> {
        let outcome = Outcome::Join(admission);
        self.mailbox.try_deliver(Event::Done(Completion { ticket, outcome }))
    }

    /// Answers a message that was [`Held`](crate::node::app::Reply::Held).
    ///
    /// # Errors
    /// The answer was not accepted: see [`Undelivered`].
    pub fn complete_message(&self, ticket: Ticket, answer: Answer) -> Result<(), Undelivered> {
        let outcome = Outcome::Message(answer);
        self.mailbox.try_deliver(Event::Done(Completion { ticket, outcome }))
    }

    /// Answers an HTTP request that was [`Held`](crate::node::app::Reply::Held).
    ///
    /// # Errors
    /// The answer was not accepted: see [`Undelivered`].
    pub fn complete_request(&self, ticket: Ticket, response: Response) -> Result<(), Undelivered> {
        let outcome = Outcome::Response(response);
        self.mailbox.try_deliver(Event::Done(Completion { ticket, outcome }))
    }

    /// Delivers an answer of any kind. Unlike the three methods above it blocks while the mailbox
    /// is full, so never call it on the reactor's thread. Returns false if the server has ended,
    /// because nothing waits for the answer then.
    pub fn complete(&self, ticket: Ticket, outcome: Outcome) -> bool {
        self.mailbox.deliver(Event::Done(Completion { ticket, outcome }))
    }

    /// Tells the server what the application has done without being asked, such as a change that a room
    /// is to hear of. What one thread tells is done in its order.
    ///
    /// # Errors
    /// The event was not accepted: see [`Undelivered`].
    pub fn tell(&self, event: AppEvent) -> Result<(), Undelivered> {
        let (ticket, outcome) = (Ticket::UNASKED, Outcome::Event(event));
        self.mailbox.try_deliver(Event::Done(Completion { ticket, outcome }))
    }

    /// Replaces the keys that tokens are verified with. No connection is closed.
    ///
    /// # Errors
    /// The keys were not accepted: see [`Undelivered`].
    pub fn replace_keys(&self, keys: KeySet) -> Result<(), Undelivered> {
        self.mailbox.try_deliver(Event::Keys(keys))
    }

    /// Carries out an order about `user`, such as to end all sessions: see
    /// [`Node::order`](crate::node::Node::order). The receiver gets one result when the application
    /// has done its part and the revocation is stored: how many connections were closed, or what
    /// failed.
    ///
    /// # Errors
    /// The order was not accepted: see [`Undelivered`].
    pub fn order(
        &self,
        kind: OrderKind,
        user: &str,
    ) -> Result<Receiver<Result<usize, OrderFault>>, Undelivered> {
        let (done, result) = mpsc::sync_channel(1);
        self.leave(user, UserCommand::Order(kind, done))?;
        Ok(result)
    }

    /// Requires a fresh token from all sessions of `user`: see
    /// [`Node::require_auth`](crate::node::Node::require_auth). The receiver gets one number: how
    /// many sessions were asked.
    ///
    /// # Errors
    /// The order was not accepted: see [`Undelivered`].
    pub fn require_auth(&self, user: &str) -> Result<Receiver<usize>, Undelivered> {
        let (done, count) = mpsc::sync_channel(1);
        self.leave(user, UserCommand::RequireAuth(done))?;
        Ok(count)
    }

    /// Replaces the server's configuration: see
    /// [`Node::reconfigure`](crate::node::Node::reconfigure). Keys, modes, limits and origins
    /// change; certificates change for new connections. The listen addresses, whether they speak
    /// TLS, the number of threads and the queue lengths do not change.
    ///
    /// Blocks while it reads the named keys, for addresses at most 20 seconds. Where an address that
    /// the server has already does not answer, its keys stay. The change takes
    /// effect soon after it returns.
    ///
    /// # Errors
    /// A value is not in the range of its key, or keys or certificates cannot be read or used. Nothing has
    /// changed then.
    pub fn reload(&self, config: &Config) -> Result<(), ReloadError> {
        // Also keeps reloads in their order.
        let mut current = self.auth.lock().unwrap_or_else(PoisonError::into_inner);
        let reload = Reload::prepare(config, &current, &self.mailbox, &self.certificate)?;
        // For a higher `limits.connections`: here this thread waits, and not the reactor's.
        super::descriptors::prepare(config);
        let is_taken = self.mailbox.deliver(Event::Reload(Box::new(reload)));
        *current = config.auth.clone();
        if is_taken { Ok(()) } else { Err(ReloadError::Ended) }
    }

    /// Asks the reactor for the server's health between two turns, and blocks until it answers.
    /// This is for a watchdog that detects a reactor that hangs; never call it on the reactor's
    /// thread. Returns `None` if the server has ended.
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

/// An item in the reactor's mailbox.
#[derive(Debug)]
pub(super) enum Event {
    /// An answer.
    Done(Completion),
    /// An answer to a call of another node.
    Call(Completion),
    /// New keys.
    Keys(KeySet),
    /// News of a watch. It is ignored if that watch has been replaced.
    Watched(WatchId, KeyNews),
    /// A new certificate, in the same files.
    Certificate(Box<Acceptor>),
    /// A new configuration.
    Reload(Box<Reload>),
    /// An operator's order about a user.
    Order(Order),
    /// The address of the cluster's engine.
    BusResolved(ResolvedEngine),
    /// A request for the server's health.
    Health(SyncSender<Health>),
}

/// The health of a server at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Connections of the public listeners, including pending ones.
    pub connections: usize,
    /// A drain is in progress.
    pub is_draining: bool,
}

impl Health {
    pub(super) fn of(node: &Node) -> Self {
        let connections = Phase::ALL.iter().map(|&phase| node.connections_in(phase)).sum();
        Self { connections, is_draining: node.is_draining() }
    }
}

/// A valid configuration and its keys.
#[derive(Debug)]
pub(super) struct Reload {
    pub(super) config: Config,
    verifier: Verifier,
    watches: Vec<KeyWatch>,
    /// The certificate for new connections.
    pub(super) acceptor: Option<Acceptor>,
    pub(super) certificate_watch: Option<CertificateWatch>,
}

impl Reload {
    fn prepare(
        config: &Config,
        current: &Auth,
        mailbox: &Mailbox,
        certificate: &CertificateState,
    ) -> Result<Self, StartError> {
        config.check_ranges().map_err(StartError::Config)?;
        let acceptor = Acceptor::load(&config.tls)?;
        let (verifier, watches) = keys::reopen(&config.auth, current)?;
        let summaries = verifier.keys().map(|(issuer, keys)| (issuer, keys.summary()));
        keys::log_summary(&config.auth, summaries.collect());
        let watches = mailbox.watch_all(watches)?;
        if let Some(acceptor) = &acceptor {
            certificate.set(Clock::start().now().unix, acceptor);
        }
        let certificate_watch = mailbox.watch_certificate(&config.tls, certificate)?;
        Ok(Self { config: config.clone(), verifier, watches, acceptor, certificate_watch })
    }

    /// Applies the configuration. Returns its key watches, which replace the current ones.
    pub(super) fn carry_out(self, node: &mut Node, now: Now) -> Vec<KeyWatch> {
        node.reconfigure(now, &self.config, self.verifier);
        set_bus_password(node, now, &self.config);
        self.watches
    }
}

/// The password that the cluster's engine asks for.
pub(super) fn set_bus_password(node: &mut Node, now: Now, config: &Config) {
    let password = Some(config.cluster.password.clone()).filter(|password| !password.is_empty());
    node.set_bus_password(now, password);
}

/// Why a configuration was rejected. Nothing has changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// Its values, keys or certificates cannot be read or used.
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
    /// The server has ended, so nothing waits for an answer.
    #[error("the server has ended")]
    Ended,
}

/// The senders' side of the mailbox: a queue of events, and a flag that wakes the reactor.
#[derive(Clone, Debug)]
pub(super) struct Mailbox {
    /// The channel writes to each of its places when it is made. So these are small.
    events: SyncSender<Box<Event>>,
    wake: Arc<WakeFlag>,
}

impl Mailbox {
    /// Blocks while the mailbox is full. Returns false if the server has ended.
    pub(super) fn deliver(&self, event: Event) -> bool {
        let taken = self.events.send(Box::new(event)).is_ok();
        self.wake.set();
        taken
    }

    /// Starts `watch`, which delivers new keys to this mailbox.
    pub(super) fn watch_keys(&self, watch: Watch) -> Result<KeyWatch, StartError> {
        let mailbox = self.clone();
        watch.start(move |id, news| mailbox.deliver(Event::Watched(id, news)))
    }

    /// Starts all of them.
    pub(super) fn watch_all(&self, watches: Vec<Watch>) -> Result<Vec<KeyWatch>, StartError> {
        watches.into_iter().map(|watch| self.watch_keys(watch)).collect()
    }

    /// Watches the files that `tls` names, if it names any.
    pub(super) fn watch_certificate(
        &self,
        tls: &config::Tls,
        state: &CertificateState,
    ) -> Result<Option<CertificateWatch>, StartError> {
        let mailbox = self.clone();
        let deliver = move |acceptor| mailbox.deliver(Event::Certificate(Box::new(acceptor)));
        CertificateWatch::start(tls, state.clone(), deliver)
    }

    /// Wakes the reactor for what another queue holds.
    pub(super) fn wake(&self) {
        self.wake.set();
    }

    fn try_deliver(&self, event: Event) -> Result<(), Undelivered> {
        self.events.try_send(Box::new(event)).map_err(|refused| match refused {
            TrySendError::Full(_) => Undelivered::Full,
            TrySendError::Disconnected(_) => Undelivered::Ended,
        })?;
        self.wake.set();
        Ok(())
    }
}

/// The reactor's side of the mailbox.
#[derive(Debug)]
pub(super) struct Inbox {
    events: Receiver<Box<Event>>,
    wake: Arc<WakeFlag>,
}

impl Inbox {
    /// Call it after the poller was woken and before [`Inbox::take`]. Events that are sent after
    /// this call wake the poller again.
    pub(super) fn clear_wake(&self) {
        // A swap, not a store: it reads the flag as the last sender wrote it. So the event of a
        // sender that did not wake the poller, because another one had, is visible to `take`.
        self.wake.is_set.swap(false, Ordering::AcqRel);
    }

    /// The next event.
    pub(super) fn take(&self) -> Option<Event> {
        self.events.try_recv().ok().map(|event| *event)
    }

    pub(super) fn wants_shutdown(&self) -> bool {
        self.wake.shutdown.load(Ordering::Acquire)
    }
}

/// Wakes the reactor once, however many senders set it before the reactor looks.
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
            // The next sender tries again. The eventfd can fail only for lack of memory.
            self.is_set.store(false, Ordering::Release);
            log::error!("the reactor cannot be woken: {error}");
        }
    }
}

/// A mailbox for `room` events, which wakes the reactor through `waker`.
pub(super) fn mailbox(waker: Waker, room: usize) -> (Mailbox, Inbox) {
    let (events, inbox) = mpsc::sync_channel(room.max(1));
    let flag = AtomicBool::new(false);
    let wake = Arc::new(WakeFlag { waker, is_set: flag, shutdown: AtomicBool::new(false) });
    (Mailbox { events, wake: Arc::clone(&wake) }, Inbox { events: inbox, wake })
}
