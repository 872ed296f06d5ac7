//! The binary over real sockets: what its users, and those who mean it ill, see of it.
//!
//! Nothing here sleeps: what is waited for is an answer, within [`PATIENCE`]. The only times that
//! are asserted are the protocol's own.
#![cfg(all(feature = "cli", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod admin;
mod chat;
mod client;
mod clocks;
mod descriptors;
mod drain;
mod explain;
mod hostile;
mod refusals;
mod reload;
mod revocations;
mod secrets;
mod server;
#[cfg(feature = "tls")]
mod tls;
mod watched;

use std::time::{Duration, Instant};
use vestibule::testing::logs;

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

#[expect(clippy::disallowed_methods, reason = "these tests are about real time")]
fn now() -> Instant {
    Instant::now()
}
