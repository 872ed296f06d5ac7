//! What clients see when the engine, the link or a node fails.

use super::*;
use crate::bus::BusFault;
use crate::bus::model::EngineError;

fn is_missed(seen: &[Value]) -> bool {
    seen.last().is_some_and(|last| last["close"] == 1012 && last["reason"] == "Messages missed")
}

#[test]
fn without_the_engine_nobody_is_dropped() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
    for node in 0..2 {
        cluster.cut(node);
    }
    cluster.seconds(3);
    cluster.chat_as(0, a, ("m1", "hello"));
    let seen = cluster.see(0, a).pop().unwrap();
    assert_eq!(seen["payload"]["error"], "backend_unavailable", "{seen}");
    let joined = cluster.connected(1, "stew", "cat");
    for node in 0..2 {
        cluster.mend(node);
    }
    cluster.seconds(12);
    // The id is free.
    cluster.chat_as(0, a, ("m1", "hello"));
    assert_eq!(cluster.contents(0, a), ["Answer 1"]);
    assert_eq!(cluster.contents(1, b), ["hello"]);
    assert_eq!(cluster.see(1, joined), [] as [Value; 0]);
}

/// As it was tried last: in the beginning the connection was reset.
#[test]
fn readiness_names_why_the_engine_is_not_reached() {
    let mut cluster = ClusterWorld::new(1);
    let ready = |cluster: &mut ClusterWorld| {
        let id = cluster.nodes[0].operator();
        cluster.nodes[0].bytes(id, b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
        cluster.pump();
        cluster.nodes[0].raw(id)
    };
    cluster.cut(0);
    cluster.seconds(7);
    let said = ready(&mut cluster);
    assert!(said.contains("messages are refused. The reason: connection refused"), "{said}");
    cluster.mend(0);
    cluster.seconds(7);
    assert!(!ready(&mut cluster).contains("The reason"));
}

#[test]
fn a_short_interruption_is_not_noticed() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
    cluster.cut(0);
    cluster.chat_as(0, a, ("m1", "hello"));
    cluster.mend(0);
    let world = &mut cluster.nodes[0];
    let joining = world.authenticating("stew");
    let token = world.token("cat", 900);
    world.auth(joining, &token);
    cluster.millis(1_500);
    assert_eq!(cluster.contents(0, a), ["Answer 1"]);
    assert_eq!(cluster.contents(1, b), ["hello"]);
    assert_eq!(cluster.see(0, joining).len(), 1);
}

#[test]
fn what_was_said_while_a_link_was_down_follows() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
    cluster.cut(1);
    for content in ["one", "two", "three"] {
        cluster.chat(0, a, content);
    }
    cluster.seconds(10);
    assert_eq!(cluster.contents(1, b), [""; 0]);
    cluster.mend(1);
    cluster.seconds(10);
    assert_eq!(cluster.contents(1, b), ["one", "two", "three"]);
}

#[test]
fn a_lost_reply_publishes_once() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
    cluster.engine.faults.lost_replies = 1;
    cluster.chat(0, a, "hello");
    cluster.seconds(3);
    assert_eq!(cluster.contents(0, a), ["Answer 1"]);
    assert_eq!(cluster.contents(1, b), ["hello"]);
}

#[test]
fn a_lost_announcement_is_read_later() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
    cluster.chat(0, a, "one");
    cluster.engine.faults.lost_pushes = 1;
    cluster.chat(0, a, "two");
    cluster.engine.faults.lost_pushes = 0;
    cluster.seconds(6);
    assert_eq!(cluster.contents(1, b), ["one", "two"]);
    // The next message shows it at once.
    cluster.engine.faults.lost_pushes = 1;
    cluster.chat(0, a, "three");
    cluster.engine.faults.lost_pushes = 0;
    cluster.chat(0, a, "four");
    assert_eq!(cluster.contents(1, b), ["three", "four"]);
}

