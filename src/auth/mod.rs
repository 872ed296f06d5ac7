//! From a token to who it is: keys, the verifier, the memory of what was accepted, and how many an
//! address may try.
//!
//! Pure: `now` is passed in, and a fault of the peer is a [`CloseReason`], never an error.
//!
//! [`CloseReason`]: crate::protocol::CloseReason

mod claims;
mod fault;
mod keys;
mod limiter;
mod replay;
mod revocations;
mod signer;
mod token;
mod verifier;

pub use fault::KeyFault;
pub use keys::{
    Algorithms, JwksFrom, KeySet, MAX_JWKS_BYTES, MAX_KEY_ID_BYTES, MAX_KEYS, MAX_TRIED, Skipped,
};
pub use limiter::{Address, AddressLimiter, Evidence};
pub use replay::{ReplaySet, Replayed};
pub use revocations::Revocations;
pub use signer::TokenSigner;
pub use verifier::{Begun, Principal, SignatureCheck, Signed, Verifier};

#[cfg(test)]
pub(crate) mod tests;
