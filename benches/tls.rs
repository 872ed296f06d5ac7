//! TLS of the server, beside rustls' own blocking server with a thread for each connection.
//!
//! Both run in this process, show the same certificate on P-256 and answer with as many bytes; the
//! client is rustls' in both cases, and its work is in every number.
//!
//! * `full`, `resumed`: connect, handshake with or without a signature, one request, the end.
//! * `chat`: one message over a connection that is there, and its answer. `plain` is the same
//!   without TLS.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start must say so")]
#![expect(clippy::print_stdout, reason = "the ratios are what this is run for")]

pub mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use criterion::Criterion;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use serde_json::json;
use support::{message, upgrade};
use vestibule::config::Config;
use vestibule::id::Seed;
use vestibule::net::{Handle, Server};
use vestibule::{Access, MemoryApp, testing};

const SECRET: &str = "thirty-two bytes or more of secret";
const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// A whole run stays below a minute.
const MEASURED: Duration = Duration::from_secs(3);

fn main() {
    let (secure, secure_handle) = vestibule(true);
    let (plain, plain_handle) = vestibule(false);
    let mut c = Criterion::default()
        .measurement_time(MEASURED)
        .warm_up_time(Duration::from_secs(1))
        .sample_size(50)
        .configure_from_args();
    let mut ratios = Vec::new();

    let health = ask(secure, &offers(false));
    for (name, resumes) in [("full", false), ("resumed", true)] {
        let (offers, theirs) = (offers(resumes), blocking(REQUEST.len(), health, true));
        let ours = support::measure(&mut c, &format!("tls/{name}/vestibule"), || {
            assert_eq!(ask(secure, &offers), health);
        });
        let theirs = support::measure(&mut c, &format!("tls/{name}/rustls"), || {
            assert_eq!(ask(theirs, &offers), health);
        });
        ratios.push((name, ours, theirs));
    }

    let first = chat();
    let mut member = join(tls(secure, &offers(false)));
    let answer = say(&mut member, &first, None);
    let theirs = blocking(first.len(), answer, false);
    let ours = support::measure(&mut c, "tls/chat/vestibule", || {
        say(&mut member, &chat(), Some(answer));
    });
    let mut other = tls(theirs, &offers(false));
    let theirs = support::measure(&mut c, "tls/chat/rustls", || {
        say(&mut other, &first, Some(answer));
    });
    ratios.push(("chat", ours, theirs));
    let mut member = join(connect(plain));
    let without = support::measure(&mut c, "tls/chat/plain", || {
        say(&mut member, &chat(), Some(answer));
    });
    ratios.push(("chat of plain", ours, without));

    // Without `--bench` each runs once, to see that it runs; a filter leaves some out.
    ratios.retain(|(_, ours, theirs)| !ours.is_zero() && !theirs.is_zero());
    for (name, ours, theirs) in ratios.iter().filter(|_| std::env::args().any(|it| it == "--bench"))
    {
        println!("tls/{name}: {:.2} ×", ours.as_secs_f64() / theirs.as_secs_f64());
    }
    c.final_summary();
    secure_handle.shutdown();
    plain_handle.shutdown();
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A server in a thread of this process.
fn vestibule(is_secure: bool) -> (SocketAddr, Handle) {
    let mut config = Config { listen: vec!["127.0.0.1:0".to_owned()], ..Config::default() };
    config.auth.secret = SECRET.to_owned();
    config.limits.connections = 1_000;
    (config.limits.messages_per_minute, config.limits.connections_per_user) = (0, 0);
    if is_secure {
        config.tls.cert_file = fixture("p256.pem");
        config.tls.key_file = fixture("p256.key.pem");
    }
    let app = MemoryApp::new(&config, Access::Open, &Seed::predictable(1));
    let server = Server::bind(&config, Box::new(app)).unwrap();
    let (address, handle) = (server.local_addrs().remove(0), server.handle());
    thread::spawn(move || server.run().map(drop));
    (address, handle)
}

/// The peer: reads as many bytes, answers as many, and ends the connection or begins anew.
fn blocking(request: usize, answer: usize, ends: bool) -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_file(fixture("p256.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(fixture("p256.key.pem")).unwrap();
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nodelay(true).unwrap();
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            thread::spawn(move || {
                let mut buffer = [0; 4_096];
                loop {
                    let mut left = request;
                    while left > 0 {
                        match stream.read(&mut buffer) {
                            Ok(read) if read > 0 => left = left.saturating_sub(read),
                            _ => return,
                        }
                    }
                    let Some(answer) = buffer.get(..answer) else { return };
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                    if ends {
                        break;
                    }
                }
                stream.conn.send_close_notify();
                let _ = stream.flush();
            });
        }
    });
    address
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// What a client offers; whether it keeps tickets.
fn offers(resumes: bool) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(fixture("p256.pem")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    if !resumes {
        config.resumption = Resumption::disabled();
    }
    Arc::new(config)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

type Secured = StreamOwned<ClientConnection, TcpStream>;

fn tls(address: SocketAddr, offers: &Arc<ClientConfig>) -> Secured {
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(offers), name).unwrap(), connect(address))
}

/// Comes, asks, and goes; how many bytes the answer had.
fn ask(address: SocketAddr, offers: &Arc<ClientConfig>) -> usize {
    let mut stream = tls(address, offers);
    stream.write_all(REQUEST).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap()
}

/// A member of a room of its own.
fn join<S: Read + Write>(mut stream: S) -> S {
    let claims = json!({ "sub": "alice", "exp": 4_000_000_000_u64 });
    let token = testing::token(SECRET, &claims);
    for request in [upgrade("soup"), message("auth", &id(), &json!({ "token": token }))] {
        say(&mut stream, &request, None);
    }
    stream
}

/// Says it and reads the answer; how long it was. Without a length the first read has all of it.
fn say<S: Read + Write>(stream: &mut S, request: &[u8], answer: Option<usize>) -> usize {
    stream.write_all(request).unwrap();
    let (mut buffer, mut read) = ([0; 4_096], 0);
    while read < answer.unwrap_or(1) {
        let more = stream.read(&mut buffer).unwrap();
        assert_ne!(more, 0, "the server has ended the connection");
        read += more;
    }
    read
}

fn chat() -> Vec<u8> {
    message("chat_message", &id(), &json!({ "content": "How long does it simmer?" }))
}

/// One that was not there before, as long as all others.
fn id() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    format!("n{:07}", COUNT.fetch_add(1, Ordering::Relaxed))
}
