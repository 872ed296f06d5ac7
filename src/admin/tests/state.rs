//! How the server is, and who is there.

use std::sync::Arc;

use super::*;
use crate::node::Dependency;

/// What is wrong with a dependency is told: whether new clients may come, and why not.
#[test]
fn dependencies_are_told_as_degraded_or_not_ready() {
    let mut world = World::guarded();
    world.node.add_dependency(Arc::new(|_| {
        Dependency::working("oven").degraded("oven_cold", "The oven is cold")
    }));
    let ready = json!({ "status": "ready", "degraded": ["oven_cold"] });
    assert_eq!(world.get("/readyz"), (200, ready));
    assert_eq!(world.get("/v1/status").0, 401, "it may name hosts");
    let call = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n\r\n")
    };
    let (status, body) = split(&world.call(&call("/v1/status")));
    assert_eq!((status, &body["status"]), (200, &"degraded".into()));
    let shown = json!([
        { "name": "keys", "state": "working", "faults": [] },
        {
            "name": "oven",
            "state": "degraded",
            "faults": [{ "code": "oven_cold", "message": "The oven is cold" }]
        }
    ]);
    assert_eq!(body["dependencies"], shown);
    world.node.add_dependency(Arc::new(|_| {
        Dependency::working("sink").failed("sink_blocked", "Nothing drains")
    }));
    let (status, body) = world.get("/readyz");
    let not_ready = json!({
        "error": "sink_blocked",
        "message": "Nothing drains",
        "not_ready": ["sink_blocked"],
        "degraded": ["oven_cold"]
    });
    assert_eq!((status, body), (503, not_ready));
    let metrics = world.call("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (dependency, state) in [("keys", "working"), ("oven", "degraded"), ("sink", "failed")] {
        let line = format!(
            "vestibule_dependency_state{{dependency=\"{dependency}\",state=\"{state}\"}} 1\n"
        );
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

#[test]
fn rooms_and_users_are_listed_by_pages() {
    let mut world = World::new();
    for (room, user) in [("soup", "alice"), ("soup", "bob"), ("stew", "bob"), ("pie", "carol")] {
        world.connected(room, user);
    }
    let (status, first) = world.get("/v1/rooms?limit=2");
    let rooms = json!([{ "room": "soup", "connections": 2 }, { "room": "stew", "connections": 1 }]);
    assert_eq!((status, &first["rooms"]), (200, &rooms));
    let next = first["next"].as_str().unwrap();
    let (_, second) = world.get(&format!("/v1/rooms?limit=2&after={next}"));
    assert_eq!(second["rooms"], json!([{ "room": "pie", "connections": 1 }]));
    let (_, users) = world.get("/v1/users");
    assert_eq!(users["users"][1], json!({ "user_id": "bob", "connections": 2 }));
    assert!(users.get("next").is_none(), "{users}");
    for query in ["limit=0", "limit=1001", "after=x", "limit=1&limit=2", "user=alice"] {
        assert_eq!(world.get(&format!("/v1/rooms?{query}")).0, 400, "{query}");
    }
}

#[test]
fn one_connection_or_one_room_is_disconnected() {
    let mut world = World::new();
    let ids = ["alice", "bob", "carol"].map(|user| world.connected("soup", user));
    let other = world.connected("stew", "alice");
    let path = format!("/v1/connections/{}/disconnect", ids[0]);
    assert_eq!(world.post(&path, ""), (200, json!({ "disconnected": 1 })));
    assert_eq!(world.close_reason(ids[0]), "Disconnected by operator");
    assert_eq!(world.post(&path, "").1, json!({ "disconnected": 0 }));
    assert_eq!(world.post("/v1/rooms/soup/disconnect", "").1, json!({ "disconnected": 2 }));
    assert_eq!(world.close_reason(ids[1]), "Disconnected by operator");
    assert_eq!(world.see(other), []);
    assert_eq!(world.post("/v1/connections/x/disconnect", "").0, 400);
    // Nobody is kept out.
    world.connected("soup", "alice");
}
