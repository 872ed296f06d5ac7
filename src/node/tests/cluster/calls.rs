//! Calls of operators: at a node that is cut off from the engine, and where two processes have one name.

use super::*;
use crate::admin::tests::split;
use crate::bus::model::EngineError;

impl ClusterWorld {
    /// Makes a call, and what it is answered within two seconds.
    fn post(&mut self, node: usize, path: &str, body: Value) -> (u16, Value) {
        let id = self.posting(node, path, &body);
        self.seconds(2);
        split(&self.nodes[node].raw(id))
    }

    /// Makes a call, without waiting for the answer.
    fn posting(&mut self, node: usize, path: &str, body: &Value) -> ConnId {
        let id = self.nodes[node].operator();
        let call = crate::admin::tests::post(path, "", &body.to_string());
        self.nodes[node].bytes(id, call.as_bytes());
        self.pump();
        id
    }

    fn reason(&mut self, node: usize, id: ConnId) -> Value {
        self.see(node, id).pop().unwrap_or_default()["reason"].clone()
    }
}

#[test]
fn nothing_is_published_by_a_node_that_is_cut_off() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
    cluster.seconds(6);
    cluster.cut(1);
    cluster.seconds(3);
    for (path, body) in [
        ("/v1/rooms/soup/publish", json!({ "content": "lost?" })),
        ("/v1/rooms/soup/publish", json!({ "content": "lost?", "idempotency_key": "k" })),
        ("/v1/publish", json!({ "content": "lost?", "users": ["ann", "bob"] })),
    ] {
        let (status, answer) = cluster.post(1, path, body);
        assert_eq!((status, &answer["error"]), (503, &"backend_unavailable".into()), "{answer}");
    }
    cluster.mend(1);
    cluster.seconds(15);
    // Nobody was told, and nobody has missed anything.
    assert_eq!(cluster.see(0, a), [] as [Value; 0]);
    assert_eq!(cluster.see(1, b), [] as [Value; 0]);
    let (status, answer) = cluster.post(
        1,
        "/v1/rooms/soup/publish",
        json!({ "content": "x", "idempotency_key": "k" }),
    );
    assert_eq!((status, &answer["delivered"]), (200, &2.into()), "{answer}");
}

/// The node's link is up, and the engine takes nothing. Nobody is in the room at that node.
#[test]
fn a_publication_that_the_engine_refuses_has_failed() {
    let mut cluster = ClusterWorld::new(2);
    let b = cluster.connected(1, "soup", "bob");
    cluster.seconds(6);
    let with_key = json!({ "content": "x", "idempotency_key": "k" });
    let to_users = json!({ "content": "x", "users": ["bob"] });
    for (path, body, error) in [
        ("/v1/rooms/soup/publish", with_key, EngineError::OutOfMemory),
        ("/v1/rooms/soup/publish", json!({ "content": "x" }), EngineError::NoPermission),
        ("/v1/publish", to_users, EngineError::NoPermission),
    ] {
        cluster.engine.faults.error = Some(error);
        let (status, answer) = cluster.post(0, path, body.clone());
        assert_eq!(
            (status, &answer["error"]),
            (503, &"backend_unavailable".into()),
            "{path} {answer}"
        );
        assert_eq!(cluster.see(1, b), [] as [Value; 0]);
        // Made again when the engine is well, it is done.
        cluster.engine.faults.error = None;
        cluster.seconds(10);
        let (status, answer) = cluster.post(0, path, body);
        assert_eq!((status, &answer["delivered"]), (200, &1.into()), "{answer}");
        assert_eq!(cluster.contents(1, b), ["x"]);
    }
}

/// The engine has published it, and its answer is lost with the link.
#[test]
fn a_publication_whose_answer_is_lost_is_done_once() {
    let mut cluster = ClusterWorld::new(2);
    let b = cluster.connected(1, "soup", "bob");
    cluster.seconds(6);
    cluster.engine.faults.lost_replies = 1;
    let (status, answer) = cluster.post(0, "/v1/rooms/soup/publish", json!({ "content": "x" }));
    let nodes = json!({ "confirmed": 2, "total": 2 });
    assert_eq!((status, answer), (200, json!({ "delivered": 1, "nodes": nodes })));
    cluster.seconds(60);
    assert_eq!(cluster.contents(1, b), ["x"]);
}

