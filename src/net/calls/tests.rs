//! What one step of the sockets does for a caller that goes on.

use std::collections::VecDeque;
use std::net::TcpStream;

use mio::Poll;

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

#[test]
fn one_step_writes_a_bounded_number_of_answers() {
    let mut config = Config::default();
    "127.0.0.1:0".clone_into(&mut config.recipes.listen);
    let poll = Poll::new().unwrap();
    let server = Box::new(EndlessServer::default());
    let mut sockets = CallSockets::open(&config, server, poll.registry(), TOKENS).unwrap();
    let address = match &sockets.addresses()[..] {
        [ListenerAddress::Tcp(address)] => *address,
        other => panic!("{other:?}"),
    };
    let _caller = TcpStream::connect(address).unwrap();
    let now = Now { monotonic: Instant::START, unix: UnixTime::default() };
    sockets.step(poll.registry(), now);
    assert!(sockets.has_more(), "the rest is written in the next step");
}
