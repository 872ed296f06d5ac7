//! What the documents and the examples say is so.
#![cfg(all(feature = "cli", feature = "net"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod commands;
mod documents;
mod examples;
mod issuers;
mod tokens;
