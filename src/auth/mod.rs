//! From a token to who it is: keys, the verifier, the memory of what was accepted, and how many an
//! address may try.
//!
//! Pure: `now` is passed in. What is wrong with a token is a [`TokenError`]; what its sender is told
//! of that is chosen above, as a close reason or in HTTP.

mod claims;
mod error;
mod keys;
mod limiter;
mod replay;
mod revocations;
mod signer;
mod token;
mod verifier;

pub use error::{KeyError, TokenError};
pub use keys::{
    Algorithms, JwksFrom, KeySet, MAX_JWKS_BYTES, MAX_KEY_ID_BYTES, MAX_KEYS, MAX_TRIED, Skipped,
};
pub use limiter::{Address, AddressLimiter, Evidence};
pub use replay::ReplaySet;
pub use revocations::Revocations;
pub use signer::TokenSigner;
pub use verifier::{InvalidClaims, Principal, SignatureCheck, Signed, Verification, Verifier};

#[cfg(test)]
pub(crate) mod tests;
