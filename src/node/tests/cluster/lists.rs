//! Lists that are one list over all nodes.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::*;
use crate::admin::tests::split;
use crate::bus::BusCommand;
use crate::node::cluster::control::{self, Word};

impl ClusterWorld {
    /// Calls a node, without waiting for the answer.
    fn calling(&mut self, node: usize, path: &str) -> ConnId {
        let id = self.nodes[node].operator();
        let call = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.nodes[node].bytes(id, call.as_bytes());
        self.pump();
        id
    }

    /// What the call of this connection was answered.
    fn answer(&mut self, node: usize, id: ConnId) -> Option<(u16, Value)> {
        let answer = self.nodes[node].raw(id);
        (!answer.is_empty()).then(|| split(&answer))
    }

    /// Calls a node, and waits for the answer for a moment.
    fn list(&mut self, node: usize, path: &str) -> Value {
        let id = self.calling(node, path);
        self.millis(50);
        let (status, answer) = self.answer(node, id).expect("it is answered at once");
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// All pages of a list, from one node after the other.
    fn pages(&mut self, path: &str, list: &str, limit: usize) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        for turn in 0..100 {
            let node = turn % self.nodes.len();
            let page = self.list(node, &format!("{path}?limit={limit}{after}"));
            let entries = page[list].as_array().unwrap();
            assert!(entries.len() <= limit, "{page}");
            assert_eq!(page["nodes"]["complete"], true, "{page}");
            all.extend(entries.iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
        panic!("it does not end: {all:?}");
    }

    fn open_rounds(&self, node: usize) -> usize {
        self.nodes[node].node.cluster.as_ref().unwrap().nodes.open_rounds()
    }
}

/// Nodes that know each other: each has renewed its lease since the last one has started.
fn known(count: usize) -> ClusterWorld {
    let mut cluster = ClusterWorld::new(count);
    cluster.seconds(6);
    cluster
}

#[test]
fn pages_of_rooms_and_users_are_of_all_nodes() {
    let mut cluster = known(3);
    let (mut rooms, mut users) = (BTreeMap::new(), BTreeMap::new());
    for number in 0..18_usize {
        // Some are at one node only, some at several.
        let (room, user) = (format!("room{}", number % 7), format!("user{}", number % 5));
        cluster.connected(number % 3, &room, &user);
        *rooms.entry(room).or_insert(0) += 1;
        *users.entry(user).or_insert(0) += 1;
    }
    let rooms =
        rooms.into_iter().map(|(room, count)| json!({ "room": room, "connections": count }));
    let rooms: Vec<_> = rooms.collect();
    let users =
        users.into_iter().map(|(user, count)| json!({ "user_id": user, "connections": count }));
    let users: Vec<_> = users.collect();
    for limit in [1, 2, 3, 1_000] {
        assert_eq!(cluster.pages("/v1/rooms", "rooms", limit), rooms, "{limit} a page");
        assert_eq!(cluster.pages("/v1/users", "users", limit), users, "{limit} a page");
    }
    let nodes = json!({ "complete": true, "answered": ["n0", "n1", "n2"], "missing": [] });
    assert_eq!(cluster.list(1, "/v1/rooms")["nodes"], nodes);
}

#[test]
fn the_connections_of_a_room_are_of_all_nodes() {
    let mut cluster = known(2);
    let mut expected = Vec::new();
    for (node, user) in [(0, "cat"), (1, "ann"), (0, "ann"), (1, "bob"), (0, "ann")] {
        let id = cluster.connected(node, "soup", user).to_string();
        let since = cluster.nodes[node].now.unix.to_rfc3339();
        expected.push((user, format!("n{node}"), id, since.as_str().to_owned()));
    }
    cluster.connected(0, "stew", "dan");
    cluster.seconds(1);
    expected.sort();
    let expected = expected.into_iter().map(|(user, node, id, since)| {
        json!({ "user_id": user, "node": node, "id": id, "since": since })
    });
    let expected: Vec<_> = expected.collect();
    for limit in [1, 2, 100] {
        assert_eq!(cluster.pages("/v1/rooms/soup", "connections", limit), expected);
    }
    assert_eq!(cluster.pages("/v1/rooms/nobody", "connections", 2), [] as [Value; 0]);
}

#[test]
fn a_node_that_does_not_answer_is_named() {
    let mut cluster = known(3);
    for node in 0..3 {
        cluster.connected(node, "soup", &format!("user{node}"));
    }
    cluster.cut(1);
    let id = cluster.calling(0, "/v1/users");
    cluster.millis(900);
    assert_eq!(cluster.answer(0, id), None);
    cluster.millis(200);
    let users = json!([
        { "user_id": "user0", "connections": 1 }, { "user_id": "user2", "connections": 1 }
    ]);
    let nodes = json!({ "complete": false, "answered": ["n0", "n2"], "missing": ["n1"] });
    let (status, answer) = cluster.answer(0, id).unwrap();
    assert_eq!((status, &answer), (200, &json!({ "users": users, "nodes": nodes })));
    // The one without the engine has its own, and says that it is not all: also when the leases of
    // the others are over, as it knows them.
    for wait in [0, 60] {
        cluster.seconds(wait);
        let id = cluster.calling(1, "/v1/users");
        cluster.millis(1_100);
        let (_, answer) = cluster.answer(1, id).unwrap();
        assert_eq!(answer["users"], json!([{ "user_id": "user1", "connections": 1 }]));
        assert_eq!(answer["nodes"]["complete"], false, "{answer}");
    }
    // The others know after a lease that it is gone.
    let nodes = json!({ "complete": true, "answered": ["n0", "n2"], "missing": [] });
    assert_eq!(cluster.list(0, "/v1/users")["nodes"], nodes);
}

#[test]
fn a_node_has_its_own_list_too() {
    let mut cluster = known(2);
    let id = cluster.connected(0, "soup", "ann").to_string();
    cluster.connected(1, "stew", "bob");
    let own = json!({ "rooms": [{ "room": "soup", "connections": 1 }], "node": "n0" });
    assert_eq!(cluster.list(0, "/v1/rooms?local=true"), own);
    let room = cluster.list(0, "/v1/rooms/soup?local=true");
    assert_eq!((&room["node"], &room["connections"][0]["id"]), (&json!("n0"), &json!(id)));
    assert_eq!(room.get("nodes"), None);
    // The places of one are not those of the other.
    let next = cluster.list(0, "/v1/rooms?limit=1")["next"].as_str().unwrap().to_owned();
    for query in [&format!("local=true&after={next}"), "after=1", "after=.x", "local=1", "node=n0"]
    {
        let id = cluster.calling(0, &format!("/v1/rooms?{query}"));
        assert_eq!(cluster.answer(0, id).unwrap().0, 400, "{query}");
    }
    assert_eq!(cluster.list(0, "/v1/rooms?after=0")["rooms"].as_array().unwrap().len(), 2);
}

#[test]
fn a_long_list_is_looked_up_in_steps() {
    let mut cluster = known(2);
    let rooms = &mut cluster.nodes[1].node.rooms.rooms;
    for number in 0..40_000_u32 {
        // The places are not in the order of the names.
        let room = SmolStr::new(format!("room{:05}", number * 7_919 % 40_000));
        rooms.join(crate::id::Slot::new(number), &room);
    }
    let mut after = String::new();
    for first in [0, 1_000] {
        let page = cluster.list(0, &format!("/v1/rooms?limit=1000{after}"));
        let rooms = page["rooms"].as_array().unwrap();
        let names: Vec<_> = rooms.iter().map(|it| it["room"].as_str().unwrap()).collect();
        let expected: Vec<_> = (first..first + 1_000).map(|it| format!("room{it:05}")).collect();
        assert_eq!(names, expected);
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
}

#[test]
fn lists_for_callers_who_hang_up_are_dropped() {
    let mut cluster = known(2);
    cluster.cut(1);
    for _ in 0..20 {
        let id = cluster.calling(0, "/v1/rooms");
        let world = &mut cluster.nodes[0];
        world.node.handle_hangup(world.now, id, Hangup::Eof);
    }
    assert_eq!(cluster.open_rounds(0), 1);
    cluster.millis(1_100);
    assert_eq!(cluster.open_rounds(0), 0);
}

#[test]
fn callers_who_hang_up_leave_nothing_to_look_up() {
    let mut cluster = known(2);
    let world = &mut cluster.nodes[0];
    for _ in 0..20 {
        let id = world.operator();
        world.bytes(id, b"GET /v1/rooms HTTP/1.1\r\nHost: localhost\r\n\r\n");
        world.node.handle_hangup(world.now, id, Hangup::Eof);
    }
    assert_eq!(world.node.cluster.as_ref().unwrap().nodes.scans.len(), 1);
}

/// A process has the name of another one that was killed, and asks the same.
#[test]
fn an_answer_to_an_earlier_process_is_not_taken() {
    let mut cluster = known(3);
    cluster.cut(2);
    let last_round = |cluster: &ClusterWorld, node: usize| {
        cluster.nodes[node].node.cluster.as_ref().unwrap().nodes.last_round()
    };
    cluster.calling(0, "/v1/rooms");
    let old = last_round(&cluster, 0);
    cluster.cut(0);
    let again = cluster.add(|config| "n0".clone_into(&mut config.cluster.name));
    cluster.seconds(6);
    let id = cluster.calling(again, "/v1/rooms");
    let new = last_round(&cluster, again);
    let (mut answered, mut names) = (None, Vec::new());
    for (round, room) in [(old, "old"), (new, "new")] {
        let part = json!({
            "say": "listed", "round": round, "node": "n2", "more": false,
            "entries": [{ "name": room, "count": 1 }]
        });
        let word: Word = serde_json::from_value(part).unwrap();
        let tell = BusCommand::Tell { node: Some("n0".into()), payload: control::write(&word) };
        let world = &mut cluster.nodes[1];
        let now = world.now.monotonic;
        world.node.cluster.as_mut().unwrap().send_off(now, tell, Duration::from_secs(1));
        cluster.millis(50);
        answered = answered.or(cluster.answer(again, id));
        names.push(answered.as_ref().map(|(_, answer)| answer["rooms"].clone()));
    }
    assert_eq!(names, [None, Some(json!([{ "room": "new", "connections": 1 }]))]);
}
