//! What the process may take of the machine: memory and descriptors.
//!
//! The numbers that are asserted are bytes. Nothing here sleeps, and no time is asserted.
#![cfg(all(feature = "cli", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod descriptors;
#[cfg(feature = "recipes")]
mod memory;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tls")]
mod tls;
