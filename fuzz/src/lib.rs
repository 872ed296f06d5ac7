//! What is fuzzed, as plain functions: by libFuzzer from `fuzz_targets/`, and over the corpus and
//! its mutations by the root crate's `tests/protocol`, which includes this module by its path.

#![expect(clippy::indexing_slicing, reason = "a JSON value without the key is null")]

pub mod envelope;
pub mod frames;
pub mod keys;
pub mod messages;
pub mod model;
pub mod recipe;
pub mod replies;
pub mod session;
pub mod upgrade_head;

/// A target: panics when its input shows a fault.
pub type Target = fn(&[u8]);

/// Every target with its name, which is also that of its folder in the corpus.
pub const TARGETS: [(&str, Target); 9] = [
    ("envelope", envelope::envelope),
    ("frames", frames::frames),
    ("keys", keys::keys),
    ("messages", messages::messages),
    ("model", model::model),
    ("recipe", recipe::recipe),
    ("replies", replies::replies),
    ("session", session::session),
    ("upgrade_head", upgrade_head::upgrade_head),
];
