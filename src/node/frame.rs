//! Frames: what the bytes of a client mean (RFC 6455, section 5), and what the server's look like.
//!
//! [`Decoder`] works in the reactor's shared read buffer: it unmasks in place and hands out messages
//! that borrow from it. Between reads a connection keeps only what is left of an unfinished frame or
//! message, and nothing at all when there is none: 8 bytes for the empty decoder.

use std::io::Cursor;
use std::sync::Arc;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use crate::protocol::CloseReason;

/// The longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL_BYTES: u64 = 125;
/// The longest header of a server's frame: 2 bytes and 8 of length; there is no mask.
const MAX_SERVER_HEADER: usize = 10;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A whole text message.
    Text(&'a str),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// A ping, to be answered with the same payload.
    Ping(&'a [u8]),
    /// A pong, asked for or not.
    Pong,
    /// The close frame, with its code where it has one. Nothing after it counts.
    Close(Option<u16>),
}

/// Turns the bytes of one client into messages, wherever they were cut.
#[derive(Debug, Default)]
pub struct Decoder {
    /// There only while something is unfinished.
    partial: Option<Box<Partial>>,
}

#[derive(Debug, Default)]
struct Partial {
    /// Bytes of an unfinished frame, as they came.
    kept: Vec<u8>,
    /// The payload of the fragments so far, unmasked.
    message: Vec<u8>,
    /// So much of `message` is known to be UTF-8.
    valid_up_to: usize,
    fragments: Fragments,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fragments {
    #[default]
    None,
    Text,
    Binary,
    /// The message was handed out; its buffer is empty again from the next call on.
    Finished,
}

impl Decoder {
    /// Bytes that are kept between reads.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.kept.len() + partial.message.len())
    }

    /// What they take of memory.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let buffers = |partial: &Partial| partial.kept.capacity() + partial.message.capacity();
        self.partial.as_deref().map_or(0, |partial| size_of::<Partial>() + buffers(partial))
    }

    /// What was kept of an unfinished frame: to be put before the bytes that came now.
    #[must_use]
    pub fn take_kept(&mut self) -> Vec<u8> {
        self.partial.as_mut().map(|partial| std::mem::take(&mut partial.kept)).unwrap_or_default()
    }

    /// Keeps what is left of an unfinished frame until more comes.
    pub fn keep(&mut self, kept: Vec<u8>) {
        let is_over = |partial: &mut Box<Partial>| {
            matches!(partial.fragments, Fragments::None | Fragments::Finished)
        };
        drop(self.partial.take_if(is_over));
        if !kept.is_empty() {
            self.partial.get_or_insert_default().kept = kept;
        }
    }

    /// The next message in `bytes` from `at` on, which moves behind it; `None` when more must come.
    ///
    /// A message over `max_bytes`, whole or in fragments, is refused by its frame's header, before
    /// its payload is there. The work is linear in the bytes that are passed over.
    ///
    /// # Errors
    /// The close reason that RFC 6455 asks for. Nothing after it can be understood.
    pub fn next<'a>(
        &'a mut self,
        bytes: &'a mut [u8],
        at: &mut usize,
        max_bytes: usize,
    ) -> Result<Option<Incoming<'a>>, CloseReason> {
        let start = loop {
            let Some(frame) = Frame::parse(bytes.get(*at..).unwrap_or_default())? else {
                return Ok(None);
            };
            self.check(&frame, max_bytes)?;
            let start = *at + frame.header_bytes;
            let Some(payload) = bytes.get_mut(start..).and_then(|b| b.get_mut(..frame.length))
            else {
                return Ok(None);
            };
            unmask(payload, frame.mask);
            *at = start + frame.length;
            match frame.opcode {
                OpCode::Data(kind) => match self.fragment(kind, frame.is_final, payload)? {
                    Whole::InPlace => break (start, frame.length, frame.opcode),
                    Whole::Assembled => return self.assembled().map(Some),
                    Whole::NotYet => {}
                },
                OpCode::Control(_) => break (start, frame.length, frame.opcode),
            }
        };
        let (start, length, opcode) = start;
        let payload = bytes.get(start..start + length).unwrap_or_default();
        let message = match opcode {
            OpCode::Data(Data::Binary) => Incoming::Binary(payload),
            OpCode::Data(_) => Incoming::Text(utf8(payload)?),
            OpCode::Control(Control::Close) => Incoming::Close(close_code(payload)?),
            OpCode::Control(Control::Ping) => Incoming::Ping(payload),
            OpCode::Control(_) => Incoming::Pong,
        };
        Ok(Some(message))
    }

    /// Is this frame allowed here?
    fn check(&self, frame: &Frame, max_bytes: usize) -> Result<(), CloseReason> {
        if matches!(frame.opcode, OpCode::Control(_)) {
            return Ok(());
        }
        let partial = self.partial.as_deref();
        let fragments = partial.map_or(Fragments::None, |partial| partial.fragments);
        let continues = matches!(fragments, Fragments::Text | Fragments::Binary);
        let before = match (frame.opcode, continues) {
            // RFC 6455, section 5.4: fragments of one message must not be interleaved with another.
            (OpCode::Data(Data::Continue), false) => {
                return Err(CloseReason::UnexpectedContinuation);
            }
            (OpCode::Data(Data::Continue), true) => partial.map_or(0, |p| p.message.len()),
            (_, true) => return Err(CloseReason::ExpectedContinuation),
            (_, false) => 0,
        };
        match before.checked_add(frame.length) {
            Some(total) if total <= max_bytes => Ok(()),
            _ => Err(CloseReason::MessageTooLarge),
        }
    }

    /// Takes a data frame: a whole message stays where it is, a fragment is put to the others.
    fn fragment(
        &mut self,
        kind: Data,
        is_final: bool,
        payload: &[u8],
    ) -> Result<Whole, CloseReason> {
        if is_final && kind != Data::Continue {
            return Ok(Whole::InPlace);
        }
        let partial = self.partial.get_or_insert_default();
        if kind != Data::Continue {
            partial.message.clear();
            partial.valid_up_to = 0;
            let is_text = kind == Data::Text;
            partial.fragments = if is_text { Fragments::Text } else { Fragments::Binary };
        }
        partial.message.extend_from_slice(payload);
        // A text that cannot become UTF-8 any more is refused now, not when its last fragment comes.
        if partial.fragments == Fragments::Text {
            let unseen = partial.message.get(partial.valid_up_to..).unwrap_or_default();
            match std::str::from_utf8(unseen) {
                Ok(_) => partial.valid_up_to = partial.message.len(),
                Err(error) if error.error_len().is_none() && !is_final => {
                    partial.valid_up_to += error.valid_up_to();
                }
                Err(_) => return Err(CloseReason::InvalidUtf8),
            }
        }
        Ok(if is_final { Whole::Assembled } else { Whole::NotYet })
    }

    fn assembled(&mut self) -> Result<Incoming<'_>, CloseReason> {
        let partial = self.partial.get_or_insert_default();
        let is_text = partial.fragments == Fragments::Text;
        partial.fragments = Fragments::Finished;
        if is_text {
            // Known to be UTF-8: the check costs a second pass, for fragmented messages only.
            Ok(Incoming::Text(utf8(&partial.message)?))
        } else {
            Ok(Incoming::Binary(&partial.message))
        }
    }
}

