//! Who is let in, and what becomes of those who are not: the binary over real sockets, as its users
//! and those who mean it ill see it.
//!
//! Nothing here sleeps. The only times that are asserted are the protocol's own.
#![cfg(all(feature = "cli", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod clocks;
mod hostile;
mod refusals;
mod revocations;
mod secrets;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tls")]
mod tls;
