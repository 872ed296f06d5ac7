//! How a world of several nodes is drawn, and what is counted there.

use std::time::Duration;

use crate::driver::Planted;
use crate::id::Rng;

/// A world of several nodes.
///
/// ```
/// use vestibule::sim::Clusters;
///
/// let counted = Clusters::drawn(1).run(1)?;
/// assert!(counted.answers > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Clusters {
    /// How many nodes there are.
    pub nodes: usize,
    /// How many clients there are. One in four does not support resuming.
    pub clients: usize,
    /// In how many rooms they are.
    pub rooms: usize,
    /// The virtual time until the faults end.
    pub length: Duration,
    /// A fault planted in the nodes, in tests of the checkers.
    pub planted: Option<Planted>,
}

/// What has happened in a world of several nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterCounts {
    /// How many things went wrong.
    pub mishaps: u64,
    /// How many processes were killed.
    pub kills: u64,
    /// How often the engine lost its memory, or some of it.
    pub losses: u64,
    /// How many entries it has published.
    pub entries: u64,
    /// How many messages were answered.
    pub answers: u64,
    /// How many got an error.
    pub errors: u64,
    /// How often an application was asked about a message that was asked about before.
    pub asked_twice: u64,
    /// How often a client went on where it was.
    pub resumed: u64,
    /// How often a client began anew that was there before.
    pub not_resumed: u64,
    /// How often a client was told that it has perhaps missed something.
    pub breaks: u64,
    /// How many connections were refused, as their user has too many.
    pub refused: u64,
    /// How many users were disconnected, as the operator was told.
    pub revoked: u64,
}

impl Clusters {
    /// The world of `seed`: 2 to 4 nodes with up to 10 clients in up to 4 rooms.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0xc1_05_7e);
        Self {
            nodes: 2 + rng.below(3) as usize,
            clients: 4 + rng.below(7) as usize,
            rooms: 1 + rng.below(4) as usize,
            length: Duration::from_secs(150),
            planted: None,
        }
    }
}
