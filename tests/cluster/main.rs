//! Several nodes as processes, with a real redis-server, while one or the other fails.
//!
//! Many clients chat. In the end, each must have every message of its room in one order, unless it was
//! told that it missed some. The only times here are deadlines, and the pauses between two faults.
#![cfg(all(feature = "cli", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test's helpers fail the test and say what they saw, and a real engine has a real clock"
)]

mod crowd;
mod engine;
mod faults;
mod history;
mod limits;
mod member;
mod nodes;
mod one_host;
mod operators;
mod owner;
mod presence;
mod replicas;
#[cfg(feature = "sim")]
mod scripts;
#[path = "../support/mod.rs"]
mod support;
mod transports;

use std::sync::mpsc;
use std::time::Duration;

/// Longer than anything here takes, on a busy machine too.
const DEADLINE: Duration = Duration::from_secs(60);

/// Lets the others go on for a moment.
fn pause(length: Duration) {
    let (_keep, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(length);
}
