//! `log.access`: a line for each connection.

use std::io::{Read as _, Write as _};

use rustix::process::Signal;

use crate::support::client::Client;
use crate::support::server::Server;

/// The lines about access, without their times.
fn lines(log: &str) -> Vec<&str> {
    log.lines().filter_map(|line| Some(line.split_once("access: ")?.1)).collect()
}

/// The number behind this name.
fn number(line: &str, name: &str) -> f64 {
    let (_, rest) = line.split_once(&format!(" {name}=")).unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn each_connection_has_a_line_whatever_the_level() {
    let mut server =
        Server::open("drain = '0s'\n[log]\nlevel = 'error'\naccess = true\nfile = 'log'");
    let mut alice = server.join("hall", "ali \"ce\"");
    alice.say("hello");
    alice.hear();
    drop(alice);
    let mut stream = server.connect();
    stream.write_all(b"GET /v1/chat/ HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 4"), "{response}");
    let mut bob = server.join("hall", "bob");
    let pending = Client::upgrade(server.connect(), "hall");
    server.signal(Signal::TERM);
    assert_eq!(bob.closed().0, 1_001);
    assert_eq!(server.exit_code(), Some(0));
    drop(pending);
    let log = server.read("log");
    let found = lines(&log);
    assert_eq!((found.len(), log.lines().count()), (4, 4), "{log}");
    let of = |what: &str| found.iter().find(|line| line.contains(what)).copied().unwrap();
    let alice = of(" user=\"ali \\\"ce\\\"\" room=\"hall\" ");
    assert!(alice.starts_with("address=127.0.0.1:"), "{alice}");
    assert_eq!(number(alice, "code"), 1_006.0);
    assert!(number(alice, "in") > 400.0 && number(alice, "out") > 400.0, "{alice}");
    assert_eq!(number(of(" user=\"bob\" "), "code"), 1_001.0);
    assert_eq!(number(of(" user=\"\" room=\"hall\" "), "code"), 1_001.0);
    let line = of(" user=\"\" room=\"\" ");
    assert!(number(line, "code") >= 400.0);
    assert_eq!(number(line, "out"), response.len() as f64, "{line}");
}

#[test]
fn no_connection_has_a_line_by_default() {
    let mut server = Server::open("drain = '0s'\n[log]\nfile = 'log'");
    drop(server.join("hall", "alice"));
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    assert!(lines(&server.read("log")).is_empty());
}
