//! From a token to who it is: the verifier, the memory of what was accepted, and how many an
//! address may try.
//!
//! Pure: `now` is passed in, and a fault of the peer is a [`CloseReason`], never an error.
//!
//! [`CloseReason`]: crate::protocol::CloseReason

mod limiter;
mod replay;
mod revocations;
mod verifier;

pub use limiter::{Address, AddressLimiter, Evidence};
pub use replay::{ReplaySet, Replayed};
pub use revocations::Revocations;
pub use verifier::{KeyFault, Principal, Verifier};
