//! The embedded recipe chat as people use it: the binary, its HTTP, its WebSocket, and its database
//! over restarts and kills.
//!
//! Nothing here sleeps: what is waited for is an answer, within [`PATIENCE`].
#![cfg(all(feature = "cli", feature = "recipes", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod crash;
mod full_disk;
mod journey;
mod model;
mod pasted;
mod peer;
mod restart;
mod resume;
mod server;
mod storm;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;
use vestibule::testing::logs;

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);
