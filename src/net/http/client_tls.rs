//! The TLS of a client: the authorities that it trusts, and its own certificate if it has one.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::net::error::TlsError;
use crate::net::pem::{self, PemFile};

/// The only ALPN protocol (RFC 7301). A server that speaks HTTP/2 only then ends the handshake with
/// an alert that says so, instead of sending what no parser of HTTP/1.1 understands.
const PROTOCOL: &[u8] = b"http/1.1";

/// The TLS of a client, read from files. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls {
    pub(super) config: Arc<ClientConfig>,
    /// The setting that names the trusted authorities, for the text of an error.
    pub(super) setting: &'static str,
}

impl ClientTls {
    /// Reads the authorities of `ca`, or takes the built-in public ones if its path is empty, and
    /// the client's certificate and key, if there are any. Blocks while it reads.
    ///
    /// # Errors
    /// [`TlsError`] names the setting, the file and the fault. It contains no key.
    pub(crate) fn load(
        ca: (&'static str, &str),
        certificate: Option<[(&'static str, &str); 2]>,
    ) -> Result<Self, TlsError> {
        let file = |(setting, path)| PemFile { setting, path };
        let ca = file(ca);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certified = certificate.map(|pair| {
            let [certificate, key] = pair.map(file);
            pem::certified_key(certificate, key, &provider)
        });
        let certified = certified.transpose()?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ca.fault(pem::unusable(error)))?
            .with_root_certificates(roots(ca)?);
        let mut config = match certified {
            Some(certified) => {
                let resolver: Arc<dyn ResolvesClientCert> =
                    Arc::new(SingleCertAndKey::from(certified));
                builder.with_client_cert_resolver(resolver)
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Self { config: Arc::new(config), setting: ca.setting })
    }
}

impl ClientTls {
    /// A session with `host` for another protocol than HTTP.
    ///
    /// # Errors
    /// The host is no name that a certificate can hold.
    pub(crate) fn session(&self, host: &str) -> io::Result<ClientConnection> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols.clear();
        ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)
    }
}

/// Prints nothing of the configuration, because it may contain a key.
impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

fn roots(ca: PemFile<'_>) -> Result<RootCertStore, TlsError> {
    if ca.path.is_empty() {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    }
    let mut roots = RootCertStore::empty();
    for certificate in ca.certificates()? {
        roots.add(certificate).map_err(|error| ca.fault(pem::unusable(error)))?;
    }
    Ok(roots)
}
