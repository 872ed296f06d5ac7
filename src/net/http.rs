//! The HTTP client of the threads that fetch keys or call the backend.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

use super::clock::Clock;
use crate::time::Instant;

/// How long a resolved name is reused. Long enough that a busy backend does not cost a query for
/// each call; short enough that a backend that has moved is found within a second.
const NAME_AGE: Duration = Duration::from_secs(1);

/// The connections that a client keeps between its calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeepAlive {
    /// The most idle connections.
    pub(crate) connections: usize,
    /// A connection that is idle for longer is closed and not used again.
    pub(crate) age: Duration,
}

/// A client whose calls end within `patience`, from name resolution to the last byte. A response of
/// any status is not an error.
pub(crate) fn agent(patience: Duration, keep_alive: Option<KeepAlive>) -> Agent {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(provider));
    // A redirect could lead anywhere, and a proxy from the environment could be anyone's.
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_idle_connections(keep_alive.map_or(0, |keep| keep.connections))
        .max_idle_connections_per_host(keep_alive.map_or(0, |keep| keep.connections))
        .max_idle_age(keep_alive.map_or(Duration::ZERO, |keep| keep.age))
        .timeout_global(Some(patience))
        .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")));
    let names =
        Names { system: DefaultResolver::default(), clock: Clock::start(), last: None.into() };
    Agent::with_parts(config.build(), MarkingConnector(DefaultConnector::new()), names)
}

/// Takes an error of such a client apart: whether there was no connection (no address, no TCP
/// connection, no TLS), so that nothing of the request was sent, and what was wrong.
pub(crate) fn take_apart(error: Error) -> (bool, Error) {
    match error {
        Error::Other(other) => match other.downcast::<Unconnected>() {
            Ok(unconnected) => (true, unconnected.0),
            Err(other) => (false, Error::Other(other)),
        },
        error => (false, error),
    }
}

/// Marks an error that came before there was a connection.
#[derive(Debug)]
struct Unconnected(Error);

impl std::error::Error for Unconnected {}

impl fmt::Display for Unconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Unconnected {
    fn mark(error: Error) -> Error {
        Error::Other(Box::new(Self(error)))
    }
}

/// Makes connections, TCP and TLS above it, and marks its errors.
#[derive(Debug)]
struct MarkingConnector(DefaultConnector);

impl Connector for MarkingConnector {
    type Out = <DefaultConnector as Connector>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        self.0.connect(details, chained).map_err(Unconnected::mark)
    }
}

/// The system's resolver, with a cache for one name, because a client here has one peer. ureq
/// resolves the name even when it reuses a connection.
#[derive(Debug)]
struct Names {
    system: DefaultResolver,
    clock: Clock,
    last: Mutex<Option<(Instant, Uri, ResolvedSocketAddrs)>>,
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let now = self.clock.monotonic();
        if let Some((at, known, found)) = &*self.last.lock().unwrap_or_else(PoisonError::into_inner)
            && now.since(*at) < NAME_AGE
            && (known.scheme(), known.authority()) == (uri.scheme(), uri.authority())
        {
            return Ok(found.clone());
        }
        let found = self.system.resolve(uri, config, timeout).map_err(Unconnected::mark)?;
        let last = (now, uri.clone(), found.clone());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        Ok(found)
    }
}
