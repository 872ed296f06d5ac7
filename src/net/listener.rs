//! The listening sockets: how they are opened, and how errors of an accept are handled.

mod bind;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};

use self::bind::{bind, has_ipv6, is_missing};
use super::adopt::{self, Adopted};
use super::error::StartError;
use super::sockets::{ListenerAddress, ListeningSocket, Sockets};
use super::transport::Stream;
use super::unix_socket::{self, SocketFile};
use crate::config::{Config, ListenAddress, UNIX_PEER, parse_mode};
use crate::driver::{ACCEPT_PAUSE, Accepted, Role};

/// Opens the addresses of `recipes.listen`.
pub(super) fn open_for_calls(config: &Config) -> Result<Vec<Listener>, StartError> {
    let (setting, role) = (CALLS, Role::Collector);
    Opening { config, setting, role }.open(&config.recipes.listen)
}

/// Did only this connection fail, before it was accepted (accept(2), "Error handling")?
pub(super) fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
    )
}

const CALLS: &str = "recipes.listen";

/// All listening sockets of a server.
#[derive(Debug)]
pub(super) struct Listeners {
    /// The public listeners first.
    sockets: Vec<(Listener, Role)>,
    /// The public listeners were passed in: another process also holds them, and outlives this one.
    outlive_us: bool,
    /// The last accept failed. It is logged once, not ten times a second.
    failing: bool,
}

#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    /// Its file, which is removed at the end.
    Unix(UnixListener, SocketFile),
    /// A socket that was passed in, and where it listens. Its file is not ours.
    GivenUnix(UnixListener, ListenerAddress),
}

impl Listeners {
    /// Takes the sockets that were passed in, and opens the addresses that are missing. Blocks while
    /// names are resolved.
    pub(super) fn open(config: &Config, open: Sockets) -> Result<Self, StartError> {
        let outlive_us = !open.public.is_empty();
        let mut sockets = Vec::new();
        for socket in open.public {
            sockets.push((Listener::adopted(adopt::adopt(socket)?), Role::Client));
        }
        let is_adopted = |role| match role {
            Role::Client => outlive_us,
            Role::Operator => open.admin.is_some(),
            Role::Collector => false,
        };
        for (setting, role, text) in configured(config).filter(|(_, role, _)| !is_adopted(*role)) {
            let listeners = Opening { config, setting, role }.open(text)?;
            sockets.extend(listeners.into_iter().map(|listener| (listener, role)));
        }
        if !sockets.iter().any(|(_, role)| *role == Role::Client) {
            return Err(StartError::NoAddress);
        }
        if let Some(socket) = open.admin {
            let adopted = adopt::adopt_admin(socket, config)?;
            sockets.push((Listener::adopted(adopted), Role::Operator));
        }
        Ok(Self { sockets, outlive_us, failing: false })
    }

    /// Does another process also hold the public listeners? Then it accepts the connections that
    /// this one leaves in the backlog.
    pub(super) fn outlive_us(&self) -> bool {
        self.outlive_us
    }

    /// Is the listener with this `number` a public one?
    pub(super) fn is_public(&self, number: usize) -> bool {
        self.sockets.get(number).is_some_and(|(_, role)| *role == Role::Client)
    }

