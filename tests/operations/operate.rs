//! The commands for operators against a running server.

use std::process::Output;

use crate::support::client::Client;
use crate::support::server::{FILE, Server};

const KEY: &str = "the-key-of-operators-has-more-than-32-bytes";

/// The exit code, and what was printed.
fn said(done: Output) -> (Option<i32>, String) {
    let text = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(text).unwrap())
}

impl Server {
    /// Runs a command with this server's admin address.
    fn operate(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let admin = self.admin.to_string();
        said(self.run(&[arguments, &["--admin", &admin]].concat()))
    }
}

#[test]
fn operator_sees_and_ends_what_is_there() {
    let server = Server::with_file("[admin]\nkey_file = 'key'", ("key", KEY));
    let mut alice = server.join("soup", "alice");
    assert_eq!(server.operate(&["health"]), (Some(0), "ready\n".to_owned()));
    assert_eq!(server.operate(&["health", "--live"]), (Some(0), "ok\n".to_owned()));
    let (code, text) = server.operate(&["status"]);
    assert_eq!(code, Some(0), "{text}");
    for line in ["takes new clients\n", "connections: 1 connected\n", "keys: 1 HS\n"] {
        assert!(text.contains(line), "{text}");
    }
    let (code, text) = server.operate(&["room", "soup"]);
    assert!(code == Some(0) && text.ends_with("  alice\n"), "{text}");
    let told = server.operate(&["publish", "soup", "Dinner is ready"]);
    assert_eq!(told, (Some(0), "queued for 1 connection\n".to_owned()));
    assert_eq!(alice.hear()["payload"]["content"], "Dinner is ready");
    let publish =
        ["publish", "--user", "alice", "--room", "soup", "--idempotency-key", "k", "Soon"];
    for _ in 0..2 {
        let told = server.operate(&publish);
        assert_eq!(told, (Some(0), "queued for 1 connection\n".to_owned()));
    }
    assert_eq!(alice.hear()["payload"]["content"], "Soon");
    let (code, text) = server.operate(&["publish", "Soon"]);
    assert!(code == Some(2) && text.contains("expected a room before"), "{text}");
    let told = server.operate(&["require-auth", "alice"]);
    assert_eq!(told, (Some(0), "asked 1 connection\n".to_owned()));
    assert_eq!(alice.hear()["type"], "auth_required");
    let told = server.operate(&["disconnect", "alice"]);
    assert_eq!(told, (Some(0), "ended 1 connection\n".to_owned()));
    assert_eq!(alice.closed().1, "Session revoked");
    // In-memory rooms have no accounts.
    let (code, text) = server.operate(&["lock", "alice"]);
    assert!(code == Some(1) && text.starts_with("error: "), "{text}");
    let (code, text) = server.operate(&["room", "soup", "--json"]);
    assert_eq!((code, &*text), (Some(0), "{\"room\":\"soup\",\"connections\":[]}\n"));
    // The key goes with an address that the file does not name, too.
    server.write(FILE, "[admin]\nlisten = ''\nkey_file = 'key'");
    assert_eq!(server.operate(&["room", "soup"]), (Some(0), String::new()));
}

#[test]
fn drained_server_is_not_healthy() {
    let mut server = Server::open("");
    let alice: Client = server.join("soup", "alice");
    let told = server.operate(&["drain", "--over", "1m"]);
    assert_eq!(told, (Some(0), "draining 1 connection\n".to_owned()));
    let (code, text) = server.operate(&["health"]);
    assert_eq!((code, &*text), (Some(1), "error: The server accepts no new connections\n"));
    assert_eq!(server.operate(&["health", "--live"]).0, Some(0));
    assert!(
        server.operate(&["status"]).1.starts_with("accepts no new clients: draining\nversion: ")
    );
    drop(alice);
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    assert!(server.operate(&["health"]).1.contains("is the server running"));
}