/// It was told by the first node what the second has not heard of.
#[test]
fn a_client_may_be_ahead_of_the_node_it_comes_to() {
    let mut cluster = ClusterWorld::new(2);
    let a = cluster.connected(0, "soup", "ann");
    let (b, _) = cluster.resumed(0, ("soup", "bob"), json!({}));
    let (c, _) = cluster.resumed(1, ("soup", "cam"), json!({}));
    cluster.engine.faults.lost_pushes = 2;
    cluster.chat(0, a, "one");
    cluster.engine.faults.lost_pushes = 0;
    let seen = cluster.see(0, b);
    let position = seen[0]["payload"]["position"].clone();
    let (b, seen) = cluster.resumed(1, ("soup", "bob"), json!({ "position": position }));
    assert_eq!(seen["payload"]["resumed"], true, "{seen}");
    // What it waited for has reached the others, too.
    assert_eq!(cluster.contents(1, c), ["one"]);
    cluster.chat(0, a, "two");
    assert_eq!(cluster.contents(1, b), ["two"]);
    // A position that nobody has given is read for once, and then it begins anew.
    let (_, seen) = cluster.resumed(1, ("soup", "bob"), json!({ "position": "99.AAAAAAAA" }));
    assert_eq!(seen["payload"]["resumed"], false, "{seen}");
}

#[test]
fn an_engine_that_was_wiped_goes_on() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
    cluster.chat(0, a, "one");
    cluster.engine.close(None);
    cluster.engine.wipe();
    cluster.seconds(10);
    cluster.chat(0, a, "two");
    assert_eq!(cluster.contents(0, a), ["Answer 1", "Answer 2"]);
    assert_eq!(cluster.contents(1, b), ["one", "two"]);
}

#[test]
fn who_may_have_missed_something_is_told() {
    let mut cluster = ClusterWorld::new(3);
    let ids: Vec<ConnId> =
        (0..3).map(|node| cluster.connected(node, "soup", &format!("u{node}"))).collect();
    cluster.chat(0, ids[0], "one");
    cluster.engine.take_snapshot();
    // Node 2 does not hear of it, and the engine forgets it.
    cluster.cut(2);
    cluster.chat(0, ids[0], "two");
    cluster.engine.fail_over(false);
    cluster.engine.close(None);
    cluster.mend(2);
    cluster.seconds(12);
    for (node, &id) in ids.iter().enumerate() {
        let seen = cluster.see(node, id);
        assert!(is_missed(&seen), "node {node}: {seen:?}");
    }
    // Whoever comes back with a position from before begins anew.
    let again = cluster.connected(1, "soup", "u1");
    let writer = cluster.connected(0, "soup", "u0");
    cluster.chat(0, writer, "three");
    assert_eq!(cluster.contents(1, again), ["three"]);
}

#[test]
fn a_full_engine_refuses_and_goes_on() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
    cluster.engine.faults.error = Some(EngineError::OutOfMemory);
    cluster.chat_as(0, a, ("m1", "hello"));
    let seen = cluster.see(0, a).pop().unwrap();
    assert_eq!(seen["payload"]["error"], "backend_unavailable", "{seen}");
    cluster.engine.faults.error = None;
    cluster.chat_as(0, a, ("m1", "hello"));
    assert_eq!(cluster.contents(0, a), ["Answer 1"]);
    assert_eq!(cluster.contents(1, b), ["hello"]);
}

#[test]
fn an_update_that_is_not_published_breaks_the_room() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
    cluster.nodes[0].node.rooms.outgoing_for_test("soup", b"{\"x\":{}}");
    cluster.engine.faults.error = Some(EngineError::OutOfMemory);
    cluster.nodes[0].node.publish_outgoing();
    cluster.pump();
    cluster.engine.faults.error = None;
    cluster.seconds(12);
    let (seen_a, seen_b) = (cluster.see(0, a), cluster.see(1, b));
    assert!(is_missed(&seen_a) && is_missed(&seen_b), "{seen_a:?} {seen_b:?}");
}

