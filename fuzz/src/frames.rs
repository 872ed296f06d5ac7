//! Our frame decoder beside tungstenite's, over the same bytes in the same pieces.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};
use vestibule::node::{Decoder, Frame};
use vestibule::protocol::CloseReason;

/// The first bytes of an input say where it is cut; the rest is what the client sends.
///
/// # Panics
/// When the two disagree in a way that [`Known`] does not name.
pub fn frames(data: &[u8]) {
    let Some(([large, cut], bytes)) = data.split_first_chunk::<2>() else { return };
    let max_bytes = if large % 2 == 0 { 200 } else { 70_000 };
    let cut = 1 + usize::from(*cut);
    let compared = compare(bytes.chunks(cut), max_bytes);
    assert!(compared.is_ok(), "{compared:?}");
}

/// A message, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A whole text.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// A ping with its payload.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
}

/// How the two may differ, and why it is meant so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// We refuse a frame by what its header says, tungstenite when its payload is there too. Given
    /// the rest it refuses as we did.
    ByTheHeaderAlone,
    /// We refuse a length in a longer form than needed (RFC 6455, section 5.2: the minimal number
    /// of bytes MUST be used); tungstenite takes it, or, above 2⁶³, calls it too large.
    LengthInALongerForm,
    /// Of a frame that is forbidden and too large, we name what is forbidden (1002), tungstenite
    /// the size (1009).
    ForbiddenAndTooLarge,
    /// 1014, registered since RFC 6455, is a code for us and a protocol error for tungstenite.
    BadGatewayIsACode,
    /// Of a close frame with a bad code and a bad reason, we name the code (1002), tungstenite the
    /// reason's UTF-8 (1007).
    BadCodeAndBadText,
}

/// How a connection ended, as far as its bytes decide it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client's close frame with its code.
    Closed(Option<u16>),
    /// The client's close frame is answered as a protocol error (tungstenite's way to say so).
    Violation,
    /// Refused, with this close code.
    Refused(u16),
}

/// Feeds both with the same pieces and compares after each: the same messages at the same time,
/// then the same end. `max_bytes` is at least 125, as it does not bound control frames here.
///
/// # Errors
/// What differs, unless it is [`Known`].
pub fn compare<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    max_bytes: usize,
) -> Result<Option<Known>, String> {
    let mut ours = Ours::new(max_bytes);
    let mut theirs = Theirs::new(max_bytes);
    for piece in pieces {
        ours.feed(piece);
        theirs.feed(piece);
        let Some(end) = ours.end else {
            if theirs.end.is_some() || ours.seen != theirs.seen {
                return Err(format!("before the end: {ours:?} {theirs:?}"));
            }
            continue;
        };
        let is_early = theirs.end.is_none();
        if is_early {
            theirs.feed(&vec![0; max_bytes + 14]);
        }
        let is_prefix = theirs.seen.starts_with(&ours.seen);
        let is_longer_form = match ours.reason {
            Some(CloseReason::InvalidLength) => true,
            // The length that is not there yet could still be one that tungstenite takes.
            Some(CloseReason::OversizedControl) => {
                theirs.end != Some(end) || theirs.seen != ours.seen
            }
            _ => false,
        };
        if is_longer_form && is_prefix {
            return Ok(Some(Known::LengthInALongerForm));
        }
        let known = match (end, theirs.end) {
            (End::Refused(a), Some(End::Refused(b))) if a == b => {
                is_early.then_some(Known::ByTheHeaderAlone)
            }
            (End::Closed(a), Some(End::Closed(b))) if a == b => None,
            (End::Closed(Some(1002)) | End::Refused(1002), Some(End::Violation)) => None,
            (End::Closed(Some(1014)), Some(End::Violation)) => Some(Known::BadGatewayIsACode),
            (End::Refused(1002), Some(End::Refused(1009))) => Some(Known::ForbiddenAndTooLarge),
            (End::Refused(1002), Some(End::Refused(1007)))
                if ours.reason == Some(CloseReason::InvalidClose) =>
            {
                Some(Known::BadCodeAndBadText)
            }
            _ => return Err(format!("at the end: {ours:?} {theirs:?}")),
        };
        if ours.seen != theirs.seen {
            return Err(format!("up to the end: {ours:?} {theirs:?}"));
        }
        return Ok(known);
    }
    Ok(None)
}

