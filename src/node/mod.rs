//! The deterministic core.

mod answers;
pub mod app;
pub mod frame;
mod groups;
pub mod metrics;
mod outbox;
pub mod port;
mod questions;
pub mod schedule;
mod upgrade;
pub mod wheel;
