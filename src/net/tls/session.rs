//! The TLS of one connection, sans I/O.

use std::fmt;
use std::io::{self, IoSlice};
use std::mem;

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus,
};
use rustls::{Error, HandshakeKind};

use super::acceptor::Acceptor;
use crate::driver::Written;
use crate::node::Hangup;

/// The most bytes that are sealed into one record (RFC 8446, section 5.1).
pub(super) const MAX_PLAIN_BYTES: usize = 16 * 1_024;

/// What a record may add to its content, with the header (RFC 5246, section 6.2.3; TLS 1.3 adds
/// less).
const MAX_RECORD_OVERHEAD: usize = 2_048 + 5;

/// The most unfinished input that is kept: one record, or a handshake message of that length.
const MAX_RECEIVED_BYTES: usize = MAX_PLAIN_BYTES + MAX_RECORD_OVERHEAD;

/// How many records without data a peer may send after its handshake, such as key updates. Each
/// costs more than a message, and nothing else limits them.
const MAX_IDLE_RECORDS: u32 = 64;
/// This many records with data offset one without.
const FULL_FOR_IDLE: u32 = 16;

/// The most bytes of an alert or a `close_notify`.
const ALERT_ROOM: usize = 128;

/// Buffers that all connections share.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Decrypted input, or output that will be sealed.
    pub(super) plain: Vec<u8>,
    /// Bytes for the socket.
    pub(super) sealed: Vec<u8>,
}

/// The piece of `output` from this byte on that is sealed into one record. It is copied to `plain` only
/// where it is in several slices. Empty: there is no more.
fn piece<'a>(output: &'a [IoSlice<'_>], mut from: usize, plain: &'a mut Vec<u8>) -> &'a [u8] {
    plain.clear();
    let mut slices = output.iter().peekable();
    while let Some(slice) = slices.next()
        && plain.len() < MAX_PLAIN_BYTES
    {
        let Some(rest) = slice.get(from..) else {
            from = from.saturating_sub(slice.len());
            continue;
        };
        from = 0;
        let part = rest.get(..MAX_PLAIN_BYTES - plain.len()).unwrap_or(rest);
        let is_alone = part.len() == MAX_PLAIN_BYTES || slices.peek().is_none();
        if plain.is_empty() && is_alone {
            return part;
        }
        plain.extend_from_slice(part);
    }
    plain
}

/// How the input of a session ended.
#[derive(Debug)]
pub(super) enum End {
    /// The peer has sent `close_notify`.
    Eof,
    /// The peer violates TLS, or no parameters were agreed on. The alert about it is among the
    /// sealed bytes.
    Failed(Error),
}

/// The TLS of one connection.
pub(super) struct TlsSession {
    connection: UnbufferedServerConnection,
    /// Input of an incomplete record or handshake message.
    received: Vec<u8>,
    /// Sealed bytes that are not written yet: TLS's own, such as a handshake's, and the rest of
    /// output after a short write.
    unsent: Vec<u8>,
    /// Bytes of the node's output whose sealed form is not completely written: reported as written
    /// when `unsent` is empty.
    owed: usize,
    /// The PROXY header is complete or not expected, so the next bytes are TLS.
    pub(super) is_begun: bool,
    /// How the input ended. Later input is ignored.
    pub(super) end: Option<Hangup>,
    /// Nothing more can be sealed.
    is_over: bool,
    /// The peer's first message was answered.
    pub(super) has_answered: bool,
    /// The cost of records without data, less what records with data offset.
    idle_cost: u32,
}

impl TlsSession {
    /// # Errors
    /// The system provides no random bytes.
    pub(super) fn new(acceptor: &Acceptor) -> Result<Self, Error> {
        Ok(Self {
            connection: UnbufferedServerConnection::new(acceptor.config())?,
            received: Vec::new(),
            unsent: Vec::new(),
            owed: 0,
            is_begun: false,
            end: None,
            is_over: false,
            has_answered: false,
            idle_cost: 0,
        })
    }

    /// Copies the unfinished input to the start of `buffer`, and returns its length. More input is
    /// read after it; `buffer` is longer than [`MAX_RECEIVED_BYTES`].
    pub(super) fn restore(&self, buffer: &mut [u8]) -> usize {
        match buffer.get_mut(..self.received.len()) {
            Some(start) => start.copy_from_slice(&self.received),
            None => return 0,
        }
        self.received.len()
    }

