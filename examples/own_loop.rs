//! The node in a loop of your own: the library's turn over sockets that are yours.
//!
//! ```text
//! cargo run --example own_loop [ADDRESS]
//! ```
//!
//! A [`Node`] has no socket and no clock, and a [`Turn`] knows in which order to serve it. What is
//! left is an [`Io`], which has sockets and clocks, and a poller that says when there is something to
//! do. This is the simplest that is right; where the library's own driver does more, the comments say
//! what.
#![expect(clippy::print_stdout, reason = "the address is what the user waits for")]

use std::error::Error;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::SystemTime;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use vestibule::config::Auth;
use vestibule::driver::{Accepted, Input, Io, Readiness, Role, Turn, Written};
use vestibule::id::ConnId;
use vestibule::node::{Command, Completion};
use vestibule::time::{Instant, Now, UnixTime};
use vestibule::{Access, Config, MemoryApp, Node};

/// Tokens are signed with this: `VESTIBULE_AUTH__SECRET=… vestibule token --sub alice` makes one.
pub(crate) const SECRET: &str = "only this example may use such a secret";

const LISTENER: Token = Token(usize::MAX);

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let mut own = OwnLoop::bind(address.parse()?)?;
    println!("listening on {}", own.address()?);
    loop {
        own.turn()?;
    }
}

/// A node, its turns, and the world that they need.
pub(crate) struct OwnLoop {
    node: Node,
    turn: Turn<TcpStream>,
    world: World,
    events: Events,
}

impl OwnLoop {
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let auth = Auth { secret: SECRET.to_owned(), ..Auth::default() };
        let config = Config { auth, ..Config::default() };
        // From the operating system's entropy: nobody can compute ids, or make tables collide.
        let seed = vestibule::net::seed()?;
        let app = MemoryApp::new(&config, Access::Open, &seed.derive("application"));
        let node = Node::new(&config, &seed, Box::new(app))?;
        let mut listener = TcpListener::bind(address)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let world = World { poll, listener, started: now() };
        let turn = Turn::new(&config, world.now());
        Ok(Self { node, turn, world, events: Events::with_capacity(1_024) })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.world.listener.local_addr()
    }

    /// Waits until something is to be done, and does it.
    pub(crate) fn turn(&mut self) -> io::Result<()> {
        let Self { node, turn, world, events } = self;
        // 1. Sleep, at most until the next turn is due. Nothing is due: as long as nothing comes.
        let wait = turn.next(node).map(|at| at.since(turn.ended()));
        match world.poll.poll(events, wait) {
            // The turn may judge deadlines if there were no more events than the list takes.
            Ok(()) if events.iter().count() < events.capacity() => turn.on_poll_complete(),
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        // 2. Report what has come. Where other threads complete work, they leave it in a queue, and
        // wake the poller; then `turn.on_wake()` is called, and `Io::deliver` for each.
        for event in events.iter() {
            if event.token() == LISTENER {
                turn.on_listener(0);
                continue;
            }
            let readiness = Readiness {
                readable: event.is_readable(),
                writable: event.is_writable() || event.is_write_closed(),
                read_closed: event.is_read_closed(),
                broken: event.is_error(),
            };
            turn.on_event(node, ConnId::from_bits(event.token().0 as u64), readiness);
        }
        // 3. The turn.
        turn.run(node, world);
        Ok(())
    }
}

/// Sockets, a poller, a clock.
struct World {
    poll: Poll,
    listener: TcpListener,
    started: std::time::Instant,
}

impl Io for World {
    type Socket = TcpStream;

    /// Both clocks: the monotonic one for deadlines, the wall clock for what tokens say.
    #[expect(clippy::disallowed_methods, reason = "a driver is where the clocks are read")]
    fn now(&self) -> Now {
        let micros = self.started.elapsed().as_micros();
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now {
            monotonic: Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)),
            unix: UnixTime::from_millis(u64::try_from(unix.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    fn accept(&mut self, _: &Node, _: usize) -> Accepted<TcpStream> {
        match self.listener.accept() {
            Ok((stream, peer)) => Accepted::Connection(stream, peer, Role::Client),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Accepted::Empty,
                // A peer that was gone before it was accepted is no reason to stop.
                ErrorKind::ConnectionAborted | ErrorKind::Interrupted => Accepted::Again,
                // Out of descriptors: the turn tries again after a moment.
                _ => Accepted::Failed,
            },
        }
    }

    fn open(&mut self, id: ConnId, socket: &mut TcpStream, _: Role) -> io::Result<()> {
        // WRITABLE is asked for from the start, which costs one event a connection. The library's
        // driver asks for it only after a short write: see `Io::watch_writable`.
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(socket, Token(id.to_bits() as usize), interest)
    }

    fn read<'a>(
        &'a mut self,
        _: &Node,
        _: ConnId,
        socket: &mut TcpStream,
        buffer: &'a mut [u8],
        most: usize,
    ) -> Input<'a> {
        Input::read(buffer, most, |room| socket.read(room))
    }

    fn write(
        &mut self,
        _: &Node,
        _: ConnId,
        socket: &mut TcpStream,
        output: &[IoSlice<'_>],
    ) -> io::Result<Written> {
        Written::of(socket.write_vectored(output), output)
    }

    fn shutdown(&mut self, _: ConnId, socket: &mut TcpStream) {
        // An error means that the peer is gone, which a read will tell.
        let _ = socket.shutdown(Shutdown::Write);
    }

    /// Work that blocks, from an application that answers `Later`. It belongs to another thread; the
    /// application of this example has none, so that it would be done here.
    fn submit(&mut self, command: Command) -> Result<(), Completion> {
        Err(command.run())
    }
}

#[expect(clippy::disallowed_methods, reason = "a driver is where the clocks are read")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
