//! TLS and the turns of the reactor.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::*;

/// A socket that has sent only a ClientHello.
fn greeting(address: SocketAddr) -> TcpStream {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let offers = builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(offers), name).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    client.write_tls(&mut stream).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

#[test]
fn turn_with_a_small_share_makes_one_tls_handshake() {
    let fixture = |name| format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut config = config();
    (config.tls.cert_file, config.tls.key_file) = (fixture("p256.pem"), fixture("p256.key.pem"));
    config.limits.pending_per_turn = 8;
    crate::logs::in_process("lib");
    let mut server = Server::bind(&config, Box::new(Parrot(mpsc::channel().0))).unwrap();
    let reactor = &mut server.reactor;
    let address = reactor.io.listeners.sockets().next().unwrap().local_addr().unwrap();
    let clients: Vec<_> = (0..6).map(|_| greeting(address)).collect();
    let answered = |clients: &[TcpStream]| {
        clients.iter().filter(|client| client.peek(&mut [0; 1]).is_ok_and(|n| n > 0)).count()
    };
    let mut events = mio::Events::with_capacity(64);
    let mut before = 0;
    while before < clients.len() {
        reactor.step(&mut events).unwrap();
        let now = answered(&clients);
        assert!(now <= before + 1, "{before} and then {now} were answered");
        before = now;
    }
}