    /// Registers all listeners. The first token is `last`; each other one is one less.
    pub(super) fn register(&mut self, registry: &Registry, last: usize) -> io::Result<()> {
        for (number, (socket, _)) in self.sockets.iter_mut().enumerate() {
            socket.register(registry, Token(last - number))?;
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// The addresses of the listeners with this role, in the order of the configuration, with the
    /// actual ports.
    pub(super) fn addresses(&self, role: Role) -> Vec<ListenerAddress> {
        let with_role = self.sockets.iter().filter(|(_, its)| *its == role);
        with_role.filter_map(|(socket, _)| socket.address()).collect()
    }

    #[cfg(test)]
    pub(super) fn sockets(&self) -> impl Iterator<Item = &TcpListener> {
        self.sockets.iter().filter_map(|(socket, _)| match socket {
            Listener::Tcp(socket) => Some(socket),
            Listener::Unix(..) | Listener::GivenUnix(..) => None,
        })
    }

    /// Accepts at most one connection from the listener with this `number`.
    pub(super) fn accept(&mut self, number: usize) -> Accepted<Stream> {
        let Some((socket, role)) = self.sockets.get(number) else { return Accepted::Empty };
        match socket.accept() {
            Ok((stream, peer)) => {
                self.failing = false;
                Accepted::Connection(stream, peer, *role)
            }
            Err(error) => self.judge(&error),
        }
    }

    /// No error of an accept ends the server or closes another connection.
    fn judge(&mut self, error: &io::Error) -> Accepted<Stream> {
        match error.kind() {
            ErrorKind::WouldBlock => Accepted::Empty,
            _ if is_passing(error) => Accepted::Again,
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

impl Listener {
    /// A socket that was passed in.
    fn adopted((socket, address): Adopted) -> Self {
        match socket {
            ListeningSocket::Tcp(socket) => Self::Tcp(TcpListener::from_std(socket)),
            ListeningSocket::Unix(socket) => {
                Self::GivenUnix(UnixListener::from_std(socket), address)
            }
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => registry.register(socket, token, Interest::READABLE),
            Self::Unix(socket, _) | Self::GivenUnix(socket, _) => {
                registry.register(socket, token, Interest::READABLE)
            }
        }
    }

    /// The next connection, and where it comes from.
    pub(super) fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match self {
            Self::Tcp(socket) => {
                socket.accept().map(|(stream, peer)| (Stream::new(stream), canonical(peer)))
            }
            Self::Unix(socket, _) | Self::GivenUnix(socket, _) => {
                socket.accept().map(|(stream, _)| (Stream::new(stream), UNIX_PEER))
            }
        }
    }

    pub(super) fn address(&self) -> Option<ListenerAddress> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok().map(ListenerAddress::Tcp),
            Self::Unix(_, file) => Some(ListenerAddress::Unix(file.path().to_owned())),
            Self::GivenUnix(_, address) => Some(address.clone()),
        }
    }
}

/// A peer that comes over IPv4 to a socket of both families has the same address as elsewhere.
fn canonical(peer: SocketAddr) -> SocketAddr {
    match peer.ip() {
        IpAddr::V4(_) => peer,
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(ip.into(), peer.port()),
            None => peer,
        },
    }
}

/// Every address that is to be listened on, with its setting.
fn configured(config: &Config) -> impl Iterator<Item = (&'static str, Role, &str)> {
    let admin = &config.admin;
    let public = config.listen.iter().map(|text| ("listen", Role::Client, text.as_str()));
    let others = [
        ("admin.listen", Role::Operator, admin.listen.as_str()),
        ("admin.metrics_listen", Role::Collector, admin.metrics_listen.as_str()),
    ];
    public.chain(others.into_iter().filter(|(_, _, text)| !text.is_empty()))
}

/// What `serve` would find out about the addresses before it opens them: names are resolved, which
/// blocks, and the places of Unix sockets are looked at.
pub(super) fn inspect(config: &Config) -> Vec<StartError> {
    let calls = (CALLS, Role::Collector, config.recipes.listen.as_str());
    let calls = Some(calls).filter(|(_, _, text)| !text.is_empty());
    let inspected = configured(config).chain(calls).map(|(setting, role, text)| {
        let opening = Opening { config, setting, role };
        match opening.parse(text)? {
            ListenAddress::Unix(path) => unix_socket::inspect(&path)
                .map_err(|error| StartError::Unix { setting, path, error }),
            address => opening.resolve(&address).map(drop),
        }
    });
    inspected.filter_map(Result::err).collect()
}

/// Opens what a setting names.
#[derive(Clone, Copy)]
struct Opening<'a> {
    config: &'a Config,
    setting: &'static str,
    role: Role,
}

/// A socket to open: whether it is for both families, too.
type Resolved = (SocketAddr, bool);

