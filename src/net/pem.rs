//! Certificates and private keys in PEM files.

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::error::{TlsError, TlsProblem};
use super::tls_fault::tls_fault;

/// A file, and the setting that names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PemFile<'a> {
    /// The setting, such as `tls.cert_file`.
    pub(super) setting: &'static str,
    pub(super) path: &'a str,
}

impl PemFile<'_> {
    /// The error that says what is wrong with this file.
    pub(super) fn fault(self, problem: TlsProblem) -> TlsError {
        TlsError::File { setting: self.setting, path: self.path.to_owned(), problem }
    }

    /// Every certificate of the file, at least one.
    pub(super) fn certificates(self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let read = CertificateDer::pem_file_iter(self.path).and_then(Iterator::collect);
        let chain: Vec<_> = read.map_err(|error| self.fault(pem_problem(error)))?;
        if chain.is_empty() {
            return Err(self.fault(TlsProblem::NoCertificate));
        }
        Ok(chain)
    }

    fn private_key(self) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_file(self.path).map_err(|error| {
            self.fault(match error {
                pem::Error::NoItemsFound => TlsProblem::NoKey,
                error => pem_problem(error),
            })
        })
    }
}

/// The certificate in one file, with its intermediates, and its private key in another.
pub(super) fn certified_key(
    certificate: PemFile<'_>,
    key: PemFile<'_>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain = certificate.certificates()?;
    let private = provider.key_provider.load_private_key(key.private_key()?);
    let private = private.map_err(|_| key.fault(TlsProblem::UnsupportedKey))?;
    let certified = CertifiedKey::new(chain, private);
    match certified.keys_match() {
        // Some keys cannot derive their public key; the peer will notice a mismatch.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(Error::InconsistentKeys(_)) => {
            Err(key.fault(TlsProblem::OtherKey(certificate.path.to_owned())))
        }
        Err(error) => Err(certificate.fault(unusable(error))),
    }
}

/// rustls cannot use the content of a file.
pub(super) fn unusable(error: Error) -> TlsProblem {
    TlsProblem::Unusable(tls_fault(&error).map_or_else(|| error.into(), Into::into))
}

fn pem_problem(error: pem::Error) -> TlsProblem {
    match error {
        pem::Error::Io(error) => TlsProblem::Read(error),
        // The error's own text could contain the text at fault, which may be a key.
        _ => TlsProblem::NotPem,
    }
}
