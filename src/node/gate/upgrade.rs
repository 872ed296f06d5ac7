//! The upgrade: its key, its room, its origin, and the 101 that makes the connection a WebSocket.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use httparse::Header;
use sha1::{Digest, Sha1};
use smol_str::{SmolStr, SmolStrBuilder};

use crate::id::ConnId;
use crate::node::gate::headers::{elements, single, values};
use crate::node::http::refusal::Refusal;
use crate::protocol::{MAX_ROOM_CHARS, SUBPROTOCOL};

/// What a client's key is answered with: a SHA-1, which is sent in base64.
pub(crate) type AcceptKey = [u8; 20];

/// The answer that makes the connection a WebSocket (RFC 6455, section 4.2.2), with `more` header
/// lines.
pub(crate) fn switching_protocols(
    buffer: &mut Vec<u8>,
    accept: &AcceptKey,
    subprotocol: bool,
    id: ConnId,
    more: &str,
) {
    buffer.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: ",
    );
    let mut text = [0; 28];
    let encoded = STANDARD.encode_slice(accept, &mut text);
    debug_assert_eq!(encoded, Ok(text.len()), "20 bytes are 28 in base64");
    buffer.extend_from_slice(&text);
    if subprotocol {
        buffer.extend_from_slice(b"\r\nSec-WebSocket-Protocol: recipe-chat.v2");
    }
    buffer.extend_from_slice(b"\r\nX-Connection-Id: ");
    id.write(buffer);
    buffer.extend_from_slice(b"\r\n");
    buffer.extend_from_slice(more.as_bytes());
    buffer.extend_from_slice(b"\r\n");
}

/// The accept key, and whether our subprotocol was offered (RFC 6455, section 4.2.1).
pub(crate) fn handshake(headers: &[Header<'_>]) -> Result<(AcceptKey, bool), Refusal> {
    let key = single(headers, "sec-websocket-key")
        .filter(|key| key.len() == 24 && STANDARD.decode_slice(key, &mut [0; 18]) == Ok(16))
        .ok_or(Refusal::BadRequest("Sec-WebSocket-Key must be 16 bytes in base64"))?;
    let mut offered = values(headers, "sec-websocket-protocol").flat_map(elements).peekable();
    let offers = offered.peek().is_some();
    let subprotocol = offered.any(|name| name == SUBPROTOCOL.as_bytes());
    if offers && !subprotocol {
        return Err(Refusal::UnsupportedSubprotocol);
    }
    Ok((accept_key(key), subprotocol))
}

fn accept_key(key: &[u8]) -> AcceptKey {
    let key = Sha1::new().chain_update(key);
    key.chain_update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize().into()
}

/// A recipe id: percent-decoded, unreserved characters only (RFC 3986, section 2.3), and no dot
/// segment.
pub(crate) fn decode_room(text: &str) -> Option<SmolStr> {
    let mut room = SmolStrBuilder::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => (hex(bytes.next()?)? << 4) | hex(bytes.next()?)?,
            byte => byte,
        };
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-')) {
            return None;
        }
        room.push(char::from(byte));
    }
    let room = room.finish();
    let fits = (1..=MAX_ROOM_CHARS).contains(&room.len()) && room != "." && room != "..";
    fits.then_some(room)
}

pub(crate) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_key_is_what_tungstenite_derives() {
        for number in 0..=u8::MAX {
            let key = STANDARD.encode([number; 16]);
            let theirs = tungstenite::handshake::derive_accept_key(key.as_bytes());
            assert_eq!(STANDARD.encode(accept_key(key.as_bytes())), theirs);
        }
    }
}
