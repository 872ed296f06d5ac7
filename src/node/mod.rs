//! The deterministic core.

pub mod app;
pub mod port;
pub mod schedule;
