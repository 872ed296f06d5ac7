//! Listening sockets that were opened before the server started, and were passed to it.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener};
use std::path::PathBuf;

use socket2::SockRef;

/// Open listening sockets for [`Server::with_sockets`](super::Server::with_sockets).
///
/// If another process keeps them open, no client is refused between two servers: new connections
/// wait in the kernel, up to the backlog with which the sockets were opened.
#[derive(Debug, Default)]
pub struct Sockets {
    /// The public listeners. Empty: the addresses of `listen` are opened.
    pub public: Vec<ListeningSocket>,
    /// The admin listener. `None`: the address of `admin.listen` is opened, if there is one.
    pub admin: Option<ListeningSocket>,
}

/// An open listening socket.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListeningSocket {
    /// Of IPv4 or IPv6.
    Tcp(TcpListener),
    /// Of the Unix domain. Its file belongs to the process that opened it: the server changes neither
    /// its mode nor its owner, and does not remove it.
    Unix(UnixListener),
}

impl ListeningSocket {
    /// Where it listens.
    ///
    /// # Errors
    /// It is not a socket, or of another family than its type says.
    pub fn address(&self) -> std::io::Result<ListenerAddress> {
        match self {
            Self::Tcp(socket) => socket.local_addr().map(ListenerAddress::Tcp),
            Self::Unix(socket) => {
                socket.local_addr().map(|address| ListenerAddress::Unix(path_of(&address)))
            }
        }
    }

    pub(super) fn options(&self) -> SockRef<'_> {
        match self {
            Self::Tcp(socket) => socket.into(),
            Self::Unix(socket) => socket.into(),
        }
    }
}

impl From<TcpListener> for ListeningSocket {
    fn from(socket: TcpListener) -> Self {
        Self::Tcp(socket)
    }
}

impl From<UnixListener> for ListeningSocket {
    fn from(socket: UnixListener) -> Self {
        Self::Unix(socket)
    }
}

/// The address of an open listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenerAddress {
    /// An IP address and the actual port.
    Tcp(SocketAddr),
    /// The path of a Unix socket. One that was passed in may have an abstract name (unix(7)), which
    /// begins with `@` here and has no file.
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

/// An abstract name begins with `@`, and a socket without a name has an empty path.
fn path_of(address: &UnixAddress) -> PathBuf {
    #[cfg(target_os = "linux")]
    if let Some(name) = std::os::linux::net::SocketAddrExt::as_abstract_name(address) {
        let text = [b"@", name].concat();
        return PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&text));
    }
    address.as_pathname().map(Into::into).unwrap_or_default()
}
