//! Rules for the application behind the edge.

use super::url::{Url, UrlFault};
use crate::config::Backend;
use crate::config::error::FaultKind::{Malformed, Missing, OutOfRange};
use crate::config::error::Faults;

/// Claims that messages may carry, and the longest of their names.
const MAX_CLAIMS: usize = 16;
const MAX_CLAIM_NAME: usize = 128;

impl Faults {
    pub(super) fn backend(&mut self, backend: &Backend) {
        self.pair(
            ("backend.client_certificate", &backend.client_certificate),
            ("backend.client_key", &backend.client_key),
        );
        let is_named = |name: &String| (1..=MAX_CLAIM_NAME).contains(&name.len());
        if backend.claims.len() > MAX_CLAIMS || !backend.claims.iter().all(is_named) {
            let problem = format!(
                "not up to {MAX_CLAIMS} names of claims, each of 1 to {MAX_CLAIM_NAME} bytes"
            );
            self.add("backend.claims", OutOfRange, problem);
        }
        if !backend.url.is_empty() {
            match Url::parse(&backend.url) {
                Ok(url) if !url.path.contains(['?', '#']) => {
                    if backend.secret_file.is_empty() && !url.is_loopback() {
                        let problem = "is required, as backend.url is not on this host. Make one: \
                                       `echo \"whsec_$(openssl rand -base64 32)\" > FILE`";
                        self.add("backend.secret_file", Missing, problem);
                    }
                }
                found => {
                    let wanted = "not an address of a backend: write `https://host/path` or \
                                   `http://127.0.0.1:8000`, without a user, query or fragment";
                    let fault = found.err().unwrap_or(UrlFault::NotHttp);
                    self.add("backend.url", Malformed, fault.or(wanted));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn keys(url: &str, secret_file: &str) -> Vec<&'static str> {
        let (url, secret_file) = (url.to_owned(), secret_file.to_owned());
        let backend = Backend { url, secret_file, ..Backend::default() };
        let config = Config { backend, ..Config::default() };
        config.faults().into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn a_backend_off_this_host_needs_a_secret() {
        for url in [
            "http://127.0.0.1:8000",
            "http://127.9.9.9/app/",
            "http://[::1]:8000",
            "http://localhost:8000",
            "https://localhost",
            "",
        ] {
            assert_eq!(keys(url, ""), [""; 0], "{url}");
        }
        for url in [
            "http://10.0.0.1:8000",
            "https://example.com/app",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://0.0.0.0:8000",
        ] {
            assert_eq!(keys(url, ""), ["backend.secret_file"], "{url}");
            assert_eq!(keys(url, "secret"), [""; 0], "{url}");
        }
    }

    #[test]
    fn an_address_is_http_with_a_host_and_perhaps_a_path() {
        for url in [
            "127.0.0.1:8000",
            "ftp://127.0.0.1/",
            "unix:/run/app",
            "http://",
            "http://:8000",
            "http://u:p@127.0.0.1",
            "http://127.0.0.1/?a=b",
            "http://127.0.0.1#a",
            "http://127.0.0.1/a b",
        ] {
            assert_eq!(keys(url, "secret"), ["backend.url"], "{url}");
        }
    }

    #[test]
    fn claims_are_few_and_have_names() {
        let faults = |claims: &[&str]| {
            let claims = claims.iter().map(|&name| name.to_owned()).collect();
            let backend = Backend { claims, ..Backend::default() };
            let faults = Config { backend, ..Config::default() }.faults();
            faults.into_iter().map(|fault| fault.key).collect::<Vec<_>>()
        };
        assert_eq!(faults(&["role", "https://example.com/groups"]), [""; 0]);
        for bad in [&["role", ""][..], &["a"; 17], &[&"x".repeat(129)]] {
            assert_eq!(faults(bad), ["backend.claims"]);
        }
    }

    #[test]
    fn client_certificate_and_key_are_set_together() {
        let faults = |certificate: &str, key: &str| {
            let (client_certificate, client_key) = (certificate.to_owned(), key.to_owned());
            let backend = Backend { client_certificate, client_key, ..Backend::default() };
            let faults = Config { backend, ..Config::default() }.faults();
            faults.into_iter().map(|fault| fault.key).collect::<Vec<_>>()
        };
        assert_eq!(faults("c.pem", "k.pem"), [""; 0]);
        assert_eq!(faults("c.pem", ""), ["backend.client_key"]);
        assert_eq!(faults("", "k.pem"), ["backend.client_certificate"]);
    }
}
