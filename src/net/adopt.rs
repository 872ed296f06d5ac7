//! Listening sockets that were passed in: what is checked and set before the server uses them.

use super::error::{SocketError, StartError};
use super::sockets::{ListenerAddress, ListeningSocket};
use crate::config::Config;

/// A socket that does not block, and where it listens.
pub(super) type Adopted = (ListeningSocket, ListenerAddress);

/// Sets the same options as the listeners' `bind` does for a socket it opens.
pub(super) fn adopt(socket: ListeningSocket) -> Result<Adopted, StartError> {
    let address = prepare(&socket)?;
    Ok((socket, address))
}

/// The same for the admin listener. It also checks the address as the configuration's check does.
pub(super) fn adopt_admin(socket: ListeningSocket, config: &Config) -> Result<Adopted, StartError> {
    match prepare(&socket)? {
        ListenerAddress::Tcp(address)
            if !address.ip().is_loopback() && config.admin.key.is_empty() =>
        {
            Err(SocketError::ExposedAdmin(address).into())
        }
        address => Ok((socket, address)),
    }
}

fn prepare(socket: &ListeningSocket) -> Result<ListenerAddress, SocketError> {
    // A socket of another family has no such address.
    let address = socket.address().map_err(SocketError::OtherKind)?;
    let options = socket.options();
    #[cfg(target_os = "linux")]
    if !options.is_listener().unwrap_or(false) {
        return Err(SocketError::NotListening(address));
    }
    let prepared = options.set_nonblocking(true).and_then(|()| match socket {
        // On Linux each accepted socket inherits this, as from a listener that the server opens.
        ListeningSocket::Tcp(_) => options.set_tcp_nodelay(true),
        ListeningSocket::Unix(_) => Ok(()),
    });
    prepared.map_err(|error| SocketError::Unusable { address: address.clone(), error })?;
    Ok(address)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::OwnedFd;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};

    use socket2::{Domain, SockRef, Socket, Type};

    use super::*;
    use crate::driver::{Accepted, Role};
    use crate::net::listener::Listeners;
    use crate::net::sockets::Sockets;
    use crate::testing::ScratchDir;

    fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    fn fault(socket: impl Into<ListeningSocket>) -> String {
        adopt(socket.into()).unwrap_err().to_string()
    }

    fn adopted(socket: impl Into<ListeningSocket>) -> Listeners {
        let public = vec![socket.into()];
        let mut config = Config::default();
        config.admin.listen = String::new();
        Listeners::open(&config, Sockets { public, admin: None }).unwrap()
    }

    #[test]
    fn socket_that_does_not_listen_is_refused() {
        let datagram = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::from(OwnedFd::from(datagram));
        assert!(fault(other).contains("does not listen"));
        let deaf = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let said = fault(TcpListener::from(OwnedFd::from(deaf)));
        assert_eq!(said, "the socket on 0.0.0.0:0 that was given does not listen");
        let (connected, _peer) = UnixStream::pair().unwrap();
        assert!(fault(UnixListener::from(OwnedFd::from(connected))).contains("does not listen"));
        let unix = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let said = fault(TcpListener::from(OwnedFd::from(unix)));
        assert!(said.starts_with("a given socket is not of the kind that was named: "), "{said}");
    }

    #[test]
    fn an_adopted_socket_is_as_one_that_was_opened() {
        let socket = listener();
        let address = socket.local_addr().unwrap();
        let mut listeners = adopted(socket);
        let _client = std::net::TcpStream::connect(address).unwrap();
        let Accepted::Connection(stream, peer, role) = listeners.accept(0) else { panic!() };
        assert!(SockRef::from(&stream).tcp_nodelay().unwrap());
        assert_eq!((peer.ip(), role), (address.ip(), Role::Client));
        assert!(matches!(listeners.accept(0), Accepted::Empty), "nothing blocks");
    }

    #[test]
    fn adopted_unix_socket_keeps_its_file() {
        let directory = ScratchDir::new();
        let path = directory.path().join("http.sock");
        let mut listeners = adopted(UnixListener::bind(&path).unwrap());
        assert_eq!(listeners.addresses(Role::Client), [ListenerAddress::Unix(path.clone())]);
        let _client = UnixStream::connect(&path).unwrap();
        assert!(matches!(listeners.accept(0), Accepted::Connection(_, _, Role::Client)));
        assert!(matches!(listeners.accept(0), Accepted::Empty), "nothing blocks");
        drop(listeners);
        assert!(path.exists(), "its owner listens on it still");
    }

    #[test]
    fn abstract_name_is_shown_with_an_at_sign() {
        let name = format!("vestibule-sockets-{}", std::process::id());
        let address = UnixAddress::from_abstract_name(&name).unwrap();
        let listeners = adopted(UnixListener::bind_addr(&address).unwrap());
        let shown = listeners.addresses(Role::Client).remove(0).to_string();
        assert_eq!(shown, format!("unix:@{name}"));
    }

    #[test]
    fn an_admin_socket_off_loopback_needs_a_key() {
        let mut config = Config::default();
        assert!(adopt_admin(listener().into(), &config).is_ok());
        let open = || TcpListener::bind("0.0.0.0:0").unwrap().into();
        let said = adopt_admin(open(), &config).unwrap_err().to_string();
        assert!(said.contains("where others can reach it: name a file"), "{said}");
        config.admin.key = "k".repeat(32);
        assert!(adopt_admin(open(), &config).is_ok());
    }
}
