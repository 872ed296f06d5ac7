//! TLS between the sockets and the turn: input is decrypted and output is encrypted.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use super::acceptor::Acceptor;
use super::handshakes::{
    FinishedHandshake, HandshakeClaim, HandshakeJob, HandshakePool, OpenedRecords,
};
use super::session::{End, MAX_PLAIN_BYTES, Scratch, TlsSession, needs_key_agreement};
use super::sessions::{SessionPlace, SessionTable};
use crate::config::Config;
use crate::driver::{Input, READ_BYTES, Remaining, Written};
use crate::id::ConnId;
use crate::net::transport::{self, Stream, write_some};
use crate::node::{Hangup, Metrics, Node};

/// How many records a pending connection may send for one unit of the share. A record costs 0.5 µs,
/// or 4 µs if it changes keys.
const RECORDS_PER_UNIT: u32 = 4;

/// The units of the end of a handshake on the reactor: some 20 µs for new keys and two tickets.
const FINISH_UNITS: u32 = 2;
/// The units of handing a session to a worker.
const HAND_OVER_UNITS: u32 = 1;

/// The most bytes that one read takes from an authenticated connection over TLS. Short records cost
/// as much as long ones, so this bounds the cost of one unit.
const TLS_READ_BYTES: usize = 16 * 1_024;

