//! A service manager in a page: it holds the listening sockets, starts the server on them, and
//! listens to what the server tells.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::process::Stdio;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use vestibule::testing::logs;

use crate::support::PATIENCE;
use crate::support::process::{BINARY, FILE, Process, Scratch, connect};

const CONFIG: &str = "
[auth]
secret = '0123456789abcdef0123456789abcdef'
[limits]
messages_per_minute = 0
connections_per_user = 0
auth_per_minute_per_user = 0
requests_per_minute_per_user = 0
requests_per_minute_per_ip = 0
auth_per_minute_per_ip = 0
pending_per_ip = 0
[log]
file = 'log'
";

/// Certificate and key of `localhost`.
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/p256.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/p256.key.pem");

/// A connection, with TLS or without.
pub(crate) trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

/// Sockets, a directory, and an ear. The directory is removed at the end of the test.
pub(crate) struct Manager {
    scratch: Scratch,
    public: OwnedFd,
    admin: OwnedFd,
    admin_address: SocketAddr,
    ear: UnixDatagram,
    name: String,
    tls: Option<Arc<ClientConfig>>,
    /// Where clients connect.
    pub(crate) address: SocketAddr,
}

impl Manager {
    /// With these lines of configuration before the usual ones, and sockets that listen already.
    pub(crate) fn new(config: &str) -> Self {
        let public = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = public.local_addr().unwrap();
        let mut manager = Self::with_socket(config, public.into());
        manager.address = address;
        manager
    }

    /// The same, and the server speaks TLS.
    pub(crate) fn with_tls(config: &str) -> Self {
        let files = format!("[tls]\ncert_file = '{CERTIFICATE}'\nkey_file = '{KEY}'\n");
        let mut manager = Self::new(&format!("{config}{files}"));
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(CERTIFICATE).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let client = builder.with_root_certificates(roots).with_no_client_auth();
        manager.tls = Some(Arc::new(client));
        manager
    }

    /// The same with whatever this socket is.
    pub(crate) fn with_socket(config: &str, public: OwnedFd) -> Self {
        let scratch = Scratch::new("restart");
        scratch.write(FILE, &format!("{config}{CONFIG}"));
        let name = scratch.path().file_name().unwrap().to_str().unwrap().to_owned();
        let ear = UnixDatagram::bind_addr(&UnixAddr::from_abstract_name(&name).unwrap()).unwrap();
        ear.set_read_timeout(Some(PATIENCE)).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let admin = TcpListener::bind("127.0.0.1:0").unwrap();
        let (admin_address, admin) = (admin.local_addr().unwrap(), admin.into());
        Self { scratch, public, admin, admin_address, ear, name, tls: None, address }
    }

    /// The same, and this is the socket for the operator.
    pub(crate) fn with_sockets(config: &str, public: OwnedFd, admin: OwnedFd) -> Self {
        Self { admin, ..Self::with_socket(config, public) }
    }

    /// Starts the server with the sockets as its descriptors 3 and 4, which only a shell can place
    /// there without unsafe code. It keeps the shell's process id.
    pub(crate) fn start(&self) -> Process {
        let exec = r#"LISTEN_PID=$$ exec "$0" "$@" 3<&0 4<&1 </dev/null >/dev/null 2>stderr"#;
        let arguments = ["-c", exec, BINARY, "--config", FILE];
        let mut command = self.scratch.command("/bin/sh", &arguments);
        command.env("LISTEN_FDS", "2").env("LISTEN_FDNAMES", "http:admin");
        command.env("NOTIFY_SOCKET", format!("@{}", self.name)).env("WATCHDOG_USEC", "200000");
        logs::finest(&mut command);
        command.stdin(Stdio::from(self.public.try_clone().unwrap()));
        command.stdout(Stdio::from(self.admin.try_clone().unwrap()));
        Process::start(&mut command)
    }

    /// What the server tells next, but for that it is alive.
    pub(crate) fn hear(&self) -> String {
        loop {
            let told = self.hear_anything();
            if !told.starts_with("WATCHDOG=1\n") {
                return told;
            }
        }
    }

    pub(crate) fn hear_anything(&self) -> String {
        let mut buffer = [0; 512];
        let length = self.ear.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// A connection whose reads end. TLS begins with the first byte that is written.
    pub(crate) fn connect(&self) -> Box<dyn Wire> {
        let stream = connect(self.address).unwrap();
        let Some(tls) = &self.tls else { return Box::new(stream) };
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::clone(tls), name).unwrap();
        Box::new(StreamOwned::new(session, stream))
    }

    /// Calls the admin listener: status and body.
    pub(crate) fn call(&self, request: &str, body: &str) -> (u16, String) {
        let address = self.admin_address;
        let head = format!("{request} HTTP/1.1\r\nHost: {address}\r\n");
        exchange(connect(address).unwrap(), &head, body)
    }

    pub(crate) fn token(&self, user: &str) -> String {
        self.scratch.token(user, &["--ttl", "1h"])
    }

    /// A file of its directory.
    pub(crate) fn read(&self, name: &str) -> String {
        self.scratch.read(name)
    }

    /// Another configuration, for a reload.
    pub(crate) fn configure(&self, text: &str) {
        self.scratch.write(FILE, text);
    }

    /// The database, as another process sees it.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.scratch.path().join("vestibule-data/recipes.db")).unwrap()
    }
}

/// One HTTP request, of which the head's first lines are given.
pub(crate) fn exchange(mut stream: impl Wire, head: &str, body: &str) -> (u16, String) {
    let content = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    stream.write_all(format!("{head}{content}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