impl Opening<'_> {
    fn open(self, text: &str) -> Result<Vec<Listener>, StartError> {
        let address = self.parse(text)?;
        if let ListenAddress::Unix(path) = address {
            return self.open_unix(path).map(|listener| vec![listener]);
        }
        let resolved = self.resolve(&address)?;
        let may_fail = resolved.len() > 1;
        let (mut opened, mut failed) = (Vec::new(), None);
        for (address, both_families) in resolved {
            match self.bind(address, both_families) {
                Ok(socket) => opened.push(Listener::Tcp(socket)),
                Err(error) => {
                    let is_missing = is_missing(&error);
                    let error = StartError::Listen { setting: self.setting, address, error };
                    if !(may_fail && is_missing) {
                        return Err(error);
                    }
                    failed = Some(error);
                }
            }
        }
        match failed {
            Some(error) if opened.is_empty() => Err(error),
            failed => {
                // `localhost` has an IPv6 address in many a container that has no IPv6.
                if let Some(error) = failed {
                    log::warn!("{error}; `{text}` has other addresses");
                }
                Ok(opened)
            }
        }
    }

    fn open_unix(self, path: std::path::PathBuf) -> Result<Listener, StartError> {
        let config = self.config;
        let mode = match self.role {
            Role::Client => &config.listen_mode,
            Role::Operator | Role::Collector => &config.admin.listen_mode,
        };
        let mode = parse_mode(mode).ok_or_else(|| {
            self.fault(format!("the mode `{mode}` of its sockets is not three octal digits"))
        })?;
        match unix_socket::bind(&path, mode, config.backlog) {
            Ok((socket, file)) => Ok(Listener::Unix(socket, file)),
            Err(error) => Err(StartError::Unix { setting: self.setting, path, error }),
        }
    }

    fn fault(self, problem: String) -> StartError {
        StartError::Address { setting: self.setting, problem }
    }

    fn parse(self, text: &str) -> Result<ListenAddress, StartError> {
        text.parse().map_err(|fault: crate::config::ParseError| self.fault(fault.to_string()))
    }

    /// The addresses that are meant.
    fn resolve(self, address: &ListenAddress) -> Result<Vec<Resolved>, StartError> {
        let resolved = match address {
            ListenAddress::Unix(_) => Vec::new(),
            &ListenAddress::Every { port } => {
                let (v4, v6) = (Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into());
                let (v4, v6) = (SocketAddr::new(v4, port), SocketAddr::new(v6, port));
                // A host may have no IPv6. If it has, one socket takes the same port in both.
                match (self.config.ipv6_only, has_ipv6()) {
                    (true, _) => vec![(v6, false)],
                    (false, true) => vec![(v6, true)],
                    (false, false) => vec![(v4, false)],
                }
            }
            ListenAddress::Host { host, port } => {
                let found = (host.as_str(), *port).to_socket_addrs();
                let found = found.map_err(|error| {
                    self.fault(format!("`{host}` is not found: {error}; write an IP address"))
                })?;
                let mut resolved: Vec<Resolved> = Vec::new();
                for address in found {
                    if resolved.iter().all(|(other, _)| *other != address) {
                        resolved.push((address, self.is_for_both_families(address)));
                    }
                }
                resolved
            }
        };
        let exposed = resolved.iter().find(|(address, _)| !address.ip().is_loopback());
        match exposed {
            Some((address, _)) if self.role == Role::Operator && !has_admin_key(self.config) => {
                Err(self.fault(format!(
                    "others can reach {address}: name a file with a key in admin.key_file, or take \
                     a loopback address"
                )))
            }
            _ if resolved.is_empty() && !matches!(address, ListenAddress::Unix(_)) => {
                Err(self.fault(format!("{address} has no address: write an IP address")))
            }
            _ => Ok(resolved),
        }
    }

    /// Is `address` `[::]`, and nothing else has its port over IPv4?
    fn is_for_both_families(self, address: SocketAddr) -> bool {
        let config = self.config;
        let every_v4 = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
        let is_v4 =
            |text: &String| text.trim().parse::<SocketAddr>().is_ok_and(|it| it == every_v4);
        address.is_ipv6()
            && address.ip().is_unspecified()
            && !config.ipv6_only
            && !config.listen.iter().any(is_v4)
    }

    fn bind(self, address: SocketAddr, both_families: bool) -> io::Result<TcpListener> {
        // Never shared, but for the public ones: the kernel would give a request to either process.
        let reuse_port = self.config.reuse_port && self.role == Role::Client;
        bind(address, both_families, self.config.backlog, reuse_port)
    }
}

fn has_admin_key(config: &Config) -> bool {
    // `vestibule check` has read it as well.
    !config.admin.key.is_empty()
}

#[cfg(test)]
mod tests;
