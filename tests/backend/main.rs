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
mod secrets;
mod server;
mod stub;

use std::time::Duration;
use vestibule::testing::logs;

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);
