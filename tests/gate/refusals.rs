//! What is refused before the upgrade, by the protocol's table.

use serde_json::Value;

use crate::support::client::exchange;
use crate::support::server::{Server, Witness};
use vestibule::testing::upgrade;

/// A refusal's status, code, and what its head must have besides.
type Refused = (u16, &'static str, &'static str);

#[track_caller]
fn assert_refused(server: &Server, request: &str, (status, code, header): Refused) {
    let (head, body) = exchange(server.connect(), request.as_bytes());
    let shown = &request[..request.len().min(200)];
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{shown}\n{head}");
    // Of the headers that are for one hop, all are named.
    let connection = if status == 426 { "close, upgrade" } else { "close" };
    let connection = format!("\r\nConnection: {connection}\r\n");
    assert!(head.contains(&connection) && head.contains(header), "{shown}\n{head}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["error"], code, "{shown}\n{body}");
    assert!(body["message"].is_string(), "{body}");
}

/// An upgrade with `from` in it replaced.
fn changed(from: &str, to: &str) -> String {
    let request = upgrade("soup");
    assert!(request.contains(from));
    request.replace(from, to)
}

/// An upgrade with one more header line.
fn with(line: &str) -> String {
    changed("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"))
}

#[test]
fn every_refusal_is_an_http_answer_without_a_trace() {
    const BAD: Refused = (400, "bad_request", "");
    const LARGE: Refused = (431, "headers_too_large", "");
    const NOTHING: Refused = (404, "not_found", "");
    const METHOD: Refused = (405, "method_not_allowed", "\r\nAllow: GET\r\n");
    const UPGRADE: Refused = (426, "upgrade_required", "\r\nUpgrade: websocket\r\n");
    const VERSION: Refused = (426, "unsupported_version", "\r\nSec-WebSocket-Version: 13\r\n");
    const ORIGIN: Refused = (403, "origin_not_allowed", "");
    let server = Server::open("[http]\nallowed_origins = ['https://ours.example']");
    let mut witness = Witness::new(&server);
    let before = server.descriptors();
    let mebibyte = "x".repeat(1 << 20);
    let table = [
        (with(&format!("X-Large: {mebibyte}")), LARGE),
        (changed("soup", &mebibyte), LARGE),
        (changed("HTTP/1.1", "HTTP/1.0"), BAD),
        (changed("Host: localhost", "X: y"), BAD),
        (with("Host: again"), BAD),
        (changed("dGhlIHNhbXBsZSBub25jZQ==", "short"), BAD),
        (changed("Sec-WebSocket-Key", "X-Key"), BAD),
        (with("Content-Length: 5"), BAD),
        (with("Transfer-Encoding: chunked"), BAD),
        (with("no colon"), BAD),
        (changed("soup", "%2e%2e"), BAD),
        (changed("soup", "sou%20p"), BAD),
        (changed("soup", &"x".repeat(129)), BAD),
        (with("Sec-WebSocket-Protocol: recipe-chat.v9"), (400, "unsupported_version", "")),
        (changed("/v1/chat/soup", "/v1/chat/"), NOTHING),
        (changed("/v1/chat/soup", "/v1/chat/soup/more"), NOTHING),
        (changed("/v1/chat/soup", "/"), NOTHING),
        (changed("GET", "POST"), METHOD),
        (changed("Upgrade: websocket", "X: y"), UPGRADE),
        (changed("Connection: Upgrade", "Connection: close"), UPGRADE),
        (changed("Version: 13", "Version: 8"), VERSION),
        (changed("Sec-WebSocket-Version: 13", "X: y"), VERSION),
        (with("Origin: https://theirs.example"), ORIGIN),
        (with("Origin: https://ours.example.theirs.example"), ORIGIN),
    ];
    for (request, refused) in &table {
        assert_refused(&server, request, *refused);
        witness.notices_nothing();
    }
    let (head, _) = exchange(server.connect(), with("Origin: https://ours.example").as_bytes());
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    server.assert_descriptors_return_to(before, &mut witness);
}

#[test]
fn full_server_refuses_until_somebody_leaves() {
    const FULL: Refused = (503, "at_capacity", "\r\nRetry-After: ");
    let server = Server::open("[limits]\nconnections = 3\npending = 3");
    let mut witness = Witness::new(&server);
    let before = server.descriptors();
    let third = server.join("soup", "carol");
    for _ in 0..50 {
        assert_refused(&server, &upgrade("soup"), FULL);
        witness.notices_nothing();
    }
    drop(third);
    server.assert_descriptors_return_to(before, &mut witness);
    drop(server.join("soup", "carol"));
}
