//! The binary with a backend behind it: hostile ones, made here, and the examples.
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
mod certificates;
mod examples;
mod faults;
mod hostile;
mod secrets;
mod server;
mod stub;
#[path = "../support/mod.rs"]
mod support;

use support::PATIENCE;
