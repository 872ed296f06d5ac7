//! The protocol: its messages byte by byte, and our frames beside those of others.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

#[cfg(feature = "recipes")]
mod corpus;
#[cfg(feature = "recipes")]
mod differential;
mod golden;
#[cfg(feature = "recipes")]
mod replies;
#[cfg(feature = "recipes")]
#[path = "../../fuzz/src/lib.rs"]
pub mod targets;
