//! Vestibule: an authenticated WebSocket edge.

pub mod auth;
pub mod config;
pub mod id;
pub mod node;
pub mod protocol;
pub mod time;