/// The link comes back long after the caller was told that nobody knows: the key is used again, elsewhere.
#[test]
fn a_publication_that_nobody_knows_of_is_done_once() {
    let to_room = json!({ "content": "x", "idempotency_key": "k" });
    let to_user = json!({ "users": ["bob"], "content": "x", "idempotency_key": "k" });
    for (path, body) in [("/v1/rooms/soup/publish", to_room), ("/v1/publish", to_user)] {
        assert_done_once(path, &body);
    }
}

fn assert_done_once(path: &str, body: &Value) {
    let mut cluster = ClusterWorld::new(2);
    let b = cluster.connected(1, "soup", "bob");
    cluster.seconds(6);
    let id = cluster.nodes[0].operator();
    let call = crate::admin::tests::post(path, "", &body.to_string());
    cluster.nodes[0].bytes(id, call.as_bytes());
    // The key is taken; the text is on its way, and its answer is lost.
    while !cluster.nodes[0].node.cluster.as_ref().unwrap().nodes.told.is_open() {
        cluster.carry(0);
    }
    cluster.engine.faults.lost_replies = 1;
    cluster.carry(0);
    cluster.cut(0);
    cluster.seconds(4);
    assert!(cluster.nodes[0].raw(id).starts_with("HTTP/1.1 504"));
    cluster.seconds(18);
    // A list of the nodes has to say first that the one that had the key is gone.
    let (status, _) = cluster.post(1, path, body.clone());
    assert_eq!(status, 409);
    cluster.seconds(6);
    let (status, answer) = cluster.post(1, path, body.clone());
    assert_eq!((status, &answer["delivered"]), (200, &1.into()), "{answer}");
    cluster.seconds(1);
    assert_eq!(cluster.contents(1, b), ["x"]);
}

/// The engine has given the key, and was not reached when it was to be given back.
#[test]
fn a_key_is_given_back_when_the_link_is_up_again() {
    let mut cluster = ClusterWorld::new(2);
    let b = cluster.connected(1, "soup", "bob");
    cluster.seconds(6);
    let body = json!({ "content": "x", "idempotency_key": "k" });
    let id = cluster.nodes[0].operator();
    let call = crate::admin::tests::post("/v1/rooms/soup/publish", "", &body.to_string());
    cluster.nodes[0].bytes(id, call.as_bytes());
    cluster.engine.faults.lost_replies = 1;
    cluster.carry(0);
    assert_eq!(cluster.engine.faults.lost_replies, 0, "the key was not asked for");
    cluster.cut(0);
    cluster.seconds(6);
    assert!(cluster.nodes[0].raw(id).starts_with("HTTP/1.1 503"));
    cluster.mend(0);
    cluster.seconds(3);
    let (status, answer) = cluster.post(1, "/v1/rooms/soup/publish", body);
    assert_eq!((status, &answer["delivered"]), (200, &1.into()), "{answer}");
    assert_eq!(cluster.contents(1, b), ["x"]);
}

/// A connection that is named beside its user hears it once.
#[test]
fn a_connection_is_told_once_in_a_cluster() {
    let mut cluster = ClusterWorld::new(2);
    let a = cluster.connected(0, "soup", "ann");
    cluster.seconds(6);
    let body = json!({ "connections": [a.to_string()], "users": ["ann"], "content": "x" });
    let (status, answer) = cluster.post(0, "/v1/publish", body);
    assert_eq!((status, &answer["delivered"]), (200, &1.into()), "{answer}");
    cluster.seconds(1);
    assert_eq!(cluster.contents(0, a), ["x"]);
}

