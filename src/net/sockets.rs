//! Listening sockets that were opened before the server started, and were passed to it.

use std::fmt;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;

use mio::net::TcpListener;
use socket2::SockRef;

use super::error::{SocketError, StartError};
use crate::config::Config;

/// Open listening sockets for [`Server::with_sockets`](super::Server::with_sockets).
///
/// If another process keeps them open, no client is refused between two servers: new connections
/// wait in the kernel, up to the backlog with which the sockets were opened.
#[derive(Debug, Default)]
pub struct Sockets {
    /// The public listeners. Empty: the addresses of `listen` are opened.
    pub public: Vec<StdListener>,
    /// The admin listener. `None`: the address of `admin.listen` is opened, if there is one.
    pub admin: Option<StdListener>,
}

/// The address of an open listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenerAddress {
    /// An IP address and the actual port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for ListenerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Sets the same options as [`Listeners`](super::listener::Listeners) does for a socket it opens.
pub(super) fn adopt(socket: StdListener) -> Result<TcpListener, StartError> {
    prepare(&socket)?;
    Ok(TcpListener::from_std(socket))
}

/// The same for the admin listener. It also checks the address as the configuration's check does.
pub(super) fn adopt_admin(socket: StdListener, config: &Config) -> Result<TcpListener, StartError> {
    let address = prepare(&socket)?;
    if !address.ip().is_loopback() && config.admin.key.is_empty() {
        return Err(SocketError::ExposedAdmin(address).into());
    }
    Ok(TcpListener::from_std(socket))
}

fn prepare(socket: &StdListener) -> Result<SocketAddr, SocketError> {
    // A socket of another family has no such address.
    let address = socket.local_addr().map_err(SocketError::NotTcp)?;
    let options = SockRef::from(socket);
    #[cfg(target_os = "linux")]
    if !options.is_listener().unwrap_or(false) {
        return Err(SocketError::NotListening(address));
    }
    // On Linux each accepted socket inherits this, as from a listener that the server opens.
    let prepared = socket.set_nonblocking(true).and_then(|()| options.set_tcp_nodelay(true));
    prepared.map_err(|error| SocketError::Unusable { address, error })?;
    Ok(address)
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixListener;

    use socket2::{Domain, Socket, Type};

    use super::*;

    fn listener() -> StdListener {
        StdListener::bind("127.0.0.1:0").unwrap()
    }

    fn fault(socket: impl Into<OwnedFd>) -> String {
        adopt(socket.into().into()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_listening_tcp_socket_is_refused() {
        let path = std::env::temp_dir().join(format!("vestibule-{}.sock", std::process::id()));
        let unix = UnixListener::bind(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert!(fault(unix).starts_with("an inherited socket is not a TCP socket: "));
        let deaf = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let said = fault(deaf);
        assert_eq!(said, "the socket on 0.0.0.0:0 that was given does not listen");
    }

    #[test]
    fn an_adopted_socket_is_as_one_that_was_opened() {
        let socket = adopt(listener()).unwrap();
        let _client = std::net::TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let (accepted, _) = socket.accept().unwrap();
        assert!(accepted.nodelay().unwrap());
        assert_eq!(socket.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }

    #[test]
    fn an_admin_socket_off_loopback_needs_a_key() {
        let mut config = Config::default();
        assert!(adopt_admin(listener(), &config).is_ok());
        let open = || StdListener::bind("0.0.0.0:0").unwrap();
        let said = adopt_admin(open(), &config).unwrap_err().to_string();
        assert!(said.contains("where others can reach it: name a file"), "{said}");
        config.admin.key = "k".repeat(32);
        assert!(adopt_admin(open(), &config).is_ok());
    }
}
