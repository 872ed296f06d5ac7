//! Messages that the application sees before the others do.

use super::later::{Asked, answer, contents, ticket, world_with};
use super::*;
use crate::node::app::{Moderation, Update};
use crate::protocol::ErrorCode;

fn moderated() -> (World, Asked) {
    world_with(|config| config.backend.moderate = true)
}

fn decide(world: &mut World, ticket: Ticket, outcome: Outcome) {
    world.node.handle_completion(world.now, Completion { ticket, outcome });
    world.settle();
}

fn rule(world: &mut World, ticket: Ticket, content: &'static str, moderation: Moderation) {
    let update = Update { content: content.into(), moderation, ..Update::default() };
    decide(world, ticket, Outcome::Message(Ok(update.into())));
}

/// Sends a chat message under an id of its sender's choice.
fn chat_as(world: &mut World, id: ConnId, message: &str, content: &str) {
    world.bytes(id, &text(&envelope("chat_message", message, json!({ "content": content }))));
}

#[test]
fn others_see_a_message_when_it_is_approved() {
    let (mut world, asked) = moderated();
    let [alice, bob] = ["alice", "bob"].map(|user| world.connected("soup", user));
    let data = json!({ "content": "hello", "data": { "mood": 1 } });
    let id = world.say(alice, "chat_message", data);
    assert!(world.see(bob).is_empty() && world.see(alice).is_empty());
    answer(&mut world, ticket(&asked, "hello"), "welcome");
    let seen = world.message(bob);
    assert_eq!((&seen["type"], &seen["id"]), (&json!("chat_message"), &json!(id)));
    assert_eq!(seen["payload"]["content"], "hello");
    assert_eq!(
        (&seen["payload"]["user_id"], &seen["payload"]["data"]["mood"]),
        (&json!("alice"), &json!(1))
    );
    assert_eq!(contents(&world.see(alice)), ["welcome"]);
    // What is answered at once is delivered at once, and before the answer's own news.
    world.chat(alice, "now");
    assert_eq!(contents(&world.see(bob)), ["now"]);
}

#[test]
fn changed_content_is_what_the_others_get() {
    let (mut world, asked) = moderated();
    let [alice, bob] = ["alice", "bob"].map(|user| world.connected("soup", user));
    world.chat(alice, "darn");
    rule(&mut world, ticket(&asked, "darn"), "mind your words", Moderation::Change("d***".into()));
    assert_eq!(contents(&world.see(bob)), ["d***"]);
    assert_eq!(contents(&world.see(alice)), ["mind your words"]);
    assert_eq!(world.node.metrics().changed_messages, 1);
}

#[test]
fn refused_message_reaches_nobody_however_often() {
    let (mut world, asked) = moderated();
    let [alice, bob] = ["alice", "bob"].map(|user| world.connected("soup", user));
    for (reason, told) in [("no links", "no links"), ("", "The message was not delivered")] {
        let id = format!("m{}", reason.len());
        for round in 0..2 {
            chat_as(&mut world, alice, &id, &format!("spam{reason}"));
            if round == 0 {
                let ticket = ticket(&asked, &format!("spam{reason}"));
                rule(&mut world, ticket, reason, Moderation::Refuse);
            }
            let error = world.message(alice);
            assert_eq!(error["payload"]["error"], "not_delivered");
            assert_eq!(error["payload"]["message"], told);
            assert_eq!(error["payload"]["request_id"], id.as_str());
        }
    }
    assert!(world.see(bob).is_empty());
    assert_eq!(world.node.metrics().undelivered_messages, 2);
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[test]
fn a_senders_messages_are_delivered_in_order() {
    let (mut world, asked) = moderated();
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| world.connected("soup", user));
    for content in ["a1", "a2", "a3"] {
        world.chat(alice, content);
    }
    world.chat(bob, "b1");
    answer(&mut world, ticket(&asked, "b1"), "ok");
    for content in ["a1", "a2", "a3"] {
        answer(&mut world, ticket(&asked, content), "ok");
    }
    assert_eq!(contents(&world.see(carol)), ["b1", "a1", "a2", "a3"]);
    assert_eq!(contents(&world.see(alice)), ["b1", "ok", "ok", "ok"]);
}

