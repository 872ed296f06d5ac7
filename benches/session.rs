//! A whole connection in a node, in virtual time.
//!
//! One iteration of `life`: accept, upgrade, `auth`, a chat message and its answer, 14 minutes with
//! their pings answered, `auth_required`, a fresh `auth`, close frame, and the slot is free again.
//! `arrival` is its first part: accept, upgrade, `auth`, acknowledgement, and a reset. Every byte in
//! and out of the node is in it; sockets are not, nor is the making of the client's bytes, but for
//! the pongs.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start must say so")]

pub mod support;

use std::time::Duration;

use criterion::{BatchSize, Criterion};
use serde_json::json;
use support::{Driver, frame, message, token, upgrade};
use vestibule::node::Hangup;

fn main() {
    let mut c = Criterion::default().configure_from_args();
    let token = token("alice");
    let script = |number: u64| {
        let auth = |id: u64| message("auth", &format!("a{id}"), &json!({ "token": token }));
        let chat = message("chat_message", &format!("m{number}"), &json!({ "content": "hello" }));
        [upgrade("soup"), auth(2 * number), chat, auth(2 * number + 1), frame(0x88, b"\x03\xe8")]
    };
    let mut number = 0;
    c.bench_function("session/life", |b| {
        // The token lives an hour: each life has a node of its own, made outside of the time.
        b.iter_batched(
            || {
                number += 1;
                (Driver::with_memory_app(), script(number))
            },
            |(mut driver, script)| {
                life(&mut driver, script);
                driver
            },
            BatchSize::SmallInput,
        );
    });
    let mut driver = Driver::with_memory_app();
    c.bench_function("session/arrival", |b| {
        b.iter_batched(
            || {
                number += 1;
                script(number)
            },
            |[mut upgrade, mut auth, ..]| {
                let id = driver.accept();
                driver.bytes(id, &mut upgrade);
                driver.bytes(id, &mut auth);
                assert!(driver.node.is_authenticated(id));
                driver.node.handle_hangup(driver.now, id, Hangup::Reset);
                driver.settle();
            },
            BatchSize::SmallInput,
        );
    });
    c.final_summary();
}

fn life(driver: &mut Driver, script: [Vec<u8>; 5]) {
    let [mut upgrade, mut auth, mut chat, mut again, mut close] = script;
    let id = driver.accept();
    driver.bytes(id, &mut upgrade);
    driver.bytes(id, &mut auth);
    driver.bytes(id, &mut chat);
    for _ in 0..28 {
        driver.advance(Duration::from_secs(30));
        driver.bytes(id, &mut frame(0x8a, b""));
    }
    driver.bytes(id, &mut again);
    assert!(driver.node.is_authenticated(id));
    driver.bytes(id, &mut close);
    assert_eq!(driver.node.usage().connections, 0);
}