    /// Keeps exactly `bytes` for [`TlsSession::restore`]. Returns false if they are too many.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> bool {
        self.received = bytes.to_vec(); // An empty vector allocates nothing.
        bytes.len() <= MAX_RECEIVED_BYTES
    }

    /// Decrypts `bytes`: restored and new input. The decrypted data is left in `scratch.plain`, and
    /// TLS's own output in `scratch.sealed`. Unfinished input is kept. Returns the number of
    /// records, each of which costs some microseconds whatever its length.
    pub(super) fn open(
        &mut self,
        bytes: &mut [u8],
        scratch: &mut Scratch,
    ) -> (u32, Result<(), End>) {
        scratch.plain.clear();
        scratch.sealed.clear();
        self.received = Vec::new();
        if self.is_over {
            return (0, Ok(())); // Later input is ignored.
        }
        let records = u32::try_from(records(bytes).count()).unwrap_or(u32::MAX);
        let was_handshaking = self.is_handshaking();
        let (mut used, mut full, mut end) = (0, 0, None);
        // After a fault the only thing left is to fetch the alert about it.
        while !self.is_over || self.connection.wants_write() {
            let rest = bytes.get_mut(used..).unwrap_or_default();
            let UnbufferedStatus { discard, state } = self.connection.process_tls_records(rest);
            let goes_on = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        full += u32::from(!record.payload.is_empty());
                        scratch.plain.extend_from_slice(record.payload);
                    }
                    true
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut data, &mut scratch.sealed)
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    true
                }
                Ok(ConnectionState::PeerClosed) => {
                    end = Some(End::Eof);
                    true
                }
                // Early data is never offered, so none is accepted. No other state needs anything.
                Ok(_) => false,
                Err(error) => {
                    self.is_over = true;
                    end = Some(End::Failed(error));
                    true
                }
            };
            used += discard;
            if !goes_on {
                break;
            }
        }
        self.has_answered |= !scratch.sealed.is_empty();
        if !was_handshaking {
            let idle = records.saturating_sub(full);
            self.idle_cost = (self.idle_cost + idle * FULL_FOR_IDLE).saturating_sub(full);
        }
        let too_much = if self.idle_cost > MAX_IDLE_RECORDS * FULL_FOR_IDLE {
            Some("too many records that bring nothing")
        } else if end.is_none() && !self.keep(bytes.get(used..).unwrap_or_default()) {
            Some("a message is too long")
        } else {
            None
        };
        if let Some(what) = too_much {
            self.is_over = true;
            end = Some(End::Failed(Error::General(what.to_owned())));
        }
        (records, end.map_or(Ok(()), Err))
    }

    /// Seals `plain`, at most [`MAX_PLAIN_BYTES`], and appends it to `sealed`. Returns false if TLS
    /// has ended or its keys are used up.
    pub(super) fn seal(&mut self, plain: &[u8], sealed: &mut Vec<u8>) -> bool {
        self.say(sealed, |traffic, sealed| {
            append(sealed, plain.len() + ALERT_ROOM, |room| {
                traffic.encrypt(plain, room).map_err(required)
            })
        })
    }

    /// Seals `output` record by record, and hands each to `write`, until that takes no more. So a reader
    /// that keeps up leaves nothing, however many slices there are.
    ///
    /// # Errors
    /// Those of `write`, or TLS has ended.
    pub(super) fn write_sealed(
        &mut self,
        output: &[IoSlice<'_>],
        Scratch { plain, sealed }: &mut Scratch,
        mut write: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> io::Result<Written> {
        let mut out = 0;
        loop {
            let piece = piece(output, out, plain);
            if piece.is_empty() {
                return Ok(Written::Out(out));
            }
            sealed.clear();
            if !self.seal(piece, sealed) {
                return Err(io::Error::other("TLS is over"));
            }
            let written = write(sealed)?;
            if let Some(rest @ [_, ..]) = sealed.get(written..) {
                self.queue_unsent(rest, piece.len());
                return Ok(Written::Full { out, held: piece.len() });
            }
            out += piece.len();
        }
    }

    /// Seals our `close_notify`, after which nothing is sealed. During a handshake it cannot be
    /// sent.
    pub(super) fn close(&mut self, sealed: &mut Vec<u8>) {
        if !self.is_handshaking() {
            self.say(sealed, |traffic, sealed| {
                append(sealed, ALERT_ROOM, |room| {
                    traffic.queue_close_notify(room).map_err(required)
                })
            });
        }
        self.is_over = true;
    }

    fn say(
        &mut self,
        sealed: &mut Vec<u8>,
        what: impl FnOnce(&mut WriteTraffic<'_>, &mut Vec<u8>) -> bool,
    ) -> bool {
        while !self.is_over {
            // Pass the unfinished input again, because rustls keeps offsets into it.
            let UnbufferedStatus { discard, state } =
                self.connection.process_tls_records(&mut self.received);
            let goes_on = match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    return what(&mut traffic, sealed);
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, sealed),
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    true
                }
                _ => false,
            };
            self.received.drain(..discard);
            self.is_over |= !goes_on;
        }
        false
    }

    /// Is the handshake in progress? The node's output waits for its end.
    pub(super) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Was an earlier session resumed, which needs no signature?
    pub(super) fn is_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// How many bytes of unfinished input are kept.
    pub(super) fn kept_bytes(&self) -> usize {
        self.received.len()
    }

    #[cfg(test)]
    pub(super) fn buffered_capacity(&self) -> usize {
        self.received.capacity() + self.unsent.capacity()
    }

    /// Queues sealed bytes, to be written before anything else is sealed. They complete `owed`
    /// bytes of the node's output, or 0 if they are TLS's own.
    pub(super) fn queue_unsent(&mut self, sealed: &[u8], owed: usize) {
        self.unsent.extend_from_slice(sealed);
        self.owed += owed;
    }

    /// Sealed bytes that are not written yet.
    pub(super) fn unsent(&self) -> &[u8] {
        &self.unsent
    }

    /// The kernel took the first `length` of these bytes. If none are left, returns how many bytes
    /// of the node's output are written by that.
    pub(super) fn sent(&mut self, length: usize) -> Option<usize> {
        self.unsent.drain(..length.min(self.unsent.len()));
        self.unsent.is_empty().then(|| {
            self.unsent = Vec::new();
            mem::take(&mut self.owed)
        })
    }
}

