//! One connection's TLS, sans I/O.

use std::fmt;
use std::mem;

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus,
};
use rustls::{Error, HandshakeKind};

use super::acceptor::Acceptor;
use crate::node::Hangup;

/// The most bytes that are sealed into one record (RFC 8446, section 5.1).
pub(super) const MAX_PLAIN_BYTES: usize = 16 * 1_024;

/// What a record may add to what is in it, and its header (RFC 5246, section 6.2.3; TLS 1.3 adds
/// less).
const MAX_RECORD_OVERHEAD: usize = 2_048 + 5;

/// The most that is kept of what is unfinished: one record, or a handshake message as long as one.
const MAX_RECEIVED_BYTES: usize = MAX_PLAIN_BYTES + MAX_RECORD_OVERHEAD;

/// Records without data that a peer may send after its handshake, such as new keys: each costs more
/// than a message does, and nothing else bounds them.
const MAX_IDLE_RECORDS: u32 = 64;
/// So many records with data make up for one without.
const FULL_FOR_IDLE: u32 = 16;

/// What an alert, or a close, takes at most.
const ALERT_ROOM: usize = 128;

/// Buffers that all connections share.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// What was opened, or is to be sealed.
    pub(super) plain: Vec<u8>,
    /// What is to be written to the socket.
    pub(super) sealed: Vec<u8>,
}

/// How a connection's TLS is over.
#[derive(Debug)]
pub(super) enum End {
    /// The peer has said all that it will (`close_notify`).
    Eof,
    /// The peer does not keep to TLS, or does not agree with us about it. The alert that says so is
    /// among what is to be written.
    Failed(Error),
}

/// One connection's TLS.
pub(super) struct TlsSession {
    connection: UnbufferedServerConnection,
    /// What came of a record that is not whole, or of a handshake message.
    received: Vec<u8>,
    /// What the kernel did not take.
    unsent: Vec<u8>,
    /// Bytes of the node's output that are in `unsent`: told as written when it is gone.
    owed: usize,
    /// The proxy in front has said what it must: from here on the bytes are the client's.
    pub(super) is_begun: bool,
    /// How its input is over: what the peer sends still is passed over.
    pub(super) end: Option<Hangup>,
    /// Nothing can be sealed any more.
    is_over: bool,
    /// What records that brought nothing have cost, less what those that did make up for.
    idle_cost: u32,
}

impl TlsSession {
    /// # Errors
    /// When the system gives no random bytes.
    pub(super) fn new(acceptor: &Acceptor) -> Result<Self, Error> {
        Ok(Self {
            connection: UnbufferedServerConnection::new(acceptor.config())?,
            received: Vec::new(),
            unsent: Vec::new(),
            owed: 0,
            is_begun: false,
            end: None,
            is_over: false,
            idle_cost: 0,
        })
    }

    /// Puts what is unfinished at the start of `buffer`, where more is to be read behind it. Answers
    /// how much that was; `buffer` holds more than [`MAX_RECEIVED_BYTES`].
    pub(super) fn restore(&self, buffer: &mut [u8]) -> usize {
        match buffer.get_mut(..self.received.len()) {
            Some(start) => start.copy_from_slice(&self.received),
            None => return 0,
        }
        self.received.len()
    }

    /// Keeps `bytes` for [`TlsSession::restore`], and nothing else. False: they are more than is kept.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> bool {
        self.received = bytes.to_vec(); // Without bytes, without memory.
        bytes.len() <= MAX_RECEIVED_BYTES
    }

    /// `bytes` came, what was restored included. What is in them is left in `scratch.plain`, and what
    /// TLS itself has to say in `scratch.sealed`; what is unfinished is kept. Answers how many records
    /// came, each of which costs some microseconds whatever its length.
    pub(super) fn open(
        &mut self,
        bytes: &mut [u8],
        scratch: &mut Scratch,
    ) -> (u32, Result<(), End>) {
        scratch.plain.clear();
        scratch.sealed.clear();
        self.received = Vec::new();
        if self.is_over {
            return (0, Ok(())); // What is still said to us is passed over.
        }
        let (records, was_handshaking) = (count(bytes), self.is_handshaking());
        let (mut used, mut full, mut end) = (0, 0, None);
        // After a fault there is nothing to be done but to fetch the alert about it.
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
                // Early data is never offered, so none is taken; and nothing else is left to do.
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

    /// Seals `plain`, at most [`MAX_PLAIN_BYTES`], behind what `sealed` holds already. False: TLS is
    /// over, or its keys are used up.
    pub(super) fn seal(&mut self, plain: &[u8], sealed: &mut Vec<u8>) -> bool {
        self.say(sealed, |traffic, sealed| {
            append(sealed, plain.len() + ALERT_ROOM, |room| {
                traffic.encrypt(plain, room).map_err(required)
            })
        })
    }

    /// Seals our `close_notify`: nothing is sealed after it. Nothing is said where nothing can be.
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
            // What is unfinished is shown again: rustls knows offsets into it.
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

    /// Is the handshake unfinished? Until then the node's output waits.
    pub(super) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Was an earlier session resumed, without a signature?
    pub(super) fn is_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// How much is kept of what is unfinished.
    pub(super) fn kept_bytes(&self) -> usize {
        self.received.len()
    }

    #[cfg(test)]
    pub(super) fn buffered_capacity(&self) -> usize {
        self.received.capacity() + self.unsent.capacity()
    }

    /// The kernel took all but `rest`, which holds `owed` bytes of the node's output.
    pub(super) fn stall(&mut self, rest: &[u8], owed: usize) {
        self.unsent.extend_from_slice(rest);
        self.owed += owed;
    }

    /// What the kernel did not take.
    pub(super) fn unsent(&self) -> &[u8] {
        &self.unsent
    }

    /// The kernel took `length` bytes of it. When that was the last one: how many bytes of the
    /// node's output are written.
    pub(super) fn sent(&mut self, length: usize) -> Option<usize> {
        self.unsent.drain(..length.min(self.unsent.len()));
        self.unsent.is_empty().then(|| {
            self.unsent = Vec::new();
            mem::take(&mut self.owed)
        })
    }
}

type WriteTraffic<'a> = rustls::unbuffered::WriteTraffic<'a, ServerConnectionData>;

/// It holds keys: nothing of it is shown.
impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession").finish_non_exhaustive()
    }
}

/// How many whole records `bytes` begin with, by the headers (RFC 8446, section 5.1).
fn count(mut bytes: &[u8]) -> u32 {
    let mut records = 0;
    while let Some(&[_, _, _, high, low]) = bytes.first_chunk()
        && let Some(rest) = bytes.get(5 + usize::from(u16::from_be_bytes([high, low]))..)
    {
        (records, bytes) = (records + 1, rest);
    }
    records
}

/// Has `write` write behind what `sealed` holds, into `room` bytes or as many as it then asks for.
/// False: it cannot.
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
