//! Backends that do what they should not: each is its own connection's trouble, and nobody else's.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::server::{Server, scratch};
use crate::stub::{Act, Call, Stub, answer, ok};
use crate::support::client::Client;

/// A backend that does what its messages, and the rooms that are joined, ask for. What hangs does
/// so until the sender is dropped.
fn hostile() -> (Stub, Sender<()>) {
    let (release, held) = mpsc::channel();
    let held = Arc::new(Mutex::new(held));
    let stub = Stub::start(move |call: &Call| match call.subject() {
        "hang" => Act::Hang(Arc::clone(&held)),
        "reset" => Act::Reset,
        "end" => Act::End(Vec::new()),
        "garbage" => Act::End(b"\x16\x03\x01 what?\r\n\r\n".to_vec()),
        "html" => Act::Send(answer("200 OK", "<html>Welcome</html>")),
        "no content" => Act::Send(answer("200 OK", "{}")),
        "list" => Act::Send(ok("A list.", Some(json!([])))),
        "cut" => Act::End(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"content\":".to_vec()),
        "huge" => Act::Send(ok(&"x".repeat(10 << 20), None)),
        "huge head" => Act::End([&b"HTTP/1.1 200 OK\r\nX: "[..], &vec![b'x'; 1 << 20]].concat()),
        "500" => Act::Send(answer("500 Internal Server Error", "{\"content\":\"no\"}")),
        "redirect" => Act::Send(answer("307 Temporary Redirect\r\nLocation: /message", "")),
        "forbidden" => Act::Send(answer("403 Forbidden", "")),
        "missing" => Act::Send(answer("404 Not Found", "{\"detail\":\"no such recipe\"}")),
        subject => Act::Send(ok(&format!("You said {subject}."), Some(json!({ "id": 1 })))),
    });
    (stub, release)
}

/// Every message that is answered at once with `backend_unavailable`.
const TROUBLES: [&str; 13] = [
    "reset",
    "end",
    "garbage",
    "html",
    "no content",
    "list",
    "cut",
    "huge",
    "huge head",
    "500",
    "redirect",
    "forbidden",
    "missing",
];

/// Says something, and hears its answer.
#[track_caller]
fn ask(client: &mut Client, content: &str) -> Value {
    let id = client.say(content);
    let heard = client.hear();
    assert_eq!(heard["payload"]["request_id"], *id, "{heard}");
    heard["payload"].clone()
}

#[track_caller]
fn assert_served(client: &mut Client) {
    assert_eq!(ask(client, "salt")["content"], "You said salt.");
}

#[test]
fn every_backend_fault_is_one_error_on_a_live_link() {
    let (stub, _release) = hostile();
    let server = Server::start(&stub.url(), "");
    let (mut alice, _) = server.join("soup", "alice");
    let (mut bob, _) = server.join("stew", "bob");
    for trouble in TROUBLES {
        assert_eq!(ask(&mut alice, trouble)["error"], "backend_unavailable", "{trouble}");
        assert_served(&mut alice);
        assert_served(&mut bob);
    }
    // A line a minute, though the circuit breaker stays closed.
    let log = server.end();
    let lines = log.matches(" to the backend failed, the last one (message): ").count();
    assert_eq!(lines, 1, "{log}");
}

#[test]
fn hanging_backend_holds_up_only_who_asked() {
    let (stub, release) = hostile();
    let server = Server::start(&stub.url(), "timeout = '2s'");
    let (mut alice, _) = server.join("soup", "alice");
    let (mut bob, _) = server.join("stew", "bob");
    let id = alice.say("hang");
    let after = alice.say("salt");
    for _ in 0..10 {
        assert_served(&mut bob);
    }
    let (first, second) = (alice.hear()["payload"].clone(), alice.hear()["payload"].clone());
    assert_eq!((&first["request_id"], &first["error"]), (&id.into(), &"backend_timeout".into()));
    assert_eq!(second["request_id"], *after, "answers keep the order of the messages");
    drop(release);
    assert_served(&mut alice);
}

/// Messages that the backend cannot answer are their sender's trouble only.
#[test]
fn one_users_failing_messages_refuse_nobody_else() {
    let (stub, _release) = hostile();
    let server = Server::start(&stub.url(), "");
    let (mut alice, _) = server.join("soup", "alice");
    let (mut bob, _) = server.join("stew", "bob");
    for _ in 0..20 {
        assert_eq!(ask(&mut alice, "500")["error"], "backend_unavailable");
        assert_served(&mut bob);
    }
    server.join("soup", "alice");
    server.join("soup", "carol");
    let log = server.end();
    assert!(!log.contains("circuit breaker opened"), "{log}");
    assert!(log.contains(" user_refused="), "{log}");
}

#[test]
fn four_slow_users_hold_up_nobody_else() {
    let (stub, release) = hostile();
    let server = Server::start(&stub.url(), "timeout = '1m'\nworkers = 8");
    let mut slow = Vec::new();
    for user in ["alice", "bob", "carol", "dave"] {
        for room in ["soup", "stew"] {
            let (mut client, _) = server.join(room, user);
            client.say("hang");
            slow.push(client);
        }
    }
    let (mut erin, _) = server.join("salad", "erin");
    for _ in 0..10 {
        assert_served(&mut erin);
    }
    drop(release);
    for client in &mut slow {
        let answer = std::iter::repeat_with(|| client.hear());
        let mut answers = answer.filter(|it| it["payload"]["request_id"] != Value::Null);
        assert_eq!(answers.next().unwrap()["payload"]["content"], "late");
    }
}