#[test]
fn failed_question_delivers_nothing_until_retried() {
    for outcome in [
        || Outcome::Message(Err(ErrorCode::BackendUnavailable)),
        || Outcome::Message(Err(ErrorCode::BackendTimeout)),
        || Outcome::Unreached,
        || Outcome::NotBegun,
        || Outcome::Refused,
        || Outcome::Panicked,
    ] {
        let (mut world, asked) = moderated();
        let [alice, bob] = ["alice", "bob"].map(|user| world.connected("soup", user));
        chat_as(&mut world, alice, "m1", "hello");
        decide(&mut world, ticket(&asked, "hello"), outcome());
        assert_eq!(world.message(alice)["type"], "error", "{:?}", outcome());
        assert!(world.see(bob).is_empty());
        chat_as(&mut world, alice, "m1", "hello");
        answer(&mut world, ticket(&asked, "hello"), "welcome");
        assert_eq!(contents(&world.see(bob)), ["hello"]);
        assert_eq!(contents(&world.see(alice)), ["welcome"]);
        // From here on it is known.
        chat_as(&mut world, alice, "m1", "hello");
        assert_eq!(contents(&world.see(alice)), ["welcome"]);
        assert!(world.see(bob).is_empty());
    }
}

#[test]
fn answer_after_the_timeout_delivers_nothing() {
    let (mut world, asked) = moderated();
    let [alice, bob] = ["alice", "bob"].map(|user| world.connected("soup", user));
    chat_as(&mut world, alice, "m1", "hello");
    let late = ticket(&asked, "hello");
    world.seconds(6);
    assert_eq!(contents(&world.see(alice)), ["backend_timeout"]);
    world.chat(alice, "now");
    answer(&mut world, late, "too late");
    assert_eq!(contents(&world.see(bob)), ["now"]);
    assert_eq!(contents(&world.see(alice)), ["now"]);
    chat_as(&mut world, alice, "m1", "hello");
    answer(&mut world, ticket(&asked, "hello"), "welcome");
    assert_eq!(contents(&world.see(bob)), ["hello"]);
    assert_eq!(contents(&world.see(alice)), ["welcome"]);
    assert_eq!(world.node.usage().questions, 0);
}

#[test]
fn message_of_a_sender_who_left_is_still_delivered() {
    let (mut world, asked) = moderated();
    let [alice, bob] = ["alice", "bob"].map(|user| world.connected("soup", user));
    chat_as(&mut world, alice, "m1", "hello");
    world.node.handle_hangup(world.now, alice, Hangup::Reset);
    world.settle();
    world.see(bob);
    answer(&mut world, ticket(&asked, "hello"), "welcome");
    assert_eq!(contents(&world.see(bob)), ["hello"]);
    // Back again, it gets the answer, and the others get nothing twice.
    let alice = world.connected("soup", "alice");
    chat_as(&mut world, alice, "m1", "hello");
    assert_eq!(contents(&world.see(alice)), ["welcome"]);
    assert!(world.see(bob).is_empty());
}

#[test]
fn repeat_from_another_connection_is_delivered_once() {
    let (mut world, asked) = moderated();
    let [alice, other, bob] = ["alice", "alice", "bob"].map(|user| world.connected("soup", user));
    chat_as(&mut world, alice, "m1", "hello");
    chat_as(&mut world, other, "m1", "hello");
    answer(&mut world, ticket(&asked, "hello"), "welcome");
    assert_eq!(contents(&world.see(bob)), ["hello"]);
    assert_eq!(contents(&world.see(alice)), ["welcome"]);
    assert_eq!(contents(&world.see(other)), ["hello", "welcome"]);
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn position_is_given_when_a_message_is_delivered() {
    let (mut world, asked) = moderated();
    let alice = world.connected("soup", "alice");
    let bob = world.authenticating("soup");
    let token = world.token("bob", 900);
    world.say(bob, "auth", json!({ "token": crate::logs::known(&token), "resume": {} }));
    let session = world.message(bob)["payload"]["session"]["resume"]["position"].clone();
    world.chat(alice, "held");
    let held = ticket(&asked, "held");
    // Bob leaves before it is delivered, and comes back with where he was.
    world.node.handle_hangup(world.now, bob, Hangup::Reset);
    world.settle();
    world.output.remove(&bob);
    answer(&mut world, held, "ok");
    let bob = world.authenticating("soup");
    let token = world.token("bob", 900);
    let resume = json!({ "token": crate::logs::known(&token), "resume": { "position": session } });
    world.say(bob, "auth", resume);
    let seen = world.see(bob);
    let Seen::Message(acknowledgement) = &seen[0] else { panic!("{seen:?}") };
    assert_eq!(acknowledgement["payload"]["missed"], 1);
    assert_eq!(contents(&seen[1..]), ["held"]);
    assert!(matches!(&seen[1], Seen::Message(it) if it["payload"]["position"] != session));
}

#[test]
fn held_message_counts_against_the_work_budget() {
    let (mut world, _) = moderated();
    let alice = world.connected("soup", "alice");
    let (mut other, _) = world_with(|_| {});
    let bob = other.connected("soup", "alice");
    let long = "x".repeat(1_000);
    world.chat(alice, &long);
    other.chat(bob, &long);
    let cost = |world: &World| world.node.work.questions.weight();
    assert!(cost(&world) >= cost(&other) + 1_000);
}
