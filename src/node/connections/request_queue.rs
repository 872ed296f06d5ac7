//! HTTP requests that wait in one place, by address.

use crate::id::Seed;
use crate::shares::Holdings;

/// Requests that wait, by address.
#[derive(Debug)]
pub(crate) struct RequestQueue {
    /// For the rest of their bodies, or for the application.
    pub(crate) waiting: Holdings,
    /// Those of them whose bodies are not whole.
    pub(crate) unfinished: Holdings,
}

impl RequestQueue {
    /// None yet, and room for so many.
    pub(crate) fn new(seed: &Seed, slots: usize) -> Self {
        Self {
            waiting: Holdings::new(&seed.derive("waiting"), slots),
            unfinished: Holdings::new(&seed.derive("unfinished"), slots),
        }
    }
}
