//! Whom a client of the command line trusts at a `wss://` address.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use vestibule::net::tls_fault;

use super::server_address::ServerAddress;

/// The server's name, and a configuration that trusts the authorities in `ca_file`, or anybody at a
/// loopback address. No session is resumed.
///
/// # Errors
/// The options do not say whom to trust, or the file cannot be used.
pub(super) fn client(
    server: &ServerAddress,
    ca_file: Option<&str>,
    insecure: bool,
) -> Result<(ServerName<'static>, ClientConfig), String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = match ca_file {
        Some(path) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
        None if insecure && server.address.ip().is_loopback() => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustsAnybody(provider)))
            .with_no_client_auth(),
        None if insecure => {
            return Err("--insecure is for a loopback address: use --ca-file".to_owned());
        }
        None => {
            return Err(
                "wss:// needs --ca-file FILE (or --insecure, for a loopback address)".to_owned()
            );
        }
    };
    config.resumption = Resumption::disabled();
    let host = &server.host;
    let host = host.rsplit_once(':').filter(|_| !host.ends_with(']')).map_or(&**host, |(h, _)| h);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
    Ok((name, config))
}

fn roots(path: &str) -> Result<RootCertStore, String> {
    let fault = |why: String| format!("--ca-file {path}: {why}");
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| fault(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let added = roots.add(certificate);
        added.map_err(|error| fault(tls_fault(&error).unwrap_or_else(|| error.to_string())))?;
    }
    if roots.is_empty() { Err(fault("no certificate in it".to_owned())) } else { Ok(roots) }
}

/// Takes any certificate, for trials at a loopback address. Signatures are checked, so that a handshake
/// costs what it usually does.
#[derive(Debug)]
struct TrustsAnybody(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustsAnybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
