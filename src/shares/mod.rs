//! Fair shares of what everybody uses: queues, tables and allowances by user or by address.
//!
//! A client that keeps to every limit must not make the service worse for the others. Three rules
//! hold for each shared resource:
//!
//! * An allowance is keyed by what the limited party cannot renew: its user or its address, not its
//!   connection ([`Allowances`]).
//! * A queue serves its users in turn, by the cost of their work ([`FairQueue`]).
//! * A full table evicts the oldest entry of whoever holds most ([`Holdings`] knows who that is).
//!
//! All three are state machines without a clock, ordered by keys and never by chance.

#[cfg_attr(
    not(all(feature = "net", feature = "recipes")),
    allow(dead_code, reason = "each feature needs a part of it")
)]
mod allowances;
pub(crate) mod chains;
#[cfg(any(feature = "net", feature = "recipes", test))]
#[cfg_attr(
    not(all(feature = "backend", feature = "recipes")),
    allow(dead_code, reason = "each feature needs a part of it")
)]
mod fair_queue;
mod holdings;
mod recent;
#[cfg(any(test, feature = "sim"))]
#[cfg_attr(
    not(all(test, any(feature = "net", feature = "recipes"))),
    allow(dead_code, reason = "for tests of those who own a queue")
)]
#[expect(clippy::indexing_slicing, reason = "jobs are numbers that a run has given")]
pub(crate) mod rivalry;

pub(crate) use self::allowances::Allowances;
#[cfg(any(feature = "net", feature = "recipes"))]
pub(crate) use self::fair_queue::FairQueue;
pub(crate) use self::holdings::Holdings;
pub(crate) use self::recent::Recent;