/// Our decoder, driven as the node drives it.
#[derive(Debug)]
struct Ours {
    decoder: Decoder,
    max_bytes: usize,
    seen: Vec<Seen>,
    end: Option<End>,
    reason: Option<CloseReason>,
}

impl Ours {
    fn new(max_bytes: usize) -> Self {
        Self { decoder: Decoder::default(), max_bytes, seen: Vec::new(), end: None, reason: None }
    }

    fn feed(&mut self, piece: &[u8]) {
        let mut bytes = self.decoder.take_kept();
        bytes.extend(piece);
        let mut at = 0;
        loop {
            match self.decoder.next(&mut bytes, &mut at, self.max_bytes) {
                Ok(None) => break,
                Ok(Some(Frame::Text(text))) => self.seen.push(Seen::Text(text.to_owned())),
                Ok(Some(Frame::Binary(bytes))) => self.seen.push(Seen::Binary(bytes.to_vec())),
                Ok(Some(Frame::Ping(payload))) => self.seen.push(Seen::Ping(payload.to_vec())),
                Ok(Some(Frame::Pong)) => self.seen.push(Seen::Pong),
                Ok(Some(Frame::Close(code))) => {
                    self.end = Some(End::Closed(code));
                    return;
                }
                Err(reason) => {
                    self.end = Some(End::Refused(reason.code()));
                    self.reason = Some(reason);
                    return;
                }
            }
        }
        bytes.drain(..at);
        self.decoder.keep(bytes);
        // What is kept is an unfinished frame behind an unfinished message, and no more.
        let kept = self.decoder.kept_bytes();
        assert!(kept < 2 * self.max_bytes + 14, "{kept} bytes kept of {}", self.max_bytes);
    }
}

/// Bytes that are there to be read, and then none for now. What is written goes nowhere.
#[derive(Debug, Default)]
pub struct Wire(pub VecDeque<u8>);

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { self.0.read(buffer) }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// tungstenite's server.
struct Theirs {
    socket: WebSocket<Wire>,
    seen: Vec<Seen>,
    end: Option<End>,
}

impl fmt::Debug for Theirs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Theirs").field("seen", &self.seen).field("end", &self.end).finish()
    }
}

impl Theirs {
    fn new(max_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(256)
            .max_message_size(Some(max_bytes))
            .max_frame_size(Some(max_bytes));
        let socket = WebSocket::from_raw_socket(Wire::default(), Role::Server, Some(config));
        Self { socket, seen: Vec::new(), end: None }
    }

    fn feed(&mut self, piece: &[u8]) {
        self.socket.get_mut().0.extend(piece);
        while self.end.is_none() {
            match self.socket.read() {
                Ok(Message::Text(text)) => self.seen.push(Seen::Text(text.as_str().to_owned())),
                Ok(Message::Binary(bytes)) => self.seen.push(Seen::Binary(bytes.to_vec())),
                Ok(Message::Ping(payload)) => self.seen.push(Seen::Ping(payload.to_vec())),
                Ok(Message::Pong(_)) => self.seen.push(Seen::Pong),
                Ok(Message::Close(Some(frame)))
                    if frame.code == CloseCode::Protocol
                        && frame.reason.as_str() == "Protocol violation" =>
                {
                    self.end = Some(End::Violation);
                }
                Ok(Message::Close(frame)) => {
                    self.end = Some(End::Closed(frame.map(|frame| frame.code.into())));
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(Error::Capacity(_)) => self.end = Some(End::Refused(1009)),
                Err(Error::Utf8(_)) => self.end = Some(End::Refused(1007)),
                Err(Error::Protocol(_)) => self.end = Some(End::Refused(1002)),
                other => assert!(other.is_err(), "a raw frame is never read"),
            }
        }
    }
}
