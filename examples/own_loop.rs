//! The node in a loop of your own: everything that a driver has to do, on one page.
//!
//! ```text
//! cargo run --example own_loop [ADDRESS]
//! ```
//!
//! A [`Node`] has no socket and no clock. Whoever has both can drive it: hand in what came, do what
//! it asks for, and come back when it says so. This loop is correct and simple; where the library's
//! own driver does more, the comments say what.
#![expect(clippy::print_stdout, reason = "the address is what the user waits for")]

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::SystemTime;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use vestibule::config::Auth;
use vestibule::id::ConnId;
use vestibule::node::{Action, Hangup};
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

/// A node, and what it does not have itself: sockets, a poller, a clock.
pub(crate) struct OwnLoop {
    node: Node,
    listener: TcpListener,
    /// By the whole id, so that an event for a connection that is gone finds nothing. The library's
    /// driver has a `Vec` by [`ConnId::index`] and compares the generation.
    sockets: HashMap<ConnId, Socket>,
    poll: Poll,
    events: Events,
    /// One buffer for all: what a connection leaves unfinished, the node keeps.
    buffer: Vec<u8>,
    started: std::time::Instant,
}

struct Socket {
    stream: TcpStream,
    /// The peer has ended its side; the node knows.
    ended: bool,
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
        Ok(Self {
            node,
            listener,
            sockets: HashMap::new(),
            poll,
            events: Events::with_capacity(1_024),
            buffer: vec![0; 64 * 1_024],
            started: now(),
        })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Waits until something is to be done, and does it.
    pub(crate) fn turn(&mut self) -> io::Result<()> {
        // 1. Sleep, at most to the node's next deadline. No deadline: as long as nothing comes.
        let present = self.now().monotonic;
        let wait = self.node.poll_timeout().map(|deadline| deadline.since(present));
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, wait) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // 2. One `now` for the whole turn. It must never go back.
        let now = self.now();
        for event in &events {
            if event.token() == LISTENER {
                self.accept(now);
                continue;
            }
            let id = ConnId::from_bits(event.token().0 as u64);
            if event.is_writable() {
                self.write(now, id);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.read(now, id);
            }
        }
        self.events = events;
        // 3. Deadlines, one step of the messages that are on their way to large rooms (`poll_timeout`
        // is past as long as there are any), and then whatever the node wants done by now: mutate,
        // then drain.
        self.node.handle_timeout(now);
        self.act(now);
        Ok(())
    }

    /// Takes every connection that waits. The poller is edge-triggered: it tells once that something
    /// came, so whoever does not take all of it is not told again.
    fn accept(&mut self, now: Now) {
        loop {
            match self.listener.accept() {
                Ok((stream, peer)) => self.admit(now, stream, peer),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // A peer that was gone before it was accepted is no reason to stop.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Out of descriptors: who waits is taken when the next one comes. The library's
                // driver tries again after a moment.
                Err(_) => return,
            }
        }
    }

    fn admit(&mut self, now: Now, mut stream: TcpStream, peer: SocketAddr) {
        // Refused: every slot is taken. The socket is closed by dropping it.
        let Ok(id) = self.node.handle_accept(now, peer) else { return };
        // WRITABLE is asked for from the start, which costs one event a connection. The library's
        // driver asks for it only after a short write.
        let (token, interest) =
            (Token(id.to_bits() as usize), Interest::READABLE | Interest::WRITABLE);
        if self.poll.registry().register(&mut stream, token, interest).is_err() {
            self.node.handle_hangup(now, id, Hangup::Reset);
        }
        self.sockets.insert(id, Socket { stream, ended: false });
    }

    /// Reads until there is no more, or the node wants no more.
    ///
    /// A peer that sends without a pause would keep this loop for itself. The library's driver reads
    /// once, and puts who may have more on a ready list: see `vestibule::node::Schedule`.
    fn read(&mut self, now: Now, id: ConnId) {
        while self.node.wants_input(id) {
            let Some(socket) = self.sockets.get_mut(&id).filter(|socket| !socket.ended) else {
                return;
            };
            match socket.stream.read(&mut self.buffer) {
                Ok(0) => {
                    socket.ended = true;
                    self.node.handle_hangup(now, id, Hangup::Eof);
                }
                Ok(length) => {
                    let bytes = self.buffer.get_mut(..length).unwrap_or_default();
                    self.node.handle_bytes(now, id, bytes);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.node.handle_hangup(now, id, Hangup::Reset),
            }
        }
    }

    /// Writes until everything is out, or the kernel takes no more: then an event comes when it does.
    fn write(&mut self, now: Now, id: ConnId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        loop {
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = self.node.pending_output(id, &mut slices);
            if filled == 0 {
                return;
            }
            match socket.stream.write_vectored(slices.get(..filled).unwrap_or_default()) {
                Ok(written) => self.node.consume_output(now, id, written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.node.handle_hangup(now, id, Hangup::Reset),
            }
        }
    }

    /// Does what the node asks for, until it asks for nothing. Each deed may lead to the next.
    fn act(&mut self, now: Now) {
        while let Some(action) = self.node.poll_action() {
            match action {
                Action::Flush(id) => self.write(now, id),
                // The last word is out. The peer may still be sending: to close now would answer
                // that with a reset, which can eat the last word on its way.
                Action::Finish(id) => {
                    if let Some(socket) = self.sockets.get(&id) {
                        // An error means that the peer is gone, which a read will tell.
                        let _ = socket.stream.shutdown(Shutdown::Write);
                    }
                }
                // What was left in the socket under back-pressure has no event to come.
                Action::Resume(id) => self.read(now, id),
                Action::Close(id) => drop(self.sockets.remove(&id)),
                // Work that blocks, from an application that answers `Later`. It belongs to another
                // thread; the application of this example has none.
                Action::Submit(command) => self.node.handle_completion(now, command.run()),
            }
        }
    }

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
}

#[expect(clippy::disallowed_methods, reason = "a driver is where the clocks are read")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
