//! Questions whose time is over: what has not begun, what answers late, and what waits for both.

use super::again::{Scene, pair, timeout};
use super::*;

#[test]
fn work_whose_time_is_over_is_not_begun() {
    let mut scene = Scene::new();
    let alice = scene.world.connected("soup", "alice");
    let bob = scene.world.connected("soup", "bob");
    for (id, content) in [("m1", "work"), ("m2", "flagged")] {
        scene.send(alice, id, content);
        scene.world.seconds(5);
        assert_eq!(scene.told(alice), [timeout(id)]);
        assert_eq!(scene.told(bob).len(), 1);
    }
    scene.work();
    assert!(!scene.begins("flagged"));
    assert_eq!(scene.done(), [""; 0]);
    assert_eq!(scene.world.node.metrics().withdrawn_questions, 2);
    assert_eq!(scene.world.node.metrics().late_completions, 0);
    // Sent again it is done, once, and the others have seen it already.
    scene.send(alice, "m1", "work");
    scene.work();
    assert_eq!(scene.told(alice), [pair("m1", "did: work")]);
    scene.send(alice, "m1", "work");
    assert_eq!(scene.told(alice), [pair("m1", "did: work")]);
    assert_eq!(scene.done(), ["work"]);
    scene.send(alice, "m2", "flagged");
    assert!(scene.begins("flagged"));
    scene.answer("flagged");
    assert_eq!(scene.told(alice), [pair("m2", "did: flagged")]);
    assert_eq!(scene.told(bob), []);
}

#[test]
fn work_that_had_begun_answers_under_its_id_later() {
    for content in ["flagged changes", "held changes", "work changes"] {
        let mut scene = Scene::new();
        let alice = scene.world.connected("soup", "alice");
        let bob = scene.world.connected("soup", "bob");
        scene.send(alice, "m1", content);
        let done = match content {
            "work changes" => Some(scene.world.commands.remove(0).run()),
            "flagged changes" => {
                assert!(scene.begins(content));
                None
            }
            _ => None,
        };
        scene.world.seconds(5);
        assert_eq!(scene.told(alice), [timeout("m1")]);
        scene.world.see(bob);
        // Sent again before the answer is there, it waits for it, and is not done again.
        scene.send(alice, "m1", content);
        scene.world.seconds(5);
        assert_eq!(scene.told(alice), [timeout("m1")]);
        match done {
            Some(done) => scene.complete(done),
            None => scene.answer(content),
        }
        // The change is told to the room, its sender among them.
        let news = pair("-", &format!("did: {content}"));
        assert_eq!(scene.told(bob), std::slice::from_ref(&news));
        assert_eq!(scene.told(alice), [news]);
        scene.send(alice, "m1", content);
        assert_eq!(scene.told(alice), [pair("m1", &format!("did: {content}"))]);
        assert_eq!(scene.asked().len(), 1);
        assert_eq!(scene.world.node.metrics().answers_after_timeout, 1);
    }
}

#[test]
fn who_waits_again_gets_the_late_answer() {
    let mut scene = Scene::new();
    let alice = scene.world.connected("soup", "alice");
    scene.send(alice, "m1", "held");
    scene.world.seconds(5);
    assert_eq!(scene.told(alice), [timeout("m1")]);
    scene.world.seconds(590);
    scene.send(alice, "m1", "held");
    scene.answer("held");
    assert_eq!(scene.told(alice), [pair("m1", "did: held")]);
}

#[test]
fn a_sender_that_is_gone_wants_its_message_done() {
    let mut scene = Scene::new();
    let alice = scene.world.connected("soup", "alice");
    scene.send(alice, "m1", "work");
    scene.world.node.handle_hangup(scene.world.now, alice, Hangup::Reset);
    scene.world.settle();
    scene.world.seconds(4);
    scene.work();
    assert_eq!(scene.done(), ["work"]);
    let alice = scene.world.connected("soup", "alice");
    scene.send(alice, "m1", "work");
    assert_eq!(scene.told(alice), [pair("m1", "did: work")]);
    // But not when its time is over.
    scene.send(alice, "m2", "work two");
    scene.world.node.handle_hangup(scene.world.now, alice, Hangup::Reset);
    scene.world.settle();
    scene.world.seconds(5);
    scene.work();
    assert_eq!(scene.done(), ["work"]);
}

