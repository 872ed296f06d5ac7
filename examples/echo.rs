//! A raw echo on the same frame code that the server uses: to point a WebSocket test suite at it.
//! `scripts/conformance` does so with Autobahn's; `docs/conformance.md` has the results.
//!
//! ```text
//! cargo run --release --example echo 127.0.0.1:9001
//! ```
//!
//! Text and binary messages come back as they are, pings are answered, a close frame is answered in
//! kind, and what RFC 6455 forbids is closed with its code. There are no limits on time here and no
//! authentication: it is a test bench, not a server.
#![expect(clippy::print_stdout, reason = "the address is what the user waits for")]

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use tungstenite::handshake::derive_accept_key;
use vestibule::node::{Decoder, Encoder, Frame};

/// The suite's largest message has 16 MiB.
const MAX_MESSAGE: usize = 16 * 1_024 * 1_024;
/// With so much to be written, nothing more is read.
const MAX_QUEUED: usize = 64 * 1_024;
const MAX_HEAD: usize = 8 * 1_024;
const LISTENER: Token = Token(usize::MAX);

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let mut echo = Echo::bind(address.parse()?)?;
    println!("listening on {}", echo.address()?);
    loop {
        echo.turn()?;
    }
}

/// The listener and its connections.
pub(crate) struct Echo {
    listener: TcpListener,
    peers: Slab<Peer>,
    poll: Poll,
    buffer: Vec<u8>,
}

impl Echo {
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let mut listener = TcpListener::bind(address)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self { listener, peers: Slab::new(), poll, buffer: vec![0; 64 * 1_024] })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Waits for events, and serves whom they are about. An event that comes for a place that was
    /// given to somebody else meanwhile does no harm: it only makes that one be looked at.
    pub(crate) fn turn(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        match self.poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for event in &events {
            if event.token() == LISTENER {
                self.accept()?;
                continue;
            }
            let place = event.token().0;
            let Some(peer) = self.peers.get_mut(place) else { continue };
            // A connection that breaks is over, and the others are not concerned.
            if !matches!(peer.serve(&mut self.buffer), Ok(Life::GoesOn)) {
                drop(self.peers.remove(place));
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((mut stream, _)) = self.listener.accept() {
            let entry = self.peers.vacant_entry();
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(entry.key()), interest)?;
            entry.insert(Peer::new(stream));
        }
        Ok(())
    }
}

enum Life {
    GoesOn,
    IsOver,
}

struct Peer {
    stream: TcpStream,
    /// The request head, until it is whole.
    head: Option<Vec<u8>>,
    decoder: Decoder,
    encoder: Encoder,
    /// What is to be written.
    queue: Vec<u8>,
    /// The close frame is said: nothing that comes now is looked at.
    is_closing: bool,
    /// It is written, and the server's side ended.
    is_finished: bool,
    /// The peer has ended its side.
    has_ended: bool,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            head: Some(Vec::new()),
            decoder: Decoder::default(),
            encoder: Encoder::default(),
            queue: Vec::new(),
            is_closing: false,
            is_finished: false,
            has_ended: false,
        }
    }

    /// Reads and writes until the kernel says "not now" to one of both; an event comes when it would
    /// say yes.
    fn serve(&mut self, buffer: &mut [u8]) -> io::Result<Life> {
        loop {
            self.write()?;
            if self.has_ended && self.queue.is_empty() {
                return Ok(Life::IsOver);
            }
            if self.has_ended || self.queue.len() >= MAX_QUEUED {
                return Ok(Life::GoesOn);
            }
            match self.stream.read(buffer) {
                Ok(0) => self.has_ended = true,
                Ok(length) => self.take(buffer.get(..length).unwrap_or_default())?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Life::GoesOn),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let mut written = 0;
        let result = loop {
            let rest = self.queue.get(written..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            match self.stream.write(rest) {
                Ok(length) => written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.queue.drain(..written);
        result?;
        if self.is_closing && self.queue.is_empty() && !self.is_finished {
            // The server ends its side first (RFC 6455, section 7.1.1), and reads on until the peer
            // has ended its own.
            self.is_finished = true;
            self.stream.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(mut head) = self.head.take() else {
            self.take_frames(bytes);
            return Ok(());
        };
        head.extend_from_slice(bytes);
        match upgrade(&head)? {
            Some((response, length)) => {
                self.queue.extend_from_slice(response.as_bytes());
                self.take_frames(head.get(length..).unwrap_or_default());
            }
            None => self.head = Some(head),
        }
        Ok(())
    }

    fn take_frames(&mut self, bytes: &[u8]) {
        // What was kept of an unfinished frame comes before what came now.
        let mut bytes_so_far = self.decoder.take_kept();
        bytes_so_far.extend_from_slice(bytes);
        let mut at = 0;
        while !self.is_closing {
            let frame = match self.decoder.next(&mut bytes_so_far, &mut at, MAX_MESSAGE) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(reason) => {
                    self.is_closing = true;
                    self.queue.extend_from_slice(&self.encoder.close(reason));
                    break;
                }
            };
            let answer = match frame {
                Frame::Text(text) => {
                    self.encoder.text(|out| out.extend_from_slice(text.as_bytes()))
                }
                Frame::Binary(bytes) => self.encoder.binary(bytes),
                Frame::Ping(payload) => self.encoder.pong(payload),
                Frame::Pong => continue,
                Frame::Close(code) => {
                    self.is_closing = true;
                    self.encoder.close_echo(code)
                }
            };
            self.queue.extend_from_slice(&answer);
        }
        if !self.is_closing {
            bytes_so_far.drain(..at);
            self.decoder.keep(bytes_so_far);
        }
    }
}

/// The answer to an upgrade request, and the request's length; `None` when it is not whole yet.
fn upgrade(head: &[u8]) -> io::Result<Option<(String, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(head) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if head.len() < MAX_HEAD => return Ok(None),
        _ => return Err(ErrorKind::InvalidData.into()),
    };
    let is_key =
        |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("Sec-WebSocket-Key");
    let key = request.headers.iter().find(is_key).ok_or(ErrorKind::InvalidData)?;
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.value)
    );
    Ok(Some((response, length)))
}
