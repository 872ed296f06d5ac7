//! TLS between the sockets and the turn: input is decrypted and output is encrypted.

use std::io::{self, ErrorKind, IoSlice};

use super::acceptor::Acceptor;
use super::session::{End, MAX_PLAIN_BYTES, Scratch, TlsSession};
use crate::driver::{Input, READ_BYTES, Remaining, Written};
use crate::id::ConnId;
use crate::net::transport::{self, Stream};
use crate::node::{Hangup, Metrics, Node};

/// How many records a pending connection may send for one unit of the share. A record costs 0.5 µs,
/// or 4 µs if it changes keys.
const RECORDS_PER_UNIT: u32 = 4;

/// The most bytes that one read takes from an authenticated connection over TLS. Short records cost
/// as much as long ones, so this bounds the cost of one unit.
const TLS_READ_BYTES: usize = 16 * 1_024;

/// The most session slots that are reserved at once: 8 MiB of address space.
const MAX_RESERVED: usize = 1 << 20;

/// The response to plain HTTP on a TLS port: such a client can read only HTTP.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\
    Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: 82\r\n\r\n\
    {\"error\":\"tls_required\",\"message\":\"This port speaks TLS: use https:// or wss://.\"}";

/// The TLS sessions of the connections that have one. All others pass through.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    /// The configuration for new connections of the public listeners. `None`: they do not speak
    /// TLS.
    acceptor: Option<Acceptor>,
    /// By the node's index, 8 bytes a slot. Empty without TLS.
    sessions: Vec<Option<Box<TlsSession>>>,
    /// How many slots are reserved at once. Like the node's tables, this one is never moved to
    /// grow.
    slots: usize,
    scratch: Scratch,
    /// A connection whose PROXY header was read and whose other input waits, and what may be left
    /// in its socket.
    part: Option<(ConnId, Remaining)>,
    full: u64,
    resumed: u64,
    failed: u64,
}

impl Layer {
    /// Session tickets are accepted by every server with this `secret`.
    pub(crate) fn new(acceptor: Option<Acceptor>, secret: Option<&[u8]>, slots: usize) -> Self {
        if let Some(acceptor) = &acceptor {
            acceptor.share_tickets(secret);
        }
        Self { acceptor, slots, ..Self::default() }
    }

    /// Accepts the session tickets of every server with this `secret`, and no others any more.
    pub(crate) fn share_tickets(&self, secret: Option<&[u8]>) {
        if let Some(acceptor) = &self.acceptor {
            acceptor.share_tickets(secret);
        }
    }

    /// Replaces the configuration for new connections. It cannot turn TLS on or off.
    pub(crate) fn replace(&mut self, acceptor: Option<&Acceptor>) {
        if let (Some(before), Some(acceptor)) = (&self.acceptor, acceptor) {
            self.acceptor = Some(acceptor.clone().replacing(before));
        }
    }

    /// Adds the handshakes since the last call to the metrics.
    pub(crate) fn count(&mut self, metrics: &mut Metrics) {
        metrics.tls_full += std::mem::take(&mut self.full);
        metrics.tls_resumed += std::mem::take(&mut self.resumed);
        metrics.tls_failed += std::mem::take(&mut self.failed);
    }

    /// Starts TLS for a connection of a public listener, if these speak TLS.
    pub(crate) fn open(&mut self, id: ConnId) -> io::Result<()> {
        let Some(acceptor) = &self.acceptor else { return Ok(()) };
        let session = TlsSession::new(acceptor).map_err(io::Error::other)?;
        if self.sessions.len() <= id.index() {
            self.sessions.reserve(self.slots.min(MAX_RESERVED).saturating_sub(self.sessions.len()));
            self.sessions.resize_with(id.index() + 1, || None);
        }
        if let Some(slot) = self.sessions.get_mut(id.index()) {
            *slot = Some(Box::new(session));
        }
        Ok(())
    }

