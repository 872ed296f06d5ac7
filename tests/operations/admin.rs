//! The operator's listener beside a chat.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::client::{Client, exchange};
use crate::support::server::{Server, Witness};
use crate::support::{PATIENCE, now};
use vestibule::testing::{frame, message, upgrade};

const KEY: &str = "a-key-of-an-operator-0123456789abcdef";

#[test]
fn an_announcement_reaches_who_is_in_the_room() {
    let server = Server::open("");
    let (mut alice, mut bob) = (server.join("hall", "alice"), server.join("hall", "bob"));
    let body = r#"{"content":"Dinner","recipe_data":{"id":"hall"}}"#;
    let (status, answer) = server.ask("POST /v1/rooms/hall/publish", body);
    assert_eq!((status, &answer["delivered"]), (200, &2.into()));
    for client in [&mut alice, &mut bob] {
        let heard = client.hear();
        assert_eq!(
            (&heard["type"], &heard["payload"]["content"]),
            (&"recipe_update".into(), &"Dinner".into())
        );
        assert!(heard["payload"]["request_id"].is_null());
    }
    let (_, room) = server.ask("GET /v1/rooms/hall", "");
    let users: Vec<_> = room["connections"].as_array().unwrap().iter().collect();
    assert_eq!((users.len(), &users[0]["user_id"]), (2, &"bob".into()));
}

#[test]
fn a_user_is_asked_and_then_shut_out() {
    let server = Server::open("");
    let token = server.token("alice");
    let mut alice = Client::upgrade(server.connect(), "hall");
    alice.authenticate(&token);
    assert_eq!(server.ask("POST /v1/users/alice/require-auth", "").1["asked"], 1);
    assert_eq!(alice.hear()["payload"]["reason"], "requested");
    let (status, answer) = server.ask("POST /v1/users/alice/disconnect", "");
    assert_eq!((status, &answer["disconnected"]), (200, &1.into()));
    assert_eq!(alice.closed(), (1008, "Session revoked".to_owned()));
    let mut again = Client::upgrade(server.connect(), "hall");
    again.offer(&token);
    assert_eq!(again.closed(), (1008, "Session revoked".to_owned()));
}

#[test]
fn ordered_drain_leaves_the_process_to_its_signal() {
    let mut server = Server::open("");
    let mut clients: Vec<_> = (0..10).map(|n| server.join("hall", &format!("u{n}"))).collect();
    let (status, answer) = server.ask("POST /v1/drain", r#"{"seconds":1}"#);
    assert_eq!((status, &answer["connections"]), (202, &10.into()));
    for client in &mut clients {
        assert_eq!(client.closed(), (1001, "Server shutting down".to_owned()));
    }
    let (status, answer) = server.ask("GET /readyz", "");
    assert_eq!((status, &answer["error"]), (503, &"draining".into()));
    assert_eq!(server.ask("GET /healthz", "").0, 200);
    let (head, _) = exchange(server.connect(), upgrade("hall").as_bytes());
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn full_server_is_not_ready_but_answers_its_operator() {
    let server = Server::open("[limits]\nconnections = 3\npending = 3");
    let mut witness = Witness::new(&server);
    assert_eq!(server.ask("GET /readyz", "").0, 200);
    let mut third = server.join("hall", "carol");
    // Some are told so, and stay.
    let refused: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for _ in 0..20 {
        let (status, answer) = server.ask("GET /readyz", "");
        assert_eq!((status, &answer["error"]), (503, &"at_capacity".into()));
        witness.notices_nothing();
    }
    assert_eq!(server.ask("POST /v1/users/carol/disconnect", "").0, 200);
    assert_eq!(third.closed().1, "Session revoked");
    drop((refused, third));
    let began = now();
    while server.ask("GET /readyz", "").0 != 200 {
        assert!(began.elapsed() < PATIENCE);
    }
}

#[test]
fn an_operator_is_answered_during_a_storm() {
    let server = Server::open(
        "[limits]\npending_per_ip = 0\nauth_per_minute_per_ip = 0\nauth_per_minute_per_user = 0",
    );
    let mut witness = Witness::new(&server);
    let token = server.token("mallory");
    let auth = message("auth", &serde_json::json!({ "token": token })).1;
    let life = [upgrade("soup").into_bytes(), frame(0x81, auth.as_bytes())].concat();
    let address = server.address;
    let storm = std::thread::spawn(move || {
        for _ in 0..2_000 {
            let mut stream = TcpStream::connect(address).unwrap();
            // Refused, reset or taken: a storm does not look back.
            let _ = stream.write_all(&life);
        }
    });
    let mut calls = 0;
    while !storm.is_finished() || calls < 20 {
        let (status, stats) = server.ask("GET /v1/stats", "");
        assert_eq!(status, 200);
        assert!(stats["vestibule_accepts_total"].as_u64() > Some(0));
        calls += 1;
        witness.notices_nothing();
    }
    storm.join().unwrap();
}

#[test]
fn off_loopback_nothing_starts_without_a_key() {
    let (code, said) = Server::refused("[admin]\nlisten = '0.0.0.0:0'");
    assert_eq!(code, Some(1));
    assert!(said.contains("admin.key_file: needed, as others can reach 0.0.0.0:0"), "{said}");
}

#[test]
fn taken_admin_port_stops_the_start_with_advice() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (code, said) = Server::refused(&format!("[admin]\nlisten = '{address}'"));
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("admin.listen: cannot listen on {address}: another")), "{said}");
    assert!(said.contains("VESTIBULE_ADMIN__LISTEN"), "{said}");
}