type WriteTraffic<'a> = rustls::unbuffered::WriteTraffic<'a, ServerConnectionData>;

/// Prints nothing, because it contains keys.
impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession").finish_non_exhaustive()
    }
}

/// The content types of the complete records that `bytes` begin with (RFC 8446, section 5.1).
fn records(mut bytes: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let &[content_type, _, _, high, low] = bytes.first_chunk()?;
        bytes = bytes.get(5 + usize::from(u16::from_be_bytes([high, low]))..)?;
        Some(content_type)
    })
}

/// Does this input of a handshake need a key agreement, and perhaps a signature? A ClientHello does,
/// and the ClientKeyExchange of TLS 1.2: they are in records of the type `handshake`. What a client
/// sends last in TLS 1.3 is encrypted, so it is not, and costs little.
pub(super) fn needs_key_agreement(bytes: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    records(bytes).any(|content_type| content_type == HANDSHAKE)
}

/// Appends what `write` produces to `sealed`, with `room` bytes at first, or as many as it then
/// asks for. Returns false if it cannot write.
fn append(
    sealed: &mut Vec<u8>,
    room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> bool {
    let start = sealed.len();
    let mut attempt = |sealed: &mut Vec<u8>, room: usize| {
        sealed.resize(start + room, 0);
        let written = write(sealed.get_mut(start..).unwrap_or_default());
        sealed.truncate(start + written.unwrap_or(0));
        written
    };
    match attempt(sealed, room) {
        Err(Some(required)) => attempt(sealed, required).is_ok(),
        written => written.is_ok(),
    }
}

fn encode(data: &mut EncodeTlsData<'_, ServerConnectionData>, sealed: &mut Vec<u8>) -> bool {
    append(sealed, ALERT_ROOM, |room| {
        data.encode(room).map_err(|error| match error {
            EncodeError::InsufficientSize(size) => Some(size.required_size),
            EncodeError::AlreadyEncoded => None,
        })
    })
}

fn required(error: EncryptError) -> Option<usize> {
    match error {
        EncryptError::InsufficientSize(size) => Some(size.required_size),
        EncryptError::EncryptExhausted => None,
    }
}
