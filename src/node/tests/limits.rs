//! What one address may do, and what it cannot do to the others.

use super::*;
use crate::auth::Address;
use crate::node::gate::limits::SLOTS_FOR_REFUSALS;
use std::net::SocketAddr;

const FORGED: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.Zm9yZ2Vk";

/// What a whole attempt from `ip` is told: a status, a close reason, or `in`.
fn attempt(world: &mut World, ip: &str, token: &str) -> String {
    let id = world.accept_from(ip);
    world.bytes(id, upgrade("soup").as_bytes());
    let answer = world.raw(id);
    let told = if answer.starts_with("HTTP/1.1 101 ") {
        world.auth(id, token);
        match world.see(id).last() {
            Some(Seen::Close(_, reason)) => reason.clone(),
            _ if world.node.is_authenticated(id) => "in".to_owned(),
            other => panic!("{other:?}"),
        }
    } else {
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    if told != "in" {
        world.node.handle_hangup(world.now, id, Hangup::Reset);
        world.settle();
    }
    told
}

fn expired(world: &World) -> String {
    let now = world.now.unix.as_millis() / 1_000;
    world.sign(&json!({ "sub": "old", "exp": now - 60, "n": world.messages }))
}

#[test]
fn forger_is_held_to_allowance_while_users_chat_on() {
    let mut world = World::new();
    let users: Vec<_> = (0..4).map(|n| world.connected("soup", &format!("user{n}"))).collect();
    let start = world.node.usage();
    let mut told: HashMap<String, u64> = HashMap::new();
    for second in 0..120 {
        for _ in 0..50 {
            *told.entry(attempt(&mut world, "192.0.2.1", FORGED)).or_default() += 1;
        }
        let id = users[second % users.len()];
        users.iter().for_each(|&user| drop(world.see(user)));
        world.chat(id, "unmoved");
        let seen = world.see(id);
        let [Seen::Message(answer)] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!(answer["type"], "recipe_update");
        world.seconds(1);
    }
    // 12 within the allowance and one to close the door; then one every 5 seconds.
    assert_eq!(told["Invalid token"], 12);
    assert_eq!(told["Too many auth attempts"], 1 + 119 / 5);
    assert_eq!(told["429"], 120 * 50 - 12 - (1 + 119 / 5));
    assert_eq!(world.node.metrics().refusals(429), told["429"]);
    assert_eq!(world.node.metrics().refused_attempts, told["429"] + 1 + 119 / 5);
    // Elsewhere nothing is shut; and with the next attempt after a minute nothing is remembered.
    assert_eq!(attempt(&mut world, "192.0.2.2", FORGED), "Invalid token");
    world.seconds(70);
    users.iter().for_each(|&id| world.bytes(id, &frame(0x8a, b"")));
    let last = world.authenticating_from("192.0.2.1", "soup");
    world.node.handle_hangup(world.now, last, Hangup::Reset);
    world.settle();
    assert_eq!(world.node.usage(), Usage { replays: start.replays, addresses: 0, ..start });
}

#[test]
fn expired_tabs_do_not_lock_out_an_office() {
    let mut world = World::new();
    for number in 0..1_050 {
        if number % 21 == 20 {
            let token = world.token(&format!("user{number}"), 900);
            assert_eq!(attempt(&mut world, "192.0.2.1", &token), "in", "attempt {number}");
        } else {
            let token = expired(&world);
            // It keeps its reason, so that the tab fetches a new token at once.
            let reason = attempt(&mut world, "192.0.2.1", &token);
            assert_eq!(reason, "Token expired", "attempt {number}");
        }
    }
    assert_eq!(world.node.connections_in(Phase::Connected), 50);
    // A forged one has no such proof, and the allowance is used up.
    assert_eq!(attempt(&mut world, "192.0.2.1", FORGED), "Too many auth attempts");
}

#[test]
fn good_token_does_not_reopen_an_address_forgers_shut() {
    let mut world = World::new();
    let waiting = world.authenticating_from("192.0.2.1", "soup");
    while attempt(&mut world, "192.0.2.1", FORGED) != "429" {}
    let token = world.token("alice", 900);
    world.auth(waiting, &token);
    assert_eq!(world.close_reason(waiting), "Too many auth attempts");
    // The door comes before the envelope.
    world.seconds(6);
    let waiting = world.authenticating_from("192.0.2.1", "soup");
    assert_eq!(attempt(&mut world, "192.0.2.1", FORGED), "Too many auth attempts");
    world.bytes(waiting, &text("nonsense"));
    assert_eq!(world.close_reason(waiting), "Too many auth attempts");
}

#[test]
fn retry_after_of_a_429_is_when_the_address_reopens() {
    let mut world = World::new();
    while attempt(&mut world, "192.0.2.1", FORGED) != "Too many auth attempts" {}
    let id = world.accept_from("192.0.2.1");
    world.bytes(id, upgrade("soup").as_bytes());
    let answer = world.raw(id);
    assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{answer}");
    assert!(answer.contains("\r\nRetry-After: 5\r\n"), "{answer}");
    assert!(answer.contains(r#"{"error":"too_many_requests","message":"#), "{answer}");
    // What is wrong with the request itself, and a full node, are said first.
    let bad = world.accept_from("192.0.2.1");
    world.bytes(bad, upgrade("so/up").as_bytes());
    assert!(world.raw(bad).starts_with("HTTP/1.1 404 "));
    let health = world.accept_from("192.0.2.1");
    world.bytes(health, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(world.raw(health).starts_with("HTTP/1.1 200 "));
    world.seconds(5);
    let token = world.token("alice", 900);
    assert_eq!(attempt(&mut world, "192.0.2.1", &token), "in");
}

#[test]
fn an_ipv6_64_has_one_allowance() {
    let mut world = World::new();
    for host in 1..=12 {
        let told = attempt(&mut world, &format!("2001:db8::{host:x}"), FORGED);
        assert_eq!(told, "Invalid token");
    }
    assert_eq!(attempt(&mut world, "2001:db8::ff", FORGED), "Too many auth attempts");
    assert_eq!(attempt(&mut world, "2001:db8::1:0:0:1", FORGED), "429");
    assert_eq!(attempt(&mut world, "2001:db8:0:1::1", FORGED), "Invalid token");
}

#[test]
fn members_are_charged_but_not_shut_out() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    while attempt(&mut world, "127.0.0.1", FORGED) != "429" {}
    let token = world.token("alice", 900);
    world.auth(id, &token);
    assert_eq!(world.message(id)["payload"]["content"], "Re-authenticated");
    let before =
        world.node.gate.limits.attempts.look(world.now.monotonic, Address::from(peer_ip()));
    world.auth(id, FORGED);
    assert_eq!(world.close_reason(id), "Invalid token");
    let after = world.node.gate.limits.attempts.look(world.now.monotonic, Address::from(peer_ip()));
    assert!(after > before, "{before:?} {after:?}");
}

fn peer_ip() -> std::net::IpAddr {
    [127, 0, 0, 1].into()
}

#[test]
fn silence_and_messages_without_a_token_cost_nothing() {
    let mut world = World::new();
    for _ in 0..200 {
        let id = world.authenticating("soup");
        world.bytes(id, &text("nonsense"));
        assert_eq!(world.close_reason(id), "Invalid auth message format");
    }
    let silent: Vec<_> = (0..200).map(|_| world.authenticating("soup")).collect();
    world.seconds(6);
    assert!(silent.iter().all(|&id| world.close_reason(id) == "Authentication timeout"));
    assert_eq!(world.node.usage().addresses, 0);
}

#[test]
fn a_limit_of_zero_lets_every_token_be_tried() {
    let mut world = World::with(|config| config.limits.auth_per_minute_per_ip = 0);
    for _ in 0..200 {
        assert_eq!(attempt(&mut world, "192.0.2.1", FORGED), "Invalid token");
    }
    assert_eq!(world.node.usage().addresses, 0);
}

#[test]
fn pending_limit_refuses_then_drops_only_one_address() {
    let mut world = World::with(|config| config.limits.pending_per_ip = 10);
    let member = world.connected("soup", "alice");
    let start = Usage { addresses: 0, ..world.node.usage() };
    let pending: Vec<_> = (0..10).map(|_| world.authenticating_from("192.0.2.1", "soup")).collect();
    let refused = world.accept_from("192.0.2.1");
    world.bytes(refused, upgrade("soup").as_bytes());
    let answer = world.raw(refused);
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("Retry-After: 5"), "{answer}");
    assert_eq!(world.node.metrics().refused_pending, 1);
    // Beyond what can be answered, sockets are dropped.
    let peer = SocketAddr::new("192.0.2.1".parse().unwrap(), 9);
    let silent: Vec<_> =
        (0..200).map_while(|_| world.node.handle_accept(world.now, peer).ok()).collect();
    assert_eq!(silent.len(), SLOTS_FOR_REFUSALS);
    assert_eq!(world.node.handle_accept(world.now, peer), Err(Refused::Address));
    assert_eq!(world.node.metrics().dropped_by_address, 2);
    // Elsewhere, and inside, all is as before.
    let other = world.authenticating_from("192.0.2.2", "soup");
    world.chat(member, "unmoved");
    assert_eq!(world.message(member)["type"], "recipe_update");
    assert_eq!(world.node.usage().pending_addresses, 2);
    // Whoever gets in, or goes, makes room for one.
    for id in silent {
        world.node.handle_hangup(world.now, id, Hangup::Reset);
    }
    world.settle();
    let token = world.token("bob", 900);
    world.auth(pending[0], &token);
    assert!(world.node.is_authenticated(pending[0]));
    world.authenticating_from("192.0.2.1", "soup");
    world.node.handle_hangup(world.now, other, Hangup::Reset);
    world.node.handle_hangup(world.now, pending[0], Hangup::Reset);
    world.seconds(9);
    let usage = Usage { addresses: 0, ..world.node.usage() };
    assert_eq!(usage, Usage { replays: usage.replays, ..start });
}

#[test]
fn connections_that_are_closing_are_not_pending() {
    let mut world = World::with(|config| config.limits.pending_per_ip = 1);
    for _ in 0..20 {
        let id = world.authenticating("soup");
        world.bytes(id, &text("nonsense"));
        assert_eq!(world.node.phase(id), Some(Phase::Closing));
        assert_eq!(world.node.usage().pending_addresses, 0);
    }
}
