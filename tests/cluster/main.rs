//! Several nodes behind one engine: the bus on a real redis-server.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

mod engine;
mod scripts;
