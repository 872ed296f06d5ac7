//! Messages of an unknown type, which a newer client may send: ignored, counted, and bounded.

use super::*;

fn dance() -> Vec<u8> {
    text(&envelope("dance", "d", json!({ "steps": [1, 2] })))
}

#[test]
fn an_unknown_type_is_ignored_and_counted() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    let bob = world.connected("soup", "bob");
    for _ in 0..12 {
        world.bytes(id, &dance());
    }
    // A type that only the server sends is one of them.
    world.say(id, "recipe_update", json!({ "content": "x" }));
    assert_eq!((world.see(id), world.see(bob)), (vec![], vec![]));
    let message = world.chat(id, "hello");
    assert_eq!(world.message(id)["payload"]["request_id"], message);
    let metrics = world.node.metrics();
    assert_eq!((metrics.unknown_in, metrics.invalid_in, metrics.chats_in), (13, 0, 1));
}

#[test]
fn an_unknown_type_takes_its_part_of_the_allowance() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    for _ in 0..30 {
        world.bytes(id, &dance());
    }
    let message = world.chat(id, "one more");
    let payload = world.message(id)["payload"].clone();
    assert_eq!(
        (&payload["error"], &payload["request_id"]),
        (&"rate_limited".into(), &message.into())
    );
}

#[test]
fn a_flood_of_unknown_types_is_closed() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    // 30 are the allowance, and 30 more are the refusals of a minute.
    for _ in 0..60 {
        world.bytes(id, &dance());
    }
    assert_eq!(world.see(id), []);
    world.bytes(id, &dance());
    assert_eq!(world.close_reason(id), "Rate limit exceeded");
}

#[test]
fn a_steady_trickle_of_unknown_types_goes_on() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    for _ in 0..300 {
        world.bytes(id, &dance());
        world.seconds(2);
    }
    assert_eq!(world.node.phase(id), Some(Phase::Connected));
}

#[test]
fn an_unknown_type_does_not_excuse_invalid_ones() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    for _ in 0..9 {
        world.bytes(id, &text("nope"));
        world.bytes(id, &dance());
    }
    world.bytes(id, &text("nope"));
    assert_eq!(world.close_reason(id), "Too many invalid messages");
}

#[test]
fn an_unknown_type_with_a_bad_envelope_is_invalid() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    world.bytes(id, &text(r#"{"type":"dance","id":"d","payload":{}}"#));
    assert_eq!(world.message(id)["payload"]["error"], "invalid_message");
    assert_eq!(world.node.metrics().unknown_in, 0);
}

#[test]
fn an_unknown_first_type_is_still_not_auth() {
    let mut world = World::new();
    let id = world.authenticating("soup");
    world.bytes(id, &dance());
    assert_eq!(world.close_reason(id), "First message must be auth");
}

#[test]
fn an_unknown_type_waits_for_no_answer() {
    let (mut world, asked) = later::world_with(|config| config.limits.waiting_messages = 2);
    let id = world.connected("soup", "alice");
    world.chat(id, "held");
    for n in 0..8 {
        world.say(id, "dance", json!({ "step": n }));
    }
    assert_eq!(world.node.metrics().unknown_in, 8);
    assert!(world.node.wants_input(id), "none takes a place among those that wait");
    later::answer(&mut world, later::ticket(&asked, "held"), "at last");
    assert_eq!(later::contents(&world.see(id)), ["at last"]);
}

#[test]
fn fields_that_are_not_known_are_ignored() {
    let mut world = World::new();
    let id = world.authenticating("soup");
    let token = world.token("alice", 900);
    let more = |kind: &str, payload: Value| {
        json!({
            "type": kind, "id": "m", "timestamp": "2026-11-22T10:00:00Z", "payload": payload,
            "trace": { "of": [1, null] }, "v": 3,
        })
        .to_string()
    };
    let auth = more("auth", json!({ "token": token, "resume": {}, "content": 7 }));
    world.bytes(id, &text(&auth));
    assert_eq!(world.message(id)["payload"]["session"]["user_id"], "alice");
    world.bytes(id, &text(&more("chat_message", json!({ "content": "hi", "reply_to": [] }))));
    assert_eq!(world.message(id)["payload"]["request_id"], "m");
}
