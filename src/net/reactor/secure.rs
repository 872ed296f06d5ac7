//! TLS between the sockets and the node: what is read is opened, what is written is sealed.

use std::io::{self, ErrorKind, IoSlice};
use std::mem;
use std::ops::Range;

use super::{Reactor, SLICES};
use crate::id::ConnId;
use crate::net::tls::{Acceptor, End, MAX_PLAIN_BYTES, Scratch, Session};
use crate::net::transport::Transport;
use crate::node::{Hangup, Node};
use crate::time::Now;

/// What the reactor has of TLS.
#[derive(Debug, Default)]
pub(in crate::net) struct Secure {
    /// What new connections of the public listeners are met with; `None`: they speak no TLS.
    acceptor: Option<Acceptor>,
    scratch: Scratch,
}

impl Secure {
    pub(in crate::net) fn new(acceptor: Option<Acceptor>) -> Self {
        Self { acceptor, scratch: Scratch::default() }
    }

    /// New connections are met with `acceptor`. Whether TLS is spoken at all stays as it is.
    pub(in crate::net) fn replace(&mut self, acceptor: Acceptor) {
        if let Some(before) = &self.acceptor {
            self.acceptor = Some(acceptor.replacing(before));
        }
    }
}

/// Records that a newcomer may send for one unit of the pending share. One costs us 0.5 µs, and 4 µs
/// where it brings new keys.
const RECORDS_PER_UNIT: u32 = 4;

/// What one read takes of an authenticated connection over TLS. Short records cost as much as long
/// ones, so this bounds what one unit of a turn can cost.
const TLS_READ_BYTES: usize = 16 * 1_024;

