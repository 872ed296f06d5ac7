//! The mio driver: a [`Node`] on real sockets and a real clock.
//!
//! The thread that calls [`Server::run`] does everything except work that blocks, which goes to a
//! pool of workers. That thread waits only in the poller.
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

mod adopt;
mod bus;
mod calls;
mod certificate;
pub(crate) mod clock;
pub mod descriptors;
mod directory;
mod entropy;
mod error;
mod handle;
mod history;
#[cfg(any(feature = "backend", feature = "jwks-url"))]
pub(crate) mod http;
mod keys;
mod listener;
#[cfg(any(feature = "backend", feature = "jwks-url", feature = "tls"))]
mod pem;
mod pool;
mod process;
mod reactor;
mod revocations;
mod sockets;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "plain.rs"]
mod tls;
#[cfg(any(feature = "backend", feature = "jwks-url", feature = "tls"))]
mod tls_fault;
mod transport;
mod unix_socket;
mod worker;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use mio::{Poll, Token, Waker};

use self::bus::BusSocket;
pub use self::bus::inspect::{InspectedEngine, inspect_engine};
#[cfg(feature = "recipes")]
pub(crate) use self::calls::CALL_BYTES;
pub use self::calls::CallServer;
use self::calls::CallSockets;
use self::certificate::CertificateState;
use self::clock::Clock;
pub use self::entropy::seed;
pub use self::error::{
    KeySourceError, RevocationsError, SocketError, StartError, TlsError, TlsProblem,
    UnixSocketError,
};
pub use self::handle::{Handle, Health, ReloadError, Undelivered};
use self::history::HistoryFile;
#[cfg(any(feature = "backend", feature = "jwks-url"))]
pub use self::http::ClientTls;
pub use self::keys::{InspectedKeys, read_keys};
use self::listener::Listeners;
pub(crate) use self::reactor::SCRATCH_BYTES;
use self::reactor::{BUS, FIRST_CALL, FIRST_LISTENER, NetIo, Reactor, WAKER};
use self::revocations::FileStore;
pub use self::sockets::{ListenerAddress, ListeningSocket, Sockets};
#[cfg(any(feature = "backend", feature = "jwks-url", feature = "tls"))]
pub use self::tls_fault::{plain_tls_error, tls_fault};
pub(crate) use self::transport::{TLS_CONNECTION_BYTES, TLS_RECORD_BYTES};
use self::worker::Pools;
pub(crate) use self::worker::{CHECK_STACK_BYTES, PLACE_BYTES, STACK_BYTES};
use crate::config::{self, Auth, Config};
use crate::driver::Role;
use crate::node::app::App;
use crate::node::{DependencyCheck, Metrics, Node, Probe};
use crate::time::UnixTime;

/// A server with open listeners. Clients can connect now, and are served when it runs.
#[derive(Debug)]
pub struct Server {
    reactor: Reactor,
    handle: Handle,
}

impl Server {
    /// Opens every address of `config.listen` and those of `config.admin`, if there are any. Names are
    /// resolved now, which blocks; a Unix socket that an earlier server has left is replaced.
    /// Reads the keys of the file that `config.auth` names, and creates the node. Keys at an
    /// address are fetched in the background.
    ///
    /// The server also grows the process's descriptor table for `limits.connections`
    /// ([`descriptors`]), and starts up to `limits.workers` threads when there is work for them. It
    /// raises no limit, handles no signal, sets no logger (it logs through the crate `log`) and
    /// writes no file. The program may do so.
    ///
    /// # Errors
    /// An address cannot be listened on, keys cannot be read, or a value is not in the range of its key.
    /// The text says what to do. Values that do not go together are found by [`Config::faults`] alone.
    pub fn bind(config: &Config, app: Box<dyn App>) -> Result<Self, StartError> {
        Self::with_sockets(config, Sockets::default(), app)
    }