enum Whole {
    InPlace,
    Assembled,
    NotYet,
}

/// A client's frame header.
struct Frame {
    opcode: OpCode,
    is_final: bool,
    mask: [u8; 4],
    header_bytes: usize,
    length: usize,
}

impl Frame {
    /// Reads the header at the start of `bytes`, and refuses what no client may send.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, CloseReason> {
        // A bare header is judged by its first two bytes already, as the payload may never come.
        let [first, second, ..] = *bytes else { return Ok(None) };
        let reserved_opcode = matches!(first & 0x0f, 3..=7 | 11..=15);
        let is_control = first & 0x08 != 0;
        if first & 0x70 != 0 {
            return Err(CloseReason::ReservedBits);
        } else if reserved_opcode {
            return Err(CloseReason::ReservedOpcode);
        } else if second & 0x80 == 0 {
            return Err(CloseReason::UnmaskedFrame);
        } else if is_control && first & 0x80 == 0 {
            return Err(CloseReason::FragmentedControl);
        } else if is_control && u64::from(second & 0x7f) > MAX_CONTROL_BYTES {
            return Err(CloseReason::OversizedControl);
        }
        let mut cursor = Cursor::new(bytes);
        let Ok(parsed) = FrameHeader::parse(&mut cursor) else {
            return Err(CloseReason::ReservedOpcode);
        };
        let Some((header, length)) = parsed else { return Ok(None) };
        let Some(mask) = header.mask else { return Err(CloseReason::UnmaskedFrame) };
        let minimal = match second & 0x7f {
            126 => length > 125,
            127 => length > 0xffff && length >> 63 == 0,
            _ => true,
        };
        if !minimal {
            return Err(CloseReason::InvalidLength);
        }
        let header_bytes = cursor.position() as usize;
        let length = usize::try_from(length).map_err(|_| CloseReason::MessageTooLarge)?;
        Ok(Some(Self {
            opcode: header.opcode,
            is_final: header.is_final,
            mask,
            header_bytes,
            length,
        }))
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, CloseReason> {
    std::str::from_utf8(bytes).map_err(|_| CloseReason::InvalidUtf8)
}

/// RFC 6455, section 7.4: which codes may be on the wire, 1012 to 1014 as registered since.
fn close_code(payload: &[u8]) -> Result<Option<u16>, CloseReason> {
    match payload {
        [] => Ok(None),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !(CloseCode::from(code).is_allowed() || matches!(code, 1012..=1014)) {
                return Err(CloseReason::InvalidClose);
            }
            utf8(reason).map(|_| Some(code))
        }
        [_] => Err(CloseReason::InvalidClose),
    }
}

