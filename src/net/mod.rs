//! The mio driver: a [`Node`] on real sockets and a real clock.
//!
//! One thread, the one that calls [`Server::run`], does everything but work that blocks, which
//! goes to a pool of workers. Nothing on that thread waits but the poller.
//!
//! ```no_run
//! # fn start(app: Box<dyn vestibule::node::app::App>) -> Result<(), Box<dyn std::error::Error>> {
//! use vestibule::config::Config;
//! use vestibule::net::Server;
//!
//! let mut config = Config::default();
//! config.listen = vec!["127.0.0.1:8080".to_owned()];
//! config.auth.secret = "a secret of at least 32 bytes, please".to_owned();
//! let server = Server::bind(&config, app)?;
//! println!("listening on {:?}", server.local_addrs());
//! server.run()?;
//! # Ok(())
//! # }
//! ```

pub(crate) mod clock;
pub mod descriptors;
mod entropy;
mod error;
mod handle;
#[cfg(any(feature = "backend", feature = "jwks-url"))]
pub(crate) mod http;
mod keys;
mod listener;
mod process;
mod reactor;
mod revocations;
mod sockets;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "plain.rs"]
mod tls;
mod transport;
mod worker;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use mio::{Poll, Token, Waker};

use self::clock::Clock;
pub use self::entropy::seed;
pub use self::error::{
    KeySourceError, RevocationsError, SocketError, StartError, TlsError, TlsProblem,
};
pub use self::handle::{Handle, Health, ReloadError, Undelivered};
use self::listener::Listeners;
pub(crate) use self::reactor::SCRATCH_BYTES;
use self::reactor::{FIRST_LISTENER, NetIo, Reactor, WAKER};
use self::revocations::FileStore;
pub use self::sockets::Sockets;
pub(crate) use self::transport::{TLS_CONNECTION_BYTES, TLS_RECORD_BYTES};
use self::worker::Pools;
pub(crate) use self::worker::{CHECK_STACK_BYTES, PLACE_BYTES, STACK_BYTES};
use crate::config::{self, Config};
use crate::node::app::App;
use crate::node::{Metrics, Node, Probe};

/// A server whose addresses are bound: clients can connect, and are served once it runs.
#[derive(Debug)]
pub struct Server {
    reactor: Reactor,
    handle: Handle,
}

impl Server {
    /// Opens every address of `config.listen`, and the one of `config.admin` if it names one, reads
    /// the keys that `config.auth` names a file for, and makes the node that will serve. Keys at an
    /// address are fetched in the background.
    ///
    /// What it takes beside that: room in the process's descriptor table for `limits.connections`
    /// ([`descriptors`]), and up to `limits.workers` threads once there is work for them. It raises no limit, handles no signal, sets
    /// no logger (it logs through the crate `log`) and writes no file; an application may.
    ///
    /// # Errors
    /// When an address cannot be listened on, keys cannot be read, or the configuration is one that the node cannot
    /// work with. The text says what to do.
    pub fn bind(config: &Config, app: Box<dyn App>) -> Result<Self, StartError> {
        Self::with_sockets(config, Sockets::default(), app)
    }

    /// The same on sockets that listen already, such as those that a supervisor handed over; what is
    /// not among them is opened as configured.
    ///
    /// # Errors
    /// As [`Server::bind`], and when one of `sockets` is not a TCP socket that listens, or opens the
    /// admin listener to others without a key.
    pub fn with_sockets(
        config: &Config,
        sockets: Sockets,
        app: Box<dyn App>,
    ) -> Result<Self, StartError> {
        descriptors::prepare(config);
        let mut node = Node::new(config, &seed().map_err(StartError::Entropy)?, app)?;
        let (keys, watch) = keys::open(&config.auth, keys::WaitForKeys::No)?;
        if let Some(keys) = keys {
            node.replace_keys(keys);
        }
        node.add_probe(Arc::new(process::read));
        let acceptor = tls::Acceptor::load(&config.tls)?;
        let mut listeners = Listeners::open(config, sockets)?;
        let poll = Poll::new().map_err(StartError::Poll)?;
        let waker = Waker::new(poll.registry(), Token(WAKER)).map_err(StartError::Poll)?;
        listeners.register(poll.registry(), FIRST_LISTENER).map_err(StartError::Poll)?;
        let limits = &config.limits;
        let (mailbox, inbox) = handle::mailbox(waker, limits.worker_queue);
        let io = NetIo {
            clock: Clock::start(),
            poll,
            listeners,
            tls: tls::Layer::new(acceptor, limits.connections),
            workers: Pools::new(limits, &mailbox),
            inbox,
            // The watch ends when the reactor is gone, and its end of the watch with it.
            key_watch: watch.map(|watch| mailbox.watch_keys(watch)).transpose()?,
            unknown_keys: 0,
        };
        let reactor = Reactor::new(config, node, io).map_err(StartError::Poll)?;
        Ok(Self { reactor, handle: Handle::new(mailbox) })
    }

    /// Where it listens, in the order of the configuration: port 0 has become a real one.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.reactor.io.listeners.addresses()
    }

    /// Where it listens for whoever runs it; `None`: nowhere.
    #[must_use]
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.reactor.io.listeners.admin_address()
    }

    /// Has what `probe` reads shown with the counters: by a worker, each time they are collected.
    pub fn add_probe(&mut self, probe: Probe) {
        self.reactor.add_probe(probe);
    }

    /// Has the revocations in the file at `path` hold, and new ones kept there, so that no restart
    /// forgets them. The file, and its directory, are made with the first.
    ///
    /// # Errors
    /// When there is a file that cannot be read or is damaged: the text says what to do.
    pub fn keep_revocations(&mut self, path: &Path) -> Result<(), StartError> {
        let reactor = &mut self.reactor;
        let lines = revocations::restore(path, |user, at| reactor.restore_revocation(user, at))?;
        let store = FileStore::start(path.to_owned(), lines, self.handle.mailbox())
            .map_err(StartError::Thread)?;
        reactor.keep_revocations(store);
        Ok(())
    }

    /// For other threads: to end the server, and to answer what the application held.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves, until [`Handle::shutdown`] was called and the last connection is closed.
    ///
    /// While it drains it goes on to accept, so that a client is told `503` and not left waiting;
    /// but for those who come then it does not wait. Listeners that were given open
    /// ([`Server::with_sockets`]) are left alone from then on: who comes waits in them for the
    /// process that has them next. Returns what was counted.
    ///
    /// # Errors
    /// When the poller fails, which no peer can bring about.
    pub fn run(self) -> io::Result<Metrics> {
        let Self { reactor, handle } = self;
        drop(handle);
        reactor.run()
    }
}

/// Checks the file of revocations at `path`, if there is one. Blocks while it reads it.
///
/// # Errors
/// What [`Server::keep_revocations`] would say of it.
pub fn check_revocations(path: &Path) -> Result<(), RevocationsError> {
    revocations::inspect(path)
}

/// Checks the files that `tls` names. Blocks while it reads them.
///
/// # Errors
/// What [`Server::bind`] would say of them.
pub fn check_tls(tls: &config::Tls) -> Result<(), TlsError> {
    tls::Acceptor::load(tls).map(drop)
}
