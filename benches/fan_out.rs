//! One message to everybody in a room of 2, 10, 1,000 and 10,000: `fan_out` with clients that do not
//! support resuming, `fan_out_kept` with clients that do, so that the room keeps its last messages.
//!
//! One iteration: one member's chat message comes in, is parsed, framed once and queued to all
//! others; the sender is answered; then every queue is polled and consumed, as a driver's `writev`
//! would. The rate is in deliveries. Sockets are not in it.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start must say so")]

pub mod support;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use serde_json::json;
use support::{Driver, message, token, upgrade};
use vestibule::id::ConnId;

/// A room with so many members, each another user, that `keeps` its last messages or not.
fn room(members: usize, keeps: bool) -> (Driver, Vec<ConnId>) {
    let mut driver = Driver::with_memory_app();
    let mut join = |number: usize| {
        let id = driver.accept();
        driver.bytes(id, &mut upgrade("soup"));
        let token = token(&format!("user-{number}"));
        let payload =
            if keeps { json!({ "token": token, "resume": {} }) } else { json!({ "token": token }) };
        driver.bytes(id, &mut message("auth", "a", &payload));
        assert!(driver.node.is_authenticated(id));
        id
    };
    let ids = (0..members).map(&mut join).collect();
    (driver, ids)
}

fn main() {
    let mut c = Criterion::default().configure_from_args();
    bench(&mut c, "fan_out", false);
    bench(&mut c, "fan_out_kept", true);
    c.final_summary();
}

fn bench(c: &mut Criterion, name: &str, keeps: bool) {
    let mut group = c.benchmark_group(name);
    for members in [2, 10, 1_000, 10_000] {
        let (mut driver, ids) = room(members, keeps);
        let sender = *ids.first().unwrap();
        let mut number = 0;
        group.throughput(Throughput::Elements(members as u64));
        group.bench_function(BenchmarkId::from_parameter(members), |b| {
            b.iter_batched(
                || {
                    number += 1;
                    let content = json!({ "content": "Who wants the last dumpling?" });
                    message("chat_message", &format!("m{number}"), &content)
                },
                |mut chat| {
                    let written = driver.bytes(sender, &mut chat);
                    assert!(written > 100 * members, "{written} bytes to {members} members");
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}
