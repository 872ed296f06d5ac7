//! Who is in a room, over all nodes, and whose lists an operator gets.

use std::net::TcpStream;

use serde_json::{Value, json};
use vestibule::testing::{envelope, logs};

use crate::DEADLINE;
use crate::engine::Engine;
use crate::nodes::{Nodes, token_for};
use crate::support::client::Client;
use crate::support::now;

/// A client in the room of this node that has asked for presence.
fn watching(nodes: &Nodes, node: usize, user: &str) -> Client {
    let stream = TcpStream::connect(nodes.addresses.of(node)).unwrap();
    let mut client = Client::upgrade(stream, "soup");
    let token = token_for(user);
    let payload = json!({ "token": logs::known(&token), "presence": true });
    client.try_send(envelope("auth", user, payload)).unwrap();
    client
}

/// Waits until these are present, and nobody else.
fn wait_for(client: &mut Client, users: &[&str]) {
    let began = now();
    loop {
        let heard: Value = client.hear();
        if heard["type"] == "presence" && heard["payload"]["users"] == json!(users) {
            assert_eq!(heard["payload"]["connections"], users.len());
            return;
        }
        assert!(began.elapsed() < DEADLINE, "{users:?} are not present: {heard}");
    }
}

#[test]
fn users_of_other_nodes_are_present_and_no_ghosts() {
    let engine = Engine::lasting();
    let nodes = Nodes::on(&engine);
    let mut bob = watching(&nodes, 1, "bob");
    let mut ann = watching(&nodes, 0, "ann");
    wait_for(&mut ann, &["ann", "bob"]);
    wait_for(&mut bob, &["ann", "bob"]);
    let names: Vec<Value> = nodes
        .all()
        .iter()
        .map(|server| {
            let (status, rooms) = server.ask("GET /v1/rooms?local=true", "");
            assert_eq!(status, 200, "{rooms}");
            rooms["node"].clone()
        })
        .collect();
    assert!(names.iter().all(Value::is_string) && names[0] != names[1], "{names:?}");
    // The first is killed, and its lease ends.
    let nodes = nodes.without_first();
    wait_for(&mut bob, &["bob"]);
    drop(nodes);
}