    /// Like [`Server::bind`], with listening sockets that were passed in, such as by a supervisor.
    /// Listeners that are missing are opened as configured.
    ///
    /// # Errors
    /// As [`Server::bind`]; also if one of `sockets` does not listen, or exposes the admin listener to
    /// other hosts without a key.
    pub fn with_sockets(
        config: &Config,
        sockets: Sockets,
        app: Box<dyn App>,
    ) -> Result<Self, StartError> {
        config.check_ranges().map_err(StartError::Config)?;
        descriptors::prepare(config);
        let mut config = config.clone();
        if config.cluster.is_on() && config.cluster.name.is_empty() {
            config.cluster.name = bus::unique_name().map_err(StartError::Entropy)?;
        }
        let config = &config;
        let mut node = Node::new(config, &seed().map_err(StartError::Entropy)?, app)?;
        let opened = keys::open(&config.auth, keys::WaitForKeys::No)?;
        let clock = Clock::start();
        for (issuer, keys) in opened.sets {
            node.replace_keys_of(clock.now().unix, issuer, keys);
        }
        handle::set_bus_password(&mut node, clock.now(), config);
        node.add_probe(Arc::new(process::read));
        let acceptor = tls::Acceptor::load(&config.tls)?;
        let certificate = watched_certificate(&mut node, clock.now().unix, acceptor.as_ref());
        let mut listeners = Listeners::open(config, sockets)?;
        let poll = Poll::new().map_err(StartError::Poll)?;
        let waker = Waker::new(poll.registry(), Token(WAKER)).map_err(StartError::Poll)?;
        listeners.register(poll.registry(), FIRST_LISTENER).map_err(StartError::Poll)?;
        let limits = &config.limits;
        let (mailbox, inbox) = handle::mailbox(waker, limits.worker_queue);
        let waking = mailbox.clone();
        let wake = Arc::new(move || waking.wake());
        let io = NetIo {
            clock,
            poll,
            listeners,
            tls: tls::Layer::new(acceptor, config, wake),
            workers: Pools::new(limits, &mailbox),
            inbox,
            // The watch ends when the reactor drops its end.
            keep_keys_in: None,
            key_watches: mailbox.watch_all(opened.watches)?,
            certificate_watch: mailbox.watch_certificate(&config.tls, &certificate)?,
            bus: BusSocket::new(&config.cluster, mailbox.clone(), Token(BUS))?,
            calls: None,
        };
        let summaries = node.key_summaries();
        let reactor = Reactor::new(config, node, io).map_err(StartError::Poll)?;
        keys::log_summary(&config.auth, summaries);
        Ok(Self { reactor, handle: Handle::new(mailbox, certificate, config.auth.clone()) })
    }

    /// The public IP addresses in the order of the configuration, with the actual ports. A name in
    /// the configuration may have several.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        tcp_only(self.addresses(Role::Client))
    }

    /// The admin listener's first IP address. `None`: there is none.
    #[must_use]
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        tcp_only(self.addresses(Role::Operator)).into_iter().next()
    }

    /// The addresses of all listeners of this role, Unix sockets among them.
    #[must_use]
    pub fn addresses(&self, role: Role) -> Vec<ListenerAddress> {
        self.reactor.io.listeners.addresses(role)
    }

    /// Listens at `recipes.listen` of `config`, and answers with `server` what comes there. Its questions are
    /// answered by [`Handle::complete_call`].
    ///
    /// # Errors
    /// The address cannot be listened on. The text says what to do.
    pub fn serve_calls(
        &mut self,
        config: &Config,
        server: Box<dyn CallServer>,
    ) -> Result<Vec<ListenerAddress>, StartError> {
        let registry = self.reactor.io.poll.registry();
        let calls = CallSockets::open(config, server, registry, FIRST_CALL)?;
        let addresses = calls.addresses();
        self.reactor.io.calls = Some(calls);
        Ok(addresses)
    }

    /// Adds the readings of `probe` to the metrics. A worker calls it at each collection.
    pub fn add_probe(&mut self, probe: Probe) {
        self.reactor.add_probe(probe);
    }

    /// Has health checks and metrics show what `check` says of a dependency. It must not block.
    pub fn add_dependency(&mut self, check: DependencyCheck) {
        self.reactor.add_dependency(check);
    }

    /// Restores the revocations in the file at `path`, and appends new ones, so that they survive a
    /// restart. The first revocation creates the file and its directory.
    ///
    /// # Errors
    /// The file cannot be read or is damaged. The text says what to do.
    pub fn keep_revocations(&mut self, path: &Path) -> Result<(), StartError> {
        let reactor = &mut self.reactor;
        let lines = revocations::restore(path, |user, at| reactor.restore_revocation(user, at))?;
        let store = FileStore::start(path.to_owned(), lines, self.handle.mailbox())
            .map_err(StartError::Thread)?;
        reactor.keep_revocations(store);
        Ok(())
    }

    /// Keeps what rooms have said last in the file at `path` while the server restarts, so that clients
    /// go on where they were: see [`Node::read_history`]. For applications whose rooms outlive the
    /// process. A file that cannot be used is logged, and clients begin anew.
    pub fn keep_history(&mut self, limits: &config::Limits, path: &Path) {
        let most = limits.history_bytes.get() as u64;
        let claimed = HistoryFile::claim(path.to_owned(), most.saturating_mul(2));
        match claimed {
            Ok((file, found)) => self.reactor.keep_history(file, found.as_deref()),
            Err(error) => log::warn!(
                "{}: {error}: clients will not resume after the next restart",
                path.display()
            ),
        }
    }

    /// Keeps the public keys that are fetched from an address in `directory`, and begins with those
    /// that are kept there if they are not older than `auth.keep_keys`: so a server can start while
    /// its issuer cannot be reached. A file that cannot be read is logged.
    #[cfg(feature = "jwks-url")]
    pub fn keep_keys(&mut self, auth: &Auth, directory: &Path) {
        for (read_at, issuer, keys) in keys::kept(auth, directory) {
            log::info!("Begins with the keys of the last fetch: {}", keys.summary());
            self.reactor.begin_with_keys(read_at, issuer, keys);
        }
        if !auth.keep_keys.get().is_zero() {
            self.reactor.io.keep_keys_in(directory.to_owned());
        }
    }

    /// A handle for other threads, to end the server and to answer held questions.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until [`Handle::shutdown`] was called and the last connection is closed. Returns the
    /// metrics.
    ///
    /// A draining server continues to accept, to answer `503` at once; it does not wait for these
    /// connections. It stops accepting from listeners that were passed in
    /// ([`Server::with_sockets`]): new connections are left in the backlog for the next process.
    ///
    /// # Errors
    /// The poller fails, which no peer can cause.
    pub fn run(self) -> io::Result<Metrics> {
        let Self { reactor, handle } = self;
        drop(handle);
        reactor.run()
    }
}

