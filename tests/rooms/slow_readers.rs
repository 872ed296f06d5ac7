//! Those who do not read as fast as others speak, over TLS, where a record may not be cut.

use serde_json::Value;
use tungstenite::Message;

use crate::support::server::Server;
use crate::support::tls::{talk, told, with_lines};

#[test]
fn a_long_message_comes_and_goes_in_many_records() {
    let server = Server::open(&with_lines(""));
    let (mut alice, mut bob) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "bob"));
    let long = "\u{65e5}".repeat(16_000);
    told(&mut alice, &long);
    assert_eq!(bob.hear()["payload"]["content"], long);
}

#[test]
fn slow_reader_is_closed_and_holds_up_nobody() {
    let server = Server::open(&with_lines("limits.outbound_bytes = '128KiB'"));
    let (mut alice, mut bob) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "bob"));
    let slow = server.join_over_tls("soup", "carol");
    let long = "\u{65e5}".repeat(16_000);
    // Until the kernel's buffers and the outbox are full.
    for _ in 0..800 {
        let id = told(&mut alice, &long);
        assert_eq!(bob.hear()["id"], *id);
        let (_, room) = server.call("GET /v1/rooms/soup", "", "");
        if !room.contains("carol") {
            drop(slow);
            return talk(&mut bob, &mut alice);
        }
    }
    panic!("carol is still there");
}

#[test]
fn pausing_reader_hears_everything_in_the_end() {
    let server = Server::open(&with_lines("limits.outbound_bytes = '32MiB'"));
    let (mut alice, mut carol) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "carol"));
    let long = "\u{65e5}".repeat(16_000);
    // Some 14 MB: more than the kernel takes for a socket that nobody reads.
    let said: Vec<_> = (0..300).map(|_| told(&mut alice, &long)).collect();
    for id in said {
        assert_eq!(carol.hear()["id"], *id);
    }
    talk(&mut carol, &mut alice);
}

#[test]
fn slow_reader_gets_whole_messages_and_a_reason() {
    let server = Server::open(&with_lines("limits.outbound_bytes = '128KiB'"));
    let (mut alice, mut carol) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "carol"));
    // Short ones, so that one record has several: what is sealed is not dropped, and nothing is cut.
    let short = "\u{65e5}".repeat(700);
    let mut said = Vec::new();
    while server.call("GET /v1/rooms/soup", "", "").1.contains("carol") {
        for _ in 0..10 {
            said.push(told(&mut alice, &short));
        }
    }
    let mut heard = 0;
    let close = loop {
        match carol.next() {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(message["id"], *said[heard]);
                heard += 1;
            }
            Message::Close(close) => break close.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1013, "Slow consumer"));
    assert!(heard < said.len());
}
