//! Messages that the application sees before the others do, in a cluster.

use super::*;

/// Nodes whose application is asked first.
fn moderated(count: usize) -> ClusterWorld {
    let mut cluster = ClusterWorld::new(0);
    for _ in 0..count {
        cluster.add(|config| config.backend.moderate = true);
    }
    cluster.seconds(1);
    cluster
}

impl ClusterWorld {
    /// The error that a client was told last.
    fn error(&mut self, node: usize, id: ConnId) -> String {
        let seen = self.see(node, id).pop().unwrap_or_default();
        seen["payload"]["error"].as_str().unwrap_or_default().to_owned()
    }

    /// Does the work that waits at a node.
    fn work(&mut self, node: usize) {
        let world = &mut self.nodes[node];
        let done = world.commands.pop().unwrap().run();
        world.node.handle_completion(world.now, done);
        self.millis(500);
    }
}

#[test]
fn moderated_id_has_one_answer_on_all_nodes() {
    let mut cluster = moderated(2);
    let (first, second) =
        (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    let listener = cluster.connected(1, "soup", "bob");
    cluster.chat_as(0, first, ("m1", "hello"));
    assert_eq!(cluster.contents(0, first), ["Answer 1"]);
    assert_eq!(cluster.contents(1, second), ["hello"]);
    cluster.chat_as(1, second, ("m1", "hello"));
    assert_eq!(cluster.contents(1, second), ["Answer 1"]);
    assert_eq!(cluster.contents(1, listener), ["hello"]);
    assert_eq!(cluster.asked(), 1);
    cluster.chat_as(1, second, ("m1", "something else"));
    assert_eq!(cluster.error(1, second), "invalid_message");
    assert_eq!(cluster.contents(0, first), [""; 0]);
}

#[test]
fn refused_message_reaches_nobody_at_any_node() {
    let mut cluster = moderated(2);
    let (first, second) =
        (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    let listener = cluster.connected(1, "soup", "bob");
    cluster.chat_as(0, first, ("m1", "Refuse it"));
    cluster.chat_as(1, second, ("m1", "Refuse it"));
    for (node, id) in [(0, first), (1, second)] {
        assert_eq!(cluster.error(node, id), "not_delivered", "at node {node}");
    }
    assert_eq!(cluster.see(1, listener), [] as [Value; 0]);
    assert_eq!(cluster.asked(), 1);
}

#[test]
fn message_that_is_held_is_asked_about_once() {
    let mut cluster = moderated(2);
    let (first, second) =
        (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    let listener = cluster.connected(1, "soup", "bob");
    cluster.chat_as(0, first, ("m1", "later"));
    cluster.chat_as(1, second, ("m1", "later"));
    cluster.millis(300);
    assert!(cluster.nodes[1].commands.is_empty());
    assert_eq!(cluster.see(1, listener), [] as [Value; 0]);
    cluster.work(0);
    assert_eq!(cluster.contents(0, first), ["Answer 1"]);
    assert_eq!(cluster.contents(1, second), ["later", "Answer 1"]);
    assert_eq!(cluster.contents(1, listener), ["later"]);
}

/// It has not been delivered, and its sender may try again.
#[test]
fn failed_moderation_leaves_the_id_free() {
    let mut cluster = moderated(2);
    let (first, second) =
        (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    let listener = cluster.connected(1, "soup", "bob");
    cluster.chat_as(0, first, ("m1", "Fail once"));
    assert_eq!(cluster.error(0, first), "backend_unavailable");
    cluster.chat_as(1, second, ("m1", "Fail once"));
    assert_eq!(cluster.contents(1, second), ["Answer 2"]);
    assert_eq!(cluster.contents(1, listener), ["Fail once"]);
    assert_eq!(cluster.contents(0, first), ["Fail once"]);
}

#[test]
fn moderation_that_takes_too_long_leaves_the_id_free() {
    let mut cluster = moderated(2);
    let (first, second) =
        (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    cluster.chat_as(0, first, ("m1", "later"));
    cluster.seconds(6);
    assert_eq!(cluster.error(0, first), "backend_timeout");
    cluster.chat_as(1, second, ("m1", "later"));
    cluster.work(1);
    assert_eq!(cluster.contents(1, second), ["Answer 1"]);
    assert_eq!(cluster.contents(0, first), ["later"]);
    // What the first node was answered too late delivers nothing.
    cluster.work(0);
    assert_eq!(cluster.contents(0, first), [""; 0]);
    assert_eq!(cluster.contents(1, second), [""; 0]);
}

#[test]
fn held_message_of_a_dead_node_is_asked_elsewhere() {
    let mut cluster = moderated(2);
    let (first, second) =
        (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    cluster.chat_as(0, first, ("m1", "later"));
    cluster.cut(0);
    cluster.seconds(20);
    cluster.chat_as(1, second, ("m1", "later"));
    cluster.seconds(1);
    cluster.work(1);
    assert_eq!(cluster.contents(1, second), ["Answer 1"]);
}

#[test]
fn without_the_engine_nothing_is_moderated() {
    let mut cluster = moderated(1);
    let id = cluster.connected(0, "soup", "ann");
    cluster.cut(0);
    cluster.seconds(3);
    cluster.chat_as(0, id, ("m1", "hello"));
    assert_eq!(cluster.error(0, id), "backend_unavailable");
    assert_eq!(cluster.asked(), 0);
    cluster.mend(0);
    cluster.seconds(12);
    cluster.chat_as(0, id, ("m1", "hello"));
    assert_eq!(cluster.contents(0, id), ["Answer 1"]);
}

/// A node whose application is asked first, and one whose members get messages at once.
fn mixed() -> ClusterWorld {
    let mut cluster = ClusterWorld::new(0);
    for moderate in [true, false] {
        cluster.add(|config| config.backend.moderate = moderate);
    }
    cluster.seconds(1);
    cluster
}

#[test]
fn an_id_that_was_held_is_published_elsewhere() {
    for content in ["Fail once", "later"] {
        let mut cluster = mixed();
        let (first, second) =
            (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
        let listener = cluster.connected(1, "soup", "bob");
        cluster.chat_as(0, first, ("m1", content));
        if content == "later" {
            cluster.cut(0);
            cluster.seconds(20);
        }
        cluster.chat_as(1, second, ("m1", content));
        cluster.seconds(1);
        if content == "later" {
            cluster.work(1);
        }
        assert_eq!(cluster.contents(1, listener), [content]);
        assert!(cluster.contents(1, second)[0].starts_with("Answer"));
    }
}

#[test]
fn what_was_published_is_not_held_elsewhere() {
    for is_dead in [false, true] {
        let mut cluster = mixed();
        let (first, second) =
            (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
        let listener = cluster.connected(0, "soup", "bob");
        cluster.chat_as(1, second, ("m1", "later"));
        assert_eq!(cluster.contents(0, listener), ["later"]);
        if is_dead {
            cluster.cut(1);
        } else {
            // It has not begun, so it is given up.
            cluster.seconds(6);
        }
        cluster.seconds(20);
        cluster.see(0, first);
        cluster.chat_as(0, first, ("m1", "later"));
        cluster.seconds(1);
        cluster.work(0);
        assert_eq!(cluster.contents(0, first), ["Answer 1"], "dead: {is_dead}");
        assert_eq!(cluster.contents(0, listener), [""; 0], "dead: {is_dead}");
    }
}