    /// See [`Io::read`](crate::driver::Io::read).
    pub(crate) fn read<'a>(
        &'a mut self,
        node: &Node,
        id: ConnId,
        stream: &Stream,
        buffer: &'a mut [u8],
        most: usize,
    ) -> Input<'a> {
        let Some(session) = find(&mut self.sessions, id) else {
            return Input::read(buffer, most, |room| transport::read(stream, room));
        };
        let kept = session.restore(buffer);
        let (length, remaining) = match self.part.take_if(|(part, _)| *part == id) {
            Some((_, remaining)) => (kept, remaining),
            None => {
                let window = buffer.get_mut(kept..).unwrap_or_default();
                let read = |room: &mut [u8]| transport::read(stream, room);
                let input = Input::read(window, most.min(TLS_READ_BYTES), read);
                if input.bytes.is_empty() {
                    return Input { kept: session.kept_bytes(), bytes: &mut [], ..input };
                }
                (kept + input.bytes.len(), input.remaining)
            }
        };
        let bytes = buffer.get_mut(..length).unwrap_or_default();
        if session.end.is_some() {
            return Input { remaining, ..Input::nothing() };
        }
        if !session.is_begun {
            let Some(said) = node.proxy_header_bytes(id, bytes) else {
                session.keep(bytes); // It is less than a header, which is short.
                return Input { remaining, ..Input::nothing() };
            };
            session.is_begun = true;
            let (header, rest) = bytes.split_at_mut(said.min(length));
            if !header.is_empty() {
                // The node may close the connection because of this header. A handshake before that
                // would be wasted.
                session.keep(rest);
                self.part = Some((id, remaining));
                return Input { bytes: header, remaining, is_part: true, ..Input::nothing() };
            }
            return self.decrypt(id, rest, remaining);
        }
        self.decrypt(id, bytes, remaining)
    }

    /// Decrypts `bytes`: the kept input of the connection, and what was read after it.
    fn decrypt(&mut self, id: ConnId, bytes: &mut [u8], remaining: Remaining) -> Input<'_> {
        let Self { sessions, scratch, acceptor, .. } = self;
        let Some(session) = find(sessions, id) else { return Input::nothing() };
        let was_handshaking = session.is_handshaking();
        let is_http = was_handshaking && bytes.first().is_some_and(u8::is_ascii_uppercase);
        let (records, opened) = session.open(bytes, scratch);
        let mut units = records / RECORDS_PER_UNIT;
        if was_handshaking {
            if !scratch.sealed.is_empty() {
                // A signature or a key agreement has just been made.
                units += acceptor.as_ref().map_or(0, Acceptor::handshake_units);
            }
            match &opened {
                Err(End::Failed(_)) => self.failed += 1,
                _ if session.is_handshaking() => {}
                _ if session.is_resumed() => self.resumed += 1,
                _ => self.full += 1,
            }
        }
        let said = if is_http { NOT_TLS } else { &scratch.sealed };
        session.queue_unsent(said, 0);
        session.end = match opened {
            Ok(()) => None,
            Err(End::Eof) => Some(Hangup::Eof),
            Err(End::Failed(error)) => {
                log::debug!(connection:% = id; "TLS: {error}");
                Some(Hangup::Tls)
            }
        };
        let (kept, end) = (session.kept_bytes(), session.end);
        Input { bytes: &mut scratch.plain, remaining, is_part: false, units, kept, end }
    }

    /// See [`Io::write`](crate::driver::Io::write). Sealed bytes that the kernel has not taken
    /// wait, and nothing more is sealed until they are written.
    pub(crate) fn write(
        &mut self,
        id: ConnId,
        stream: &Stream,
        output: &[IoSlice<'_>],
    ) -> io::Result<Written> {
        let Some(session) = find(&mut self.sessions, id) else {
            return Written::of(transport::write(stream, output), output);
        };
        let is_failed = session.end == Some(Hangup::Tls);
        if !session.unsent().is_empty() {
            let written = match write_some(stream, session.unsent()) {
                // Keep the session's failure as the reason, not the broken connection that follows
                // it.
                Err(_) if is_failed => return Ok(Written::AfterRead),
                written => written?,
            };
            return Ok(match session.sent(written) {
                None => Written::Full { out: 0, held: 0 },
                Some(owed) => Written::Out(owed),
            });
        }
        if is_failed || session.is_handshaking() {
            return Ok(Written::AfterRead);
        }
        let Scratch { plain, sealed } = &mut self.scratch;
        let plain = match output {
            [one] => &**one,
            many => {
                plain.clear();
                for slice in many {
                    let room = MAX_PLAIN_BYTES - plain.len().min(MAX_PLAIN_BYTES);
                    plain.extend_from_slice(slice.get(..room).unwrap_or(slice));
                }
                plain
            }
        };
        let mut out = 0;
        for piece in plain.chunks(MAX_PLAIN_BYTES) {
            sealed.clear();
            if !session.seal(piece, sealed) {
                return Err(io::Error::other("TLS is over"));
            }
            let written = write_some(stream, sealed)?;
            if let Some(rest @ [_, ..]) = sealed.get(written..) {
                session.queue_unsent(rest, piece.len());
                return Ok(Written::Full { out, held: piece.len() });
            }
            out += piece.len();
        }
        Ok(Written::Out(out))
    }

    /// See [`Io::has_unsent`](crate::driver::Io::has_unsent).
    pub(crate) fn has_unsent(&self, id: ConnId) -> bool {
        let session = self.sessions.get(id.index()).and_then(Option::as_ref);
        session.is_some_and(|session| !session.unsent().is_empty())
    }

    /// Ends our side: sends `close_notify` if the kernel has space for it. A peer that does not
    /// read sees only the end of the connection.
    pub(crate) fn finish(&mut self, id: ConnId, stream: &Stream) {
        let Some(session) = find(&mut self.sessions, id) else { return };
        let sealed = &mut self.scratch.sealed;
        sealed.clear();
        session.close(sealed);
        if !sealed.is_empty() && session.unsent().is_empty() {
            // The connection ends, whether or not this succeeds.
            let _ = write_some(stream, sealed);
        }
    }

    /// Closes the connection. After an alert, the peer's input is read first. Otherwise the close
    /// would be a reset, which may overtake the alert.
    pub(crate) fn close(&mut self, id: ConnId, stream: &Stream) {
        self.finish(id, stream);
        let Some(session) = self.sessions.get_mut(id.index()).and_then(Option::take) else {
            return;
        };
        if session.end == Some(Hangup::Tls) {
            transport::finish(stream);
            let plain = &mut self.scratch.plain;
            plain.resize(MAX_PLAIN_BYTES, 0);
            // The content does not matter.
            for _ in 0..READ_BYTES / MAX_PLAIN_BYTES {
                if !matches!(transport::read(stream, plain), Ok(MAX_PLAIN_BYTES)) {
                    break;
                }
            }
        }
    }
}

/// The session of a connection. `None`: it does not speak TLS.
fn find(sessions: &mut [Option<Box<TlsSession>>], id: ConnId) -> Option<&mut TlsSession> {
    sessions.get_mut(id.index())?.as_deref_mut()
}

/// Writes as many of `bytes` as the kernel takes now, and returns their number.
fn write_some(stream: &Stream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match transport::write(stream, &[IoSlice::new(bytes)]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            written => return written,
        }
    }
}
