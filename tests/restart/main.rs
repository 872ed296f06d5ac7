//! The binary under a service manager: sockets that outlive it, what it tells, and restarts that
//! nobody loses anything by.
//!
//! The manager is a few lines of this test. Nothing here sleeps: what is waited for is an answer, or
//! a pause that a client makes, within [`PATIENCE`].
#![cfg(all(feature = "cli", feature = "recipes", feature = "tls", target_os = "linux"))]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers fail the test")]

mod manager;
mod restarts;
mod told;
mod writer;

use std::time::Duration;
use vestibule::testing::logs;

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);
