//! The listening sockets: how they are opened, and how errors of an accept are handled.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::error::StartError;
use super::sockets::{self, Sockets};
use crate::config::Config;
use crate::driver::{ACCEPT_PAUSE, Accepted, Role};

/// All listening sockets of a server.
#[derive(Debug)]
pub(super) struct Listeners {
    /// The public listeners, and after them the admin listener, if there is one.
    sockets: Vec<TcpListener>,
    public: usize,
    /// The public listeners were passed in: another process also holds them, and outlives this one.
    outlive_us: bool,
    /// The last accept failed. It is logged once, not ten times a second.
    failing: bool,
}

impl Listeners {
    /// Takes the sockets that were passed in, and opens the addresses of `config.listen` and
    /// `config.admin` that are missing.
    pub(super) fn open(config: &Config, open: Sockets) -> Result<Self, StartError> {
        let outlive_us = !open.public.is_empty();
        let mut sockets = if outlive_us {
            open.public.into_iter().map(sockets::adopt).collect::<Result<_, _>>()?
        } else {
            bind_public(config)?
        };
        let public = sockets.len();
        sockets.extend(match open.admin {
            Some(socket) => Some(sockets::adopt_admin(socket, config)?),
            None => bind_admin(config)?,
        });
        Ok(Self { sockets, public, outlive_us, failing: false })
    }

    /// Does another process also hold the public listeners? Then it accepts the connections that
    /// this one leaves in the backlog.
    pub(super) fn outlive_us(&self) -> bool {
        self.outlive_us
    }

    /// Is the listener with this `number` the admin listener?
    pub(super) fn is_admin(&self, number: usize) -> bool {
        number >= self.public
    }

    /// Registers all listeners. The first token is `last`; each other one is one less.
    pub(super) fn register(&mut self, registry: &Registry, last: usize) -> io::Result<()> {
        for (number, socket) in self.sockets.iter_mut().enumerate() {
            registry.register(socket, Token(last - number), Interest::READABLE)?;
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// The public addresses in the order of the configuration, with the actual ports.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let public = self.sockets.iter().take(self.public);
        public.filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// The admin listener's address, with the actual port.
    pub(super) fn admin_address(&self) -> Option<SocketAddr> {
        self.sockets.get(self.public)?.local_addr().ok()
    }

    #[cfg(all(test, unix))]
    pub(super) fn sockets(&self) -> &[TcpListener] {
        &self.sockets
    }

    /// Accepts at most one connection from the listener with this `number`.
    pub(super) fn accept(&mut self, number: usize) -> Accepted<TcpStream> {
        let role = if self.is_admin(number) { Role::Operator } else { Role::Client };
        let Some(socket) = self.sockets.get(number) else { return Accepted::Empty };
        match socket.accept() {
            Ok((stream, peer)) => {
                self.failing = false;
                Accepted::Connection(stream, peer, role)
            }
            Err(error) => self.judge(&error),
        }
    }

    /// No error of an accept ends the server or closes another connection.
    fn judge(&mut self, error: &io::Error) -> Accepted<TcpStream> {
        match error.kind() {
            ErrorKind::WouldBlock => Accepted::Empty,
            // This connection failed before it was accepted (accept(2), "Error handling").
            ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown => Accepted::Again,
            // EMFILE, ENFILE, ENOBUFS, ENOMEM, and unexpected errors. New connections stay in the
            // backlog: closing an existing one to make room would favour a flood over users.
            _ => {
                if !self.failing {
                    let pause = ACCEPT_PAUSE.as_millis();
                    log::warn!("accepting fails, next try in {pause} ms: {error}");
                }
                self.failing = true;
                Accepted::Failed
            }
        }
    }
}

fn bind_public(config: &Config) -> Result<Vec<TcpListener>, StartError> {
    if config.listen.is_empty() {
        return Err(StartError::NoAddress);
    }
    let bind_one = |text: &String| {
        let address: SocketAddr =
            text.trim().parse().map_err(|_| StartError::Address(text.clone()))?;
        bind(address, config.backlog, config.reuse_port)
            .map_err(|error| StartError::Listen { address, error })
    };
    config.listen.iter().map(bind_one).collect()
}

fn bind_admin(config: &Config) -> Result<Option<TcpListener>, StartError> {
    let text = &config.admin.listen;
    if text.is_empty() {
        return Ok(None);
    }
    let address = config.admin.address().ok_or_else(|| StartError::AdminAddress(text.clone()))?;
    // Never shared: the kernel would give a request to either process.
    bind(address, config.backlog, false)
        .map(Some)
        .map_err(|error| StartError::Admin { address, error })
}

fn bind(address: SocketAddr, backlog: u32, reuse_port: bool) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // A restarted server takes its port at once, though old connections are still in TIME_WAIT.
    // (On Windows this option would let another process take the port from us.)
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // `0.0.0.0` and `[::]` may both be configured, and a peer's address then has one form.
        socket.set_only_v6(true)?;
    }
    // On Linux each accepted socket inherits this, which saves a system call.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(TcpListener::from_std(socket.into()))
}

#[cfg(test)]
mod tests;
