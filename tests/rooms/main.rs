//! What those in a room hear of each other, and of those who do not keep up.
#![cfg(all(feature = "cli", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod chat;
#[cfg(feature = "tls")]
mod slow_readers;
#[path = "../support/mod.rs"]
mod support;