/// Applies the mask (RFC 6455, section 5.3), 8 bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, tail) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

/// A server's frame, ready for the wire. It carries no mask (RFC 6455, section 5.1), so it is the
/// same for everybody: framed once, shared by reference count.
pub type Shared = Arc<[u8]>;

/// Makes the server's frames in one buffer that is used again for each.
#[derive(Debug, Default)]
pub struct Encoder {
    buffer: Vec<u8>,
}

impl Encoder {
    /// A text frame with what `write` puts behind the header.
    pub fn text(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Shared {
        self.buffer.clear();
        self.buffer.resize(MAX_SERVER_HEADER, 0);
        write(&mut self.buffer);
        self.frame(OpCode::Data(Data::Text))
    }

    /// Bytes without a frame around them: the answer to a request head.
    pub fn raw(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Shared {
        self.buffer.clear();
        write(&mut self.buffer);
        Arc::from(self.buffer.as_slice())
    }

    /// A ping, without payload.
    pub fn ping(&mut self) -> Shared {
        self.control(Control::Ping, &[])
    }

    /// The answer to a ping (RFC 6455, section 5.5.3).
    pub fn pong(&mut self, payload: &[u8]) -> Shared {
        self.control(Control::Pong, payload)
    }

    /// A close frame with the reason's code and text.
    pub fn close(&mut self, reason: CloseReason) -> Shared {
        self.control_with(Control::Close, |buffer| {
            buffer.extend_from_slice(&reason.code().to_be_bytes());
            buffer.extend_from_slice(reason.text().as_bytes());
        })
    }

    /// The answer to a client's close frame: its code given back, as RFC 6455 section 5.5.1 has it.
    pub fn close_echo(&mut self, code: Option<u16>) -> Shared {
        let code = code.map(u16::to_be_bytes);
        self.control(Control::Close, code.as_ref().map_or(&[], |code| code.as_slice()))
    }

    /// A binary frame: only the raw echo has a use for one.
    pub fn binary(&mut self, payload: &[u8]) -> Shared {
        self.buffer.clear();
        self.buffer.resize(MAX_SERVER_HEADER, 0);
        self.buffer.extend_from_slice(payload);
        self.frame(OpCode::Data(Data::Binary))
    }

    fn control(&mut self, opcode: Control, payload: &[u8]) -> Shared {
        self.control_with(opcode, |buffer| buffer.extend_from_slice(payload))
    }

    fn control_with(&mut self, opcode: Control, write: impl FnOnce(&mut Vec<u8>)) -> Shared {
        self.buffer.clear();
        self.buffer.resize(MAX_SERVER_HEADER, 0);
        write(&mut self.buffer);
        self.frame(OpCode::Control(opcode))
    }

    /// Writes the header right before the payload, where room was left, and copies both out.
    fn frame(&mut self, opcode: OpCode) -> Shared {
        let length = self.buffer.len().saturating_sub(MAX_SERVER_HEADER);
        let first = 0x80 | u8::from(opcode);
        let mut header = [0; MAX_SERVER_HEADER];
        let used = match length {
            0..=125 => {
                header[..2].copy_from_slice(&[first, length as u8]);
                2
            }
            126..=0xffff => {
                header[..2].copy_from_slice(&[first, 126]);
                header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
                4
            }
            _ => {
                header[..2].copy_from_slice(&[first, 127]);
                header[2..].copy_from_slice(&(length as u64).to_be_bytes());
                10
            }
        };
        let start = MAX_SERVER_HEADER - used;
        for (place, byte) in self.buffer.iter_mut().skip(start).zip(header).take(used) {
            *place = byte;
        }
        Arc::from(self.buffer.get(start..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
