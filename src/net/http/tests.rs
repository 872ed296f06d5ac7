//! The client against a TLS server of the test's own, on loopback.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// Long enough for a busy machine, where nothing is to time out.
const PATIENCE: Duration = Duration::from_secs(20);

/// The path of a certificate or key for tests.
pub(crate) fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/tls/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

/// A server's certificate and key, by the names of their files.
pub(crate) fn certificate(name: &str, key: &str) -> ServerConfig {
    server_config(name, key, Arc::new(NoClientAuth))
}

/// The same, for clients with a certificate of the test authority only.
pub(crate) fn with_client_auth() -> ServerConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(fixture("ca")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    server_config("server", "server.key", verifier.build().unwrap())
}

fn server_config(name: &str, key: &str, clients: Arc<dyn ClientCertVerifier>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let chain = vec![CertificateDer::from_pem_file(fixture(name)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(fixture(key)).unwrap();
    builder.with_client_cert_verifier(clients).with_single_cert(chain, key).unwrap()
}

/// A server that takes a connection for each of these, makes a handshake with the certificate, and
/// answers one request. It tells the head of each request, or why there was none.
pub(crate) fn serve(
    rounds: Vec<(ServerConfig, Vec<u8>)>,
) -> (SocketAddr, Receiver<Result<String, String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for (config, answer) in rounds {
            let (stream, _) = listener.accept().unwrap();
            let _ = tell.send(answer_one(stream, config, &answer));
        }
    });
    (address, told)
}

fn answer_one(stream: TcpStream, config: ServerConfig, answer: &[u8]) -> Result<String, String> {
    let conn = ServerConnection::new(Arc::new(config)).unwrap();
    let mut stream = StreamOwned::new(conn, stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).map_err(|error| error.to_string())?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .to_lowercase()
        .split_once("content-length: ")
        .map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
    stream.read_exact(&mut vec![0; length]).map_err(|error| error.to_string())?;
    // A client that has read enough hangs up.
    let _ = stream.write_all(answer);
    stream.conn.send_close_notify();
    let _ = stream.flush();
    Ok(head)
}

pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A file of this text, under a name that no other test has.
pub(crate) fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("vestibule-{}-{name}", std::process::id()));
    fs::write(&path, text).unwrap();
    path
}

fn trusting(ca: &str) -> ClientTls {
    ClientTls::load(("auth.jwks_ca_file", &fixture(ca)), None).unwrap()
}

fn showing(certificate: &str, key: &str) -> ClientTls {
    let (certificate, key) = (fixture(certificate), fixture(key));
    let pair = [("backend.client_certificate", &*certificate), ("backend.client_key", &*key)];
    ClientTls::load(("backend.ca_file", &fixture("ca")), Some(pair)).unwrap()
}

fn get(url: &str, tls: ClientTls, time_limit: Duration) -> Result<String, (bool, String)> {
    let agent = agent(None, tls, PlainHttp::Private);
    let request = agent.get(url).config().timeout_global(Some(time_limit)).build();
    let response = request.call().and_then(|mut response| response.body_mut().read_to_string());
    response.map_err(|error| {
        let (is_unconnected, error) = take_apart(error);
        (is_unconnected, error.to_string())
    })
}

fn fault(config: ServerConfig, tls: ClientTls) -> String {
    let (address, _told) = serve(vec![(config, OK.to_vec())]);
    let (is_unconnected, text) = get(&format!("https://{address}/"), tls, PATIENCE).unwrap_err();
    assert!(is_unconnected, "{text}");
    text
}

#[test]
fn own_authority_is_accepted() {
    for (host, ca, name, key) in [
        ("127.0.0.1", "ca", "server", "server.key"),
        ("localhost", "ca", "server", "server.key"),
        // A certificate that is its own authority.
        ("127.0.0.1", "p256", "p256", "p256.key"),
    ] {
        let (address, told) = serve(vec![(certificate(name, key), OK.to_vec())]);
        let url = format!("https://{host}:{}/x", address.port());
        assert_eq!(get(&url, trusting(ca), PATIENCE).unwrap(), "ok", "{host} {name}");
        assert!(told.recv().unwrap().unwrap().starts_with("GET /x HTTP/1.1\r\n"));
    }
}

#[test]
fn other_certificates_are_refused() {
    let unknown = "name its authority in auth.jwks_ca_file";
    for (ca, name, key, said) in [
        ("ca", "p256", "p256.key", unknown),
        ("other", "server", "server.key", unknown),
        ("ca", "expired", "server.key", "expired"),
        ("ca", "elsewhere", "server.key", "in subjectAltName"),
    ] {
        let text = fault(certificate(name, key), trusting(ca));
        assert!(text.contains(said), "{ca} {name}: {text}");
    }
    let public = ClientTls::load(("auth.jwks_ca_file", ""), None).unwrap();
    let text = fault(certificate("server", "server.key"), public);
    assert!(text.contains(unknown), "{text}");
}