/// The caller is told that nothing was done, so the same call is made at the other node.
#[test]
fn a_key_that_is_given_too_late_is_given_back() {
    let mut cluster = ClusterWorld::new(2);
    let b = cluster.connected(1, "soup", "bob");
    cluster.seconds(6);
    let body = json!({ "content": "x", "idempotency_key": "k" });
    cluster.engine.faults.is_stopped = true;
    let id = cluster.posting(0, "/v1/rooms/soup/publish", &body);
    cluster.seconds(6);
    assert!(cluster.nodes[0].raw(id).starts_with("HTTP/1.1 503"));
    cluster.engine.faults.is_stopped = false;
    cluster.seconds(10);
    let (status, answer) = cluster.post(1, "/v1/rooms/soup/publish", body);
    assert_eq!((status, &answer["delivered"]), (200, &1.into()), "{answer}");
    assert_eq!(cluster.contents(1, b), ["x"]);
}

/// One of two rooms cannot be told. What is counted is the other.
#[test]
fn connections_of_a_room_that_failed_are_not_counted() {
    let mut cluster = ClusterWorld::new(2);
    for (room, user) in [("soup", "ann"), ("soup", "bob"), ("stew", "cat")] {
        cluster.connected(1, room, user);
    }
    cluster.seconds(6);
    cluster.engine.faults.full_room = Some("soup".to_owned());
    let body = json!({ "content": "x", "rooms": ["soup", "stew"] });
    let (status, answer) = cluster.post(0, "/v1/publish", body);
    assert_eq!((status, &answer["delivered"]), (200, &1.into()), "{answer}");
    assert_eq!(answer["failed"], json!({ "rooms": ["soup"], "error": "backend_unavailable" }));
}

/// The user is in a room where it fails, so nobody has told the user there.
#[test]
fn a_user_is_told_where_the_room_has_failed() {
    let mut cluster = ClusterWorld::new(2);
    let here = cluster.connected(0, "soup", "bob");
    let there = cluster.connected(1, "soup", "bob");
    cluster.seconds(6);
    cluster.engine.faults.full_room = Some("soup".to_owned());
    let body = json!({ "content": "x", "rooms": ["soup"], "users": ["bob"] });
    let (status, answer) = cluster.post(0, "/v1/publish", body);
    assert_eq!((status, &answer["delivered"]), (200, &2.into()), "{answer}");
    assert_eq!(answer["failed"], json!({ "rooms": ["soup"], "error": "backend_unavailable" }));
    assert_eq!(cluster.contents(0, here), ["x"]);
    assert_eq!(cluster.contents(1, there), ["x"]);
}

/// The user is at the node that is called.
#[test]
fn a_user_at_whom_it_failed_has_not_heard_it() {
    let mut cluster = ClusterWorld::new(2);
    let here = cluster.connected(0, "soup", "ann");
    cluster.seconds(6);
    let body = json!({ "content": "x", "users": ["ann"] });
    cluster.engine.faults.error = Some(EngineError::NoPermission);
    let (status, answer) = cluster.post(0, "/v1/publish", body.clone());
    assert_eq!((status, &answer["error"]), (503, &"backend_unavailable".into()), "{answer}");
    assert_eq!(cluster.see(0, here), [] as [Value; 0]);
    cluster.engine.faults.error = None;
    cluster.seconds(10);
    let (status, answer) = cluster.post(0, "/v1/publish", body);
    assert_eq!((status, &answer["delivered"]), (200, &1.into()), "{answer}");
    assert_eq!(cluster.contents(0, here), ["x"]);
}

/// Nobody is in the room at the node that has something to say there.
#[test]
fn update_of_a_room_elsewhere_is_not_lost() {
    let mut cluster = ClusterWorld::new(2);
    let b = cluster.connected(1, "soup", "bob");
    cluster.cut(0);
    cluster.seconds(3);
    cluster.nodes[0].node.rooms.outgoing_for_test("soup", b"{\"x\":{}}");
    cluster.nodes[0].node.publish_outgoing();
    cluster.mend(0);
    cluster.seconds(20);
    assert_eq!(cluster.reason(1, b), "Messages missed");
    // The room is left alone when that is done.
    cluster.seconds(240);
    let followed = &cluster.nodes[0].node.cluster.as_ref().unwrap().rooms;
    assert_eq!(followed.state("soup"), None, "{followed:?}");
}

