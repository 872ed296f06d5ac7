//! What the two peers share: a listener set up as Vestibule's is, and room for descriptors.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel completes and keeps until they are accepted: Vestibule's default.
pub const BACKLOG: i32 = 4_096;

/// Binds a non-blocking listener with the backlog and the `TCP_NODELAY` that all servers of the
/// comparison have: on Linux, accepted sockets inherit the latter from the listener.
///
/// # Errors
/// Those of the system calls, the address in use first of all.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Says where a server listens, as the first line on standard output: the runner waits for it.
///
/// # Errors
/// Standard output is closed.
pub fn announce(listener: &TcpListener) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {}", listener.local_addr()?)?;
    out.flush()
}

/// Raises the limit of open descriptors as far as it goes without privileges.
///
/// # Errors
/// The kernel refuses.
pub fn raise_descriptor_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    Ok(setrlimit(Resource::Nofile, raised)?)
}

/// Has the kernel make room for as many descriptors as the limit allows: duplicates one at the
/// highest number, and closes it. A table that is to grow later stops the process for a moment each
/// time it is doubled, when several threads share it.
///
/// # Errors
/// The kernel has no memory for the table, or a descriptor has that number.
pub fn grow_descriptor_table() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let highest = i32::try_from(limit.saturating_sub(1)).unwrap_or(i32::MAX);
    drop(rustix::io::fcntl_dupfd_cloexec(io::stdout(), highest)?);
    Ok(())
}
