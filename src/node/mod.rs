//! The deterministic core.

pub mod app;
pub mod frame;
pub mod port;
pub mod schedule;
pub mod wheel;