#[test]
fn server_with_http2_only_is_a_clear_fault() {
    let mut config = certificate("server", "server.key");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let text = fault(config, trusting("ca"));
    assert!(text.contains("does not offer HTTP/1.1"), "{text}");
    let mut config = certificate("server", "server.key");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (address, _told) = serve(vec![(config, OK.to_vec())]);
    assert_eq!(get(&format!("https://{address}/"), trusting("ca"), PATIENCE).unwrap(), "ok");
}

#[test]
fn silent_tls_server_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let (_, text) = get(&url, trusting("ca"), Duration::from_millis(50)).unwrap_err();
    assert!(text.contains("timeout"), "{text}");
}

#[test]
fn client_certificate_is_shown_to_who_asks() {
    let rounds = |n| (0..n).map(|_| (with_client_auth(), OK.to_vec())).collect();
    let (address, told) = serve(rounds(3));
    let url = format!("https://{address}/");
    assert_eq!(get(&url, showing("client", "client.key"), PATIENCE).unwrap(), "ok");
    assert!(told.recv().unwrap().is_ok());
    for tls in [trusting("ca"), showing("other", "other.key")] {
        assert!(get(&url, tls, PATIENCE).is_err());
        assert!(told.recv().unwrap().is_err());
    }
    // Who does not ask does not get it.
    let (address, _told) = serve(vec![(certificate("server", "server.key"), OK.to_vec())]);
    let url = format!("https://{address}/");
    assert_eq!(get(&url, showing("client", "client.key"), PATIENCE).unwrap(), "ok");
}

#[test]
fn faulty_ca_file_is_named_with_its_fault() {
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cut = fs::read_to_string(fixture("ca")).unwrap();
    for (name, text, said) in [
        ("empty.pem", "", "no certificate in it"),
        ("key.pem", &*fs::read_to_string(fixture("client.key")).unwrap(), "no certificate in it"),
        ("garbage.pem", garbage, ""),
        ("cut.pem", cut.split_once("-----END").unwrap().0, "cut short"),
    ] {
        let path = file(name, text);
        let path = path.to_str().unwrap();
        let text = ClientTls::load(("auth.jwks_ca_file", path), None).unwrap_err().to_string();
        assert!(text.starts_with(&format!("auth.jwks_ca_file {path}: ")), "{text}");
        assert!(text.contains(said), "{text}");
        fs::remove_file(path).unwrap();
    }
    let missing = ClientTls::load(("backend.ca_file", "/no/such/file"), None);
    let text = missing.unwrap_err().to_string();
    assert!(text.starts_with("backend.ca_file /no/such/file: "), "{text}");
    // Of several certificates each counts.
    let all = ["other", "ca"].map(|name| fs::read_to_string(fixture(name)).unwrap()).concat();
    let path = file("several.pem", &all);
    let tls = ClientTls::load(("backend.ca_file", path.to_str().unwrap()), None).unwrap();
    fs::remove_file(path).unwrap();
    let (address, _told) = serve(vec![(certificate("server", "server.key"), OK.to_vec())]);
    assert_eq!(get(&format!("https://{address}/"), tls, PATIENCE).unwrap(), "ok");
}

#[test]
fn faulty_client_key_is_named_and_not_shown() {
    let secret = fs::read_to_string(fixture("client.key")).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    for (key, said) in
        [("other.key", "not the key of the certificate"), ("client", "no private key in it")]
    {
        let (certificate, key) = (fixture("client"), fixture(key));
        let pair = [("backend.client_certificate", &*certificate), ("backend.client_key", &*key)];
        let error = ClientTls::load(("backend.ca_file", ""), Some(pair)).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("backend.client_key ") && text.contains(said), "{text}");
        assert!(!format!("{error:?}").contains(secret));
    }
    let tls = showing("client", "client.key");
    assert_eq!(format!("{tls:?}"), "ClientTls { .. }");
    let agent = format!("{:?}", agent(None, tls, PlainHttp::Private));
    assert!(!agent.contains(secret), "{agent}");
}

#[test]
fn plain_http_goes_to_private_addresses_only() {
    // These are for documentation (RFC 5737, RFC 3849); nothing is sent.
    for host in ["192.0.2.1", "[2001:db8::1]"] {
        let url = format!("http://{host}:9/");
        let (is_unconnected, text) = get(&url, trusting("ca"), PATIENCE).unwrap_err();
        assert!(is_unconnected && text.contains("public address"), "{text}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (_, text) =
        get(&format!("http://localhost:{port}/"), trusting("ca"), PATIENCE).unwrap_err();
    assert!(!text.contains("public address"), "{text}");
}
