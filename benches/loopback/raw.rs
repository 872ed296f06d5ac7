//! A server that counts bytes: what sockets cost by themselves.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::thread;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

const LISTENER: Token = Token(usize::MAX);

/// One connection, in the middle of a step or between two.
#[derive(Debug)]
struct Peer {
    stream: TcpStream,
    step: usize,
    read: usize,
}

/// Serves until the process ends, in a thread of its own: each step reads so many bytes, then
/// writes so many. After the last one the connection ends, or the steps begin anew.
pub(crate) fn serve(steps: Vec<(usize, usize)>, ends: bool) -> SocketAddr {
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut poll = Poll::new().unwrap();
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).unwrap();
    thread::spawn(move || {
        let mut events = Events::with_capacity(1_024);
        let mut peers = Slab::new();
        loop {
            poll.poll(&mut events, None).unwrap();
            for event in &events {
                if event.token() == LISTENER {
                    accept(&listener, &poll, &mut peers);
                } else if let Some(peer) = peers.get_mut(event.token().0)
                    && !peer.serve(&steps, ends)
                {
                    drop(peers.remove(event.token().0));
                }
            }
        }
    });
    address
}

fn accept(listener: &TcpListener, poll: &Poll, peers: &mut Slab<Peer>) {
    while let Ok((mut stream, _)) = listener.accept() {
        stream.set_nodelay(true).unwrap();
        let place = peers.vacant_entry();
        let token = Token(place.key());
        poll.registry().register(&mut stream, token, Interest::READABLE).unwrap();
        place.insert(Peer { stream, step: 0, read: 0 });
    }
}

impl Peer {
    /// Reads once, as the client sends no more before it is answered. False: it is over.
    fn serve(&mut self, steps: &[(usize, usize)], ends: bool) -> bool {
        match self.stream.read(&mut [0; 4_096]) {
            Ok(0) => return false,
            Ok(length) => self.read += length,
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
        let Some(&(request, answer)) = steps.get(self.step) else { return false };
        if self.read < request {
            return true;
        }
        (self.step, self.read) = (self.step + 1, 0);
        let zeros = [0; 4_096];
        if self.stream.write_all(zeros.get(..answer).unwrap()).is_err() {
            return false;
        }
        if self.step == steps.len() && !ends {
            self.step = 0;
        }
        self.step < steps.len()
    }
}
