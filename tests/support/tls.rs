//! `wss://`: servers and clients that speak TLS.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::client::Client;
use super::server::Server;

pub(crate) const SECRET: &str = "correct horse battery staple, twice over";

/// A file of the fixtures.
pub(crate) fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A configuration with this certificate, and with these lines in front.
pub(crate) fn config(cert_file: &str, key_file: &str, lines: &str) -> String {
    format!(
        "drain = '1ms'\n{lines}\n[auth]\nsecret = '{SECRET}'\n[tls]\ncert_file = '{cert_file}'\n\
         key_file = '{key_file}'\n[log]\nfile = 'log'\nlevel = 'debug'"
    )
}

pub(crate) fn with_lines(lines: &str) -> String {
    config(&fixture("p256.pem"), &fixture("p256.key.pem"), lines)
}

pub(crate) type Secured = StreamOwned<ClientConnection, TcpStream>;

/// TLS over this socket, with a server that shows this certificate.
pub(crate) fn secure(stream: TcpStream, certificate: &str) -> Secured {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(fixture(certificate)).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let offers = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(offers), name).unwrap(), stream)
}

impl Server {
    /// A client in `room`, over TLS.
    pub(crate) fn join_over_tls(&self, room: &str, user: &str) -> Client<Secured> {
        let stream = secure(self.connect(), "p256.pem");
        let mut client = Client::open(stream, &format!("ws://localhost/v1/chat/{room}"));
        client.authenticate(&self.token(user));
        client
    }
}

/// Says it and is answered; its id.
pub(crate) fn told<S: std::io::Read + std::io::Write>(
    speaker: &mut Client<S>,
    content: &str,
) -> String {
    let id = speaker.say(content);
    assert_eq!(speaker.hear()["payload"]["request_id"], *id);
    id
}

/// One says something, and both hear what they should.
pub(crate) fn talk<A: std::io::Read + std::io::Write>(
    speaker: &mut Client<A>,
    listener: &mut Client<A>,
) {
    let id = told(speaker, "still here");
    assert_eq!(listener.hear()["id"], *id);
}
