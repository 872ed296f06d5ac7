//! What an operator does with the binary and sees of it: its command line, its files, signals and
//! restarts, the admin listener, the logs, and the proxies in front of it.
#![cfg(all(feature = "cli", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod access;
mod admin;
mod check;
mod cli;
mod connect;
mod deploy;
mod drain;
mod explain;
#[cfg(feature = "recipes")]
mod faults;
#[cfg(feature = "recipes")]
mod invite;
mod issuer;
mod listening;
#[cfg(feature = "recipes")]
mod lost_files;
mod operate;
mod proxies;
mod reload;
#[cfg(feature = "recipes")]
mod reset_password;
#[cfg(all(feature = "recipes", feature = "tls"))]
mod restart;
mod secrets_in_logs;
#[cfg(feature = "recipes")]
mod standby;
#[path = "../support/mod.rs"]
mod support;
mod texts;
mod watched;
