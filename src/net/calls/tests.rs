//! What one step of the sockets does for a caller that goes on.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mio::{Events, Poll};

use super::*;
use crate::time::UnixTime;

/// Has another byte to write whenever one is written.
#[derive(Debug, Default)]
struct EndlessServer {
    is_taken: bool,
    writes: usize,
    changed: VecDeque<usize>,
}

impl CallServer for EndlessServer {
    fn has_place(&self) -> bool {
        !self.is_taken
    }

    fn is_full(&self) -> bool {
        self.is_taken
    }

    fn handle_connect(&mut self, _: Now) -> Option<usize> {
        self.changed.push_back(0);
        (!std::mem::replace(&mut self.is_taken, true)).then_some(0)
    }

    fn longest_idle(&self) -> Option<usize> {
        None
    }

    fn wants_input(&self, _: usize) -> bool {
        true
    }

    fn handle_bytes(&mut self, _: Now, _: usize, _: &[u8]) {}

    fn handle_hangup(&mut self, _: usize) {}

    fn handle_completion(&mut self, _: Now, _: Completion) -> Option<AppEvent> {
        None
    }

    fn handle_timeout(&mut self, _: Now) {}

    fn output(&self, _: usize) -> &[u8] {
        b"x"
    }

    fn consume_output(&mut self, _: Now, slot: usize, _: usize) {
        self.writes += 1;
        assert!(self.writes <= 2 * WRITES, "one step writes without end");
        self.changed.push_back(slot);
    }

    fn is_over(&self, _: usize) -> bool {
        false
    }

    fn is_finished(&self, _: usize) -> bool {
        false
    }

    fn changed(&self) -> usize {
        usize::from(!self.changed.is_empty())
    }

    fn poll_changed(&mut self) -> Option<usize> {
        self.changed.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// Has one place. Its connection is idle until it has sent something.
#[derive(Debug, Default)]
struct OnePlace {
    is_taken: bool,
    is_busy: bool,
    seen: Arc<Mutex<Vec<String>>>,
}

impl OnePlace {
    fn note(&self, what: impl Into<String>) {
        self.seen.lock().unwrap().push(what.into());
    }
}

impl CallServer for OnePlace {
    fn has_place(&self) -> bool {
        !self.is_busy
    }

    fn is_full(&self) -> bool {
        self.is_taken
    }

    fn handle_connect(&mut self, _: Now) -> Option<usize> {
        self.note("connected");
        (!std::mem::replace(&mut self.is_taken, true)).then_some(0)
    }

    fn longest_idle(&self) -> Option<usize> {
        (self.is_taken && !self.is_busy).then_some(0)
    }

    fn wants_input(&self, _: usize) -> bool {
        true
    }

    fn handle_bytes(&mut self, _: Now, _: usize, bytes: &[u8]) {
        self.is_busy = true;
        self.note(String::from_utf8_lossy(bytes));
    }

    fn handle_hangup(&mut self, _: usize) {
        (self.is_taken, self.is_busy) = (false, false);
        self.note("closed");
    }

    fn handle_completion(&mut self, _: Now, _: Completion) -> Option<AppEvent> {
        None
    }

    fn handle_timeout(&mut self, _: Now) {}

    fn output(&self, _: usize) -> &[u8] {
        b""
    }

    fn consume_output(&mut self, _: Now, _: usize, _: usize) {}

    fn is_over(&self, _: usize) -> bool {
        false
    }

    fn is_finished(&self, _: usize) -> bool {
        false
    }

    fn changed(&self) -> usize {
        0
    }

    fn poll_changed(&mut self) -> Option<usize> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

const NOW: Now = Now { monotonic: Instant::START, unix: UnixTime::from_millis(0) };

/// The sockets of this server, and where they listen.
fn open(poll: &Poll, server: Box<dyn CallServer>) -> (CallSockets, SocketAddr) {
    let mut config = Config::default();
    "127.0.0.1:0".clone_into(&mut config.recipes.listen);
    let sockets = CallSockets::open(&config, server, poll.registry(), TOKENS).unwrap();
    match &sockets.addresses()[..] {
        [ListenerAddress::Tcp(address)] => (sockets, *address),
        other => panic!("{other:?}"),
    }
}

/// One step, with what the poller knows by now.
fn step(poll: &mut Poll, sockets: &mut CallSockets) {
    let mut events = Events::with_capacity(16);
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    for event in &events {
        assert!(sockets.on_event(event));
    }
    sockets.step(poll.registry(), NOW);
}

#[test]
fn request_that_has_come_is_read_before_an_accept() {
    let mut poll = Poll::new().unwrap();
    let server = OnePlace::default();
    let seen = Arc::clone(&server.seen);
    let (mut sockets, address) = open(&poll, Box::new(server));
    let mut first = TcpStream::connect(address).unwrap();
    for _ in 0..2 {
        step(&mut poll, &mut sockets);
    }
    first.write_all(b"call").unwrap();
    let _second = TcpStream::connect(address).unwrap();
    step(&mut poll, &mut sockets);
    assert_eq!(*seen.lock().unwrap(), ["connected", "call"]);
}

#[test]
fn new_connection_is_read_before_it_makes_place() {
    let mut poll = Poll::new().unwrap();
    let server = OnePlace::default();
    let seen = Arc::clone(&server.seen);
    let (mut sockets, address) = open(&poll, Box::new(server));
    let mut callers = [(); 2].map(|()| TcpStream::connect(address).unwrap());
    for caller in &mut callers {
        caller.write_all(b"call").unwrap();
    }
    step(&mut poll, &mut sockets);
    assert_eq!(*seen.lock().unwrap(), ["connected"]);
    assert!(sockets.has_more());
    step(&mut poll, &mut sockets);
    assert_eq!(*seen.lock().unwrap(), ["connected", "call"]);
    assert!(!sockets.has_more(), "the second one waits in the backlog");
}

#[test]
fn silent_connection_makes_place_after_it_was_read() {
    let mut poll = Poll::new().unwrap();
    let server = OnePlace::default();
    let seen = Arc::clone(&server.seen);
    let (mut sockets, address) = open(&poll, Box::new(server));
    let _callers = [(); 2].map(|()| TcpStream::connect(address).unwrap());
    for _ in 0..2 {
        step(&mut poll, &mut sockets);
    }
    assert_eq!(*seen.lock().unwrap(), ["connected", "closed", "connected"]);
}

#[test]
fn one_step_writes_a_bounded_number_of_answers() {
    let poll = Poll::new().unwrap();
    let (mut sockets, address) = open(&poll, Box::new(EndlessServer::default()));
    let _caller = TcpStream::connect(address).unwrap();
    sockets.step(poll.registry(), NOW);
    assert!(sockets.has_more(), "the rest is written in the next step");
}
