//! The listening sockets: how they are opened, and what their errors mean.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::auth::KeyFault;
use crate::config::Config;
use crate::time::Instant;

/// How long nothing is accepted after an error that a retry would only meet again, such as a full
/// table of descriptors. Long enough not to spin, short enough for a client that waits.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a server did not start. Its text says what to do.
#[derive(Debug)]
pub enum StartError {
    /// `listen` is empty.
    NoAddress,
    /// This text of `listen` is not an address.
    Address(String),
    /// This text of `admin.listen` is not an address.
    AdminAddress(String),
    /// This address of `admin.listen` cannot be listened on.
    Admin {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// This address cannot be listened on.
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The system gave no poller.
    Poll(io::Error),
    /// The configured key cannot be used.
    Key(KeyFault),
    /// What `tls` names cannot be used. The text says which setting, which file, and why.
    Tls(String),
    /// Keys cannot be read.
    Keys {
        /// The setting that says where they are, and what it says.
        place: String,
        /// Why.
        why: String,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("`listen` is empty: name an address"),
            Self::Address(text) => write!(
                f,
                "`{text}` in `listen` is no address: write an IP address and a port, such as \
                 `127.0.0.1:8080` or `[::1]:8080`"
            ),
            Self::AdminAddress(text) => write!(
                f,
                "`{text}` in `admin.listen` is no address: write an IP address and a port, such as \
                 `127.0.0.1:9090`, or nothing to turn the admin listener off"
            ),
            Self::Listen { address, error } => listen_advice(f, *address, error),
            Self::Admin { address, error } if error.kind() == ErrorKind::AddrInUse => write!(
                f,
                "cannot listen on {address} (admin.listen): another process has it: set \
                 admin.listen to another port, or to \"\" for no admin listener \
                 (VESTIBULE_ADMIN__LISTEN)"
            ),
            Self::Admin { address, error } => {
                listen_advice(f, *address, error)?;
                f.write_str(" (admin.listen)")
            }
            Self::Poll(error) => {
                write!(f, "no poller: {error}; is the limit of open files (`ulimit -n`) too low?")
            }
            Self::Key(error) => error.fmt(f),
            Self::Tls(why) => f.write_str(why),
            Self::Keys { place, why } => write!(f, "{place}: {why}"),
        }
    }
}

fn listen_advice(
    f: &mut fmt::Formatter<'_>,
    address: SocketAddr,
    error: &io::Error,
) -> fmt::Result {
    write!(f, "cannot listen on {address}: ")?;
    match error.kind() {
        ErrorKind::AddrInUse => f.write_str(
            "another process, or another entry of `listen`, has it: stop it, or take another port",
        ),
        ErrorKind::PermissionDenied => f.write_str(
            "not permitted: take a port from 1024 up, or give the binary `cap_net_bind_service`",
        ),
        ErrorKind::AddrNotAvailable => {
            f.write_str("this host has no such address: take one of its own, or `0.0.0.0`")
        }
        _ => write!(f, "{error}"),
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoAddress
            | Self::Address(_)
            | Self::AdminAddress(_)
            | Self::Tls(_)
            | Self::Keys { .. } => None,
            Self::Listen { error, .. } | Self::Admin { error, .. } | Self::Poll(error) => {
                Some(error)
            }
            Self::Key(error) => Some(error),
        }
    }
}

impl From<KeyFault> for StartError {
    fn from(error: KeyFault) -> Self {
        Self::Key(error)
    }
}

/// All listening sockets of a server.
#[derive(Debug)]
pub(super) struct Listeners {
    /// The public ones, and behind them the admin listener, if there is one.
    sockets: Vec<TcpListener>,
    public: usize,
    paused_until: Option<Instant>,
    /// The last attempt failed: said once, not ten times a second.
    failing: bool,
}

/// What one accept gave.
#[derive(Debug)]
pub(super) enum Accepted {
    /// A connection; there may be another.
    Stream(TcpStream, SocketAddr),
    /// None, but there may be another.
    Again,
    /// None is left: the poller will say when there is.
    Empty,
    /// Nothing is accepted for a moment.
    Paused,
    /// A pause begins.
    Failed,
}

impl Listeners {
    /// Opens every address of `config.listen`, and that of `config.admin`.
    pub(super) fn bind(config: &Config) -> Result<Self, StartError> {
        if config.listen.is_empty() {
            return Err(StartError::NoAddress);
        }
        let open_one = |text: &String| {
            let address: SocketAddr =
                text.trim().parse().map_err(|_| StartError::Address(text.clone()))?;
            open(address, config.backlog, config.reuse_port)
                .map_err(|error| StartError::Listen { address, error })
        };
        let mut sockets: Vec<_> = config.listen.iter().map(open_one).collect::<Result<_, _>>()?;
        let public = sockets.len();
        if !config.admin.listen.is_empty() {
            let text = &config.admin.listen;
            let address =
                config.admin.address().ok_or_else(|| StartError::AdminAddress(text.clone()))?;
            // Never shared: the kernel would hand a call to whichever process it likes.
            let socket = open(address, config.backlog, false)
                .map_err(|error| StartError::Admin { address, error })?;
            sockets.push(socket);
        }
        Ok(Self { sockets, public, paused_until: None, failing: false })
    }

    /// Is it the admin listener that has this `number`?
    pub(super) fn is_admin(&self, number: usize) -> bool {
        number >= self.public
    }

