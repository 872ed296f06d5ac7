//! The server's frames (RFC 6455, section 5.2): made once, shared by whoever they are for.

use std::ops::Deref as _;

use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

pub use super::shared::Shared;
use super::shared::{FrameBuffer, SpareFrames};
use crate::protocol::CloseReason;

/// The longest header of a server's frame: 2 bytes and 8 of length; there is no mask.
const MAX_SERVER_HEADER: usize = 10;

/// The payload of a server's frame.
pub(crate) fn payload_of(frame: &[u8]) -> &[u8] {
    let header = match frame.get(1) {
        Some(127) => 10,
        Some(126) => 4,
        _ => 2,
    };
    frame.get(header..).unwrap_or_default()
}

/// Makes the server's frames: each in the memory of one that is out, if there is such; else in a
/// buffer that is used again for each, from which it is copied.
#[derive(Debug, Default)]
pub struct Encoder {
    spares: SpareFrames,
    buffer: FrameBuffer,
}

impl Encoder {
    /// A text frame with what `write` puts behind the header.
    pub fn text(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Shared {
        self.make(Some(OpCode::Data(Data::Text)), write)
    }

    /// Bytes without a frame around them: the answer to a request head.
    pub fn raw(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Shared {
        self.make(None, write)
    }

    /// A ping, without payload.
    pub fn ping(&mut self) -> Shared {
        self.control(Control::Ping, |_| {})
    }

    /// The answer to a ping (RFC 6455, section 5.5.3).
    pub fn pong(&mut self, payload: &[u8]) -> Shared {
        self.control(Control::Pong, |buffer| buffer.extend_from_slice(payload))
    }

    /// A close frame with the reason's code and text.
    pub fn close(&mut self, reason: CloseReason) -> Shared {
        self.control(Control::Close, |buffer| {
            buffer.extend_from_slice(&reason.code().to_be_bytes());
            buffer.extend_from_slice(reason.text().as_bytes());
        })
    }

    /// The answer to a client's close frame: its code given back, as RFC 6455 section 5.5.1 has it.
    pub fn close_echo(&mut self, code: Option<u16>) -> Shared {
        self.control(Control::Close, |buffer| {
            if let Some(code) = code {
                buffer.extend_from_slice(&code.to_be_bytes());
            }
        })
    }

    /// A binary frame: only the raw echo has a use for one.
    pub fn binary(&mut self, payload: &[u8]) -> Shared {
        self.make(Some(OpCode::Data(Data::Binary)), |buffer| buffer.extend_from_slice(payload))
    }

    /// Takes frames that are out, for the memory of the next ones, unless there are some.
    pub(crate) fn take_spares(&mut self, spares: &mut SpareFrames) {
        if self.spares.is_empty() {
            std::mem::swap(&mut self.spares, spares);
        }
    }

    fn control(&mut self, opcode: Control, write: impl FnOnce(&mut Vec<u8>)) -> Shared {
        self.make(Some(OpCode::Control(opcode)), write)
    }

    /// What `write` writes, with a header of this kind or without one.
    fn make(&mut self, opcode: Option<OpCode>, write: impl FnOnce(&mut Vec<u8>)) -> Shared {
        if let Some(mut frame) = self.spares.pop()
            && let Some(buffer) = frame.buffer_mut()
        {
            fill(buffer, opcode, write);
            if buffer.is_sparse() {
                let copy = Shared::from(frame.deref());
                self.spares.keep(frame);
                return copy;
            }
            buffer.shrink_long();
            return frame;
        }
        fill(&mut self.buffer, opcode, write);
        Shared::from(self.buffer.bytes())
    }
}

fn fill(buffer: &mut FrameBuffer, opcode: Option<OpCode>, write: impl FnOnce(&mut Vec<u8>)) {
    let bytes = buffer.clear();
    let Some(opcode) = opcode else { return write(bytes) };
    bytes.extend_from_slice(&[0; MAX_SERVER_HEADER]);
    write(bytes);
    let start = write_header(bytes, opcode);
    buffer.set_start(start);
}

/// Writes the header right before the payload, where room was left for it. Returns where it begins.
fn write_header(bytes: &mut [u8], opcode: OpCode) -> usize {
    let length = bytes.len().saturating_sub(MAX_SERVER_HEADER);
    let Some(room) = bytes.first_chunk_mut::<MAX_SERVER_HEADER>() else { return 0 };
    let first = 0x80 | u8::from(opcode);
    match length {
        0..=125 => {
            room[8..].copy_from_slice(&[first, length as u8]);
            8
        }
        126..=0xffff => {
            let [high, low] = (length as u16).to_be_bytes();
            room[6..].copy_from_slice(&[first, 126, high, low]);
            6
        }
        _ => {
            room[..2].copy_from_slice(&[first, 127]);
            room[2..].copy_from_slice(&(length as u64).to_be_bytes());
            0
        }
    }
}
