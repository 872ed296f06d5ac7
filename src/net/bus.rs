//! The connection to the cluster's engine: one socket on the reactor's poller, whose bytes go to the
//! node's link and come from it.

pub(super) mod inspect;
pub(super) mod resolved;
mod transport;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::thread;

use mio::net::{TcpStream, UnixStream};
use mio::{Registry, Token};

use self::resolved::ResolvedEngine;
use self::transport::BusTransport;
use super::error::StartError;
use super::handle::{Event, Mailbox};
#[cfg(any(feature = "backend", feature = "jwks-url"))]
use super::http::ClientTls;
use crate::config::{Cluster, ClusterAddress, ClusterUrl};
use crate::node::{BusInput, BusOrder, Node};
use crate::time::Now;

/// What is read in one turn, at most: what is left is read in the next one, behind the clients.
const READ_BYTES_PER_TURN: usize = 256 << 10;

/// The socket, and where it leads.
#[derive(Debug)]
pub(super) struct BusSocket {
    addresses: Vec<ClusterAddress>,
    /// `rediss://`.
    #[cfg(any(feature = "backend", feature = "jwks-url"))]
    tls: Option<ClientTls>,
    mailbox: Mailbox,
    token: Token,
    state: BusState,
    /// Counts the attempts, so that the address of an earlier one is not taken for this one's.
    attempt: u64,
    /// Which address is connected to.
    address: usize,
    is_readable: bool,
    is_writable: bool,
    buffer: Box<[u8]>,
}

#[derive(Debug)]
enum BusState {
    Closed,
    /// A thread resolves the host's name.
    Resolving,
    Connecting(BusTransport),
    Open(BusTransport),
}

impl BusSocket {
    /// `None`: there is no cluster.
    ///
    /// # Errors
    /// The file of authorities cannot be used.
    pub(super) fn new(
        cluster: &Cluster,
        mailbox: Mailbox,
        token: Token,
    ) -> Result<Option<Self>, StartError> {
        let Ok(url) = ClusterUrl::parse(&cluster.url) else { return Ok(None) };
        #[cfg(any(feature = "backend", feature = "jwks-url"))]
        let tls = match url.addresses.first() {
            Some(ClusterAddress::Host { is_tls: true, .. }) => {
                Some(ClientTls::load(("cluster.ca_file", &cluster.ca_file), None)?)
            }
            _ => None,
        };
        Ok(Some(Self {
            addresses: url.addresses,
            #[cfg(any(feature = "backend", feature = "jwks-url"))]
            tls,
            mailbox,
            token,
            state: BusState::Closed,
            attempt: 0,
            address: 0,
            is_readable: false,
            is_writable: false,
            buffer: vec![0; 64 << 10].into_boxed_slice(),
        }))
    }

    /// The poller reports the socket.
    pub(super) fn on_event(&mut self, readable: bool, writable: bool) {
        self.is_readable |= readable;
        self.is_writable |= writable;
    }

    /// May there be more to read than was read?
    pub(super) fn has_more(&self) -> bool {
        self.is_readable && matches!(self.state, BusState::Open(_))
    }

    /// Tells the node what has come, before a turn.
    pub(super) fn read(&mut self, node: &mut Node, now: Now) {
        self.finish_connecting(node, now);
        let mut left = READ_BYTES_PER_TURN;
        while self.is_readable && left > 0 {
            let BusState::Open(socket) = &mut self.state else { return };
            match socket.read(&mut self.buffer) {
                Ok(0) => return self.lose(node, now, "it closed the connection"),
                Ok(length) => {
                    left = left.saturating_sub(length);
                    let bytes = self.buffer.get(..length).unwrap_or_default();
                    node.handle_bus(now, BusInput::Bytes(bytes));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.lose(node, now, &error.to_string()),
            }
        }
    }

    /// Does what the node has ordered, and writes what it has to say, behind a turn.
    pub(super) fn write(&mut self, registry: &Registry, node: &mut Node, now: Now) {
        self.connect_as_ordered(registry, node, now);
        while let BusState::Open(socket) = &mut self.state {
            let output = node.bus_output();
            if !self.is_writable {
                return;
            }
            if output.is_empty() {
                if let Err(error) = socket.flush() {
                    self.lose(node, now, &error.to_string());
                }
                return;
            }
            match socket.write(output) {
                Ok(length) => node.consume_bus_output(length),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.lose(node, now, &error.to_string());
                    self.connect_as_ordered(registry, node, now);
                }
            }
        }
    }

    /// A thread has looked a name up.
    pub(super) fn resolved(
        &mut self,
        registry: &Registry,
        node: &mut Node,
        now: Now,
        resolved: ResolvedEngine,
    ) {
        if resolved.attempt != self.attempt || !matches!(self.state, BusState::Resolving) {
            return;
        }
        let socket = resolved.address.and_then(|address| self.tcp(address));
        self.open(registry, node, now, socket);
    }

