//! What old clients say: without an id and without a timestamp, and heartbeats between it.

use super::legacy::{bearer, world};
use super::*;
use crate::config::AuthMode;

/// All that the first version's client sends to say something.
fn said_by_old(content: &str) -> Vec<u8> {
    let bare = include_str!("../../../tests/fixtures/old_messages/chat_message.json");
    text(&bare.replace("Scale to 8 servings", content))
}

fn heartbeat() -> Vec<u8> {
    text(include_str!("../../../tests/fixtures/old_messages/heartbeat.json"))
}

/// An old client in the room, and what it was acknowledged with is seen.
fn old(world: &mut World, user: &str) -> ConnId {
    let token = world.token(user, 900);
    let (id, answer) = world.come("", &bearer(&token));
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert_eq!(world.see(id).len(), 1);
    id
}

#[test]
fn an_old_clients_bare_message_is_given_an_id() {
    for mode in [AuthMode::Both, AuthMode::Legacy] {
        let mut world = world(mode);
        let [alice, bob] = ["alice", "bob"].map(|user| old(&mut world, user));
        let mut ids = Vec::new();
        // The same text twice is said twice: it has no id that would make it the same.
        for _ in 0..2 {
            world.bytes(alice, &said_by_old("Scale to 8"));
            let heard = world.message(bob);
            assert_eq!(
                (&heard["type"], &heard["payload"]["user_id"]),
                (&"chat_message".into(), &"alice".into())
            );
            assert!(crate::time::is_date_time(heard["timestamp"].as_str().unwrap()));
            let answer = world.message(alice);
            assert_eq!(answer["type"], "recipe_update");
            assert_eq!(answer["payload"]["request_id"], heard["id"]);
            ids.push(heard["id"].as_str().unwrap().to_owned());
        }
        assert_ne!(ids[0], ids[1]);
        let metrics = world.node.metrics();
        assert_eq!((metrics.chat_messages, metrics.repeated_messages), (2, 0));
        assert_eq!(metrics.invalid_in, 0);
    }
}

#[test]
fn an_old_clients_own_id_is_kept() {
    let mut world = world(AuthMode::Both);
    let id = old(&mut world, "alice");
    let bare = json!({ "type": "chat_message", "id": "mine", "payload": { "content": "hi" } });
    for _ in 0..2 {
        world.bytes(id, &text(&bare.to_string()));
        assert_eq!(world.message(id)["payload"]["request_id"], "mine");
    }
    assert_eq!(world.node.metrics().repeated_messages, 1);
}

#[test]
fn an_old_clients_heartbeats_are_ignored() {
    let mut world = world(AuthMode::Both);
    let id = old(&mut world, "alice");
    // As many as would close it, were they invalid; then at a heartbeat's pace for a session.
    for _ in 0..12 {
        world.bytes(id, &heartbeat());
    }
    for _ in 0..60 {
        world.seconds(10);
        world.bytes(id, &text(r#"{"type":"ping","payload":7}"#));
    }
    assert_eq!(world.see(id), []);
    world.bytes(id, &said_by_old("still here"));
    assert_eq!(world.message(id)["type"], "recipe_update");
    let metrics = world.node.metrics();
    assert_eq!((metrics.unknown_in, metrics.invalid_in), (72, 0));
}

#[test]
fn an_old_clients_flood_of_heartbeats_is_closed() {
    let mut world = world(AuthMode::Legacy);
    let id = old(&mut world, "alice");
    for _ in 0..61 {
        world.bytes(id, &text(r#"{"type":"ping"}"#));
    }
    assert_eq!(world.close_reason(id), "Rate limit exceeded");
}

#[test]
fn an_old_clients_bare_messages_have_their_allowance() {
    let mut world = world(AuthMode::Both);
    let id = old(&mut world, "alice");
    for _ in 0..30 {
        world.bytes(id, &said_by_old("x"));
    }
    assert_eq!(world.see(id).len(), 30);
    world.bytes(id, &said_by_old("one more"));
    let payload = world.message(id)["payload"].clone();
    assert_eq!(payload["error"], "rate_limited");
    assert!(payload["request_id"].is_string(), "{payload}");
}

#[test]
fn an_old_clients_messages_are_answered_in_order() {
    let (mut world, asked) = later::world_with(|config| config.auth.mode = AuthMode::Both);
    let bob = world.authenticating("later");
    let token = world.token("bob", 900);
    world.auth(bob, &token);
    later::admit(&mut world, later::ticket(&asked, "join false"));
    let token = world.token("alice", 900);
    let mut bytes = upgrade(&format!("later?token={token}")).into_bytes();
    for content in ["held", "now"] {
        bytes.extend(text(r#"{"type":"ping"}"#));
        let bare = json!({ "type": "chat_message", "payload": { "content": content } });
        bytes.extend(text(&bare.to_string()));
    }
    let id = world.accept();
    world.bytes(id, &bytes);
    assert!(world.raw(id).starts_with("HTTP/1.1 101 "));
    later::admit(&mut world, later::ticket(&asked, "join false"));
    assert_eq!(later::contents(&world.see(id)), ["in"]);
    world.bytes(id, &text(r#"{"type":"ping"}"#));
    later::answer(&mut world, later::ticket(&asked, "held"), "at last");
    let seen = world.see(id);
    assert_eq!(later::contents(&seen), ["at last", "now"]);
    // The ids that the answers name are those that the others heard.
    let ids = |seen: Vec<Seen>, path: &str| -> Vec<Value> {
        let of = |seen: Seen| match seen {
            Seen::Message(message) => message.pointer(path).unwrap().clone(),
            other => panic!("{other:?}"),
        };
        seen.into_iter().map(of).collect()
    };
    let heard = world.see(bob);
    assert_eq!(ids(seen, "/payload/request_id"), ids(heard[1..].to_vec(), "/id"));
}

#[test]
fn an_auth_of_an_old_client_keeps_every_check() {
    let mut world = world(AuthMode::Both);
    let id = old(&mut world, "alice");
    let token = world.token("alice", 900);
    let bare = json!({ "type": "auth", "payload": { "token": token } }).to_string();
    world.bytes(id, &text(&bare));
    let payload = world.message(id)["payload"].clone();
    assert_eq!(payload["error"], "invalid_message");
    assert!(payload["message"].as_str().unwrap().contains("`id`"), "{payload}");
    // A whole one renews the session, of a client that stays an old one.
    let auth = world.auth(id, &token);
    assert_eq!(world.message(id)["payload"]["request_id"], auth);
    world.bytes(id, &said_by_old("as before"));
    assert_eq!(world.message(id)["type"], "recipe_update");
}

#[test]
fn a_new_client_is_given_nothing_in_any_mode() {
    for mode in [AuthMode::Message, AuthMode::Both] {
        let mut world = world(mode);
        let id = world.connected("soup", "alice");
        for bare in [said_by_old("hi"), heartbeat()] {
            world.bytes(id, &bare);
            assert_eq!(world.message(id)["payload"]["error"], "invalid_message");
        }
        assert_eq!((world.node.metrics().chat_messages, world.node.metrics().invalid_in), (0, 2));
    }
    // A token in the request that nobody looked at makes no old client of it.
    let mut world = world(AuthMode::Message);
    let token = world.token("alice", 900);
    let (id, _) = world.come("", &bearer(&token));
    world.auth(id, &token);
    world.see(id);
    world.bytes(id, &said_by_old("hi"));
    assert_eq!(world.message(id)["payload"]["error"], "invalid_message");
}