#[test]
fn silent_sockets_keep_no_call_waiting() {
    let server = Server::open("");
    let mut witness = Witness::new(&server);
    let before = server.descriptors();
    // Four times as many as there are places; the server has closed all but 16 of them.
    let silent: Vec<_> = (0..64).map(|_| TcpStream::connect(server.admin).unwrap()).collect();
    let began = now();
    for _ in 0..5 {
        assert_eq!(server.ask("GET /readyz", "").0, 200);
    }
    // Not one of them was waited for: a silent one has 5 seconds.
    assert!(began.elapsed() < Duration::from_secs(4));
    assert!(server.descriptors() <= before + 16);
    // What a balancer's simplest check sends.
    let mut probe = TcpStream::connect(server.admin).unwrap();
    probe.set_read_timeout(Some(PATIENCE)).unwrap();
    probe.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    probe.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    drop((silent, probe));
    server.assert_descriptors_return_to(before, &mut witness);
}

#[test]
fn the_key_opens_and_is_changed_and_is_in_no_log() {
    let config = "[admin]\nkey_file = 'key'\n[log]\nlevel = 'trace'\nfile = 'log'\nqueue = 65536";
    let server = Server::with_file(config, ("key", KEY));
    let status = |request: &str, key: &str| -> u16 {
        let (head, _) = server.call(request, &format!("Authorization: Bearer {key}\r\n"), "");
        head.split(' ').nth(1).unwrap().parse().unwrap()
    };
    assert_eq!(server.ask("POST /v1/users/alice/disconnect", "").0, 401);
    assert_eq!(server.ask("GET /healthz", "").0, 200);
    let wrong = KEY.to_uppercase();
    for _ in 0..5 {
        assert_eq!(status("POST /v1/users/alice/disconnect", &wrong), 401);
    }
    assert_eq!(status("POST /v1/users/alice/disconnect", KEY), 200);
    let new = KEY.replace("0123", "3210");
    server.write("key", &new);
    assert!(server.reload(config).contains("configuration reloaded"));
    let began = now();
    while status("POST /v1/users/alice/disconnect", &new) != 200 {
        assert!(began.elapsed() < PATIENCE);
    }
    assert_eq!(status("POST /v1/users/alice/disconnect", KEY), 401);
    server.write("key", "short");
    assert!(server.reload(config).contains("at least 32 are needed"));
    assert_eq!(status("POST /v1/users/alice/disconnect", &new), 200);
    let log = server.read("log");
    assert_eq!(log.matches("calls denied on the admin listener: 1,").count(), 1, "{log}");
    assert!(log.contains("other users can read or write key"), "{log}");
    for secret in [KEY, &wrong, &new] {
        assert!(!log.contains(secret), "{log}");
    }
}