    fn connect_as_ordered(&mut self, registry: &Registry, node: &mut Node, now: Now) {
        while let Some(order) = node.poll_bus() {
            match order {
                BusOrder::Disconnect => self.state = BusState::Closed,
                BusOrder::Connect { address } => self.connect(registry, node, now, address),
            }
        }
    }

    fn connect(&mut self, registry: &Registry, node: &mut Node, now: Now, address: usize) {
        self.attempt += 1;
        self.state = BusState::Closed;
        self.address = address;
        let Some(address) = self.addresses.get(address) else { return };
        let socket = match address {
            ClusterAddress::Unix(path) => UnixStream::connect(path).map(BusTransport::Unix),
            ClusterAddress::Host { host, port, .. } => match host.parse::<IpAddr>() {
                Ok(ip) => self.tcp(SocketAddr::new(ip, *port)),
                Err(_) => match self.look_up(host.clone(), *port) {
                    Ok(()) => {
                        self.state = BusState::Resolving;
                        return;
                    }
                    Err(error) => Err(error),
                },
            },
        };
        self.open(registry, node, now, socket);
    }

    fn tcp(&self, address: SocketAddr) -> io::Result<BusTransport> {
        let socket = TcpStream::connect(address)?;
        #[cfg(any(feature = "backend", feature = "jwks-url"))]
        if let Some(tls) = &self.tls
            && let Some(ClusterAddress::Host { host, .. }) = self.addresses.get(self.address)
        {
            return Ok(BusTransport::Tls(socket, Box::new(tls.session(host)?)));
        }
        Ok(BusTransport::Tcp(socket))
    }

    /// Looks a name up, on a thread, as that blocks.
    fn look_up(&self, host: String, port: u16) -> io::Result<()> {
        let (mailbox, attempt) = (self.mailbox.clone(), self.attempt);
        let round = round_of(attempt, self.addresses.len());
        let look_up = move || {
            let found = (host.as_str(), port).to_socket_addrs();
            let address = found.and_then(|found| {
                let found: Vec<SocketAddr> = found.collect();
                // The engine may not be at all of them, such as at the host's IPv6 address.
                let turn = round.checked_rem(found.len());
                let chosen = turn.and_then(|turn| found.get(turn).copied());
                chosen.ok_or_else(|| io::Error::other("the name has no address"))
            });
            mailbox.deliver(Event::BusResolved(ResolvedEngine { attempt, address }));
        };
        thread::Builder::new().name("bus name".to_owned()).spawn(look_up).map(drop)
    }

    fn open(
        &mut self,
        registry: &Registry,
        node: &mut Node,
        now: Now,
        socket: io::Result<BusTransport>,
    ) {
        let socket = socket.and_then(|mut socket| {
            socket.register(registry, self.token)?;
            Ok(socket)
        });
        match socket {
            Ok(socket) => {
                (self.is_readable, self.is_writable) = (false, false);
                self.state = BusState::Connecting(socket);
            }
            Err(error) => self.lose(node, now, &error.to_string()),
        }
    }

    /// A socket that is writable is connected, or its connection has failed.
    fn finish_connecting(&mut self, node: &mut Node, now: Now) {
        if !self.is_writable || !matches!(self.state, BusState::Connecting(_)) {
            return;
        }
        let BusState::Connecting(socket) = std::mem::replace(&mut self.state, BusState::Closed)
        else {
            return;
        };
        match socket.check() {
            Ok(()) => {
                self.state = BusState::Open(socket);
                node.handle_bus(now, BusInput::Connected);
            }
            Err(error) => self.lose(node, now, &error.to_string()),
        }
    }

    fn lose(&mut self, node: &mut Node, now: Now, why: &str) {
        self.state = BusState::Closed;
        node.handle_bus(now, BusInput::Lost(why));
    }
}

/// How often all configured addresses have been tried, with this attempt: each of a name's addresses gets its
/// turn. Were the attempts counted, the first of two configured names would always have the same one.
fn round_of(attempt: u64, configured: usize) -> usize {
    usize::try_from(attempt).unwrap_or(0).div_ceil(configured.max(1))
}

/// A name for a node that was given none: the host's, and digits that make it unique.
///
/// # Errors
/// The operating system provides no entropy.
pub(super) fn unique_name() -> io::Result<String> {
    let mut digits = [0; 3];
    getrandom::fill(&mut digits).map_err(io::Error::other)?;
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let is_allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let host: String = name.chars().filter(is_allowed).take(48).collect();
    let [a, b, c] = digits;
    Ok(format!("{host}-{a:02x}{b:02x}{c:02x}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The link goes from one configured address to the next with each attempt.
    #[test]
    fn each_address_of_each_name_is_tried() {
        for (configured, found) in [(1, 2), (2, 2), (2, 3), (3, 2), (4, 2)] {
            let tried: BTreeSet<_> = (1..=24)
                .map(|attempt| {
                    let address = (attempt - 1) % configured;
                    (address, round_of(attempt as u64, configured) % found)
                })
                .collect();
            assert_eq!(tried.len(), configured * found, "{configured} names of {found}");
        }
    }
}
