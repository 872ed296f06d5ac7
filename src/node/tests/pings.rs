//! The `ping` message, by which a client finds out whether its connection still lives.

use super::*;

fn ping(id: &str) -> Vec<u8> {
    text(&json!({ "type": "ping", "id": id }).to_string())
}

#[test]
fn ping_is_answered_with_pong() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    let bob = world.connected("soup", "bob");
    world.bytes(id, &text(r#"{"type":"ping"}"#));
    let pong = world.message(id);
    assert_eq!((&pong["type"], &pong["payload"]), (&"pong".into(), &json!({ "request_id": null })));
    world.bytes(id, &ping("p1"));
    assert_eq!(world.message(id)["payload"], json!({ "request_id": "p1" }));
    assert_eq!(world.see(bob), []);
    let metrics = world.node.metrics();
    assert_eq!((metrics.pings_in, metrics.pongs_out, metrics.unknown_in), (2, 2, 0));
}

#[test]
fn ping_with_a_bad_id_is_invalid() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    world.bytes(id, &ping(""));
    assert_eq!(world.message(id)["payload"]["error"], "invalid_message");
    assert_eq!(world.node.metrics().pings_in, 0);
}

#[test]
fn ping_before_auth_closes() {
    let mut world = World::new();
    let id = world.authenticating("soup");
    world.bytes(id, &ping("p1"));
    assert_eq!(world.close_reason(id), "First message must be auth");
}

/// The application may be slow: that does not make the connection look dead.
#[test]
fn ping_does_not_wait_for_the_application() {
    let (mut world, asked) = later::world_with(|config| config.limits.waiting_messages = 2);
    let id = world.connected("soup", "alice");
    world.chat(id, "held");
    world.chat(id, "behind it");
    for n in 0..8 {
        world.bytes(id, &ping(&n.to_string()));
        assert_eq!(world.message(id)["payload"]["request_id"], n.to_string());
    }
    later::answer(&mut world, later::ticket(&asked, "held"), "at last");
    assert_eq!(later::contents(&world.see(id)), ["at last"]);
}

#[test]
fn pings_leave_the_allowance_of_chat_alone() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    for n in 0..30 {
        world.bytes(id, &ping(&n.to_string()));
        assert_eq!(world.message(id)["type"], "pong");
    }
    let message = world.chat(id, "hello");
    assert_eq!(world.message(id)["payload"]["request_id"], message);
}

#[test]
fn ping_over_the_allowance_is_rate_limited() {
    let mut world = World::new();
    // The allowance is the user's: a second connection does not double it.
    let (id, other) = (world.connected("soup", "alice"), world.connected("soup", "alice"));
    for n in 0..30 {
        world.bytes(if n % 2 == 0 { id } else { other }, &ping(&n.to_string()));
    }
    world.see(id);
    world.bytes(id, &ping("p31"));
    let payload = world.message(id)["payload"].clone();
    assert_eq!([&payload["error"], &payload["request_id"]], ["rate_limited", "p31"]);
    assert_eq!(payload["retry_after_ms"], 2_000);
    world.seconds(2);
    world.bytes(id, &ping("p32"));
    assert_eq!(world.message(id)["type"], "pong");
}

#[test]
fn a_flood_of_pings_is_closed() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    // 30 are the allowance, and 30 more are the refusals of a minute.
    for n in 0..61 {
        world.bytes(id, &ping(&n.to_string()));
    }
    let last = world.see(id).pop();
    assert_eq!(last, Some(close_frame(CloseReason::RateLimited)));
}

#[test]
fn session_tells_that_there_are_no_pings() {
    let mut world = World::with(|config| config.limits.ping = crate::config::Length::default());
    let id = world.authenticating("soup");
    let token = world.token("alice", 900);
    world.auth(id, &token);
    assert_eq!(world.message(id)["payload"]["session"]["ping_interval_ms"], 0);
}
