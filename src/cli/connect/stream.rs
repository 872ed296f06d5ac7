//! The connection of `vestibule connect`: TCP, or TLS over it.

use std::io::{self, Read, Write};
use std::net::TcpStream;

#[cfg(feature = "tls")]
use rustls::{ClientConnection, StreamOwned};
#[cfg(feature = "tls")]
use vestibule::net::plain_tls_error;

use crate::cli::server_address::ServerAddress;

/// A connection to a server.
#[derive(Debug)]
pub(super) enum ClientStream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl ClientStream {
    /// Over `stream`, a connection to `server`. `trust`: the authorities of a certificate, and whether any
    /// certificate is accepted. The handshake is made by the first read or write.
    ///
    /// # Errors
    /// The server speaks TLS, and `trust` does not say whom to trust, or cannot be used.
    #[cfg(feature = "tls")]
    pub(super) fn open(
        stream: TcpStream,
        server: &ServerAddress,
        (ca_file, insecure): (Option<&str>, bool),
    ) -> Result<Self, String> {
        if !server.is_secure {
            return Ok(Self::Plain(stream));
        }
        let (name, config) = crate::cli::tls_client::client(server, ca_file, insecure)?;
        let session = ClientConnection::new(config.into(), name);
        let session = session.map_err(|error| format!("{}: {error}", server.host))?;
        Ok(Self::Secure(Box::new(StreamOwned::new(session, stream))))
    }

    /// # Errors
    /// The server speaks TLS, and this build does not.
    #[cfg(not(feature = "tls"))]
    pub(super) fn open(
        stream: TcpStream,
        server: &ServerAddress,
        _: (Option<&str>, bool),
    ) -> Result<Self, String> {
        if server.is_secure {
            return Err("wss://: this program was built without the feature `tls`".to_owned());
        }
        Ok(Self::Plain(stream))
    }
}

impl Read for ClientStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            #[cfg(feature = "tls")]
            Self::Secure(stream) => stream.read(buffer).map_err(plain_tls_error),
        }
    }
}

impl Write for ClientStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            #[cfg(feature = "tls")]
            Self::Secure(stream) => stream.write(bytes).map_err(plain_tls_error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            #[cfg(feature = "tls")]
            Self::Secure(stream) => stream.flush().map_err(plain_tls_error),
        }
    }
}