#[test]
fn another_node_asks_when_the_first_is_gone() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    // The first node publishes, and is killed before it can answer.
    cluster.engine.faults.lost_replies = 1;
    cluster.chat_as(0, a, ("m1", "hello"));
    cluster.cut(0);
    let asked = cluster.asked();
    cluster.seconds(16);
    cluster.chat_as(1, b, ("m1", "hello"));
    cluster.seconds(1);
    assert_eq!(cluster.asked(), asked + 1);
    assert_eq!(cluster.contents(1, b).last().map(String::as_str), Some("Answer 1"));
}

#[test]
fn a_node_that_has_just_come_is_not_taken_for_gone() {
    let mut cluster = ClusterWorld::new(1);
    let first = cluster.connected(0, "soup", "ann");
    let late = cluster.add(|_| {});
    cluster.millis(200);
    let second = cluster.connected(late, "soup", "ann");
    // The first node's list of nodes is older than the second one.
    cluster.chat_as(late, second, ("m1", "later"));
    cluster.chat_as(0, first, ("m1", "later"));
    cluster.millis(300);
    assert_eq!(cluster.nodes[late].commands.len(), 1);
    assert!(cluster.nodes[0].commands.is_empty());
    let done = cluster.nodes[late].commands.pop().unwrap().run();
    let now = cluster.nodes[late].now;
    cluster.nodes[late].node.handle_completion(now, done);
    cluster.millis(500);
    assert_eq!(cluster.contents(late, second), ["Answer 1"]);
    assert_eq!(cluster.contents(0, first).last().map(String::as_str), Some("Answer 1"));
}

#[test]
fn an_answer_that_is_not_kept_at_once_is_kept_later() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    cluster.chat_as(0, a, ("m1", "later"));
    let done = cluster.nodes[0].commands.pop().unwrap().run();
    cluster.cut(0);
    cluster.seconds(3);
    let now = cluster.nodes[0].now;
    cluster.nodes[0].node.handle_completion(now, done);
    cluster.pump();
    assert_eq!(cluster.contents(0, a), ["Answer 1"]);
    cluster.mend(0);
    cluster.seconds(10);
    cluster.chat_as(1, b, ("m1", "later"));
    cluster.seconds(1);
    assert_eq!(cluster.contents(1, b).last().map(String::as_str), Some("Answer 1"));
    assert_eq!(cluster.asked(), 1);
}

#[test]
fn a_message_that_nobody_began_may_be_asked_elsewhere() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    cluster.chat_as(0, a, ("m1", "later"));
    cluster.seconds(6);
    assert_eq!(cluster.see(0, a).pop().unwrap()["payload"]["error"], "backend_timeout");
    cluster.chat_as(1, b, ("m1", "later"));
    assert_eq!(cluster.nodes[1].commands.len(), 1);
}

#[test]
fn a_node_that_was_started_anew_asks_nothing() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    cluster.chat_as(0, a, ("m1", "later"));
    // Its process is killed, and the next one has its name.
    cluster.cut(0);
    let again = cluster.add(|config| "n0".clone_into(&mut config.cluster.name));
    cluster.seconds(1);
    cluster.chat_as(1, b, ("m1", "later"));
    assert!(cluster.nodes[1].commands.is_empty());
    cluster.seconds(2);
    assert_eq!(cluster.nodes[1].commands.len(), 1);
    assert!(cluster.nodes[again].commands.is_empty());
}

#[test]
fn a_node_that_gave_up_lets_another_one_ask() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    // The first node publishes, does not hear so in time, and is alive all the while.
    cluster.engine.faults.lost_replies = 1;
    cluster.chat_as(0, a, ("m1", "hello"));
    cluster.cut(0);
    cluster.seconds(6);
    cluster.mend(0);
    cluster.seconds(6);
    let asked = cluster.asked();
    cluster.chat_as(1, b, ("m1", "hello"));
    cluster.seconds(3);
    assert_eq!(cluster.asked(), asked + 1);
    assert_eq!(cluster.contents(1, b).last().map(String::as_str), Some("Answer 1"));
}

