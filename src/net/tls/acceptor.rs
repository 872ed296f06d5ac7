//! The TLS configuration of the public listeners: a certificate, its key, and the protocol options.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::sign::CertifiedKey;
use rustls::time_provider::DefaultTimeProvider;
#[cfg(test)]
use rustls::time_provider::TimeProvider;
use rustls::{Error, ServerConfig};

use super::tickets::Tickets;
use super::validity;
use crate::config;
use crate::net::error::TlsError;
use crate::net::pem::{self, PemFile};
use crate::time::UnixTime;

/// The only ALPN protocol (RFC 7301), as registered for HTTP/1.1.
const PROTOCOL: &[u8] = b"http/1.1";

/// The TLS configuration for new connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Acceptor {
    config: Arc<ServerConfig>,
    tickets: Arc<Tickets>,
    validity: Option<RangeInclusive<UnixTime>>,
}

impl Acceptor {
    /// Reads the files that `tls` names. `None`: it names none. Blocks while it reads.
    ///
    /// # Errors
    /// [`TlsError`] names the setting, the file and the fault. It contains no key.
    pub(crate) fn load(tls: &config::Tls) -> Result<Option<Self>, TlsError> {
        if !tls.is_on() {
            return Ok(None);
        }
        let certificate = PemFile { setting: "tls.cert_file", path: &tls.cert_file };
        let key = PemFile { setting: "tls.key_file", path: &tls.key_file };
        let certified = pem::certified_key(certificate, key, &aws_lc_rs::default_provider())?;
        Self::new(certified).map(Some).map_err(|error| key.fault(pem::unusable(error)))
    }

    pub(crate) fn new(certified: CertifiedKey) -> Result<Self, Error> {
        let validity = certified.cert.first().and_then(|leaf| validity::validity(leaf));
        let own = aws_lc_rs::Ticketer::new()?;
        let tickets = Arc::new(Tickets::new(own, Arc::new(DefaultTimeProvider)));
        let config = config(certified, Arc::clone(&tickets) as _)?;
        Ok(Self { config: Arc::new(config), tickets, validity })
    }

    /// Takes the session ticket keys of `before`, which it replaces. So a new certificate does not
    /// cost clients a full handshake.
    pub(crate) fn replacing(self, before: &Self) -> Self {
        self.with_tickets(Arc::clone(&before.tickets))
    }

    fn with_tickets(self, tickets: Arc<Tickets>) -> Self {
        let mut config = Arc::unwrap_or_clone(self.config);
        config.ticketer = Arc::clone(&tickets) as _;
        Self { config: Arc::new(config), tickets, ..self }
    }

    /// From here on, session tickets are accepted by every server with this secret. `None`: only by
    /// this process.
    pub(crate) fn share_tickets(&self, secret: Option<&[u8]>) {
        self.tickets.set_secret(secret);
    }

    /// With tickets under random keys of its own, and with this clock.
    #[cfg(test)]
    pub(super) fn at(self, time: Arc<dyn TimeProvider>) -> Self {
        let own = aws_lc_rs::Ticketer::new().unwrap();
        self.with_tickets(Arc::new(Tickets::new(own, time)))
    }

    /// From when until when the certificate is valid. `None`: it does not say that in a form that we know.
    pub(crate) fn validity(&self) -> Option<RangeInclusive<UnixTime>> {
        self.validity.clone()
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

/// Prints nothing, because the configuration contains keys.
impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

/// TLS 1.2 and 1.3, with tickets, and without early data, which an attacker can replay (RFC 8446,
/// section 8).
fn config(key: CertifiedKey, tickets: Arc<dyn ProducesTickets>) -> Result<ServerConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let resolver = rustls::sign::SingleCertAndKey::from(key);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.ticketer = tickets;
    // Session state is in the clients' tickets, not in the server's memory.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}
