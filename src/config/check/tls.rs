//! Rules for TLS.

use crate::config::Tls;
use crate::config::error::{FaultKind::Missing, Faults};

impl Faults {
    /// Half of the setting must not turn encryption off unseen.
    pub(super) fn tls(&mut self, tls: &Tls) {
        self.pair(("tls.cert_file", &tls.cert_file), ("tls.key_file", &tls.key_file));
    }

    /// A certificate and its key: both files, or neither.
    pub(super) fn pair(
        &mut self,
        (certificate, certificate_file): (&'static str, &str),
        (key, key_file): (&'static str, &str),
    ) {
        let (missing, set) = match (certificate_file.is_empty(), key_file.is_empty()) {
            (true, false) => (certificate, key),
            (false, true) => (key, certificate),
            _ => return,
        };
        self.add(missing, Missing, format!("none, but {set} is set: name both files, or neither"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn tls_certificate_and_key_must_be_set_together() {
        let faults = |cert_file: &str, key_file: &str| {
            let tls = Tls { cert_file: cert_file.to_owned(), key_file: key_file.to_owned() };
            let is_on = tls.is_on();
            let faults = Config { tls, ..Config::default() }.faults();
            (is_on, faults.into_iter().map(|fault| fault.key).collect::<Vec<_>>())
        };
        assert_eq!(faults("", ""), (false, vec![]));
        assert_eq!(faults("c.pem", "k.pem"), (true, vec![]));
        assert_eq!(faults("c.pem", ""), (false, vec!["tls.key_file"]));
        assert_eq!(faults("", "k.pem"), (false, vec!["tls.cert_file"]));
    }
}
