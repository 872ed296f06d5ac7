//! The server's frames (RFC 6455, section 5.2): made once, shared by whoever they are for.

use std::sync::Arc;

use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::protocol::CloseReason;

/// The longest header of a server's frame: 2 bytes and 8 of length; there is no mask.
const MAX_SERVER_HEADER: usize = 10;

/// A server's frame, ready for the wire. It carries no mask (RFC 6455, section 5.1), so it is the
/// same for everybody: framed once, shared by reference count.
pub type Shared = Arc<[u8]>;

/// The payload of a server's frame.
pub(crate) fn payload_of(frame: &[u8]) -> &[u8] {
    let header = match frame.get(1) {
        Some(127) => 10,
        Some(126) => 4,
        _ => 2,
    };
    frame.get(header..).unwrap_or_default()
}

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
