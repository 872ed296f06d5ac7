//! Vestibule: an authenticated WebSocket edge.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod config;
pub mod id;
pub mod time;
