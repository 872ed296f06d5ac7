//! What a backend of a test or a bench hears.

use std::io::BufRead;

use serde_json::Value;

/// Reads one request: its head, and its body as text. `None`: the connection is over.
pub fn read_request(reader: &mut impl BufRead) -> Option<(String, String)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_lowercase().split_once("content-length: ")?.1.lines().next()?.parse();
    let mut body = vec![0; length.ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

/// Reads one call: its kind, `join`, `message` or `leave`, its body, and its head. `None`: the
/// connection is over.
pub fn read_call(reader: &mut impl BufRead) -> Option<(String, Value, String)> {
    let (head, body) = read_request(reader)?;
    let kind = head.strip_prefix("POST /")?.split(' ').next()?.to_owned();
    Some((kind, serde_json::from_str(&body).ok()?, head))
}
