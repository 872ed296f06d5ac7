//! From a token to who it is: keys, the verifier, the memory of what was accepted, and how many an
//! address may try.
//!
//! Pure: `now` is passed in. What is wrong with a token is a [`TokenError`]; what its sender is told
//! of that is chosen above, as a close reason or in HTTP.

mod cause;
mod claims;
mod error;
mod fault;
mod keys;
mod limiter;
mod replay;
mod revocations;
mod signature;
mod signer;
mod token;
mod trusted;
mod verifier;

#[cfg(feature = "net")]
pub(crate) use cause::MAX_CAUSE_BYTES;
pub use cause::token_summary;
#[cfg(feature = "recipes")]
pub(crate) use claims::{ISSUED_CLAIM, SESSION_CLAIM};
pub use error::{KeyError, TokenError};
pub use fault::{KeyFault, Skipped};
#[cfg(any(feature = "net", test))]
#[cfg(feature = "tls")]
pub(crate) use keys::der::{Der, SEQUENCE};
#[cfg(feature = "net")]
pub(crate) use keys::jwks::MAX_JWKS_BYTES;
pub use keys::summary::{KeyKind, KeySummary, UsableKey};
pub use keys::{Algorithms, KeySet, jwks::JwksFrom};
pub use limiter::Evidence;
#[cfg(feature = "net")]
pub(crate) use limiter::FORGED_ADDRESS_BYTES;
pub(crate) use limiter::{Address, AddressLimiter};
pub(crate) use replay::ReplaySet;
pub(crate) use revocations::{IssueTime, Revocations};
pub use signature::{SignatureCheck, Signed};
pub(crate) use signature::{SignatureDigest, Verification, WantedKey};
pub use signer::TokenSigner;
pub use verifier::{Principal, Verifier};

#[cfg(test)]
pub(crate) mod tests;
