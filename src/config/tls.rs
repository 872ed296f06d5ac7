//! `[tls]`: what the public listeners show, when they speak TLS.

section! {
    /// `[tls]`: what the public listeners show, when they speak TLS.
    #[derive(Debug, Eq)]
    pub struct Tls at tls:

    /// The file of the certificate and of those between it and its root, as PEM, the server's own
    /// first. With it and `tls.key_file` the public listeners speak TLS, and nothing else; the admin
    /// listener never does. SIGHUP reads both files again, for connections that come from then on.
    cert_file: String = String::new(), "empty, or a path", reload;

    /// The file of its private key, as PEM, not encrypted. P-256 is the better choice: a handshake
    /// with RSA takes three times as long, and counts three times in `limits.pending_per_turn`. A
    /// file that group or others can read is warned about.
    key_file: String = String::new(), "empty, or a path", reload;
}

impl Tls {
    /// Do the public listeners speak TLS?
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.cert_file.is_empty() && !self.key_file.is_empty()
    }
}
