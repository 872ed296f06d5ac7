use std::sync::Arc;

use super::*;
use crate::node::app::{Answer, Incoming, Reply, Update};

#[test]
fn message_reaches_the_room_and_its_answer_the_sender() {
    let mut world = World::new();
    let alice = world.connected("soup", "alice");
    let bob = world.connected("soup", "bob");
    let carol = world.connected("stew", "carol");
    let id = world.chat(alice, "Scale to 8 servings");
    let seen = world.message(bob);
    assert_eq!((&seen["type"], &seen["id"]), (&json!("chat_message"), &json!(id)));
    assert_eq!(seen["payload"], json!({ "content": "Scale to 8 servings", "user_id": "alice" }));
    let answer = world.message(alice);
    assert_eq!(answer["type"], "recipe_update");
    assert_eq!(answer["payload"]["request_id"], id.as_str());
    assert_eq!(answer["payload"]["recipe_data"], Value::Null);
    assert_eq!(world.see(carol), []);
}

#[test]
fn messages_pipelined_with_auth_are_answered_in_order() {
    let mut world = World::new();
    let id = world.accept();
    let token = world.token("alice", 900);
    let mut bytes = upgrade("soup").into_bytes();
    bytes.extend(text(&envelope("auth", "a", json!({ "token": token }))));
    for n in 0..3 {
        bytes.extend(text(&envelope("chat_message", &format!("m{n}"), json!({ "content": "x" }))));
    }
    world.bytes(id, &bytes);
    let head = world.output[&id].windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    world.output.get_mut(&id).unwrap().drain(..head);
    let answered: Vec<_> = world
        .see(id)
        .iter()
        .map(|seen| match seen {
            Seen::Message(message) => message["payload"]["request_id"].clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(answered, ["a", "m0", "m1", "m2"]);
}

#[test]
fn everything_works_however_the_bytes_are_cut() {
    for size in [1, 2, 3, 7, 64] {
        let mut world = World::new();
        let id = world.accept();
        let token = world.token("alice", 900);
        let mut bytes = upgrade("soup").into_bytes();
        bytes.extend(text(&envelope("auth", "a", json!({ "token": token }))));
        bytes.extend(text(&envelope("chat_message", "m", json!({ "content": "x".repeat(300) }))));
        for chunk in bytes.chunks(size) {
            world.bytes(id, chunk);
        }
        let output = String::from_utf8_lossy(&world.output[&id]).into_owned();
        assert_eq!(output.matches("recipe_update").count(), 2, "cut by {size}");
        assert_eq!(world.node.usage().buffered_bytes, 0);
    }
}

#[test]
fn repeated_message_is_answered_again_but_done_once() {
    let mut world = World::new();
    let alice = world.connected("soup", "alice");
    let bob = world.connected("soup", "bob");
    let message = text(&envelope("chat_message", "m1", json!({ "content": "x" })));
    world.bytes(alice, &message);
    let first = world.message(alice)["payload"].clone();
    world.bytes(alice, &message);
    assert_eq!(world.message(alice)["payload"], first);
    world.node.handle_hangup(world.now, alice, Hangup::Reset);
    world.settle();
    let again = world.connected("soup", "alice");
    world.bytes(again, &message);
    assert_eq!(world.message(again)["payload"], first);
    assert_eq!(world.see(bob).len(), 1);
    // Somebody else's message of the same id, and the same one in another room, are others.
    world.bytes(bob, &message);
    assert_eq!(world.see(bob).len(), 1);
    assert_eq!(world.see(again).len(), 1);
    let elsewhere = world.connected("stew", "alice");
    world.bytes(elsewhere, &message);
    assert_eq!(world.node.metrics().chat_messages, 3);
    assert_eq!(world.node.metrics().repeated_messages, 2);
}

#[test]
fn errors_let_the_connection_go_on() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    let error = |world: &mut World, bytes: &[u8]| {
        world.bytes(id, bytes);
        world.message(id)["payload"].clone()
    };
    let nope = error(&mut world, &text("nope"));
    assert_eq!((&nope["error"], &nope["request_id"]), (&json!("invalid_json"), &Value::Null));
    let field = error(&mut world, &text(&envelope("chat_message", "m", json!({ "content": "" }))));
    assert_eq!((&field["error"], &field["request_id"]), (&json!("invalid_message"), &json!("m")));
    assert!(field["message"].as_str().unwrap().contains("content"));
    for _ in 0..30 {
        world.chat(id, "x");
    }
    world.see(id);
    let limited = world.chat(id, "one more");
    let payload = world.message(id)["payload"].clone();
    assert_eq!(payload["error"], "rate_limited");
    assert_eq!(payload["request_id"], limited.as_str());
    assert_eq!(payload["retry_after_ms"], 2_000);
}

#[test]
fn pings_are_answered_with_their_payload() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    world.bytes(id, &frame(0x89, b"tick"));
    assert_eq!(world.see(id), [Seen::Pong(b"tick".to_vec())]);
}

#[test]
fn slow_reader_is_closed_and_holds_up_nobody() {
    let mut world = World::with(|config| {
        config.limits.outbound_bytes = crate::config::Size::kib(8);
        config.limits.messages_per_minute = 0;
    });
    let alice = world.connected("soup", "alice");
    let slow = world.connected("soup", "slow");
    world.room.insert(slow, 100);
    for _ in 0..20 {
        world.chat(alice, &"x".repeat(1_000));
    }
    assert_eq!(world.see(alice).len(), 20);
    assert_eq!(world.node.metrics().slow_consumers, 1);
    assert!(world.node.usage().buffered_bytes < 8_192 + 200);
    // It reads on: the frame that was cut is whole, and then it is told.
    world.room.remove(&slow);
    world.flush(slow);
    let seen = world.see(slow);
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1], close_frame(CloseReason::SlowConsumer));
    assert_eq!(world.node.connections_in(Phase::Connected), 1);
}

#[test]
fn a_message_of_any_size_is_taken_by_an_empty_queue() {
    let mut world = World::with(|config| {
        config.limits.outbound_bytes = crate::config::Size::bytes(100);
    });
    let alice = world.connected("soup", "alice");
    let bob = world.connected("soup", "bob");
    world.chat(alice, &"x".repeat(10_000));
    assert_eq!(world.message(bob)["payload"]["content"].as_str().unwrap().len(), 10_000);
}

/// Answers every message with news for the whole room, at once.
struct Announcer;

impl App for Announcer {
    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        let content = "x".repeat(1_000).into();
        Reply::Now(Ok(Arc::new(Update { content, broadcast: true, ..Update::default() })))
    }
}

/// A message and the news that answers it go to the room in one call: who had no room for the first
/// must not be closed a second time for the other, which would take its close frame back.
#[test]
fn slow_reader_is_closed_once_for_message_and_news() {
    let mut config = Config::default();
    config.limits.outbound_bytes = crate::config::Size::kib(8);
    config.limits.messages_per_minute = 0;
    let mut world = World::with_app(config, Box::new(Announcer));
    let alice = world.connected("soup", "alice");
    let slow = world.connected("soup", "slow");
    world.room.insert(slow, 100);
    for _ in 0..20 {
        world.chat(alice, &"x".repeat(1_000));
    }
    assert_eq!(world.node.metrics().slow_consumers, 1);
    world.room.remove(&slow);
    world.flush(slow);
    assert_eq!(world.see(slow).last(), Some(&close_frame(CloseReason::SlowConsumer)));
}
