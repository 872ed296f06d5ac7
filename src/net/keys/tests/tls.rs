//! Fetches over TLS: authorities, and what a protected server may still do wrong.

use std::fs;

use super::*;
use crate::net::http::tests::{OK, certificate, file, fixture, serve as serve_tls};

fn trusting(address: SocketAddr, ca: &str) -> Fetcher {
    let (jwks_url, jwks_ca_file) = (format!("https://{address}/jwks"), ca.to_owned());
    let auth = Auth { jwks_url, jwks_ca_file, ..Auth::default() };
    Fetcher::with_timeout(&auth, Rng::new(1), TIMEOUT).unwrap()
}

fn fault(fetcher: &mut Fetcher) -> String {
    fetcher.look(NOW).unwrap().unwrap_err().to_string()
}

#[test]
fn new_server_certificate_needs_no_reload() {
    let old = certificate("expired", "server.key");
    let new = certificate("server", "server.key");
    let (address, _told) = serve_tls(vec![(old, ok("", &keys())), (new, ok("", &keys()))]);
    let mut fetcher = trusting(address, &fixture("ca"));
    assert!(fault(&mut fetcher).contains("expired"));
    assert_eq!(news(&mut fetcher), Some(keys()));
}

#[test]
fn new_authority_is_read_with_its_file() {
    let rounds = ["p256", "other", "other"]
        .map(|name| (certificate(name, &format!("{name}.key")), ok("", &keys())));
    let (address, _told) = serve_tls(rounds.into());
    let path = file("rotated.pem", &fs::read_to_string(fixture("p256")).unwrap());
    let ca = path.to_str().unwrap();
    let mut fetcher = trusting(address, ca);
    assert_eq!(news(&mut fetcher), Some(keys()));
    fs::copy(fixture("other"), &path).unwrap();
    assert!(fault(&mut fetcher).contains("auth.jwks_ca_file"));
    // A reload makes a new one.
    assert_eq!(news(&mut trusting(address, ca)), Some(keys()));
    fs::remove_file(path).unwrap();
}

#[test]
fn faulty_answers_over_tls_are_refused() {
    let redirect =
        b"HTTP/1.1 301 Moved\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.resize(endless.len() + 2 * MAX_BYTES, b' ');
    let rounds = [redirect.to_vec(), endless, OK.to_vec()];
    let server = |answer| (certificate("server", "server.key"), answer);
    let (address, _told) = serve_tls(rounds.map(server).into());
    let mut fetcher = trusting(address, &fixture("ca"));
    assert!(fault(&mut fetcher).contains("redirects are not followed"));
    fault(&mut fetcher);
    assert_eq!(news(&mut fetcher).as_deref(), Some("ok"), "the connection is a new one");
}
