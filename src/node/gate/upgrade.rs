//! The upgrade: its key, its room, its origin, and the 101 that makes the connection a WebSocket.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use httparse::Header;
use smol_str::SmolStr;
use tungstenite::handshake::derive_accept_key;

use crate::id::ConnId;
use crate::node::gate::headers::{elements, single, values};
use crate::node::http::refusal::Refusal;
use crate::protocol::{MAX_ROOM_CHARS, SUBPROTOCOL};

/// The answer that makes the connection a WebSocket (RFC 6455, section 4.2.2), with `more` header
/// lines.
pub(crate) fn switching_protocols(
    buffer: &mut Vec<u8>,
    accept: &str,
    subprotocol: bool,
    id: ConnId,
    more: &str,
) {
    let protocol = if subprotocol { "Sec-WebSocket-Protocol: recipe-chat.v2\r\n" } else { "" };
    let written = write!(
        buffer,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{protocol}X-Connection-Id: {id}\r\n{more}\r\n"
    );
    debug_assert!(written.is_ok(), "a vector takes every byte");
}

/// The accept key, and whether our subprotocol was offered (RFC 6455, section 4.2.1).
pub(crate) fn handshake(headers: &[Header<'_>]) -> Result<(String, bool), Refusal> {
    let key = single(headers, "sec-websocket-key")
        .filter(|key| key.len() == 24 && STANDARD.decode_slice(key, &mut [0; 18]) == Ok(16))
        .ok_or(Refusal::BadRequest("Sec-WebSocket-Key must be 16 bytes in base64"))?;
    let mut offered = values(headers, "sec-websocket-protocol").flat_map(elements).peekable();
    let offers = offered.peek().is_some();
    let subprotocol = offered.any(|name| name == SUBPROTOCOL.as_bytes());
    if offers && !subprotocol {
        return Err(Refusal::UnsupportedSubprotocol);
    }
    Ok((derive_accept_key(key), subprotocol))
}

/// A recipe id: percent-decoded, unreserved characters only (RFC 3986, section 2.3), and no dot
/// segment.
pub(crate) fn decode_room(text: &str) -> Option<SmolStr> {
    let mut room = String::with_capacity(text.len());
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
    let fits = (1..=MAX_ROOM_CHARS).contains(&room.len()) && room != "." && room != "..";
    fits.then(|| SmolStr::new(room))
}

pub(crate) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
