//! A backend that goes away, and comes back.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::time::Duration;

use crate::PATIENCE;
use crate::server::Server;
use crate::stub::{Act, Call, Stub, ok};

const MOMENT: Duration = Duration::from_millis(50);

fn kind(call: &Call) -> Act {
    Act::Send(ok(&call.kind, None))
}

/// A backend at an address that nobody else uses, so that its port is still free when it comes
/// back.
fn stub_of_its_own(network: u8) -> Stub {
    let process = std::process::id();
    let host = Ipv4Addr::new(127, network, (process >> 8) as u8, process as u8);
    Stub::start_at(SocketAddr::from((host, 0)), kind)
}

#[test]
fn lost_backend_is_left_alone_and_found_again() {
    let stub = stub_of_its_own(9);
    let (address, url) = (stub.address, stub.url());
    // Two processes on one loopback address share no secret: this one is not needed there.
    let server = Server::start(&url, "");
    let (mut alice, _) = server.join("soup", "alice");
    drop(stub);
    let mut ask = |content: &str| {
        alice.say(content);
        alice.hear()["payload"].clone()
    };
    for _ in 0..10 {
        assert_eq!(ask("salt")["error"], "backend_unavailable");
    }
    assert_eq!(server.knock("soup", "bob").closed(), (1013, "Backend unavailable".to_owned()));
    let _back = Stub::start_at(address, kind);
    let (_keep, never) = mpsc::channel::<()>();
    let answered = (0..PATIENCE.as_millis() / MOMENT.as_millis()).any(|_| {
        let _ = never.recv_timeout(MOMENT);
        ask("salt")["content"] == "message"
    });
    assert!(answered);
    assert_eq!(ask("salt")["content"], "message", "it is closed, not only probed");
    server.join("stew", "bob");
    let log = server.end();
    let opened = "circuit breaker opened for 100ms: no connection can be made, last failure: no \
                  connection: ";
    assert!(log.contains(opened), "{log}");
    assert!(log.contains("circuit breaker closed"), "{log}");
    let (_, counted) = log.split_once("backend calls: breaker_opens=").unwrap();
    assert!(!counted.starts_with('0') && counted.contains("refused="), "{counted}");
}

/// A call that was never sent is not refused, if the backend is back soon.
#[test]
fn join_waits_for_a_backend_that_restarts() {
    let stub = stub_of_its_own(10);
    let (address, url) = (stub.address, stub.url());
    drop(stub);
    let server = Server::start(&url, "");
    let mut alice = server.knock("soup", "alice");
    let (_keep, never) = mpsc::channel::<()>();
    while !server.log().contains("circuit breaker opened for 100ms") {
        let _ = never.recv_timeout(MOMENT);
    }
    let _back = Stub::start_at(address, kind);
    assert_eq!(alice.hear()["payload"]["session"]["user_id"], "alice");
}
