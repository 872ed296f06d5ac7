//! Signals with connections open.

use rustix::process::Signal;

use crate::support::client::{Client, exchange};
use crate::support::server::Server;
use crate::support::{PATIENCE, now};
use vestibule::testing::upgrade;

#[test]
fn a_drain_tells_everybody_and_ends_with_0() {
    let mut server = Server::open("drain = '1s'\n[log]\nfile = 'log'");
    let mut clients: Vec<_> = (0..20).map(|n| server.join("hall", &format!("u{n}"))).collect();
    clients.push(Client::upgrade(server.connect(), "hall"));
    server.signal(Signal::TERM);
    for client in &mut clients {
        assert_eq!(client.closed(), (1001, "Server shutting down".to_owned()));
    }
    assert_eq!(server.exit_code(), Some(0));
    let log = server.read("log");
    assert!(log.contains("; closes: server_shutting_down=21; timer lateness in µs: n="), "{log}");
}

#[test]
fn a_second_signal_ends_at_once_with_1() {
    // Each is closed at a random moment of an hour: no run waits for the last one.
    let mut server = Server::open("drain = '1h'");
    let clients: Vec<_> = (0..3).map(|n| server.join("hall", &format!("u{n}"))).collect();
    server.signal(Signal::TERM);
    let began = now();
    // Two signals that nobody has looked at are one.
    while !exchange(server.connect(), upgrade("hall").as_bytes()).0.starts_with("HTTP/1.1 503 ") {
        assert!(began.elapsed() < PATIENCE);
    }
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(1));
    drop(clients);
}