fn tcp_only(addresses: Vec<ListenerAddress>) -> Vec<SocketAddr> {
    let tcp = |address| match address {
        ListenerAddress::Tcp(address) => Some(address),
        ListenerAddress::Unix(_) => None,
    };
    addresses.into_iter().filter_map(tcp).collect()
}

/// Has the node show how the certificate is, if there is one.
fn watched_certificate(
    node: &mut Node,
    now: UnixTime,
    acceptor: Option<&tls::Acceptor>,
) -> CertificateState {
    let certificate = CertificateState::default();
    if let Some(acceptor) = acceptor {
        certificate.set(now, acceptor);
        let (state, readings) = (certificate.clone(), certificate.clone());
        node.add_dependency(Arc::new(move |now| state.dependency(now)));
        node.add_probe(Arc::new(move || readings.readings()));
    }
    certificate
}

/// Reads the keys that `auth` names, as a server would. Blocks: keys at an address are fetched, unless
/// `is_offline`, and an address that does not answer is a fault here.
///
/// # Errors
/// The errors of [`Server::bind`] about secrets.
pub fn check_keys(auth: &Auth, is_offline: bool) -> Result<InspectedKeys, StartError> {
    keys::inspect(auth, is_offline)
}

/// Checks the addresses to listen on, without opening them. Blocks while names are resolved. `config`
/// has its secrets.
#[must_use]
pub fn check_addresses(config: &Config) -> Vec<StartError> {
    listener::inspect(config)
}

/// Checks the file of revocations at `path`, if there is one. Blocks while it reads the file.
///
/// # Errors
/// The same as [`Server::keep_revocations`].
pub fn check_revocations(path: &Path) -> Result<(), RevocationsError> {
    revocations::inspect(path)
}

/// Checks the files that `tls` names. Blocks while it reads them. Returns a warning if the certificate
/// is not valid yet, has expired, or soon will.
///
/// # Errors
/// The TLS errors of [`Server::bind`].
pub fn check_tls(tls: &config::Tls) -> Result<Option<String>, TlsError> {
    let validity = tls::Acceptor::load(tls)?.and_then(|acceptor| acceptor.validity());
    Ok(certificate::warning(Clock::start().now().unix, validity.as_ref())
        .map(|(_, warning)| format!("tls.cert_file: {warning}")))
}