/// The response to plain HTTP on a TLS port: such a client can read only HTTP.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\
    Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: 82\r\n\r\n\
    {\"error\":\"tls_required\",\"message\":\"This port speaks TLS: use https:// or wss://.\"}";

/// The TLS sessions of the connections that have one. All others pass through.
#[derive(Debug)]
pub(crate) struct Layer {
    /// The configuration for new connections of the public listeners. `None`: they do not speak
    /// TLS.
    acceptor: Option<Acceptor>,
    sessions: SessionTable,
    scratch: Scratch,
    /// A connection whose PROXY header was read and whose other input waits, and what may be left
    /// in its socket.
    part: Option<(ConnId, Remaining)>,
    handshakes: HandshakePool,
    /// Connections whose sessions are back, which the turn must read.
    back: Vec<ConnId>,
    /// How long a handshake may wait for a worker.
    patience: Duration,
    full: u64,
    resumed: u64,
    failed: u64,
    /// Handshakes that found no room in the queue, or waited too long in it.
    refused: u64,
}

impl Layer {
    /// Sessions for the connections of `config`. A worker calls `wake` when it has done something for
    /// [`Layer::take_back`].
    pub(crate) fn new(
        acceptor: Option<Acceptor>,
        config: &Config,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        let mut layer = Self {
            acceptor,
            sessions: SessionTable::new(config.limits.connections),
            scratch: Scratch::default(),
            part: None,
            handshakes: HandshakePool::new(&config.limits, wake),
            back: Vec::new(),
            patience: Duration::ZERO,
            full: 0,
            resumed: 0,
            failed: 0,
            refused: 0,
        };
        layer.apply(config);
        layer
    }

    /// Ends the workers.
    pub(crate) fn end(self) {
        self.handshakes.end();
    }

    /// Accepts the session tickets of every server with the secret of `config`, and of this process.
    pub(crate) fn apply(&mut self, config: &Config) {
        // Half of the time is left to the client's answer and its request.
        self.patience = config.http.header_timeout.get() / 2;
        if let Some(acceptor) = &self.acceptor {
            acceptor.share_tickets(config.shared_secret());
        }
    }

    /// Replaces the configuration for new connections. It cannot turn TLS on or off.
    pub(crate) fn replace(&mut self, acceptor: Option<&Acceptor>) {
        if let (Some(before), Some(acceptor)) = (&self.acceptor, acceptor) {
            self.acceptor = Some(acceptor.clone().replacing(before));
        }
    }

    /// Adds the handshakes since the last call to the metrics, and tells how many wait.
    pub(crate) fn count(&mut self, metrics: &mut Metrics) {
        metrics.tls_full += std::mem::take(&mut self.full);
        metrics.tls_resumed += std::mem::take(&mut self.resumed);
        metrics.tls_failed += std::mem::take(&mut self.failed);
        metrics.tls_refused += std::mem::take(&mut self.refused);
        metrics.tls_waiting = self.handshakes.waiting() as u64;
    }

    /// Starts TLS for a connection of a public listener, if these speak TLS.
    pub(crate) fn open(&mut self, id: ConnId) -> io::Result<()> {
        let Some(acceptor) = &self.acceptor else { return Ok(()) };
        let session = TlsSession::new(acceptor).map_err(io::Error::other)?;
        self.sessions.insert(id, session);
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
        match self.sessions.place(id) {
            None => return Input::read(buffer, most, |room| transport::read(stream, room)),
            Some(SessionPlace::Here(_)) => {}
            // The turn is told to read again when the session is back.
            Some(SessionPlace::Away(claim)) => return claim.read(stream),
            Some(SessionPlace::Back(_)) => return self.go_on(id),
        }
        let Some(session) = self.sessions.find(id) else { return Input::nothing() };
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
            return self.decrypt(node, id, stream, rest, remaining);
        }
        self.decrypt(node, id, stream, bytes, remaining)
    }

    /// Decrypts `bytes`: kept input, and what was read after it. A key agreement goes to a worker.
    fn decrypt(
        &mut self,
        node: &Node,
        id: ConnId,
        stream: &Stream,
        bytes: &mut [u8],
        remaining: Remaining,
    ) -> Input<'_> {
        let Some(session) = self.sessions.find(id) else { return Input::nothing() };
        let was_handshaking = session.is_handshaking();
        let is_http = was_handshaking && bytes.first().is_some_and(u8::is_ascii_uppercase);
        if was_handshaking && !is_http && needs_key_agreement(bytes) {
            // Its end may have come with its ClientHello, and a worker may begin at once.
            let end = if session.has_answered { None } else { transport::peek_end(stream) };
            if end.is_some() {
                return Input { end, ..Input::nothing() };
            }
            return self.hand_over(node, id, bytes);
        }
        let opened = session.open(bytes, &mut self.scratch);
        if is_http {
            NOT_TLS.clone_into(&mut self.scratch.sealed);
        }
        let mut units = 0;
        if was_handshaking {
            self.count_handshake(id, &opened.1);
            units = if self.scratch.sealed.is_empty() { 0 } else { FINISH_UNITS };
        }
        let input = self.opened(id, opened, remaining);
        Input { units: input.units + units, ..input }
    }

    /// Gives the session and its input to a worker, and reads nothing more until it is back.
    fn hand_over(&mut self, node: &Node, id: ConnId, bytes: &[u8]) -> Input<'static> {
        let Some(payer) = node.address_payer(id) else { return Input::nothing() };
        let Some(SessionPlace::Here(session)) = self.sessions.take(id) else {
            return Input::nothing();
        };
        let claim = HandshakeClaim::new(session, bytes);
        self.sessions.set(id, SessionPlace::Away(claim.clone()));
        // It may be the handshake of another connection that finds no room.
        let job = HandshakeJob { id, payer, claim, patience: self.patience };
        if let Some(refused) = self.handshakes.submit(job) {
            self.put_back(refused);
        }
        Input { units: HAND_OVER_UNITS, kept: bytes.len(), ..Input::nothing() }
    }

    /// A session comes back. It is dropped if its connection has been closed.
    fn put_back(&mut self, finished: Box<FinishedHandshake>) {
        let id = finished.id;
        if self.sessions.put_back(finished) {
            self.back.push(id);
        }
    }

    /// How many sessions are with the workers.
    #[cfg(test)]
    pub(crate) fn away(&self) -> usize {
        self.sessions.away()
    }

    /// The connections whose sessions have come back: each is to be read.
    pub(crate) fn take_back(&mut self) -> Vec<ConnId> {
        while let Some(finished) = self.handshakes.next() {
            self.put_back(finished);
        }
        std::mem::take(&mut self.back)
    }

    /// Goes on with a session that came back.
    fn go_on(&mut self, id: ConnId) -> Input<'_> {
        let Some(SessionPlace::Back(finished)) = self.sessions.take(id) else {
            return Input::nothing();
        };
        let FinishedHandshake { mut session, opened, .. } = *finished;
        let Some(OpenedRecords { result, scratch }) = opened else {
            log::debug!(connection:% = id; "TLS: too many handshakes wait");
            session.end = Some(Hangup::Tls);
            self.refused += 1;
            self.sessions.set(id, SessionPlace::Here(session));
            return Input { end: Some(Hangup::Tls), ..Input::nothing() };
        };
        self.sessions.set(id, SessionPlace::Here(session));
        // Copied: the shared buffers keep their allocations.
        self.scratch.plain.clone_from(&scratch.plain);
        self.scratch.sealed.clone_from(&scratch.sealed);
        self.count_handshake(id, &result);
        self.opened(id, (0, result), Remaining::Perhaps)
    }

    /// Counts the handshake if it has just ended.
    fn count_handshake(&mut self, id: ConnId, result: &Result<(), End>) {
        let Some(session) = self.sessions.find(id) else { return };
        match result {
            Err(End::Failed(_)) => self.failed += 1,
            _ if session.is_handshaking() => {}
            _ if session.is_resumed() => self.resumed += 1,
            _ => self.full += 1,
        }
    }

    /// The input of a session that has just been opened into `scratch`.
    fn opened(
        &mut self,
        id: ConnId,
        (records, result): (u32, Result<(), End>),
        remaining: Remaining,
    ) -> Input<'_> {
        let Self { sessions, scratch, .. } = self;
        let Some(session) = sessions.find(id) else { return Input::nothing() };
        session.queue_unsent(&scratch.sealed, 0);
        session.end = match result {
            Ok(()) => None,
            Err(End::Eof) => Some(Hangup::Eof),
            Err(End::Failed(error)) => {
                log::debug!(connection:% = id; "TLS: {error}");
                Some(Hangup::Tls)
            }
        };
        let (kept, end) = (session.kept_bytes(), session.end);
        let units = records / RECORDS_PER_UNIT;
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
        if self.sessions.place(id).is_none() {
            return Written::of(transport::write(stream, output), output);
        }
        // A session that is with the workers is in its handshake.
        let Some(session) = self.sessions.find(id) else { return Ok(Written::AfterRead) };
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
        session.write_sealed(output, &mut self.scratch, |sealed| write_some(stream, sealed))
    }

    /// See [`Io::has_unsent`](crate::driver::Io::has_unsent).
    pub(crate) fn has_unsent(&self, id: ConnId) -> bool {
        matches!(self.sessions.place(id), Some(SessionPlace::Here(session)) if !session.unsent().is_empty())
    }

    /// See [`Io::has_backlog`](crate::driver::Io::has_backlog).
    pub(crate) fn has_backlog(&self) -> bool {
        self.handshakes.waiting() > 0
    }

    /// Ends our side: sends `close_notify` if the kernel has space for it. A peer that does not
    /// read sees only the end of the connection.
    pub(crate) fn finish(&mut self, id: ConnId, stream: &Stream) {
        let Some(session) = self.sessions.find(id) else { return };
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
        let session = match self.sessions.take(id) {
            Some(SessionPlace::Here(session)) => session,
            Some(SessionPlace::Away(claim)) => return claim.cancel(),
            Some(SessionPlace::Back(_)) | None => return,
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
