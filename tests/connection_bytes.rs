//! How many bytes the node has allocated for a connection. What is counted is exact and the same on
//! each machine with pointers of 8 bytes, so a bound is what it is now.
//!
//! No table is reserved here: each doubles to grow, and is as large as what it holds, as that is a
//! power of two. The allocator's own bytes are counted as 8 for a piece, the least that they are; the
//! driver's 12 for a socket are not. It is one test in a program of its own, as the count is that of the
//! whole process.

#![expect(clippy::unwrap_used, reason = "a node that cannot start must say so")]

#[path = "../benches/support/mod.rs"]
pub mod support;

use std::alloc::System;

use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Driver, message, token, upgrade};
use vestibule::id::ConnId;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CONNECTIONS: usize = 8_192;

/// What the allocator adds to a piece, at least.
const ALLOCATOR_BYTES: usize = 8;

/// Bytes that are allocated for each of 8,192 connections that have come so far. What the first brings
/// for all of them is not counted.
fn bytes_each(come: impl Fn(&mut Driver, ConnId, usize)) -> usize {
    let mut driver = Driver::with_config(|config| {
        let limits = &mut config.limits;
        (limits.connections, limits.pending, limits.pending_per_ip) = (0, CONNECTIONS, CONNECTIONS);
        (limits.auth_per_minute_per_ip, limits.replay_entries) = (0, 0);
    });
    let first = driver.accept();
    come(&mut driver, first, 0);
    let region = Region::new(ALLOCATOR);
    for number in 1..CONNECTIONS {
        let id = driver.accept();
        come(&mut driver, id, number);
    }
    let change = region.change();
    let pieces = change.allocations - change.deallocations;
    let bytes = change.bytes_allocated - change.bytes_deallocated + pieces * ALLOCATOR_BYTES;
    bytes / (CONNECTIONS - 1)
}

fn join(driver: &mut Driver, id: ConnId, number: usize) {
    let name = format!("user-{number}");
    driver.bytes(id, &mut upgrade(&name));
    driver.bytes(id, &mut message("auth", "a1", &json!({ "token": token(&name) })));
    assert!(driver.node.is_authenticated(id));
}

#[test]
fn connections_allocate_no_more_than_now() {
    let pending = bytes_each(|driver, id, number| {
        driver.bytes(id, &mut upgrade(&format!("user-{number}")));
    });
    let joined = bytes_each(join);
    let chatting = bytes_each(|driver, id, number| {
        join(driver, id, number);
        for message_number in 0..4 {
            let content = format!("Scale to {message_number} servings, please");
            let id_of = format!("m{message_number}");
            driver.bytes(id, &mut message("chat_message", &id_of, &json!({ "content": content })));
        }
    });
    assert!(pending <= 160, "{pending} bytes for a pending connection");
    assert!(joined <= 289, "{joined} bytes for one in its room");
    assert!(chatting <= 411, "{chatting} bytes for one that has sent 4 messages");
}