#[test]
fn a_refused_subscription_is_tried_again() {
    let mut cluster = ClusterWorld::new(2);
    let a = cluster.connected(0, "soup", "ann");
    cluster.engine.faults.error = Some(EngineError::NoPermission);
    let world = &mut cluster.nodes[1];
    let b = world.authenticating("soup");
    let token = world.token("bob", 900);
    world.auth(b, &token);
    cluster.pump();
    cluster.engine.faults.error = None;
    cluster.seconds(12);
    // Nobody knows what was said in the meantime.
    assert!(is_missed(&cluster.see(1, b)));
    let b = cluster.connected(1, "soup", "bob");
    cluster.chat(0, a, "hello");
    assert_eq!(cluster.contents(1, b), ["hello"]);
}

/// Clients are told that it is temporary: only the log says that somebody has to mend it.
#[test]
fn a_command_that_always_fails_is_logged() {
    let mut cluster = ClusterWorld::new(1);
    let a = cluster.connected(0, "soup", "ann");
    cluster.engine.faults.error = Some(EngineError::NoPermission);
    cluster.chat_as(0, a, ("m1", "hello"));
    let seen = cluster.see(0, a).pop().unwrap();
    assert_eq!(seen["payload"]["error"], "backend_unavailable", "{seen}");
    let world = &mut cluster.nodes[0];
    let now = world.now.monotonic;
    let member = world.node.cluster.as_mut().unwrap();
    let sent = member.publish_news(now, &"soup".into(), (None, vec![b'x'; 1 << 20].into()));
    assert_eq!(sent, Err(BusFault::TooLong));
    for fault in [BusFault::NoPermission(String::new()), BusFault::TooLong] {
        assert_eq!(member.faults.line(now, &fault), None, "there was a line in this minute");
    }
    assert!(member.faults.line(now, &BusFault::ReadOnly).is_some());
}

/// Each that waits for the revocations is a pending connection, of which there are `limits.pending`.
#[test]
fn who_ends_before_revocations_are_read_is_forgotten() {
    let mut cluster = ClusterWorld::new(0);
    let node = cluster.add(|_| {});
    let world = &mut cluster.nodes[node];
    for round in 0..50 {
        let id = world.authenticating("soup");
        let token = world.token("ann", 900);
        world.auth(id, &token);
        assert_eq!(world.node.cluster.as_ref().unwrap().early.len(), 1, "round {round}");
        world.node.handle_hangup(world.now, id, Hangup::Reset);
        world.settle();
    }
    assert!(world.node.cluster.as_ref().unwrap().early.is_empty());
}

/// The node was away for longer than the log reaches. Were it a fault of the engine's, all would have to hear
/// of it.
#[test]
fn a_node_that_is_behind_closes_its_own_only() {
    for has_failed_over in [false, true] {
        let mut cluster = ClusterWorld::new(0);
        (0..2).for_each(|_| _ = cluster.add(|config| config.cluster.keep = 4));
        cluster.seconds(1);
        let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
        cluster.chat(0, a, "one");
        cluster.cut(1);
        for _ in 0..6 {
            cluster.chat(0, a, "more");
        }
        if has_failed_over {
            cluster.engine.take_snapshot();
            cluster.engine.fail_over(false);
            cluster.seconds(6);
        }
        cluster.mend(1);
        cluster.seconds(10);
        assert_eq!(cluster.see(1, b).pop().unwrap()["reason"], "Messages missed");
        let is_closed = cluster.see(0, a).iter().any(|message| !message["close"].is_null());
        assert_eq!(is_closed, has_failed_over);
        let c = cluster.connected(1, "soup", "cat");
        if !has_failed_over {
            cluster.chat(0, a, "again");
            assert_eq!(cluster.contents(1, c), ["again"]);
        }
    }
}
