//! What no client should send, and what is left of it: nothing.

use super::*;
use crate::node::gate::limits::SLOTS_FOR_REFUSALS;

#[test]
fn bad_frame_closes_with_reason_and_leaves_nothing() {
    let cases: [(Vec<u8>, CloseReason); 10] = [
        (vec![0x81, 0x01, b'x'], CloseReason::UnmaskedFrame),
        (frame(0xc1, b"x"), CloseReason::ReservedBits),
        (frame(0x83, b"x"), CloseReason::ReservedOpcode),
        (frame(0x09, b""), CloseReason::FragmentedControl),
        (frame(0x89, &[0; 126]), CloseReason::OversizedControl),
        (frame(0x80, b"x"), CloseReason::UnexpectedContinuation),
        (frame(0x81, b"\xff"), CloseReason::InvalidUtf8),
        (frame(0x88, b"\x03\xed"), CloseReason::InvalidClose),
        (frame(0x82, b""), CloseReason::BinaryFrame),
        (frame(0x81, &vec![b'x'; 1 << 20]), CloseReason::MessageTooLarge),
    ];
    let mut world = World::new();
    for (bytes, reason) in cases {
        for connected in [true, false] {
            let id = if connected {
                world.connected("soup", "alice")
            } else {
                world.authenticating("soup")
            };
            world.bytes(id, &bytes);
            assert_eq!(world.see(id), [close_frame(reason)]);
            world.bytes(id, &bytes);
            assert_eq!(world.see(id), []);
            world.seconds(3);
            assert_eq!(world.closed.pop(), Some(id));
            world.assert_nothing_is_left();
        }
    }
}

#[test]
fn refused_request_gets_one_answer_and_leaves_nothing() {
    let mut world = World::new();
    let good = upgrade("soup");
    for (request, status) in [
        (good.replace("soup", "so/up"), 404),
        (good.replace("GET", "PUT"), 405),
        (good.replace("13", "12"), 426),
        (good.replace("HTTP/1.1", "HTTP/1.0"), 400),
        ("\u{16}\u{3}\u{1}nonsense\r\n\r\n".to_owned(), 400),
        (good.replace("Host", &format!("X: {}\r\nHost", "x".repeat(1 << 20))), 431),
    ] {
        let id = world.accept();
        for chunk in request.as_bytes().chunks(65_536) {
            world.bytes(id, chunk);
        }
        let answer = world.raw(id);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(world.finished.pop(), Some(id));
        assert_eq!(
            world.node.metrics().refusals(status),
            1 + u64::from(answer.contains("malformed"))
        );
        world.node.handle_hangup(world.now, id, Hangup::Eof);
        world.settle();
        assert_eq!(world.closed.pop(), Some(id));
        world.assert_nothing_is_left();
    }
}