#[test]
fn work_is_not_withdrawn_while_somebody_waits() {
    let mut scene = Scene::new();
    let alice = scene.world.connected("soup", "alice");
    scene.send(alice, "m1", "work");
    scene.world.node.handle_hangup(scene.world.now, alice, Hangup::Reset);
    scene.world.settle();
    scene.world.seconds(3);
    let alice = scene.world.connected("soup", "alice");
    scene.send(alice, "m1", "work");
    scene.world.seconds(4);
    scene.work();
    assert_eq!(scene.told(alice), [pair("m1", "did: work")]);
    assert_eq!(scene.done(), ["work"]);
}

#[test]
fn a_join_and_a_request_of_who_is_gone_are_not_begun() {
    let mut scene = Scene::new();
    let request = |scene: &mut Scene| {
        let id = scene.world.accept();
        scene.world.bytes(id, b"GET /work HTTP/1.1\r\nHost: localhost\r\n\r\n");
        id
    };
    let gone = request(&mut scene);
    let joining = scene.world.authenticating("later");
    let token = scene.world.token("alice", 900);
    scene.world.auth(joining, &token);
    for id in [gone, joining] {
        scene.world.node.handle_hangup(scene.world.now, id, Hangup::Reset);
        scene.world.settle();
    }
    let late = request(&mut scene);
    scene.world.seconds(5);
    assert!(scene.world.raw(late).starts_with("HTTP/1.1 504 "));
    for _ in 0..3 {
        scene.work();
    }
    assert_eq!(scene.done(), [""; 0]);
    assert_eq!(scene.world.node.metrics().withdrawn_questions, 3);
    assert_eq!(scene.world.node.metrics().late_completions, 0);
    assert_eq!(scene.world.node.usage().questions, 0);
    let now = request(&mut scene);
    scene.work();
    assert!(scene.world.raw(now).starts_with("HTTP/1.1 404 "));
}

#[test]
fn late_answers_have_a_bound_in_number_and_time() {
    let mut scene = Scene::with(|config| config.limits.late_answers = 2);
    let users = ["alice", "bob", "carol"].map(|user| scene.world.connected("soup", user));
    for (at, id) in users.into_iter().enumerate() {
        scene.send(id, "m", &format!("held {at}"));
        scene.world.advance(Duration::from_millis(100));
    }
    scene.world.seconds(5);
    assert_eq!(scene.world.node.usage().questions, 2);
    assert_eq!(scene.world.node.metrics().late_answers_given_up, 1);
    users.iter().for_each(|id| drop(scene.world.see(*id)));
    // What is given up is not done again, but not waited for either.
    scene.answer("held 0");
    scene.send(users[0], "m", "held 0");
    assert_eq!(scene.told(users[0]), [timeout("m")]);
    assert_eq!(scene.asked().len(), 3);
    scene.answer("held 1");
    scene.send(users[1], "m", "held 1");
    assert_eq!(scene.told(users[1]), [pair("m", "did: held 1")]);
    // Ten minutes later the id is forgotten, and so is the question.
    scene.world.seconds(596);
    assert_eq!(scene.world.node.usage().questions, 0);
    assert_eq!(scene.world.node.metrics().late_answers_given_up, 1);
    assert_eq!(scene.world.node.metrics().never_answered, 1);
}

#[test]
fn a_late_answer_of_a_forgotten_id_is_not_anothers() {
    let mut scene = Scene::with(|config| config.limits.messages_per_minute = 0);
    let alice = scene.world.connected("soup", "alice");
    scene.send(alice, "m", "held first");
    scene.world.seconds(5);
    // 32 others are remembered in its place.
    (0..32).for_each(|n| scene.send(alice, &n.to_string(), "now"));
    scene.world.see(alice);
    scene.send(alice, "m", "now other");
    scene.answer("held first");
    scene.send(alice, "m", "now other");
    let other = pair("m", "did: now other");
    assert_eq!(scene.told(alice), [other.clone(), other]);
}

