//! TLS of the clients: `wss://`.
//!
//! In a build without TLS, `plain.rs` replaces this module.

use std::fmt;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};
use vestibule::net::plain_tls_error;

use super::args::Common;
use crate::cli::server_address::ServerAddress;
use crate::cli::tls_client::client;

/// The TLS of all clients.
pub(super) struct LoadTls {
    name: ServerName<'static>,
    config: ClientConfig,
    /// Of clients that do not come back. They resume nothing: each handshake is a full one.
    of_strangers: Arc<ClientConfig>,
    /// By user, of clients that come back: each with its own tickets, like a browser.
    of_users: Vec<Option<Arc<ClientConfig>>>,
    /// Of clients that do not come back, how many keep tickets for one another.
    tickets_of: Option<u32>,
}

impl LoadTls {
    /// For a server at a `wss://` address.
    ///
    /// # Errors
    /// The options do not say whom to trust, or the file cannot be used.
    pub(super) fn new(server: &ServerAddress, options: &Common) -> Result<Self, String> {
        let (name, config) = client(server, options.ca_file.as_deref(), options.insecure)?;
        Ok(Self {
            name,
            of_strangers: Arc::new(config.clone()),
            config,
            of_users: Vec::new(),
            tickets_of: None,
        })
    }

    /// From now on, user `n` resumes the sessions of user `n % clients`.
    pub(super) fn keep_tickets(&mut self, clients: u32) {
        self.tickets_of = Some(clients.max(1));
    }

    /// The TLS of a new connection of this user, who `returns` or does not.
    pub(super) fn session(&mut self, user: u32, returns: bool) -> io::Result<PeerTls> {
        let config = match self.tickets_of {
            _ if returns => self.of_user(user as usize),
            Some(clients) => self.of_user((user % clients) as usize),
            None => Arc::clone(&self.of_strangers),
        };
        let mut session =
            ClientConnection::new(config, self.name.clone()).map_err(io::Error::other)?;
        session.set_buffer_limit(None);
        Ok(PeerTls(Box::new(session)))
    }

    fn of_user(&mut self, user: usize) -> Arc<ClientConfig> {
        if self.of_users.len() <= user {
            self.of_users.resize(user + 1, None);
        }
        let config = &self.config;
        let own = || {
            let mut config = config.clone();
            config.resumption = Resumption::in_memory_sessions(1);
            Arc::new(config)
        };
        match self.of_users.get_mut(user) {
            Some(place) => Arc::clone(place.get_or_insert_with(own)),
            None => own(),
        }
    }
}

impl fmt::Debug for LoadTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadTls").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The TLS of one connection.
#[derive(Debug)]
pub(super) struct PeerTls(Box<ClientConnection>);

impl PeerTls {
    /// Whether the handshake resumed an earlier session.
    pub(super) fn has_resumed(&self) -> bool {
        self.0.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Begins the handshake, and queues `request` for its end. After an error, such as that the
    /// connection is not established yet, it can begin again.
    pub(super) fn begin(&mut self, stream: &mut TcpStream, request: &[u8]) -> io::Result<()> {
        self.0.write_tls(stream)?;
        self.send(stream, request);
        Ok(())
    }

    /// Sends bytes, and keeps what the socket does not accept. The next read returns an error.
    pub(super) fn send(&mut self, stream: &mut TcpStream, bytes: &[u8]) {
        // Writing into the session's buffer, which has no limit, cannot fail.
        let _ = self.0.writer().write_all(bytes);
        self.flush(stream);
    }

    /// Sends the kept bytes.
    pub(super) fn flush(&mut self, stream: &mut TcpStream) {
        while self.0.wants_write() {
            if !matches!(self.0.write_tls(stream), Ok(1..)) {
                return;
            }
        }
    }

    /// Reads what has been decrypted, or more from the socket. `WouldBlock` means that there is
    /// nothing to read, 0 the end of the connection.
    pub(super) fn read(&mut self, stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            match self.0.read_tls(stream) {
                Ok(0) => return Ok(0),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read?,
            };
            let processed = self.0.process_new_packets();
            // The handshake's next messages, or an alert.
            self.flush(stream);
            processed.map_err(|error| plain_tls_error(io::Error::other(error)))?;
        }
    }
}
