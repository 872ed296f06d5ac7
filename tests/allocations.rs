//! How often a message and an arrival ask the allocator for memory. What is counted here is exact and
//! the same on each machine, so a bound is what it is now: one more allocation fails the test.
//!
//! It is one test in a program of its own, as the count is that of the whole process.

#![expect(clippy::unwrap_used, reason = "a node that cannot start must say so")]

#[path = "../benches/support/mod.rs"]
pub mod support;

use std::alloc::System;

use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Driver, message, token, upgrade};
use vestibule::id::ConnId;
use vestibule::node::Hangup;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many of each are counted, after as many that fill the tables.
const ROUNDS: usize = 500;

/// Allocations of one iteration, rounded: a table that grows once does not count. The bytes that
/// `make` makes are not counted.
fn allocations<T>(make: impl Fn(usize) -> T, mut iteration: impl FnMut(T)) -> usize {
    let [warm, counted] = [0, ROUNDS].map(|from| (from..from + ROUNDS).map(&make));
    warm.for_each(&mut iteration);
    let counted: Vec<T> = counted.collect();
    let region = Region::new(ALLOCATOR);
    counted.into_iter().for_each(iteration);
    let change = region.change();
    (change.allocations + change.reallocations + ROUNDS / 2) / ROUNDS
}

fn member(driver: &mut Driver, user: &str) -> ConnId {
    let id = driver.accept();
    driver.bytes(id, &mut upgrade("soup"));
    driver.bytes(id, &mut message("auth", "a1", &json!({ "token": token(user) })));
    assert!(driver.node.is_authenticated(id));
    id
}

fn chat(number: usize) -> Vec<u8> {
    let content = format!("Scale to 8 servings, please: {number}");
    message("chat_message", &format!("msg-{number}"), &json!({ "content": content }))
}

#[test]
fn messages_and_arrivals_allocate_no_more_than_now() {
    let mut driver = Driver::with_memory_app();
    let alice = member(&mut driver, "alice");
    let say =
        |driver: &mut Driver, mut bytes: Vec<u8>| assert!(driver.bytes(alice, &mut bytes) > 0);

    // The frames of answers are made in the memory of those that are out.
    assert_eq!(allocations(chat, |bytes| say(&mut driver, bytes)), 0, "a chat message");
    assert_eq!(allocations(|n| chat(n % 8), |bytes| say(&mut driver, bytes)), 0, "a repeated one");
    // So are those for the room, however many are in it.
    for user in ["bob", "carol", "dave"] {
        member(&mut driver, user);
    }
    let told = |number| chat(2 * ROUNDS + number);
    assert_eq!(allocations(told, |bytes| say(&mut driver, bytes)), 0, "one that others get");
    let ping = |number| message("ping", &format!("p{number}"), &json!({}));
    assert_eq!(allocations(ping, |bytes| say(&mut driver, bytes)), 0, "a ping");

    let token = token("alice");
    let script = |number: usize| {
        let auth = message("auth", &format!("b{number}"), &json!({ "token": token }));
        (upgrade("soup"), auth)
    };
    let arrive = |(mut upgrade, mut auth): (Vec<u8>, Vec<u8>)| {
        let id = driver.accept();
        driver.bytes(id, &mut upgrade);
        driver.bytes(id, &mut auth);
        assert!(driver.node.is_authenticated(id));
        driver.node.handle_hangup(driver.now, id, Hangup::Reset);
        driver.settle();
    };
    assert_eq!(allocations(script, arrive), 4, "an arrival");
}