/// What a client is told that speaks HTTP where TLS is spoken. It cannot read anything else.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\
    Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: 82\r\n\r\n\
    {\"error\":\"tls_required\",\"message\":\"This port speaks TLS: use https:// or wss://.\"}";

impl Reactor {
    /// A connection of a public listener: it speaks TLS, if they do.
    pub(super) fn begin_tls(&mut self, id: ConnId) {
        let Some(acceptor) = &self.secure.acceptor else { return };
        match Session::new(acceptor) {
            Ok(session) => self.transports.secure(id, session),
            Err(error) => {
                log::warn!(connection:% = id; "no TLS session: {error}");
                self.hang_up(id, Hangup::Reset);
            }
        }
    }

    /// Where in the buffer the next read of `id` begins and ends: behind what is kept of it.
    pub(super) fn room(&mut self, id: ConnId) -> Range<usize> {
        let Self { transports, buffer, .. } = self;
        let Some((_, session)) = transports.find_secure(id) else { return 0..buffer.len() };
        let kept = session.restore(buffer);
        kept..kept + TLS_READ_BYTES
    }

    /// The first `length` bytes of the buffer are what was kept of the connection, and what came.
    /// Returns how many units beyond the first they cost.
    pub(super) fn open(&mut self, id: ConnId, length: usize) -> u32 {
        let Self { node, transports, secure, buffer, now, .. } = self;
        let scratch = &mut secure.scratch;
        let Some((transport, session)) = transports.find_secure(id) else { return 0 };
        let Some(mut bytes) = buffer.get_mut(..length).filter(|_| !transport.ended) else {
            return 0;
        };
        if !session.is_begun {
            let Some(said) = node.proxy_header_bytes(id, bytes) else {
                session.keep(bytes); // Less than a header, which is short.
                return 0;
            };
            session.is_begun = true;
            let (header, rest) = bytes.split_at_mut(said.min(length));
            if !header.is_empty() {
                node.handle_bytes(*now, id, header);
                if node.phase(id).is_none() {
                    return 0; // Dropped: a handshake would be for nobody.
                }
            }
            bytes = rest;
        }
        let was_handshaking = session.is_handshaking();
        let is_http = was_handshaking && bytes.first().is_some_and(u8::is_ascii_uppercase);
        let (records, opened) = session.open(bytes, scratch);
        node.hold_input(*now, id, session.kept_bytes());
        let mut units = records / RECORDS_PER_UNIT;
        if !scratch.plain.is_empty() {
            units += node.handle_bytes(*now, id, &mut scratch.plain);
        }
        let metrics = node.metrics_mut();
        if was_handshaking {
            if !scratch.sealed.is_empty() {
                // The signature, or the agreement on a key: it was made now.
                units += secure.acceptor.as_ref().map_or(0, Acceptor::handshake_units);
            }
            match &opened {
                Err(End::Failed(_)) => metrics.tls_failed += 1,
                _ if session.is_handshaking() => {}
                _ if session.is_resumed() => metrics.tls_resumed += 1,
                _ => metrics.tls_full += 1,
            }
        }
        if is_http {
            scratch.sealed.clear();
            scratch.sealed.extend_from_slice(NOT_TLS);
        }
        let sent = if scratch.sealed.is_empty() { Ok(()) } else { self.send_sealed(id, 0) };
        match (opened, sent) {
            (Err(End::Failed(error)), _) => {
                log::debug!(connection:% = id; "TLS: {error}");
                self.say_last(id);
                self.hang_up(id, Hangup::Tls);
            }
            (_, Err(error)) => self.broke(id, &error),
            (Err(End::Eof), Ok(())) => self.end_of_input(id),
            // What the node said before the handshake was over waits no longer.
            (Ok(()), Ok(())) if was_handshaking && self.node.has_output(id) => self.write(id),
            (Ok(()), Ok(())) => {}
        }
        units
    }

    /// Seals and writes until nothing is left or the kernel's buffer is full.
    pub(super) fn write_sealed(&mut self, id: ConnId) -> io::Result<()> {
        loop {
            let Self { node, transports, secure, poll, now, .. } = self;
            let Some((transport, session)) = transports.find_secure(id) else { return Ok(()) };
            if !session.unsent().is_empty() {
                let written = write_some(transport, session.unsent())?;
                let Some(owed) = session.sent(written) else {
                    return transport.stall(poll.registry(), id, true);
                };
                told(node, *now, id, owed);
                continue;
            }
            if session.is_handshaking() || !node.has_output(id) {
                return transport.stall(poll.registry(), id, false);
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = node.pending_output(id, &mut slices);
            let Scratch { plain, sealed } = &mut secure.scratch;
            plain.clear();
            sealed.clear();
            for slice in slices.iter().take(filled) {
                let room = MAX_PLAIN_BYTES - plain.len().min(MAX_PLAIN_BYTES);
                plain.extend_from_slice(slice.get(..room).unwrap_or(slice));
            }
            if !session.seal(plain, sealed) {
                return Err(io::Error::other("TLS is over"));
            }
            let length = plain.len();
            self.send_sealed(id, length)?;
        }
    }

    /// Writes what is in the scratch buffer, which holds `owed` bytes of the node's output. What the
    /// kernel does not take waits, and no more is sealed before it is gone.
    fn send_sealed(&mut self, id: ConnId, owed: usize) -> io::Result<()> {
        let Self { node, transports, secure, poll, now, .. } = self;
        let Some((transport, session)) = transports.find_secure(id) else { return Ok(()) };
        let sealed = &secure.scratch.sealed;
        let is_first = session.unsent().is_empty();
        let written = if is_first { write_some(transport, sealed)? } else { 0 };
        match sealed.get(written..) {
            Some(rest) if !rest.is_empty() => {
                session.stall(rest, owed);
                node.commit_output(id, owed);
                node.consume_output(*now, id, 0);
                transport.stall(poll.registry(), id, true)
            }
            _ => {
                told(node, *now, id, owed);
                Ok(())
            }
        }
    }

    /// Our side has said everything: tells the peer so, if the kernel has room for it. A peer that
    /// does not read learns it from the end of the connection.
    pub(super) fn close_tls(&mut self, id: ConnId) {
        let Self { transports, secure, .. } = self;
        let Some((transport, session)) = transports.find_secure(id) else { return };
        let sealed = &mut secure.scratch.sealed;
        sealed.clear();
        session.close(sealed);
        if !sealed.is_empty() && session.unsent().is_empty() {
            // Whatever becomes of it, the connection ends.
            let _ = write_some(transport, sealed);
        }
    }

    /// What was written last is the last. What the peer has sent meanwhile is read: else the end of
    /// the connection would be a reset, which may overtake what it is told.
    fn say_last(&mut self, id: ConnId) {
        let Some(transport) = self.transports.find(id) else { return };
        transport.finish();
        // Whatever there is, or is not.
        let _ = transport.read(&mut self.buffer);
    }

    /// The peer says that it has said everything.
    fn end_of_input(&mut self, id: ConnId) {
        let Some(transport) = self.transports.find_mut(id) else { return };
        if !mem::replace(&mut transport.ended, true) {
            self.node.handle_hangup(self.now, id, Hangup::Eof);
        }
    }
}

/// The node learns that so much of its output is written; of TLS's own it knows nothing.
fn told(node: &mut Node, now: Now, id: ConnId, owed: usize) {
    if owed > 0 {
        node.consume_output(now, id, owed);
    }
}

/// How many bytes the kernel takes at this moment.
fn write_some(transport: &Transport, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match transport.write(&[IoSlice::new(bytes)]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            written => return written,
        }
    }
}
