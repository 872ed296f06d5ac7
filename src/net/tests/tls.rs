//! TLS handshakes on the reactor and its workers.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{
    ClientConfig, ClientConnection, Error, RootCertStore, SignatureAlgorithm, SignatureScheme,
};
use socket2::{Domain, Type};

use super::*;
use crate::driver::Io as _;
use crate::net::pem::PemFile;
use crate::net::tls::Acceptor;

/// A certificate's key that tells which thread signs, and waits for the test before it does.
#[derive(Clone, Debug)]
struct GatedKey {
    key: Arc<dyn SigningKey>,
    signs: Sender<String>,
    go_on: Arc<Mutex<Receiver<()>>>,
}

impl SigningKey for GatedKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let signer = self.key.choose_scheme(offered)?;
        Some(Box::new(GatedSigner { signer, gate: self.clone() }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

#[derive(Debug)]
struct GatedSigner {
    signer: Box<dyn Signer>,
    gate: GatedKey,
}

impl Signer for GatedSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let thread = thread::current();
        let _ = self.gate.signs.send(thread.name().unwrap_or_default().to_owned());
        // The test may have opened the gate for all.
        let _ = self.gate.go_on.lock().unwrap().recv();
        self.signer.sign(message)
    }

    fn scheme(&self) -> SignatureScheme {
        self.signer.scheme()
    }
}

/// A server whose reactor the test runs step by step, and which signs only when it may.
struct Gated {
    server: Server,
    events: mio::Events,
    /// The name of each thread that is about to sign.
    signs: Receiver<String>,
    /// Lets one signature be made. Dropped: all of them.
    go_on: Option<Sender<()>>,
}

impl Gated {
    /// With one worker for handshakes.
    fn start(change: impl FnOnce(&mut Config)) -> Self {
        crate::logs::in_process("lib");
        let mut config = config();
        let (cert_file, key_file) = (fixture("p256.pem"), fixture("p256.key.pem"));
        config.limits.workers = 1;
        change(&mut config);
        let certificate = PemFile { setting: "tls.cert_file", path: &cert_file };
        let key = PemFile { setting: "tls.key_file", path: &key_file };
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let certified = pem::certified_key(certificate, key, &provider).unwrap();
        let ((tell, signs), (go_on, wait)) = (mpsc::channel(), mpsc::channel());
        let go = Arc::new(Mutex::new(wait));
        let gated = GatedKey { key: certified.key, signs: tell, go_on: go };
        let gated = Acceptor::new(CertifiedKey::new(certified.cert, Arc::new(gated))).unwrap();
        config.tls = config::Tls { cert_file: cert_file.clone(), key_file: key_file.clone() };
        let mut server = Server::bind(&config, Box::new(Parrot(mpsc::channel().0))).unwrap();
        server.reactor.io.tls.replace(Some(&gated));
        Self { server, events: mio::Events::with_capacity(64), signs, go_on: Some(go_on) }
    }

    /// Runs the reactor until it is so.
    fn until(&mut self, mut is_so: impl FnMut(&Reactor) -> bool) {
        while !is_so(&self.server.reactor) {
            self.server.reactor.step(&mut self.events).unwrap();
        }
    }

    /// A client from this address that has sent a ClientHello, which `away` sessions wait for then.
    fn greet(&mut self, from: [u8; 4], away: usize) -> Greeting {
        let greeting = Greeting::new(self.server.local_addrs()[0], from.into());
        self.until(|reactor| reactor.io.tls.away() == away);
        greeting
    }

    /// Waits until a worker is about to sign.
    fn signs(&self) -> String {
        self.signs.recv_timeout(PATIENCE).unwrap()
    }

    fn let_one_sign(&self) {
        self.go_on.as_ref().unwrap().send(()).unwrap();
    }

