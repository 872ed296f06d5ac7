//! What a client writes, byte by byte.

use std::sync::atomic::{AtomicU32, Ordering};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Value, json};

/// A request that is answered with 101.
pub fn upgrade(room: &str) -> String {
    format!(
        "GET /v1/chat/{room} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// The text of a client's message.
pub fn envelope(kind: &str, id: &str, payload: impl Serialize) -> String {
    let timestamp = "2026-11-22T10:00:00Z";
    json!({ "type": kind, "id": id, "timestamp": timestamp, "payload": payload }).to_string()
}

/// The id of a message, which no other has, and its text.
pub fn message(kind: &str, payload: &Value) -> (String, String) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let id = format!("m{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let text = envelope(kind, &id, payload);
    (id, text)
}

/// A token with these claims, signed with HS256.
pub fn token(secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

/// A client's frame with this first byte: FIN and opcode.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    masked(first, payload, 0x1234_5678)
}

/// The same with this mask.
pub fn masked(first: u8, payload: &[u8], mask: u32) -> Vec<u8> {
    frame_in_form(first, payload, Form::Shortest, Some(mask))
}

/// How a frame's length is written (RFC 6455, section 5.2, demands the shortest form).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In 7, 16 or 64 bits: the shortest that it fits.
    Shortest,
    /// In 16 bits, or 64 where it does not fit.
    Bits16,
    /// In 64 bits.
    Bits64,
}

/// A frame that a client may not send, unless it is masked and its length in the shortest form.
pub fn frame_in_form(first: u8, payload: &[u8], form: Form, mask: Option<u32>) -> Vec<u8> {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match (form, payload.len()) {
        (Form::Shortest, length @ 0..=125) => bytes.push(bit | length as u8),
        (Form::Shortest | Form::Bits16, length @ ..=0xffff) => {
            bytes.push(bit | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        (_, length) => {
            bytes.push(bit | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(mask.map(u32::to_be_bytes).iter().flatten());
    let mask = mask.unwrap_or(0).to_be_bytes();
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}