#[test]
fn health_is_answered_without_an_upgrade() {
    let mut world = World::new();
    let id = world.accept();
    world.bytes(id, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(world.raw(id).starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(world.finished, [id]);
}

#[test]
fn a_reset_at_any_byte_leaves_nothing() {
    let mut world = World::new();
    let token = world.token("alice", 900);
    let mut bytes = upgrade("soup").into_bytes();
    bytes.extend(text(&envelope("auth", "a", json!({ "token": token }))));
    bytes.extend(frame(0x01, b"{\"type\":"));
    bytes.extend(text("nope"));
    for cut in 0..bytes.len() {
        let id = world.accept();
        world.bytes(id, &bytes[..cut]);
        world.node.handle_hangup(world.now, id, Hangup::Reset);
        world.settle();
        assert_eq!(world.closed.pop(), Some(id));
        world.assert_nothing_is_left();
        // The same `auth` is only good once: a fresh node for the next.
        world = World::new();
    }
}

#[test]
fn a_hundred_thousand_brackets_are_an_error_message() {
    let mut world =
        World::with(|config| config.limits.message_bytes = crate::config::Size::kib(256));
    let id = world.connected("soup", "alice");
    world.bytes(id, &text(&"[".repeat(100_000)));
    assert_eq!(world.message(id)["payload"]["error"], "invalid_json");
}

#[test]
fn a_full_node_answers_503_and_then_drops() {
    let mut world = World::with(|config| {
        config.limits.connections = 10;
        config.limits.pending = 5;
    });
    let users: Vec<_> = (0..4).map(|n| world.connected("soup", &format!("user{n}"))).collect();
    let pending: Vec<_> = (0..5).map(|_| world.authenticating("soup")).collect();
    let refused = world.accept();
    world.bytes(refused, upgrade("soup").as_bytes());
    let answer = world.raw(refused);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: "), "{answer}");
    // The slots are full of silent ones then, of which the oldest is dropped for each that comes.
    for _ in 0..100 {
        world.accept();
        world.settle();
        assert!(world.node.usage().connections <= 4 + 5 + 1 + SLOTS_FOR_REFUSALS);
    }
    assert!(world.node.metrics().gave_way > 0);
    assert!(pending.iter().chain(&users).all(|id| !world.closed.contains(id)));
    for id in users {
        world.chat(id, "unmoved");
        assert_eq!(world.see(id).last().map(|seen| matches!(seen, Seen::Message(_))), Some(true));
    }
}

#[test]
fn a_dead_id_does_nothing() {
    let mut world = World::new();
    let dead = world.authenticating("soup");
    world.node.handle_hangup(world.now, dead, Hangup::Reset);
    world.settle();
    let alive = world.authenticating("soup");
    assert_eq!(alive.index(), dead.index());
    world.bytes(dead, &frame(0x82, b""));
    world.node.handle_hangup(world.now, dead, Hangup::Reset);
    world.node.consume_output(world.now, dead, 5);
    world.settle();
    assert_eq!(world.see(alive), []);
    assert!(!world.node.wants_input(dead) && world.node.phase(dead).is_none());
}

#[test]
fn who_ends_its_side_still_reads_what_was_said() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    world.room.insert(id, 0);
    world.chat(id, "last words");
    world.node.handle_hangup(world.now, id, Hangup::Eof);
    world.settle();
    assert!(world.closed.is_empty());
    world.room.remove(&id);
    world.flush(id);
    world.settle();
    assert_eq!(world.message(id)["type"], "recipe_update");
    assert_eq!(world.closed, [id]);
    world.assert_nothing_is_left();
}

#[test]
fn eof_from_the_client_does_not_restart_the_linger() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    world.room.insert(id, 0);
    world.bytes(id, &frame(0x82, b""));
    world.advance(Duration::from_millis(1_500));
    world.node.handle_hangup(world.now, id, Hangup::Eof);
    world.settle();
    assert!(world.closed.is_empty());
    world.advance(Duration::from_millis(510));
    assert_eq!(world.closed, [id]);
    world.assert_nothing_is_left();
}

#[test]
fn the_101_goes_before_a_slow_consumers_close() {
    let mut world = World::with(|config| {
        config.limits.outbound_bytes = crate::config::Size::kib(4);
        config.limits.messages_per_minute = 0;
    });
    let bob = world.connected("soup", "bob");
    let alice = world.accept();
    let token = world.token("alice", 900);
    let auth = text(&envelope("auth", "a", json!({ "token": token })));
    let mut bytes = [upgrade("soup").into_bytes(), auth].concat();
    // Everything before the driver has written a byte.
    world.node.handle_bytes(world.now, alice, &mut bytes);
    let chat = envelope("chat_message", "m", json!({ "content": "x".repeat(3_000) }));
    let again = envelope("chat_message", "n", json!({ "content": "x".repeat(3_000) }));
    world.bytes(bob, &[text(&chat), text(&again)].concat());
    let seen = String::from_utf8_lossy(&world.output[&alice]).into_owned();
    assert!(seen.starts_with("HTTP/1.1 101 "), "{seen}");
    assert!(seen.ends_with("Slow consumer"), "{seen}");
}