    /// Opens the gate for all, and ends the server, which waits for clients that are still there.
    fn end(mut self) -> Metrics {
        self.go_on = None;
        self.server.handle().shutdown();
        self.server.run().unwrap()
    }
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A client in its handshake.
struct Greeting {
    client: ClientConnection,
    stream: TcpStream,
}

impl Greeting {
    fn new(address: SocketAddr, from: Ipv4Addr) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(fixture("p256.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let offers = builder.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::new(offers), name).unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        let mut stream = TcpStream::from(socket);
        client.write_tls(&mut stream).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { client, stream }
    }

    fn is_answered(&self) -> bool {
        self.stream.peek(&mut [0; 1]).is_ok_and(|n| n > 0)
    }

    fn is_closed(&self) -> bool {
        self.stream.peek(&mut [0; 1]).is_ok_and(|n| n == 0)
    }

    /// Goes on with the handshake. True: it is complete.
    fn is_shaken(&mut self) -> bool {
        while self.client.read_tls(&mut self.stream).is_ok_and(|n| n > 0) {
            self.client.process_new_packets().unwrap();
        }
        while self.client.wants_write() {
            self.client.write_tls(&mut self.stream).unwrap();
        }
        !self.client.is_handshaking()
    }

    /// Asks for the server's health. True: it has been answered.
    fn is_healthy(&mut self) -> bool {
        let mut answer = [0; 12];
        self.is_shaken();
        self.client.reader().read_exact(&mut answer).is_ok_and(|()| &answer == b"HTTP/1.1 200")
    }
}

const HERE: [u8; 4] = [127, 0, 0, 1];
const THERE: [u8; 4] = [127, 0, 0, 2];

#[test]
fn tls_handshakes_are_made_by_workers() {
    let mut server = Gated::start(|_| ());
    let mut first = server.greet(HERE, 1);
    assert_eq!(server.signs(), "vestibule-tls");
    server.let_one_sign();
    server.until(|_| first.is_shaken());
    // While another handshake is made, the reactor serves the first client.
    let mut second = server.greet(HERE, 1);
    assert_eq!(server.signs(), "vestibule-tls");
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    first.client.writer().write_all(request).unwrap();
    server.until(|_| first.is_healthy());
    assert!(!second.is_answered());
    server.let_one_sign();
    server.until(|_| second.is_shaken());
    drop((first, second));
    let metrics = server.end();
    assert_eq!((metrics.tls_full, metrics.tls_failed, metrics.tls_refused), (2, 0, 0));
}

#[test]
fn clients_that_leave_are_not_signed_for() {
    let mut server = Gated::start(|_| ());
    let first = server.greet(HERE, 1);
    server.signs();
    assert!(!server.server.reactor.io.has_backlog(), "the first one is with its worker");
    let others = [server.greet(HERE, 2), server.greet(HERE, 3)];
    assert!(server.server.reactor.io.has_backlog());
    assert_eq!(server.server.reactor.metrics().tls_waiting, 2);
    drop((first, others));
    server.until(|reactor| reactor.io.tls.away() == 0);
    // What is made for the first one is not given to a newer connection in its slot.
    let mut last = server.greet(HERE, 1);
    server.let_one_sign();
    server.signs();
    server.let_one_sign();
    server.until(|_| last.is_shaken());
    assert!(server.signs.try_recv().is_err(), "two signatures are enough");
    drop(last);
    assert_eq!(server.end().tls_full, 1);
}

#[test]
fn client_that_has_left_already_is_not_signed_for() {
    let mut server = Gated::start(|_| ());
    // Its ClientHello and its end are there before the reactor reads either.
    drop(Greeting::new(server.server.local_addrs()[0], HERE.into()));
    server.until(|reactor| reactor.metrics().accepted == 1);
    let mut last = server.greet(HERE, 1);
    server.signs();
    server.let_one_sign();
    server.let_one_sign();
    server.until(|_| last.is_shaken());
    assert!(server.signs.try_recv().is_err(), "one signature is enough");
    drop(last);
    assert_eq!(server.end().tls_full, 1);
}

#[test]
fn full_tls_queue_closes_newest_of_the_heaviest() {
    let mut server = Gated::start(|config| config.limits.tls_queue = 3);
    let mut here = vec![server.greet(HERE, 1)];
    server.signs();
    for away in 2..=4 {
        here.push(server.greet(HERE, away));
    }
    // One more finds no room, as nobody has more than its own address.
    let refused = server.greet(HERE, 4);
    server.until(|_| refused.is_closed());
    // An address that has less gets the place of the newest, and is served before the others.
    let there = server.greet(THERE, 4);
    let newest = here.pop().unwrap();
    server.until(|_| newest.is_closed());
    server.let_one_sign();
    server.signs();
    server.let_one_sign();
    server.until(|_| there.is_answered());
    assert!(here[0].is_answered() && !here[1].is_answered() && !here[2].is_answered());
    drop((here, there, refused, newest));
    assert_eq!(server.end().tls_refused, 2);
}