/// A world whose budget for work one held message fills.
fn crowded() -> (Scene, ConnId, ConnId) {
    let mut scene = Scene::with(|config| {
        config.limits.work_total = crate::config::Size::kib(2);
        config.limits.messages_per_minute = 0;
    });
    let alice = scene.world.connected("soup", "alice");
    let bob = scene.world.connected("stew", "bob");
    scene.send(alice, "big", &format!("held {}", "x".repeat(700)));
    (scene, alice, bob)
}

#[test]
fn overdue_questions_make_room_by_themselves() {
    let (mut scene, alice, bob) = crowded();
    // Nothing of hers wakes the node any more.
    scene.world.node.handle_hangup(scene.world.now, alice, Hangup::Reset);
    scene.world.settle();
    scene.world.seconds(2);
    scene.send(bob, "m", "now");
    assert_eq!(scene.told(bob), []);
    assert_eq!(scene.world.node.metrics().crowded_messages, 1);
    scene.world.seconds(3);
    assert_eq!(scene.told(bob), [pair("m", "did: now")]);
}

#[test]
fn a_message_waits_for_the_budget_no_longer_than_5_s() {
    let mut scene = Scene::with(|config| config.limits.work_total = crate::config::Size::kib(2));
    let [first, second] = ["alice", "bob"].map(|user| scene.world.connected("soup", user));
    let [carol, listener] = ["carol", "dave"].map(|user| scene.world.connected("stew", user));
    let long = format!("now {}", "x".repeat(700));
    // One short message or the other is always with the application, and hers is long.
    scene.send(first, "m", "held first");
    scene.world.seconds(1);
    scene.send(carol, "early", &long);
    scene.send(carol, "later", "now");
    scene.world.seconds(2);
    scene.send(second, "m", "held second");
    scene.world.advance(Duration::from_millis(2_990));
    assert_eq!(scene.told(carol), []);
    scene.world.advance(Duration::from_millis(20));
    assert_eq!(scene.told(carol), [timeout("early"), pair("later", "did: now")]);
    assert_eq!(scene.told(listener).len(), 1, "the other was not delivered");
    assert_eq!(scene.world.node.metrics().crowd_timeouts, 1);
    // It was never taken, so its id is free.
    scene.world.seconds(3);
    scene.send(carol, "early", &long);
    assert_eq!(scene.told(carol), [pair("early", &format!("did: {long}"))]);
    assert_eq!(scene.told(listener).len(), 1);
}

#[test]
fn overdue_legacy_message_is_answered_with_an_id() {
    let mut scene = Scene::with(|config| {
        config.limits.work_total = crate::config::Size::kib(2);
        config.auth.mode = crate::config::AuthMode::Both;
    });
    let [first, second] = ["alice", "bob"].map(|user| scene.world.connected("soup", user));
    let token = scene.world.token("carol", 900);
    let (old, _) = scene.world.come("", &legacy::bearer(&token));
    scene.world.see(old);
    let long = json!({ "type": "chat_message", "payload": { "content": "x".repeat(700) } });
    scene.send(first, "m", "held first");
    scene.world.seconds(1);
    scene.world.bytes(old, &text(&long.to_string()));
    scene.world.seconds(2);
    scene.send(second, "m", "held second");
    scene.world.seconds(3);
    let is_error = |seen: &Seen| matches!(seen, Seen::Message(it) if it["type"] == "error");
    let seen = scene.world.see(old);
    let Some(Seen::Message(answer)) = seen.iter().find(|seen| is_error(seen)) else {
        panic!("{seen:?}")
    };
    assert_eq!(answer["payload"]["error"], "backend_timeout");
    assert!(answer["payload"]["request_id"].is_string(), "{answer}");
}
