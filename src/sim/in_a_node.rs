//! For tests of those who own a queue in front of threads: rivals in a whole node.

use super::scenario::Scenario;
use super::world::World;
use crate::shares::rivalry::{RivalQueue, Rivalry};

/// The number of the rival that puts in most: frugal users come before it.
pub(crate) const FIRST_RIVAL: usize = 6;

/// Runs a world of rivals whose messages wait in this queue: as it is, where nobody loses anything, and
/// with a fault, such as first come, first served, where somebody does.
#[cfg_attr(
    not(any(feature = "net", feature = "recipes")),
    allow(dead_code, reason = "they own the queues")
)]
pub(crate) fn check_in_a_node<Q: RivalQueue + 'static>(rivalry: Rivalry, new: impl Fn(bool) -> Q) {
    let run = |is_faulty| {
        let seed = rivalry.rivals as u64;
        let queue = Box::new(new(is_faulty));
        let scenario = Scenario::served(seed, rivalry.rivals);
        assert_eq!(scenario.first_greedy(), FIRST_RIVAL);
        World::with_queue(scenario, seed, queue, rivalry).unwrap().run()
    };
    assert_eq!(run(false).map(|_| ()), Ok(()), "{rivalry:?}");
    let found = run(true).map(|_| ());
    assert!(found.is_err(), "the queue's fault was not found: {rivalry:?}");
}
