//! What peers send that mean it ill, or are broken, while two others chat.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use socket2::SockRef;

use crate::support::client::Client;
use crate::support::server::{Server, Witness};
use vestibule::testing::{frame, message, upgrade};

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

fn chat(content: &str) -> Vec<u8> {
    frame(TEXT, message("chat_message", &json!({ "content": content })).1.as_bytes())
}

#[test]
fn bad_frames_end_their_connection_alone() {
    let server = Server::open("");
    let token = server.token("mallory");
    let mut witness = Witness::new(&server);
    let before = server.descriptors();
    let header = |short: u8, length: &[u8]| [&[TEXT, 0x80 | short], length, &[0; 4]].concat();
    let bad_close = |code: u16| frame(CLOSE, &code.to_be_bytes());
    let table: Vec<(Vec<u8>, u16, &str)> = vec![
        (chat(&"x".repeat(1 << 20)), 1009, "Message too large"),
        (header(0x7f, &u64::MAX.to_be_bytes()), 1002, "Invalid frame length"),
        (header(0x7f, &i64::MAX.to_be_bytes()), 1009, "Message too large"),
        (header(0x7f, &126_u64.to_be_bytes()), 1002, "Invalid frame length"),
        (header(0x7e, &125_u16.to_be_bytes()), 1002, "Invalid frame length"),
        (vec![TEXT, 2, b'h', b'i'], 1002, "Unmasked frame"),
        (frame(TEXT | 0x40, b"hi"), 1002, "Reserved bits set"),
        (frame(0x83, b"hi"), 1002, "Reserved opcode"),
        (frame(0x8b, b""), 1002, "Reserved opcode"),
        (frame(PING & 0x7f, b""), 1002, "Fragmented control frame"),
        (frame(CLOSE & 0x7f, b""), 1002, "Fragmented control frame"),
        (frame(PING, &[b'x'; 126]), 1002, "Control frame too long"),
        (frame(0x80, b"hi"), 1002, "Unexpected continuation frame"),
        ([frame(1, b"h"), frame(TEXT, b"i")].concat(), 1002, "Expected continuation frame"),
        (frame(CLOSE, b"x"), 1002, "Invalid close frame"),
        (bad_close(0), 1002, "Invalid close frame"),
        (bad_close(999), 1002, "Invalid close frame"),
        (bad_close(1004), 1002, "Invalid close frame"),
        (bad_close(1005), 1002, "Invalid close frame"),
        (bad_close(1006), 1002, "Invalid close frame"),
        (bad_close(1015), 1002, "Invalid close frame"),
        (bad_close(2999), 1002, "Invalid close frame"),
        (bad_close(5000), 1002, "Invalid close frame"),
        (frame(0x82, b"hi"), 1003, "Binary frames are not supported"),
        (frame(TEXT, b"\xff\xfe"), 1007, "Invalid UTF-8"),
    ];
    for (bytes, code, reason) in &table {
        let mut mallory = Client::upgrade(server.connect(), "soup");
        mallory.authenticate(&token);
        // An error means that the server has had enough: what it says is looked at below.
        let _ = mallory.stream().write_all(bytes);
        let expected = (*code, (*reason).to_owned());
        assert_eq!(mallory.close(), expected, "{:x?}", &bytes[..bytes.len().min(14)]);
        witness.notices_nothing();
    }
    server.assert_descriptors_return_to(before, &mut witness);
}

#[test]
fn deeply_nested_json_is_an_error_on_a_live_link() {
    let server = Server::open("[limits]\nmessage_bytes = '256KiB'");
    let mut witness = Witness::new(&server);
    let mut mallory = server.join("soup", "mallory");
    let open = "[".repeat(100_000);
    let both = "[".repeat(50_000) + &"]".repeat(50_000);
    let inside = |value: &str| format!(r#"{{"type":"chat_message","payload":{value}}}"#);
    let table = [
        (inside(&open), "invalid_json"),
        (open, "invalid_json"),
        (inside(&both), "invalid_message"),
        (both, "invalid_message"),
    ];
    for (text, error) in table {
        mallory.stream().write_all(&frame(TEXT, text.as_bytes())).unwrap();
        assert_eq!(mallory.hear()["payload"]["error"], error);
        witness.notices_nothing();
    }
    let id = mallory.say("still here");
    assert_eq!(mallory.hear()["payload"]["request_id"], *id);
}

/// Everything that a client sends in a short life.
fn life(token: &str) -> Vec<u8> {
    let auth = message("auth", &json!({ "token": token })).1;
    [upgrade("soup").as_bytes(), &frame(TEXT, auth.as_bytes()), &chat("hello")].concat()
}

#[test]
fn a_life_in_single_bytes_is_like_any_other() {
    let server = Server::open("");
    let mut stream = server.connect();
    let life = [life(&server.token("mallory")), frame(CLOSE, &1000_u16.to_be_bytes())].concat();
    for byte in life {
        stream.write_all(&[byte]).unwrap();
    }
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).unwrap();
    let answers = String::from_utf8_lossy(&answers);
    assert!(answers.starts_with("HTTP/1.1 101 "), "{answers}");
    assert_eq!(answers.matches("recipe_update").count(), 2, "{answers}");
    assert!(answers.ends_with("\u{3}\u{fffd}"), "no close 1000: {answers:?}");
}

fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[test]
fn resets_at_any_byte_are_noticed_by_nobody() {
    let server = Server::open("");
    let token = server.token("mallory");
    let mut witness = Witness::new(&server);
    let before = server.descriptors();
    for at in 0..=life(&token).len() {
        let mut stream = server.connect();
        stream.write_all(&life(&token)[..at]).unwrap();
        // Every other one waits until the server has read something.
        if at % 2 == 1 && at >= upgrade("soup").len() {
            assert_ne!(stream.read(&mut [0; 16]).unwrap(), 0);
        }
        reset(stream);
        if at % 16 == 0 {
            witness.notices_nothing();
        }
    }
    server.assert_descriptors_return_to(before, &mut witness);
}

#[test]
fn endless_head_is_dropped_without_a_trace() {
    let server = Server::open("[http]\nheader_timeout = '300ms'");
    let mut witness = Witness::new(&server);
    let before = server.descriptors();
    let mut slow: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for (n, stream) in slow.iter_mut().enumerate() {
        // An error is the drop that is waited for: a busy machine may be slower than it.
        let _ = upgrade("soup").as_bytes()[..n].chunks(1).try_for_each(|b| stream.write_all(b));
    }
    for mut stream in slow {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, b"");
        witness.notices_nothing();
    }
    server.assert_descriptors_return_to(before, &mut witness);
}
