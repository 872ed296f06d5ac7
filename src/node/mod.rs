//! The deterministic core.

mod answers;
pub mod app;
pub mod frame;
mod groups;
pub mod metrics;
mod outbox;
mod policy;
pub mod port;
mod questions;
pub mod schedule;
mod session;
mod upgrade;
pub mod wheel;
