//! Faults of a backend: what `/readyz`, the metrics and the log say of each, and that it ends.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use crate::PATIENCE;
use crate::server::Server;
use crate::stub::{Act, Call, Stub, answer, ok};
use crate::support::now;

fn kind(call: &Call) -> Act {
    Act::Send(ok(&call.kind, None))
}

/// Waits until this text is in what the admin listener answers.
#[track_caller]
fn wait_for(server: &Server, path: &str, text: &str) {
    let began = now();
    loop {
        let body = server.ask(path);
        if body.contains(text) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{text} is not in {body}");
    }
}

fn calls(call: &str, outcome: &str) -> String {
    format!("\nvestibule_backend_calls_total{{call=\"{call}\",outcome=\"{outcome}\"}} ")
}

/// How often calls ended so.
#[track_caller]
fn count(server: &Server, call: &str, outcome: &str) -> u64 {
    let metrics = server.ask("/metrics");
    let (_, rest) = metrics.split_once(&calls(call, outcome)).unwrap();
    rest.lines().next().unwrap().parse().unwrap()
}

/// This alert's expression asks for this.
fn assert_watched(alert: &str, part: &str) {
    let rules = include_str!("../../deploy/prometheus/alerts.yml");
    let (_, rule) = rules.split_once(&format!("- alert: {alert}\n")).unwrap();
    let (expression, _) = rule.split_once("labels:").unwrap();
    assert!(expression.contains(part), "{expression}");
}

#[test]
fn backend_that_is_down_is_told_until_it_is_back() {
    let process = std::process::id();
    let host = Ipv4Addr::new(127, 11, (process >> 8) as u8, process as u8);
    let stub = Stub::start_at(SocketAddr::from((host, 0)), kind);
    let (address, url) = (stub.address, stub.url());
    let server = Server::start(&url, "");
    let (mut alice, _) = server.join("soup", "alice");
    drop(stub);
    let began = now();
    while !server.ask("/readyz").contains("backend_unreachable") {
        assert!(began.elapsed() < PATIENCE);
        alice.say("salt");
        assert_eq!(alice.hear()["payload"]["error"], "backend_unavailable");
    }
    assert!(server.ask("/readyz").contains(r#""status":"ready""#), "others have the same backend");
    wait_for(&server, "/metrics", "\nvestibule_backend_circuit_open 1\n");
    let lost = ["unconnected", "refused"].map(|outcome| count(&server, "message", outcome));
    assert!(lost.iter().sum::<u64>() >= 1);
    assert_watched("VestibuleBackendCircuitOpen", "vestibule_backend_circuit_open == 1");
    assert_watched("VestibuleBackendCallsFail", "unconnected");
    let _back = Stub::start_at(address, kind);
    let began = now();
    while server.ask("/readyz").contains("degraded") {
        assert!(began.elapsed() < PATIENCE);
        alice.say("salt");
        alice.hear();
    }
    wait_for(&server, "/metrics", "\nvestibule_backend_circuit_open 0\n");
    let log = server.end();
    assert!(
        log.contains("circuit breaker opened") && log.contains("circuit breaker closed"),
        "{log}"
    );
}

/// Half of the messages fail, and every leave: joins go on, and the circuit breaker stays closed.
#[test]
fn half_of_the_calls_fail_and_are_counted() {
    let is_odd = AtomicBool::new(false);
    let stub = Stub::start(move |call| match call.kind.as_str() {
        "leave" => Act::Send(answer("500 Internal Server Error", "{}")),
        "message" if is_odd.fetch_xor(true, Ordering::SeqCst) => {
            Act::Send(answer("500 Internal Server Error", "{}"))
        }
        _ => kind(call),
    });
    let server = Server::start(&stub.url(), "");
    let (mut alice, _) = server.join("soup", "alice");
    let failed = (0..10).filter(|_| {
        alice.say("salt");
        alice.hear()["payload"].get("error").is_some()
    });
    assert_eq!(failed.count(), 5);
    drop(alice);
    wait_for(&server, "/metrics", &format!("{}1\n", calls("leave", "failed")));
    assert_eq!(count(&server, "message", "failed"), 5);
    assert_watched("VestibuleBackendCallsFail", "failed");
    assert_eq!(server.ask("/readyz"), r#"{"status":"ready"}"#);
    let log = server.end();
    assert!(log.contains("500"), "the last reason is told: {log}");
}

#[test]
fn backend_that_is_slow_is_counted_as_such() {
    let (_keep, never) = mpsc::channel::<()>();
    let never = Arc::new(Mutex::new(never));
    let stub = Stub::start(move |call| match call.kind.as_str() {
        "message" => Act::Hang(Arc::clone(&never)),
        _ => kind(call),
    });
    let server = Server::start(&stub.url(), "timeout = '200ms'");
    let (mut alice, _) = server.join("soup", "alice");
    alice.say("salt");
    assert_eq!(alice.hear()["payload"]["error"], "backend_timeout");
    wait_for(&server, "/metrics", &format!("{}1\n", calls("message", "timed_out")));
    assert_watched("VestibuleBackendCallsFail", "timed_out");
}
