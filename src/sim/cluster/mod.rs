//! Worlds of several nodes over one engine in memory.
//!
//! Clients chat at any node, lose their connection, come back at another one with their position, and
//! send again what was not answered. Links are cut at any byte; replies and announcements are lost;
//! the engine sleeps, refuses, forgets everything, or fails over to a replica that lags, while the old
//! one may go on; processes stop, and are killed at any action. An observer at the engine that nothing
//! happens to knows what was published.
//!
//! | checker | what it says |
//! | --- | --- |
//! | G1 | what a client hears is what was published at that position: one order on all nodes |
//! | G2 | a client hears every message of its room once and in order, or is told that it begins anew |
//! | G3 | a message id has one answer; the application is asked twice only where whoever asked is gone, or the engine has lost its memory |
//! | G4 | a user who was disconnected is let in by no node, and is connected nowhere after a bound |
//! | G6 | no connection is closed because the engine is gone, and what is answered was published |

mod asks;
mod bus_line;
mod chain;
mod chatter;
mod facts;
mod mishaps;
mod process;
mod revocations;
mod stage;
mod world;

use std::time::Duration;

use self::world::NodesWorld;
use super::world::Violation;
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

    /// Runs the world: mishaps, healing, and what everybody has to have heard.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn run(&self, seed: u64) -> Result<ClusterCounts, Violation> {
        NodesWorld::new(self.clone(), seed).run()
    }

    /// The same, with a line for each thing that happens.
    pub fn run_recorded(&self, seed: u64) -> (Result<ClusterCounts, Violation>, Vec<String>) {
        let mut world = NodesWorld::new(self.clone(), seed);
        world.record();
        let result = world.run();
        (result, world.trace().to_vec())
    }
}
