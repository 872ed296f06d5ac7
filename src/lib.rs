//! Vestibule: an authenticated WebSocket edge.

#[cfg(not(any(feature = "aws-lc", feature = "pure-rust")))]
compile_error!("signatures need one of the features `aws-lc` and `pure-rust`");

pub mod auth;
#[cfg(feature = "backend")]
pub mod backend;
pub mod config;
pub mod id;
mod memory;
#[cfg(feature = "net")]
pub mod net;
pub mod node;
pub mod protocol;
#[cfg(feature = "recipes")]
pub mod recipes;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;
pub mod time;

pub use config::Config;
pub use memory::{Access, MemoryApp};
pub use node::Node;
pub use node::app::{Admission, Answer, App, Incoming, Join, Json, Left, Publish, Reply, Update};
pub use node::app::{OrderFault, OrderKind, OrderResult, UserOrder};
pub use node::{Method, Request, Response};
#[cfg(test)]
use testing::logs;

/// The programs in the documents, compiled as documentation tests. A document that has one in Rust is
/// named here, which `tests/documents` checks.
#[cfg(all(doctest, feature = "net"))]
mod documents {
    #[doc = include_str!("../README.md")]
    #[derive(Debug)]
    struct Readme;
    #[doc = include_str!("../docs/migration.md")]
    #[derive(Debug)]
    struct Migration;
}
