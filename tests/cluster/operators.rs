//! What an operator asks of one node and what holds for all: how many a publication was for, its key, and
//! how many connections a user may have.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::Message;

use crate::engine::Engine;
use crate::nodes::{Nodes, config, token_for};
use crate::support::client::Client;
use crate::support::server::Server;
use crate::support::{PATIENCE, now};
use crate::{DEADLINE, pause};

const MOMENT: Duration = Duration::from_millis(50);

/// A client of `user` in the room of this node.
fn joined(nodes: &Nodes, node: usize, user: &str) -> Client<TcpStream> {
    let stream = TcpStream::connect(nodes.addresses.of(node)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut client = Client::upgrade(stream, "soup");
    client.authenticate(&token_for(user));
    client
}

#[test]
fn a_publication_is_counted_at_all_nodes() {
    let engine = Engine::lasting();
    let nodes = Nodes::on(&engine);
    let mut clients: Vec<_> =
        (0..3).map(|node| joined(&nodes, node, &format!("user{node}"))).collect();
    let call =
        |node: usize, body: &Value| nodes.all()[node].ask("POST /v1/publish", &body.to_string());
    let all = json!({ "confirmed": 3, "total": 3 });
    let body = json!({ "rooms": ["soup"], "users": ["user2"], "content": "Dinner is at seven." });
    assert_eq!(call(0, &body), (200, json!({ "delivered": 3, "nodes": all })));
    let body = json!({ "users": ["user1", "user2"], "content": "Bring salt." });
    assert_eq!(call(0, &body), (200, json!({ "delivered": 2, "nodes": all })));
    // A key is used once, whichever node is called.
    let body = json!({ "rooms": ["soup"], "content": "Once.", "idempotency_key": "dinner" });
    for node in 0..3 {
        assert_eq!(call(node, &body), (200, json!({ "delivered": 3, "nodes": all })), "{node}");
    }
    let mut other = body;
    other["content"] = "Twice.".into();
    for node in 0..3 {
        assert_eq!(call(node, &other).0, 422, "at node {node}");
    }
    let end = json!({ "rooms": ["soup"], "content": "The end." });
    assert_eq!(call(2, &end).0, 200);
    for (number, client) in clients.iter_mut().enumerate() {
        let mut heard = Vec::new();
        while heard.last().is_none_or(|it| it != "The end.") {
            let content = client.hear()["payload"]["content"].clone();
            heard.push(content.as_str().unwrap().to_owned());
        }
        let salt = if number == 0 { None } else { Some("Bring salt.") };
        let expected: Vec<&str> =
            ["Dinner is at seven."].into_iter().chain(salt).chain(["Once.", "The end."]).collect();
        assert_eq!(heard, expected, "client {number}");
    }
}

/// A node that is gone is named as missing while its lease holds, and does not count afterwards.
#[test]
fn lists_are_of_all_nodes() {
    let engine = Engine::lasting();
    let nodes = Nodes::on(&engine);
    let _clients = [joined(&nodes, 0, "ann"), joined(&nodes, 1, "ann"), joined(&nodes, 1, "bob")];
    let ask = |nodes: &Nodes, node: usize, path: &str| {
        let (status, answer) = nodes.all()[node].ask(&format!("GET {path}"), "");
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let rooms = ask(&nodes, 2, "/v1/rooms");
    assert_eq!(rooms["rooms"], json!([{ "room": "soup", "connections": 3 }]));
    assert_eq!(rooms["nodes"]["complete"], true, "{rooms}");
    assert_eq!(rooms["nodes"]["answered"].as_array().unwrap().len(), 3);
    // Each page from another node.
    let first = ask(&nodes, 0, "/v1/users?limit=1");
    assert_eq!(first["users"], json!([{ "user_id": "ann", "connections": 2 }]));
    let next = first["next"].as_str().unwrap();
    let last = ask(&nodes, 1, &format!("/v1/users?limit=1&after={next}"));
    assert_eq!(last["users"], json!([{ "user_id": "bob", "connections": 1 }]));
    assert_eq!(last.get("next"), None);
    let said = operate(&nodes.all()[2], &["room", "soup"]);
    let users: Vec<_> = said.lines().map(|line| line.split("  ").nth(2).unwrap()).collect();
    assert_eq!(users, ["ann", "ann", "bob"], "{said}");
    assert_eq!(operate(&nodes.all()[2], &["room", "soup", "--local"]), "");
    let nodes = nodes.without_first();
    let said = operate(&nodes.all()[1], &["rooms"]);
    assert!(said.starts_with("soup  2 connections\nnot complete: no answer from "), "{said}");
    let began = now();
    while ask(&nodes, 1, "/v1/rooms")["nodes"]["complete"] == false {
        assert!(began.elapsed() < DEADLINE, "its lease does not end");
    }
    assert_eq!(operate(&nodes.all()[1], &["rooms"]), "soup  2 connections\n");
}

/// What a command prints that calls this node.
fn operate(server: &Server, arguments: &[&str]) -> String {
    let admin = server.admin.to_string();
    let done = server.run(&[arguments, &["--admin", &admin]].concat());
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_user_has_one_limit_over_all_nodes() {
    let engine = Engine::lasting();
    let lines = config(&engine.url(), "");
    let lines = lines.replace("[limits]\n", "[limits]\nconnections_per_user = 2\n");
    let nodes = Nodes::of((0..3).map(|_| Server::open(&lines)).collect());
    let [mut first, mut second] = [0, 1].map(|node| joined(&nodes, node, "ann"));
    answer(&mut second);
    // Moments are kept to the hundredth of a second.
    pause(MOMENT);
    // This one is let in before its node knows of the others, and then it is too many.
    let stream = TcpStream::connect(nodes.addresses.of(2)).unwrap();
    let mut newest = Client::upgrade(stream, "soup");
    newest.offer(&token_for("ann"));
    let began = now();
    let close = loop {
        // The others are alive, and answer pings.
        listen(&mut first);
        listen(&mut second);
        if let Some(Message::Close(close)) = listen(&mut newest) {
            break close.unwrap();
        }
        assert!(began.elapsed() < DEADLINE, "it is not refused");
    };
    assert_eq!(&*close.reason, "Connection limit exceeded");
    answer(&mut first);
    answer(&mut second);
    // The connection at a killed node takes no place, and another one still does.
    let nodes = nodes.without_first();
    let comes = || {
        let stream = TcpStream::connect(nodes.all()[1].address).unwrap();
        let mut client = Client::upgrade(stream, "soup");
        client.offer(&token_for("ann"));
        client
    };
    let mut third = comes();
    while listen(&mut third).is_none() {
        listen(&mut second);
    }
    pause(MOMENT);
    let mut fourth = comes();
    let began = now();
    loop {
        listen(&mut second);
        listen(&mut third);
        if matches!(listen(&mut fourth), Some(Message::Close(_))) {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "it is not refused");
    }
    answer(&mut second);
    answer(&mut third);
}

/// What has come, if something comes within a moment. Pings are answered.
fn listen(client: &mut Client<TcpStream>) -> Option<Message> {
    client.stream().set_read_timeout(Some(MOMENT)).unwrap();
    let heard = client.poll().unwrap();
    client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    heard
}

/// It is connected: what it says is answered.
fn answer(client: &mut Client<TcpStream>) {
    let id = client.say("Salt?");
    while client.hear()["payload"]["request_id"] != *id {}
}
