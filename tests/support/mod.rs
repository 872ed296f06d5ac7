//! The binary in a process and a directory of its own, and clients that talk to it: for the suites
//! that see no more of it than its users.
//!
//! Nothing here sleeps: what is waited for is an answer, within [`PATIENCE`].
#![allow(dead_code, reason = "no suite needs all of it")]

pub(crate) mod client;
pub(crate) mod process;
pub(crate) mod server;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What `wait` returns, which has no time limit of its own: fails after [`PATIENCE`], and leaves its thread
/// behind.
#[track_caller]
pub(crate) fn within_patience<T: Send + 'static>(
    what: &str,
    wait: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(wait()));
    result.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("waited too long for {what}"))
}

#[expect(clippy::disallowed_methods, reason = "these tests are about real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
