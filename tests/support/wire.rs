//! What a client writes, byte by byte.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

/// A client's message and its id, which no other has.
pub(crate) fn message(kind: &str, payload: &Value) -> (String, String) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let id = format!("m{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let timestamp = "2026-11-22T10:00:00.000Z";
    let text = json!({ "type": kind, "id": id, "timestamp": timestamp, "payload": payload });
    (id, text.to_string())
}

/// A frame with this first byte. The mask is zero, which is one like any other.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        long @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((long as u16).to_be_bytes());
        }
        longer => {
            frame.push(0x80 | 127);
            frame.extend((longer as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// A request that is answered with 101.
pub(crate) fn upgrade(room: &str) -> String {
    format!(
        "GET /v1/chat/{room} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
}
