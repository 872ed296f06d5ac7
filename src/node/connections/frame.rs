//! Frames: what the bytes of a client mean (RFC 6455, section 5), and what the server's look like.
//!
//! [`Decoder`] works in the reactor's shared read buffer: it unmasks in place and hands out messages
//! that borrow from it. Between reads a connection keeps only what is left of an unfinished frame or
//! message, and nothing at all when there is none: 8 bytes for the empty decoder.

mod close_finder;
mod encoder;
mod shared;

use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use self::close_finder::CloseFinder;
pub(crate) use self::encoder::payload_of;
pub use self::encoder::{Encoder, Shared};
pub(crate) use self::shared::SpareFrames;
use crate::protocol::CloseReason;

/// How many fragments of one message may be empty: as many as messages come in a burst.
const MAX_EMPTY_FRAGMENTS: u8 = 30;
/// The longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL_BYTES: usize = 125;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
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

impl Frame<'_> {
    /// How many bytes a ping carries; `None`: this is something else.
    pub(crate) fn ping_bytes(&self) -> Option<usize> {
        if let Self::Ping(payload) = self { Some(payload.len()) } else { None }
    }
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
    /// Fragments that were taken since they were counted last.
    taken: u32,
    /// Fragments of this message that were empty.
    empty: u8,
    /// There once a frame was refused: nothing but a close frame is looked for from there on.
    finder: Option<Box<CloseFinder>>,
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
                && partial.finder.is_none()
        };
        drop(self.partial.take_if(is_over));
        if !kept.is_empty() {
            self.partial.get_or_insert_default().kept = kept;
        }
    }

    /// How many fragments were taken since the last call: [`Decoder::next`] takes them without a
    /// word, and they cost as much as messages do.
    #[must_use]
    pub fn take_fragments(&mut self) -> u32 {
        self.partial.as_mut().map_or(0, |partial| std::mem::take(&mut partial.taken))
    }

    /// A frame was refused: from here on only a close frame is looked for, by
    /// [`find_close`](Decoder::find_close).
    pub fn refuse(&mut self) {
        *self = Self {
            partial: Some(Box::new(Partial { finder: Some(Box::default()), ..Partial::default() })),
        };
    }

    /// How many frames `bytes` hold, which come behind a frame that was refused, and is one of them a
    /// close frame? None is found where no frame was refused.
    ///
    /// The first call gets what begins with the refused frame, or right behind it; the others what
    /// came later. A frame whose end is not known hides what follows it.
    pub fn find_close(&mut self, bytes: &[u8]) -> (u32, bool) {
        let finder = self.partial.as_mut().and_then(|partial| partial.finder.as_mut());
        finder.map_or((0, false), |finder| finder.find(bytes))
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
    ) -> Result<Option<Frame<'a>>, CloseReason> {
        let start = loop {
            let Some(frame) = FrameHead::parse(bytes.get(*at..).unwrap_or_default())? else {
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
            OpCode::Data(Data::Binary) => Frame::Binary(payload),
            OpCode::Data(_) => Frame::Text(utf8(payload)?),
            OpCode::Control(Control::Close) => Frame::Close(close_code(payload)?),
            OpCode::Control(Control::Ping) => Frame::Ping(payload),
            OpCode::Control(_) => Frame::Pong,
        };
        Ok(Some(message))
    }

    /// Is this frame allowed here?
    fn check(&self, frame: &FrameHead, max_bytes: usize) -> Result<(), CloseReason> {
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
            (partial.valid_up_to, partial.empty) = (0, 0);
            let is_text = kind == Data::Text;
            partial.fragments = if is_text { Fragments::Text } else { Fragments::Binary };
        }
        partial.taken = partial.taken.saturating_add(1);
        // An empty fragment brings its message no further, and costs as much as any other.
        partial.empty += u8::from(payload.is_empty() && !is_final);
        if partial.empty > MAX_EMPTY_FRAGMENTS {
            return Err(CloseReason::RateLimited);
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

    fn assembled(&mut self) -> Result<Frame<'_>, CloseReason> {
        let partial = self.partial.get_or_insert_default();
        let is_text = partial.fragments == Fragments::Text;
        partial.fragments = Fragments::Finished;
        if is_text {
            // Known to be UTF-8: the check costs a second pass, for fragmented messages only.
            Ok(Frame::Text(utf8(&partial.message)?))
        } else {
            Ok(Frame::Binary(&partial.message))
        }
    }
}

enum Whole {
    InPlace,
    Assembled,
    NotYet,
}

/// A client's frame header.
struct FrameHead {
    opcode: OpCode,
    is_final: bool,
    mask: [u8; 4],
    header_bytes: usize,
    length: usize,
}

impl FrameHead {
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
        } else if is_control && usize::from(second & 0x7f) > MAX_CONTROL_BYTES {
            return Err(CloseReason::OversizedControl);
        }
        let rest = bytes.get(2..).unwrap_or_default();
        let Some((length, rest)) = payload_length(second & 0x7f, rest) else { return Ok(None) };
        let Some((&mask, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let minimal = match second & 0x7f {
            126 => length > 125,
            127 => length > 0xffff && length >> 63 == 0,
            _ => true,
        };
        if !minimal {
            return Err(CloseReason::InvalidLength);
        }
        let header_bytes = bytes.len() - rest.len();
        let length = usize::try_from(length).map_err(|_| CloseReason::MessageTooLarge)?;
        Ok(Some(Self {
            opcode: OpCode::from(first & 0x0f),
            is_final: first & 0x80 != 0,
            mask,
            header_bytes,
            length,
        }))
    }
}

/// The length of a payload, whose 7 bits in the second byte are `short`, and what follows it. `None`:
/// it is not whole yet.
fn payload_length(short: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    match short {
        126 => {
            rest.split_first_chunk().map(|(long, rest)| (u16::from_be_bytes(*long).into(), rest))
        }
        127 => rest.split_first_chunk().map(|(long, rest)| (u64::from_be_bytes(*long), rest)),
        _ => Some((short.into(), rest)),
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

#[cfg(test)]
mod tests;
