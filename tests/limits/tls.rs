//! What a connection over TLS takes of the memory.

use std::io::Write as _;

use crate::support::server::Server;
use crate::support::tls::{talk, with_lines};

#[test]
fn an_idle_connection_over_tls_takes_at_most_8_kib() {
    const CLIENTS: usize = 600;
    let server = Server::open(&with_lines("limits.connections = 2000"));
    let clients = |count: usize, name: &str| -> Vec<_> {
        let client = |n| server.join_over_tls(&format!("{name}{n}"), "alice");
        (0..count).map(client).collect()
    };
    // What is there once: shared buffers, a worker's stack, tables' first pages.
    let first = clients(50, "first");
    let before = server.memory("VmRSS");
    let held = clients(CLIENTS, "room");
    let each = (server.memory("VmRSS") - before) / CLIENTS;
    println!("{each} bytes each");
    assert!(each <= 8 * 1_024, "{each} bytes each");
    drop((first, held));
}

#[test]
fn unfinished_records_are_within_the_pending_budget() {
    let lines = "limits.pending_input_total = '1MiB'\nlimits.pending_per_ip = 0";
    let server = Server::open(&with_lines(lines));
    let (mut alice, mut bob) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "bob"));
    let before = server.memory("VmHWM");
    // A ClientHello of 16,380 bytes, of which 16,000 are there: 16 MB in all.
    let mut unfinished = b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc".to_vec();
    unfinished.resize(16_000, 0);
    let mut held = Vec::new();
    for _ in 0..20 {
        for _ in 0..50 {
            let mut stream = server.connect();
            // Who is dropped meanwhile has made room for others.
            let _ = stream.write_all(&unfinished);
            held.push(stream);
        }
        talk(&mut alice, &mut bob);
        talk(&mut bob, &mut alice);
    }
    let grown = server.memory("VmHWM") - before;
    assert!(grown <= 6 << 20, "{grown} bytes");
    // The last of them may still be in the server's sockets.
    let shed = || {
        let (_, counted) = server.call("GET /metrics", "", "");
        let name = "vestibule_limit_hits_total{limit=\"pending_input_total\"} ";
        let shed = counted.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        shed.parse::<u32>().unwrap()
    };
    assert!((0..1_000).any(|_| shed() > 900), "{}", shed());
}