    /// Starts to watch them; the first one's token is `last`, the next one's is one less.
    pub(super) fn register(&mut self, registry: &Registry, last: usize) -> io::Result<()> {
        for (number, socket) in self.sockets.iter_mut().enumerate() {
            registry.register(socket, Token(last - number), Interest::READABLE)?;
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// The public addresses in the order of the configuration, with the ports that the system chose.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let public = self.sockets.iter().take(self.public);
        public.filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// The admin listener's address, likewise.
    pub(super) fn admin_address(&self) -> Option<SocketAddr> {
        self.sockets.get(self.public)?.local_addr().ok()
    }

    #[cfg(all(test, unix))]
    pub(super) fn sockets(&self) -> &[TcpListener] {
        &self.sockets
    }

    /// When [`Listeners::resume`] has something to do.
    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Ends a pause that is over at `now`: true when there was one.
    pub(super) fn resume(&mut self, now: Instant) -> bool {
        self.paused_until.take_if(|moment| *moment <= now).is_some()
    }

    /// Accepts at most one connection from the listener of this `number`.
    pub(super) fn accept(&mut self, number: usize, now: Instant) -> Accepted {
        if self.paused_until.is_some() {
            return Accepted::Paused;
        }
        let Some(socket) = self.sockets.get(number) else { return Accepted::Empty };
        match socket.accept() {
            Ok((stream, peer)) => {
                self.failing = false;
                Accepted::Stream(stream, peer)
            }
            Err(error) => self.judge(&error, now),
        }
    }

    /// None of these ends the server, and none closes a connection.
    fn judge(&mut self, error: &io::Error, now: Instant) -> Accepted {
        match error.kind() {
            ErrorKind::WouldBlock => Accepted::Empty,
            // This one connection failed before it was accepted (accept(2), "Error handling").
            ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown => Accepted::Again,
            // EMFILE, ENFILE, ENOBUFS, ENOMEM, and whatever nobody foresaw. What waits stays in
            // the backlog; closing a connection to make room would help a flood against users.
            _ => {
                if !self.failing {
                    log::warn!("accepting fails, next try in {} ms: {error}", PAUSE.as_millis());
                }
                self.failing = true;
                self.paused_until = Some(now + PAUSE);
                Accepted::Failed
            }
        }
    }
}

fn open(address: SocketAddr, backlog: u32, reuse_port: bool) -> io::Result<TcpListener> {
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
        // `0.0.0.0` and `[::]` may both be listened on, and a peer has one form of address.
        socket.set_only_v6(true)?;
    }
    // Linux hands this down to each accepted socket, which saves a system call for each.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(TcpListener::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(listen: &[&str]) -> Config {
        let listen = listen.iter().map(ToString::to_string).collect();
        let mut config = Config { listen, ..Config::default() };
        config.admin.listen.clear();
        config
    }

    fn fault(listen: &[&str]) -> String {
        Listeners::bind(&config(listen)).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_listened_on_is_named_with_what_to_do() {
        assert_eq!(fault(&[]), "`listen` is empty: name an address");
        assert!(fault(&["localhost"]).starts_with("`localhost` in `listen` is no address: write"));
        let first = Listeners::bind(&config(&["127.0.0.1:0"])).unwrap();
        let second = first.addresses()[0].to_string();
        let said = fault(&[&second]);
        assert!(said.starts_with(&format!("cannot listen on {second}: another process")), "{said}");
    }

    #[test]
    fn an_admin_port_that_is_taken_is_named_with_what_to_do() {
        let with_admin = |admin: &str| {
            let mut config = config(&["127.0.0.1:0"]);
            config.admin.listen = admin.to_owned();
            Listeners::bind(&config)
        };
        let first = with_admin("127.0.0.1:0").unwrap();
        assert_eq!(first.addresses().len(), 1);
        let taken = first.admin_address().unwrap();
        let said = with_admin(&taken.to_string()).unwrap_err().to_string();
        let start =
            format!("cannot listen on {taken} (admin.listen): another process has it: set ");
        assert!(said.starts_with(&start), "{said}");
        let said = with_admin("localhost").unwrap_err().to_string();
        assert!(said.starts_with("`localhost` in `admin.listen` is no address: "), "{said}");
        assert!(with_admin("").unwrap().admin_address().is_none());
    }

    #[test]
    fn one_port_can_be_shared_when_that_is_asked_for() {
        let shared = |address: &str| Config { reuse_port: true, ..config(&[address]) };
        let first = Listeners::bind(&shared("127.0.0.1:0")).unwrap();
        let address = first.addresses()[0].to_string();
        assert!(Listeners::bind(&shared(&address)).is_ok());
        assert!(Listeners::bind(&config(&[&address])).is_err());
    }

    #[test]
    fn an_aborted_connection_is_skipped_and_a_full_table_pauses() {
        let mut listeners = Listeners::bind(&config(&["127.0.0.1:0"])).unwrap();
        let now = Instant::from_micros(5_000);
        let aborted = io::Error::from(ErrorKind::ConnectionAborted);
        assert!(matches!(listeners.judge(&aborted, now), Accepted::Again));
        assert!(matches!(listeners.accept(0, now), Accepted::Empty));

        let emfile = io::Error::from_raw_os_error(24);
        assert!(matches!(listeners.judge(&emfile, now), Accepted::Failed));
        assert!(matches!(listeners.accept(0, now), Accepted::Paused));
        assert_eq!(listeners.paused_until(), Some(now + PAUSE));
        assert!(!listeners.resume(now));
        assert!(listeners.resume(now + PAUSE));
        assert!(matches!(listeners.accept(0, now), Accepted::Empty));
    }

    #[test]
    fn accepted_sockets_inherit_nodelay() {
        let mut listeners = Listeners::bind(&config(&["127.0.0.1:0"])).unwrap();
        let _client = std::net::TcpStream::connect(listeners.addresses()[0]).unwrap();
        match listeners.accept(0, Instant::START) {
            Accepted::Stream(stream, _) => assert!(stream.nodelay().unwrap()),
            other => panic!("{other:?}"),
        }
    }
}
