//! `vestibule explain` beside a running server.

use std::net::TcpListener;
use std::process::Output;

use serde_json::Value;

use crate::support::client::Client;
use crate::support::server::{FILE, Server};
use crate::support::{PATIENCE, now};

const KEY: &str = "a-key-of-an-operator-fedcba9876543210";

impl Server {
    fn explain(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let admin = self.admin.to_string();
        said(self.run(&[&["explain", "--admin", &admin], arguments].concat()))
    }

    /// The id of the only connection in `room`.
    fn only_one_in(&self, room: &str) -> String {
        let (_, body) = self.call(&format!("GET /v1/rooms/{room}"), "", "");
        let told: Value = serde_json::from_str(&body).unwrap();
        told["connections"][0]["id"].as_str().unwrap().to_owned()
    }
}

/// The exit code, and what is said on either output.
fn said(done: Output) -> (Option<i32>, String) {
    let text = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (done.status.code(), text)
}

#[test]
fn explain_knows_a_connection_alive_and_gone() {
    let server = Server::open("");
    let mut alice = server.join("soup", "alice");
    alice.say("hello");
    alice.hear();
    let id = server.only_one_in("soup");
    let (code, text) = server.explain(&[&id]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with(&format!("Connection {id} of alice, room soup, from 127.0.0.1:")));
    for part in [": connected\n", "  re-authentication requested\n", "Messages received: 2."] {
        assert!(text.contains(part), "{text}");
    }
    alice.offer("no-token");
    assert_eq!(alice.closed(), (1008, "Invalid token".to_owned()));
    let (code, text) = server.explain(&[&id]);
    assert_eq!(code, Some(0), "{text}");
    for part in [
        ": ended\n",
        "  accepted\n",
        "closed by the server: 1008 Invalid token, while connected",
        "Compare auth.* with the issuer.\n",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let (code, text) = server.explain(&[&id, "--json"]);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &told["end"]["reason"]), (Some(0), &"invalid_token".into()), "{text}");
    let mut forger = Client::upgrade(server.connect(), "hall");
    forger.offer("no-token");
    forger.closed();
    for arguments in [&["--user", "alice"][..], &["--last", "1", "--address", "127.0.0.1"]] {
        let (code, text) = server.explain(arguments);
        assert_eq!((code, text.lines().count()), (Some(0), 1), "{text}");
        assert_eq!(text.starts_with(&id), arguments.len() == 2, "{text}");
    }
}

#[test]
fn what_cannot_be_explained_is_said_in_one_line() {
    let server = Server::with_file("[admin]\nkey_file = 'key'", ("key", KEY));
    let fault = |arguments: &[&str]| {
        let (code, text) = said(server.run(&[&["explain"], arguments].concat()));
        assert_eq!((code, text.lines().filter(|l| !l.contains("chmod")).count()), (Some(1), 1));
        text
    };
    let (id, admin) = ("00000fff-000000", server.admin.to_string());
    assert!(fault(&[id, "--admin", &admin]).contains("There is no such connection"));
    assert!(fault(&[id, "--admin", ""]).contains("the admin listener is off"));
    assert!(fault(&[id]).contains("another port at each start"));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert!(fault(&[id, "--admin", &free]).contains("is the server running"));
    let public = server.address.to_string();
    assert!(fault(&[id, "--admin", &public]).contains("is not a Vestibule admin listener"));
    assert_eq!(server.explain(&["7"]).0, Some(2));
    assert_eq!(server.explain(&[id, "--user", "alice"]).0, Some(2));
    // With another key than the server's, and with none.
    server.write("key", &KEY.to_uppercase());
    assert!(fault(&[id, "--admin", &admin]).contains("is not the server's"));
    server.write(FILE, "");
    assert!(fault(&[id, "--admin", &admin]).contains("the server requires its admin key"));
}

#[test]
fn explain_gives_up_on_a_peer_that_never_answers() {
    let server = Server::open("");
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let began = now();
    let (code, text) =
        said(server.run(&["explain", "--admin", &deaf.local_addr().unwrap().to_string()]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(" has not answered within 5 s") && began.elapsed() < PATIENCE, "{text}");
}