#[test]
fn a_call_that_other_nodes_miss_says_so() {
    let mut cluster = ClusterWorld::new(2);
    let a = cluster.connected(0, "soup", "ann");
    let b = cluster.connected(1, "soup", "bob");
    cluster.seconds(6);
    cluster.cut(1);
    cluster.seconds(3);
    for path in ["/v1/users/ann/require-auth", "/v1/rooms/soup/disconnect"] {
        let (status, answer) = cluster.post(1, path, json!({}));
        assert_eq!((status, &answer["error"]), (503, &"cluster_unavailable".into()), "{answer}");
    }
    assert_eq!(cluster.reason(1, b), "Disconnected by operator");
    assert_eq!(cluster.see(0, a), [] as [Value; 0]);
}

/// Two processes with one name, and a third that has another. They know of each other.
fn twins() -> ClusterWorld {
    let mut cluster = ClusterWorld::new(2);
    cluster.add(|config| config.cluster.name = "n0".to_owned());
    cluster.seconds(12);
    cluster
}

#[test]
fn an_order_reaches_another_process_of_the_same_name() {
    let mut cluster = twins();
    let twin = cluster.connected(2, "soup", "ann");
    let (status, answer) = cluster.post(0, "/v1/users/ann/disconnect", json!({}));
    assert_eq!(cluster.reason(2, twin), "Session revoked");
    let nodes = json!({ "confirmed": 3, "total": 3 });
    assert_eq!((status, answer), (200, json!({ "disconnected": 1, "nodes": nodes })));
    let bob = cluster.connected(2, "soup", "bob");
    let (status, answer) = cluster.post(0, "/v1/rooms/soup/disconnect", json!({}));
    assert_eq!((status, &answer["disconnected"]), (200, &1.into()), "{answer}");
    assert_eq!(cluster.reason(2, bob), "Disconnected by operator");
}

/// All processes count their connections from the beginning.
#[test]
fn messages_reach_another_process_of_the_same_name() {
    let mut cluster = twins();
    let ids = [0, 1, 2].map(|node| cluster.connected(node, "soup", &format!("u{node}")));
    assert_eq!(ids[0], ids[2]);
    for node in [0, 2] {
        cluster.chat(node, ids[node], "hello");
        for (other, id) in ids.into_iter().enumerate().filter(|(other, _)| *other != node) {
            assert!(cluster.contents(other, id).contains(&"hello".to_owned()), "{node} {other}");
        }
        cluster.see(node, ids[node]);
    }
    let (status, answer) = cluster.post(0, "/v1/rooms/soup/publish", json!({ "content": "x" }));
    assert_eq!((status, &answer["delivered"]), (200, &3.into()), "{answer}");
}

/// A user who is published to takes one of the orders that the engine keeps for nodes that were cut off.
#[test]
fn publishing_to_many_users_drops_older_orders() {
    for (more, expected) in [(0, "recipe_update"), (1, "auth_required")] {
        let mut cluster = ClusterWorld::new(2);
        let b = cluster.connected(1, "soup", "bob");
        cluster.cut(1);
        let others = (1..64 + more).map(|n| format!("u{n}"));
        let users: Vec<_> = std::iter::once("bob".to_owned()).chain(others).collect();
        for users in users.chunks(60) {
            cluster.post(0, "/v1/publish", json!({ "content": "x", "users": users }));
        }
        cluster.mend(1);
        cluster.seconds(10);
        let seen = cluster.see(1, b);
        let kinds: Vec<_> = seen.iter().map(|message| message["type"].as_str()).collect();
        assert_eq!(kinds, [Some(expected)], "{} users", 64 + more);
    }
}
