//! The system calls that open a listening socket.

use std::io::{self, ErrorKind};
use std::net::{Ipv6Addr, SocketAddr};

use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

/// Does this host have no such address, or not even its family?
pub(super) fn is_missing(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// Is there IPv6? It may be compiled out or turned off.
pub(super) fn has_ipv6() -> bool {
    let any = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0);
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP));
    socket.and_then(|socket| socket.bind(&any.into())).is_ok()
}

pub(super) fn bind(
    address: SocketAddr,
    both_families: bool,
    backlog: u32,
    reuse_port: bool,
) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // A restarted server takes its port at once, though old connections are still in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // Set either way: the system's default differs between hosts.
        socket.set_only_v6(!both_families)?;
    }
    // On Linux each accepted socket inherits this, which saves a system call.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(TcpListener::from_std(socket.into()))
}
