//! The HTTP client of the threads that fetch keys or call the backend.

mod client_tls;
mod connector;
mod exchange;
#[cfg(test)]
pub(crate) mod tests;

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::Scheme;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ChainedConnector, ConnectionDetails, Connector, NextTimeout, TcpConnector,
};
use ureq::{Agent, Error};

pub use self::client_tls::ClientTls;
use self::connector::TlsConnector;
pub(crate) use self::exchange::take_apart;
use self::exchange::{ExchangeTransport, Unconnected};
use super::clock::Clock;
use crate::config::check::is_private;
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

/// The hosts to which a client sends without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlainHttp {
    /// Every host.
    #[cfg(feature = "backend")]
    Anywhere,
    /// Hosts whose addresses are all private when the name is resolved.
    #[cfg(any(feature = "jwks-url", feature = "backend", test))]
    Private,
}

/// A client without a time limit, which its requests set, and for which a response of any status is
/// not an error.
pub(crate) fn agent(keep_alive: Option<KeepAlive>, tls: ClientTls, plain_http: PlainHttp) -> Agent {
    // A redirect could lead anywhere, and a proxy from the environment could be anyone's.
    let config = Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_idle_connections(keep_alive.map_or(0, |keep| keep.connections))
        .max_idle_connections_per_host(keep_alive.map_or(0, |keep| keep.connections))
        .max_idle_age(keep_alive.map_or(Duration::ZERO, |keep| keep.age))
        .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")));
    let system = DefaultResolver::default();
    let names = Names { system, clock: Clock::start(), plain_http, last: None.into() };
    let connector = TcpConnector::default().chain(TlsConnector(tls));
    Agent::with_parts(config.build(), MarkingConnector(connector), names)
}

/// The cause of such an error, without the word `io` or `other` that ureq puts before it.
pub(crate) fn cause(error: Error) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        Error::Other(cause) => cause,
        Error::Io(cause) => cause.into(),
        error => error.into(),
    }
}

/// Makes connections, TCP and TLS above it, and marks its errors.
#[derive(Debug)]
struct MarkingConnector(ChainedConnector<(), TcpConnector, TlsConnector>);

impl Connector for MarkingConnector {
    type Out =
        ExchangeTransport<<ChainedConnector<(), TcpConnector, TlsConnector> as Connector>::Out>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let connection = self.0.connect(details, chained).map_err(Unconnected::mark)?;
        Ok(connection.map(ExchangeTransport::new))
    }
}

/// The system's resolver, with a cache for one name, because a client here has one peer. ureq
/// resolves the name even when it reuses a connection.
#[derive(Debug)]
struct Names {
    system: DefaultResolver,
    clock: Clock,
    plain_http: PlainHttp,
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
        let found = self.system.resolve(uri, config, timeout);
        let found =
            found.and_then(|found| self.permitted(uri, found)).map_err(Unconnected::mark)?;
        let last = (now, uri.clone(), found.clone());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        Ok(found)
    }
}

impl Names {
    fn permitted(
        &self,
        uri: &Uri,
        found: ResolvedSocketAddrs,
    ) -> Result<ResolvedSocketAddrs, Error> {
        if self.plain_http.is_private_only() && uri.scheme() == Some(&Scheme::HTTP) {
            let ips = found.iter().map(|address| address.ip());
            if let Some(ip) = ips.into_iter().find(|&ip| !is_private(ip)) {
                return Err(Error::Other(Box::new(PublicAddress(ip))));
            }
        }
        Ok(found)
    }
}

impl PlainHttp {
    fn is_private_only(self) -> bool {
        match self {
            #[cfg(feature = "backend")]
            Self::Anywhere => false,
            #[cfg(any(feature = "jwks-url", feature = "backend", test))]
            Self::Private => true,
        }
    }
}

/// A name of a plain address stands for a host on the internet.
#[derive(Debug, thiserror::Error)]
#[error("the host has the public address {0}: `http://` is taken for private addresses only")]
struct PublicAddress(IpAddr);
