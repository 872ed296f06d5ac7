//! What is wrong in TLS, for people: rustls' own texts name variants of its types.

use std::error::Error as StdError;
use std::io;

use rustls::{CertificateError, Error, InvalidMessage, PeerIncompatible as Incompatible};

/// What is wrong with a connection or a file in TLS, and what to do, if that is why `error` came. It
/// contains nothing of a key.
pub fn tls_fault(error: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(fault) = error.downcast_ref::<Error>() {
        return text(fault);
    }
    // An I/O error has what it was made of, and that one's source, but not as its own source.
    if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return tls_fault(inner);
    }
    tls_fault(error.source()?)
}

/// The same error with such a text, or as it was.
#[must_use]
pub fn plain_tls_error(error: io::Error) -> io::Error {
    match tls_fault(&error) {
        Some(text) => io::Error::new(error.kind(), text),
        None => error,
    }
}

fn text(fault: &Error) -> Option<String> {
    Some(match fault {
        Error::InvalidCertificate(fault) => certificate(fault),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the other side does not speak TLS at this port".to_owned()
        }
        Error::AlertReceived(alert) => {
            format!("the other side ended TLS with the alert {}", words(&format!("{alert:?}"), '_'))
        }
        Error::PeerIncompatible(
            Incompatible::NoCipherSuitesInCommon
            | Incompatible::ServerDoesNotSupportTls12Or13
            | Incompatible::ServerTlsVersionIsDisabledByOurConfig
            | Incompatible::SupportedVersionsExtensionRequired
            | Incompatible::Tls12NotOffered
            | Incompatible::Tls12NotOfferedOrEnabled,
        ) => {
            "the other side has no TLS version or cipher suite of this one: it needs TLS 1.2 or 1.3"
                .to_owned()
        }
        Error::PeerIncompatible(fault) => format!(
            "the TLS of the other side does not fit this one's: {}",
            words(&first_word(fault), ' ')
        ),
        _ => return None,
    })
}

fn certificate(fault: &CertificateError) -> String {
    match fault {
        CertificateError::BadEncoding => "the certificate is damaged".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired: renew it, or set the clock of this host".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet: wait, or set the clock of this host".to_owned()
        }
        CertificateError::NotValidForName => {
            "the certificate is for another name: it needs the host in subjectAltName".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, .. } => format!(
            "the certificate is for another name: it needs {} in subjectAltName",
            expected.to_str()
        ),
        // The signature is bad if another authority has the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no trusted authority has signed the certificate".to_owned()
        }
        CertificateError::Other(cause) => other(&cause.to_string()),
        fault => format!("the certificate cannot be used: {}", words(&first_word(fault), ' ')),
    }
}

/// A fault that only the library below knows, by its name there.
fn other(name: &str) -> String {
    match name {
        "CaUsedAsEndEntity" => "the certificate is an authority's: a server's own needs \
                                basicConstraints CA:FALSE (openssl req -x509 -addext \
                                basicConstraints=critical,CA:FALSE)"
            .to_owned(),
        "UnsupportedCertVersion" => {
            "the certificate has X.509 version 1: version 3 is needed, with \
                                     subjectAltName (openssl x509 -req with -extfile)"
                .to_owned()
        }
        name => format!("the certificate cannot be used: {}", words(name, ' ')),
    }
}

/// The name of a variant, without what it holds.
fn first_word(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.chars().take_while(|c| c.is_alphanumeric()).collect()
}

/// `ProtocolVersion` as `protocol_version`.
fn words(name: &str, between: char) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push(between);
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{AlertDescription, OtherError, PeerIncompatible};

    use super::*;

    fn other_certificate(name: &'static str) -> Error {
        let cause = OtherError(Arc::new(io::Error::other(name)));
        Error::InvalidCertificate(CertificateError::Other(cause))
    }

    #[test]
    fn no_fault_names_a_type() {
        let version = Error::PeerIncompatible(PeerIncompatible::Tls12NotOfferedOrEnabled);
        let groups = Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon);
        let faults: [(Error, &str); 9] = [
            (groups, "does not fit this one's: no kx groups in common"),
            (other_certificate("UnsupportedCertVersion"), "version 3 is needed"),
            (other_certificate("RequiredEkuNotFound"), "cannot be used: required eku not found"),
            (CertificateError::BadEncoding.into(), "is damaged"),
            (CertificateError::UnknownIssuer.into(), "no trusted authority"),
            (CertificateError::UnhandledCriticalExtension.into(), "unhandled critical extension"),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), "alert protocol_version"),
            (InvalidMessage::InvalidContentType.into(), "does not speak TLS"),
            (version, "TLS 1.2 or 1.3"),
        ];
        for (fault, part) in faults {
            let told = plain_tls_error(io::Error::other(fault)).to_string();
            assert!(told.contains(part), "{told}");
        }
        let unrelated = io::Error::other("reset");
        assert_eq!(plain_tls_error(unrelated).to_string(), "reset");
    }
}
