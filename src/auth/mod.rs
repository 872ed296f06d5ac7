//! From a token to who it is: the verifier, and the memory of what was accepted.
//!
//! Pure: `now` is passed in, and a fault of the peer is a [`CloseReason`], never an error.
//!
//! [`CloseReason`]: crate::protocol::CloseReason

mod replay;
mod revocations;
mod verifier;

pub use replay::{ReplaySet, Replayed};
pub use revocations::Revocations;
pub use verifier::{KeyFault, Principal, Verifier};
