//! `[tls]`: what the public listeners show, when they speak TLS.

section! {
    /// `[tls]`: what the public listeners show, when they speak TLS.
    #[derive(Debug, Eq)]
    pub struct Tls at tls:

    /// PEM file with the certificate and its intermediates, the server's own first. With it and
    /// `tls.key_file` the public listeners accept only TLS; the admin listener never does. The
    /// server looks at both files every two seconds, and shows a new certificate to new connections;
    /// SIGHUP reloads them at once.
    cert_file: String = String::new(), "empty, or a path", reload;

    /// PEM file with the certificate's private key, not encrypted. Prefer P-256: a handshake with
    /// RSA takes three times as long. A warning is logged if group or others can read the file.
    key_file: String = String::new(), "empty, or a path", reload;
}

impl Tls {
    /// Do the public listeners speak TLS?
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.cert_file.is_empty() && !self.key_file.is_empty()
    }
}
