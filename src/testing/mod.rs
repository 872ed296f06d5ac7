//! What this repository's tests, benches, fuzz targets and simulator share: a client's bytes, tokens,
//! and the logs that are searched for secrets. Nobody else should use it.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

mod backend;
pub mod bus;
pub mod logs;
mod recipes;
mod scratch;
mod wire;

pub use backend::{read_call, read_request};
pub use recipes::READER_PATTERNS;
pub use scratch::ScratchDir;
pub use wire::{Form, envelope, frame, frame_in_form, masked, message, token, upgrade};
