//! One client's socket and its state.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use vestibule::time::Instant;

use super::client::ResponseParser;
use super::secure::PeerTls;

/// A client to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    /// The user's number, which selects the token and identifies the client to scripts.
    pub(super) user: u32,
    /// The number in the room's name.
    pub(super) room: u32,
    pub(super) role: PeerRole,
}

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerRole {
    /// Authenticates.
    Member,
    /// Authenticates, and is polled before all others.
    Urgent,
    /// Authenticates as its script says, and reads its messages there. Its end is no failure: it comes
    /// back.
    Returning,
    /// Upgrades, and never authenticates.
    Silent,
}

/// ```text
/// Connecting ─▶ Upgrading ─▶ Authenticating ─▶ Ready ─▶ Closing
///                   └─▶ Silent ────────────────────────────▲
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerPhase {
    Connecting,
    Upgrading,
    Authenticating,
    Silent,
    Ready,
    /// A close frame was sent.
    Closing,
}

impl PeerPhase {
    /// The name of the phase in the reason of a failure.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Upgrading => "the upgrade",
            Self::Authenticating => "authentication",
            Self::Silent => "waiting for the authentication timeout",
            Self::Ready => "chat",
            Self::Closing => "the closing handshake",
        }
    }

    /// Whether the client counts against the limit of handshakes.
    pub(super) fn is_handshake(self) -> bool {
        matches!(self, Self::Connecting | Self::Upgrading | Self::Authenticating)
    }
}

/// A client's socket with its state.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) visit: Visit,
    pub(super) phase: PeerPhase,
    pub(super) client: ResponseParser,
    /// Distinguishes it from earlier clients in the same slot.
    pub(super) serial: u64,
    /// When the TCP connect began.
    pub(super) started: Instant,
    /// When the upgrade request was sent.
    pub(super) requested: Instant,
    /// The due times of the unanswered chat messages, in order.
    pub(super) unanswered: VecDeque<Instant>,
    /// Whether the server's close frame has arrived. Then the end of the connection is not a
    /// failure.
    pub(super) was_closed: bool,
    /// Whether its failure is counted already.
    pub(super) has_failed: bool,
    stream: TcpStream,
    /// `None`: without TLS.
    tls: Option<PeerTls>,
    /// Bytes that the socket has not accepted yet.
    backlog: Vec<u8>,
}

impl Peer {
    /// Starts to connect. The socket must then be registered with [`Peer::register`].
    pub(super) fn connect(
        visit: Visit,
        target: SocketAddr,
        source: Option<Ipv4Addr>,
        (tls, serial): (Option<PeerTls>, u64),
        now: Instant,
    ) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(target),
            Type::STREAM.nonblocking().cloexec(),
            Some(Protocol::TCP),
        )?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = source {
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        match socket.connect(&target.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => {}
            Err(error) => return Err(error),
        }
        Ok(Self {
            visit,
            phase: PeerPhase::Connecting,
            client: match visit.role {
                PeerRole::Returning => ResponseParser::keeping_text(),
                _ => ResponseParser::default(),
            },
            serial,
            started: now,
            requested: now,
            unanswered: VecDeque::new(),
            was_closed: false,
            has_failed: false,
            stream: TcpStream::from_std(socket.into()),
            tls,
            backlog: Vec::new(),
        })
    }

    /// Registers the socket, for writability only while bytes wait to be written.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = self.interest();
        registry.register(&mut self.stream, token, interest)
    }

    /// Whether the socket is in the urgent poll.
    pub(super) fn is_urgent(&self) -> bool {
        self.visit.role == PeerRole::Urgent
    }

    /// Whether it speaks TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether its TLS handshake resumed an earlier session.
    pub(super) fn has_resumed(&self) -> bool {
        self.tls.as_ref().is_some_and(PeerTls::has_resumed)
    }

    fn interest(&self) -> Interest {
        // TLS may have something to write after any read.
        if self.is_secure() || self.phase == PeerPhase::Connecting || !self.backlog.is_empty() {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        }
    }

    /// Sends the upgrade request if the connection is established. Over loopback it usually is,
    /// before the kernel reports it.
    pub(super) fn try_upgrade(&mut self, request: &[u8], now: Instant) -> io::Result<()> {
        let written = match &mut self.tls {
            Some(tls) => tls.begin(&mut self.stream, request).map(|()| request.len()),
            None => self.stream.write(request),
        };
        match written {
            Ok(taken) => self.backlog.extend_from_slice(request.get(taken..).unwrap_or_default()),
            Err(error) if is_not_yet(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
        self.phase = PeerPhase::Upgrading;
        self.requested = now;
        Ok(())
    }

    /// Sends bytes, and keeps what the socket does not accept. Errors are ignored here, as the next
    /// read returns them.
    pub(super) fn send(&mut self, bytes: &[u8], registry: &Registry, token: Token) {
        if let Some(tls) = &mut self.tls {
            return tls.send(&mut self.stream, bytes);
        }
        if !self.backlog.is_empty() {
            self.backlog.extend_from_slice(bytes);
            return;
        }
        let taken = self.stream.write(bytes).unwrap_or(0);
        if let Some(rest @ [_, ..]) = bytes.get(taken..) {
            self.backlog.extend_from_slice(rest);
            let interest = self.interest();
            let _ = registry.reregister(&mut self.stream, token, interest);
        }
    }

    /// Sends the kept bytes.
    pub(super) fn flush(&mut self, registry: &Registry, token: Token) {
        if let Some(tls) = &mut self.tls {
            return tls.flush(&mut self.stream);
        }
        if self.backlog.is_empty() {
            return;
        }
        while let Ok(taken @ 1..) = self.stream.write(&self.backlog) {
            self.backlog.drain(..taken);
            if self.backlog.is_empty() {
                self.backlog = Vec::new();
                let _ = registry.reregister(&mut self.stream, token, Interest::READABLE);
                return;
            }
        }
    }

    /// Reads once. `WouldBlock` means that there is nothing to read, 0 the end of the connection.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(tls) = &mut self.tls {
            return tls.read(&mut self.stream, buffer);
        }
        loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    /// Makes the socket end with a reset, so that its port does not stay in TIME_WAIT.
    pub(super) fn set_abrupt(&self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}
