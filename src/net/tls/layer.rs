//! TLS between the sockets and the turn: what is read is opened, what is written is sealed.

use std::io::{self, ErrorKind, IoSlice};

use mio::net::TcpStream;

use super::acceptor::Acceptor;
use super::session::{End, MAX_PLAIN_BYTES, Scratch, TlsSession};
use crate::driver::{Input, READ_BYTES, Remaining, Written};
use crate::id::ConnId;
use crate::net::transport;
use crate::node::{Hangup, Metrics, Node};

/// Records that a pending connection may send for one unit of the share. One costs us 0.5 µs, and
/// 4 µs where it brings new keys.
const RECORDS_PER_UNIT: u32 = 4;

/// What one read takes of an authenticated connection over TLS. Short records cost as much as long
/// ones, so this bounds what one unit of a turn can cost.
const TLS_READ_BYTES: usize = 16 * 1_024;

/// Places that are reserved for sessions at once, at most: 8 MiB of addresses.
const MAX_RESERVED: usize = 1 << 20;

/// What a client is told that speaks HTTP where TLS is spoken. It cannot read anything else.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\
    Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: 82\r\n\r\n\
    {\"error\":\"tls_required\",\"message\":\"This port speaks TLS: use https:// or wss://.\"}";

/// The TLS sessions of the connections that have one; all others pass through.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    /// What new connections of the public listeners are met with; `None`: they speak no TLS.
    acceptor: Option<Acceptor>,
    /// By the node's index, 8 bytes a slot, where TLS is spoken.
    sessions: Vec<Option<Box<TlsSession>>>,
    /// Room for so many at once: like the node's tables, this one does not move to grow.
    slots: usize,
    scratch: Scratch,
    /// The read of a connection that was given what its proxy says, and has more: what is left in
    /// its socket.
    part: Option<(ConnId, Remaining)>,
    full: u64,
    resumed: u64,
    failed: u64,
}

impl Layer {
    pub(crate) fn new(acceptor: Option<Acceptor>, slots: usize) -> Self {
        Self { acceptor, slots, ..Self::default() }
    }

    /// New connections are met with `acceptor`. Whether TLS is spoken at all stays as it is.
    pub(crate) fn replace(&mut self, acceptor: Option<&Acceptor>) {
        if let (Some(before), Some(acceptor)) = (&self.acceptor, acceptor) {
            self.acceptor = Some(acceptor.clone().replacing(before));
        }
    }

    /// Adds what happened since the last call to what is counted.
    pub(crate) fn count(&mut self, metrics: &mut Metrics) {
        metrics.tls_full += std::mem::take(&mut self.full);
        metrics.tls_resumed += std::mem::take(&mut self.resumed);
        metrics.tls_failed += std::mem::take(&mut self.failed);
    }

    /// A connection of a public listener: it speaks TLS from its first byte on, if they do.
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
        stream: &TcpStream,
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
                session.keep(bytes); // Less than a header, which is short.
                return Input { remaining, ..Input::nothing() };
            };
            session.is_begun = true;
            let (header, rest) = bytes.split_at_mut(said.min(length));
            if !header.is_empty() {
                // The node may drop it for what its proxy says: a handshake would be for nobody.
                session.keep(rest);
                self.part = Some((id, remaining));
                return Input { bytes: header, remaining, is_part: true, ..Input::nothing() };
            }
            return self.decrypt(id, rest, remaining);
        }
        self.decrypt(id, bytes, remaining)
    }

    /// `bytes` are what was kept of the connection, and what came.
    fn decrypt(&mut self, id: ConnId, bytes: &mut [u8], remaining: Remaining) -> Input<'_> {
        let Self { sessions, scratch, acceptor, .. } = self;
        let Some(session) = find(sessions, id) else { return Input::nothing() };
        let was_handshaking = session.is_handshaking();
        let is_http = was_handshaking && bytes.first().is_some_and(u8::is_ascii_uppercase);
        let (records, opened) = session.open(bytes, scratch);
        let mut units = records / RECORDS_PER_UNIT;
        if was_handshaking {
            if !scratch.sealed.is_empty() {
                // The signature, or the agreement on a key: it was made now.
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
        session.stall(said, 0);
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

    /// See [`Io::write`](crate::driver::Io::write). What the kernel does not take waits, and no more
    /// is sealed before it is gone.
    pub(crate) fn write(
        &mut self,
        id: ConnId,
        stream: &TcpStream,
        output: &[IoSlice<'_>],
    ) -> io::Result<Written> {
        let Some(session) = find(&mut self.sessions, id) else {
            return Written::of(transport::write(stream, output), output);
        };
        let is_failed = session.end == Some(Hangup::Tls);
        if !session.unsent().is_empty() {
            let written = match write_some(stream, session.unsent()) {
                // That the session has failed is the reason that is kept, not what comes of it.
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
                session.stall(rest, piece.len());
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

    /// Our side has said everything: tells the peer so, if the kernel has room for it. A peer that
    /// does not read learns it from the end of the connection.
    pub(crate) fn finish(&mut self, id: ConnId, stream: &TcpStream) {
        let Some(session) = find(&mut self.sessions, id) else { return };
        let sealed = &mut self.scratch.sealed;
        sealed.clear();
        session.close(sealed);
        if !sealed.is_empty() && session.unsent().is_empty() {
            // Whatever becomes of it, the connection ends.
            let _ = write_some(stream, sealed);
        }
    }

    /// The connection is over. After an alert, what the peer has sent meanwhile is read: else the end
    /// of the connection would be a reset, which may overtake the alert.
    pub(crate) fn close(&mut self, id: ConnId, stream: &TcpStream) {
        self.finish(id, stream);
        let Some(session) = self.sessions.get_mut(id.index()).and_then(Option::take) else {
            return;
        };
        if session.end == Some(Hangup::Tls) {
            transport::finish(stream);
            let plain = &mut self.scratch.plain;
            plain.resize(MAX_PLAIN_BYTES, 0);
            // Whatever there is, or is not.
            for _ in 0..READ_BYTES / MAX_PLAIN_BYTES {
                if !matches!(transport::read(stream, plain), Ok(MAX_PLAIN_BYTES)) {
                    break;
                }
            }
        }
    }
}

/// `None`: the connection speaks no TLS.
fn find(sessions: &mut [Option<Box<TlsSession>>], id: ConnId) -> Option<&mut TlsSession> {
    sessions.get_mut(id.index())?.as_deref_mut()
}

/// How many bytes the kernel takes at this moment.
fn write_some(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match transport::write(stream, &[IoSlice::new(bytes)]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            written => return written,
        }
    }
}
