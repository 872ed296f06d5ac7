//! `[tls]`: what the public listeners show, when they speak TLS.

use serde::{Deserialize, Serialize};

/// `[tls]`: what the public listeners show, when they speak TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The file of the certificate and of those between it and its root, as PEM, the server's own
    /// first. With it and `tls.key_file` the public listeners speak TLS, and nothing else; the admin
    /// listener never does. SIGHUP reads both files again, for connections that come from then on.
    ///
    /// Range: empty, or a path.
    pub cert_file: String,
    /// The file of its private key, as PEM, not encrypted. P-256 is the better choice: a handshake
    /// with RSA takes three times as long, and counts three times in `limits.pending_per_turn`. A
    /// file that group or others can read is warned about.
    ///
    /// Range: empty, or a path.
    pub key_file: String,
}

impl Tls {
    /// Do the public listeners speak TLS?
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.cert_file.is_empty() && !self.key_file.is_empty()
    }
}
