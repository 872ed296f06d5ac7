//! `[tls]`: what the public listeners show, when they speak TLS.

use serde::{Deserialize, Serialize};

/// `[tls]`: with both files, the public listeners speak TLS and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The file of the certificate and those between it and its root, as PEM, the server's first.
    pub cert_file: String,
    /// The file of its private key, as PEM.
    pub key_file: String,
}

impl Tls {
    /// Do the public listeners speak TLS?
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.cert_file.is_empty() && !self.key_file.is_empty()
    }
}