#[test]
fn another_timeout_is_taken_up_while_it_runs() {
    let (stub, _release) = hostile();
    let server = Server::start(&stub.url(), "timeout = '10m'");
    let (mut alice, _) = server.join("soup", "alice");
    server.reload("timeout = '1s'\nworkers = 17");
    while !server.log().contains("SIGHUP: configuration reloaded") {
        assert_served(&mut alice);
    }
    assert_eq!(ask(&mut alice, "hang")["error"], "backend_timeout");
    let log = server.end();
    assert!(log.contains("SIGHUP: backend.workers has changed"), "{log}");
    assert!(!log.contains("SIGHUP: backend.url"), "{log}");
}

#[test]
fn join_is_denied_by_403_and_404_only() {
    let (stub, _release) = hostile();
    let server = Server::start(&stub.url(), "timeout = '2s'");
    for room in ["forbidden", "missing"] {
        let denied = (1008, "Recipe not found or access denied".to_owned());
        assert_eq!(server.knock(room, "alice").closed(), denied, "{room}");
    }
    for room in ["reset", "garbage", "html", "list", "huge", "500", "redirect", "hang"] {
        let unavailable = (1013, "Backend unavailable".to_owned());
        assert_eq!(server.knock(room, "alice").closed(), unavailable, "{room}");
        let (mut bob, admission) = server.join("stew", "bob");
        assert_eq!(admission["content"], "You said stew.");
        assert_eq!(admission["recipe_data"], json!({ "id": 1 }));
        assert_served(&mut bob);
    }
}

#[test]
fn a_full_queue_refuses_at_once() {
    let (stub, release) = hostile();
    let server = Server::start(&stub.url(), "timeout = '1m'\nworkers = 1\nqueue = 1");
    let mut clients = ["soup", "stew", "salad"].map(|room| server.join(room, "alice").0);
    for _ in 0..clients.len() {
        assert_eq!(stub.next().kind, "join");
    }
    let hanging = clients[0].say("hang");
    assert_eq!(stub.next().subject(), "hang");
    // Of two more, one takes the only place and waits, and one is refused.
    let (tell, heard) = mpsc::channel();
    let [mut first, second, third] = clients;
    for mut client in [second, third] {
        let tell = tell.clone();
        thread::spawn(move || tell.send(ask(&mut client, "salt")));
    }
    assert_eq!(heard.recv().unwrap()["error"], "backend_unavailable");
    drop(release);
    assert_eq!(first.hear()["payload"]["request_id"], *hanging);
    assert_eq!(heard.recv().unwrap()["content"], "You said salt.");
    let log = server.end();
    assert!(log.contains("message: answered=2 queue_full=1 "), "{log}");
}

#[test]
fn backend_hears_join_message_and_leave_in_order() {
    let (stub, _release) = hostile();
    let server = Server::start(&stub.url(), "");
    let (mut alice, _) = server.join("soup", "alice");
    assert_served(&mut alice);
    let join = stub.next();
    let connection = join.body["connection_id"].clone();
    assert_eq!(join.kind, "join");
    assert_eq!(join.body["user"]["id"], "alice");
    assert_eq!(join.body["user"]["claims"]["n"], json!([1]));
    assert_eq!(join.body["reauth"], false);
    let message = stub.next();
    assert_eq!((&*message.kind, message.subject()), ("message", "salt"));
    assert_eq!(message.body["connection_id"], connection);
    drop(alice);
    let leave = stub.next();
    let expected = json!({
        "room": "soup", "user": { "id": "alice" }, "connection_id": connection,
        "code": null, "reason": null,
    });
    assert_eq!((&*leave.kind, leave.body), ("leave", expected));
    let (mut bob, _) = server.join("stew", "bob");
    assert_eq!(bob.authenticate(&server.token("bob"))["content"], "Re-authenticated");
    assert_eq!([stub.next(), stub.next()].map(|join| join.body["reauth"].clone()), [false, true]);
    let log = server.end();
    let leave = stub.next();
    let why = (&leave.body["code"], &leave.body["reason"]);
    assert_eq!(why, (&1001.into(), &"Server shutting down".into()));
    assert!(log.contains("; leave: answered=2 µs: n=2 "), "{log}");
}

/// Leaves that linger at the end of a process are reported by the next one.
#[test]
fn lingering_leaves_outlive_the_process() {
    let (stub, _release) = hostile();
    let start = |scratch, linger| {
        let environment = [("VESTIBULE_RESUME__LINGER", linger)];
        Server::start_as(scratch, &stub.url(), ("", "127.0.0.1:0"), &environment)
    };
    let server = start(scratch(), "1h");
    let (alice, _) = server.join("soup", "alice");
    let connection = stub.next().body["connection_id"].clone();
    drop(alice);
    let server = start(server.make_way(), "0s");
    let leave = stub.next();
    assert_eq!((&*leave.kind, &leave.body["connection_id"]), ("leave", &connection));
    server.end();
}

#[test]
fn a_change_reaches_the_others_in_the_room() {
    let (stub, _release) = hostile();
    let server = Server::start(&stub.url(), "");
    let (mut alice, _) = server.join("soup", "alice");
    let (mut second, _) = server.join("soup", "alice");
    let id = alice.say("salt");
    let (said, changed) = (second.hear(), second.hear());
    assert_eq!((&said["type"], &said["id"]), (&"chat_message".into(), &id.into()));
    assert_eq!(changed["payload"]["recipe_data"], json!({ "id": 1 }));
    assert_eq!(changed["payload"]["request_id"], Value::Null);
}
