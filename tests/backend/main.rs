//! The binary with a backend behind it: hostile ones, made here, and the example in FastAPI.
//!
//! Nothing here sleeps: what is waited for is an answer, within [`PATIENCE`].
#![cfg(all(feature = "cli", feature = "backend", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod breaker;
#[expect(dead_code, reason = "these tests need less of it than its own")]
#[path = "../loopback/client.rs"]
mod client;
mod fastapi;
mod hostile;
#[path = "../support/logs.rs"]
mod logs;
mod secrets;
mod server;
mod stub;
#[expect(dead_code, reason = "these tests write no frames by hand")]
#[path = "../support/wire.rs"]
mod wire;

use std::time::Duration;

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);
