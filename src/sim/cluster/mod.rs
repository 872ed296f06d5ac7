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
//! | G4 | a user who was disconnected is let in by no node, also when all were restarted in the end, and is connected nowhere after a bound |
//! | G5 | in the end, whoever watches a room has the list of those who are in it, at all nodes |
//! | U1 | a user has no more connections than one may have, over all nodes, for longer than it takes to tell |
//! | U2 | a connection is refused only where there are that many at nodes that are there |
//! | U3 | in the end, that many are in |
//! | G6 | no connection is closed because the engine is gone, and what is answered was published |

mod asks;
mod bus_line;
mod chain;
mod chatter;
mod checks;
mod facts;
mod mishap;
mod mishaps;
mod orders;
mod plan;
mod presence;
mod process;
mod revocations;
mod stage;
mod visitors;
mod world;

pub use self::plan::{ClusterCounts, Clusters};
use self::world::NodesWorld;
use super::world::Violation;

impl Clusters {
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
