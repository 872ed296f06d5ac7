//! An application that runs elsewhere and is called over HTTP: `docs/backend.md` is its contract.
//!
//! The reactor's thread only writes a request's body and pushes it into a bounded channel. The
//! dispatcher's thread chooses the next call by its users' shares and keeps the circuit breaker. The
//! calling threads sign, send and wait. Answers return to the reactor through the server's handle.
//!
//! ```no_run
//! # fn start(config: vestibule::Config) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use vestibule::backend::BackendApp;
//! use vestibule::net::Server;
//!
//! let (app, threads) = BackendApp::new(&config.backend)?;
//! let server = Server::bind(&config, Box::new(app))?;
//! let running = threads.start(server.handle())?;
//! server.run()?;
//! running.finish(Duration::from_secs(2));
//! # Ok(())
//! # }
//! ```

mod breaker;
mod breaker_log;
mod call_queue;
mod caller;
mod contract;
mod counts;
mod lane;
mod model;
mod served;
mod service;
mod signature;
mod threads;
mod witnesses;

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};

use smol_str::SmolStr;
use thiserror::Error;

use self::caller::BackendClient;
pub use self::counts::{CallCounts, CallKind, CallOutcome};
use self::lane::{CallAsker, QueuedCall};
pub use self::model::{ModelError, ModelRequest, ModelService};
pub use self::served::{ServedCalls, ServedCounts, SharedSecret};
pub use self::signature::{SecretError, SigningSecret};
pub use self::threads::{Control, RunningThreads, Threads};
use self::threads::{QueueEvent, QueueSlots};
use crate::config;
use crate::id::ConnId;
use crate::net::{ClientTls, TlsError};
use crate::node::app::{Admission, Answer, App, Incoming, Join, Left, Reply};
use crate::node::{Dependency, Probe, Reading, StartFlag, Ticket};
use crate::protocol::ErrorCode;

/// Why a backend cannot be called. No text shows a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The secret that signs requests cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A file with certificates or their key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Reads the files of `backend.ca_file`, `backend.client_certificate` and `backend.client_key`.
/// Blocks while it reads.
///
/// # Errors
/// A file cannot be used. The text names it, and shows no key.
pub fn client_tls(config: &config::Backend) -> Result<ClientTls, TlsError> {
    let certificate = ("backend.client_certificate", config.client_certificate.as_str());
    let key = ("backend.client_key", config.client_key.as_str());
    let pair = (!certificate.1.is_empty()).then_some([certificate, key]);
    ClientTls::load(("backend.ca_file", &config.ca_file), pair)
}

/// Reads the file of `backend.secret_file`, if one is named. Blocks while it reads.
///
/// # Errors
/// The file cannot be used. The text names it, and shows no secret.
pub fn signing_secret(config: &config::Backend) -> Result<Option<SigningSecret>, SecretError> {
    let path = &config.secret_file;
    (!path.is_empty()).then(|| SigningSecret::read(path)).transpose()
}

/// An [`App`] that forwards joins, messages and leaves to an HTTP service.
///
/// Joins and messages are [`Reply::Held`] and answered through the server's handle. When
/// `backend.queue` calls wait already, the newest of the user that has most of them is answered as
/// unavailable.
#[derive(Debug)]
pub struct BackendApp {
    events: Sender<QueueEvent>,
    slots: Arc<QueueSlots>,
    counts: Arc<CallCounts>,
}

impl BackendApp {
    /// Returns the application, and the threads to start once the server exists.
    ///
    /// # Errors
    /// A file with the secret, a certificate or a key cannot be used. The text names it.
    pub fn new(config: &config::Backend) -> Result<(Self, Threads), SetupError> {
        let secret = signing_secret(config)?;
        let (events, inbox) = mpsc::channel();
        let slots = Arc::new(QueueSlots::new(config.queue, config.workers));
        let counts = Arc::new(CallCounts::default());
        let threads = Threads {
            config: config.clone(),
            client: BackendClient::new(config, secret, client_tls(config)?),
            events: events.clone(),
            inbox,
            slots: Arc::clone(&slots),
            counts: Arc::clone(&counts),
        };
        Ok((Self { events, slots, counts }, threads))
    }

    /// Queues a call. Returns false when the queue of its kind is full.
    fn push(
        &self,
        kind: CallKind,
        asked: Option<(Ticket, &StartFlag)>,
        (user, connection): (&str, ConnId),
        body: impl FnOnce() -> Vec<u8>,
    ) -> bool {
        if self.slots.acquire(kind) {
            let (ticket, start) = asked.map(|(ticket, start)| (ticket, start.clone())).unzip();
            let start = start.filter(|_| !kind.is_notice());
            let (user, body) = (SmolStr::new(user), body());
            let asker = ticket.map_or(CallAsker::Nobody, CallAsker::Node);
            let call = QueuedCall { kind, asker, start, user, connection, body };
            if self.events.send(QueueEvent::Queued(call)).is_ok() {
                return true;
            }
        }
        self.counts.count(kind, CallOutcome::QueueFull);
        false
    }
}

impl App for BackendApp {
    fn dependencies(&self) -> Vec<Dependency> {
        vec![self.counts.dependency()]
    }

    fn probe(&self) -> Option<Probe> {
        let (counts, slots) = (Arc::clone(&self.counts), Arc::clone(&self.slots));
        Some(Arc::new(move || {
            let mut readings = counts.readings();
            readings.push(Reading::new(
                "vestibule_backend_queue",
                "Calls that wait for the backend or are being made at this moment.",
                slots.used() as f64,
            ));
            readings
        }))
    }

    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        let (asked, from) = (Some((join.ticket, join.start)), (join.user, join.connection));
        let told =
            join.resumed && self.push(CallKind::Return, asked, from, || contract::join(join));
        if told {
            return Reply::Held;
        }
        if self.push(CallKind::Join, asked, from, || contract::join(join)) {
            Reply::Held
        } else {
            Reply::Now(Admission::Unavailable)
        }
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        let asked = Some((message.ticket, message.start));
        let from = (message.user, message.connection);
        if self.push(CallKind::Message, asked, from, || contract::message(message)) {
            Reply::Held
        } else {
            Reply::Now(Err(ErrorCode::BackendUnavailable))
        }
    }

    fn on_leave(&mut self, left: &Left<'_>) {
        let from = (left.user, left.connection);
        self.push(CallKind::Leave, None, from, || contract::leave(left));
    }
}

impl Drop for BackendApp {
    fn drop(&mut self) {
        // The dispatcher may have ended already; then there is nothing to stop.
        let _ = self.events.send(QueueEvent::Ended);
    }
}
