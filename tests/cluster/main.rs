//! Several nodes behind one engine: the bus on a real redis-server.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test's helpers fail the test, and a real engine has a real clock"
)]

mod engine;
mod scripts;
