//! The simulator: the real node under a virtual network and clock, from a seed.
//!
//! A [`World`] draws clients from a seed: good, slow, silent, expired, replaying and flapping ones,
//! old ones whose token is in the request, and ones that send garbage. It draws links that split
//! bytes anywhere, stall and break; an application that answers at once, later, late or never; and
//! a wall clock that jumps. It runs the real [`Node`](crate::Node) with the real
//! [`Turn`](crate::driver::Turn) through 20 virtual minutes in some milliseconds.
//!
//! After each turn of the driver, checkers verify the invariants:
//!
//! * No connection is past a deadline by more than a tick and a turn, and none is closed before
//!   one.
//! * A room's messages reach only its members, and each member gets all of them in order.
//! * Each message has exactly one answer, in the order of the messages. Each accepted `auth` has
//!   one acknowledgement, and no `auth` is accepted twice.
//! * A close frame has a reason from the protocol's table, and nothing is sent after it.
//! * A message that is sent again is not processed again, and the application gets each leave once.
//! * Every buffer is within its limit. There is one timer for each connection, and a room exists
//!   only while it has members. The node asks the driver for nothing on behalf of a connection that
//!   is gone.
//! * Bytes of authenticated connections wait behind at most one share of pending work.
//!
//! A [chaotic](Scenario::chaotic) world adds forgers, limits by address, keys and limits that
//! change, users that an operator disconnects, and a process that stops for up to 20 minutes.
//!
//! In a world of [rivals](Scenario::rivals), users who all want the same table have at most twice their
//! part of it. A [contended](Scenario::contended) world has small tables, greedy clients, which take as much as
//! every limit allows, and frugal ones, which check that their shares are left to them:
//!
//! * No user has more messages, tokens or requests taken than its allowance, over all connections.
//! * Who has less than others in a full table keeps what it has there: its last token stays
//!   single-use, its message is not done again, its last end is known, its room stays its own.
//! * Who comes from an address with fewer pending connections than others finds room.
//!
//! In a world of [crowds](Scenario::crowds) greedy clients have all their connections act at once, and who
//! comes from another address waits for one of each. For tests of the queues in front of threads, their users
//! in a whole node have at most twice their part of the threads' time, and a frugal one is answered soon.
//!
//! [`Returns`] is a world of clients that come back over cuts, stalls, restarts in order and kills,
//! and [`ReturnStorm`] one of thousands that a restart sends away at once, which may take longer than the
//! server expects:
//!
//! * Between two `resumed: false`, a client that supports resuming hears every message of its room
//!   once and in order, and `missed` is the number that follows.
//! * A position lets nobody in, and one of another room is not known.
//! * A memo alone lets nobody in: not with a forged or revoked token, not for another user or room, not
//!   once its
//!   user was disconnected, and not if it is from the future.
//!
//! [`StoredReturns`] is a world of an application that stores what rooms are told, and is killed with its
//! node at any moment: nobody hears what is not stored, or something twice, and a stored position is known.
//!
//! [`Clusters`] is a world of several nodes over one engine in memory, which clients move between while
//! links, nodes and the engine fail: what is published is heard once and in order on every node, a
//! message id has one answer, and whoever was disconnected is connected nowhere.
//!
//! The recipe chat's tests have worlds of their own, without a node: of passwords that are guessed for a day, and
//! of a disk that its users and others fill.
//!
//! Then all faults end, and every honest client must get through. Then the node drains, and nothing
//! may be left. A failure is a [`Violation`] with the seed that reproduces it.
//!
//! # Your own application
//!
//! ```
//! use vestibule::node::app::{Answer, App, Incoming, Reply, Update};
//! use vestibule::sim::{Scenario, World};
//!
//! struct Shout;
//!
//! impl App for Shout {
//!     fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
//!         let loud = message.content.to_uppercase();
//!         Reply::later(move || Ok(Update::text(loud)))
//!     }
//! }
//!
//! let seed = 7;
//! let report = World::with_app(Scenario::drawn(seed), seed, Box::new(Shout))?.run()?;
//! assert!(report.metrics.chat_messages > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod app;
mod attackers;
mod chaos;
mod check;
mod client;
mod cluster;
mod comer;
mod driver;
mod engine;
mod errand;
mod fetches;
mod frugal;
mod hostile;
#[cfg(test)]
mod in_a_node;
mod issuer;
mod late;
mod ledger;
mod listen;
mod measure;
mod mishaps;
mod network;
mod observe;
mod old;
mod return_counts;
mod return_storm;
mod returns;
mod scenario;
mod served;
mod serving;
mod shares;
mod stored;
mod storm;
mod trace;
mod transport;
mod truth;
mod watched;
mod wire;
mod work;
mod world;

pub use crate::driver::Planted;
pub use cluster::{ClusterCounts, Clusters};
#[cfg(all(test, feature = "backend"))]
pub(crate) use in_a_node::FIRST_RIVAL;
#[cfg(all(test, any(feature = "net", feature = "recipes")))]
pub(crate) use in_a_node::check_in_a_node;
pub use return_counts::ReturnCounts;
pub use return_storm::{ReturnStorm, StormReturned};
pub use returns::Returns;
pub use scenario::{Mix, Scenario};
pub use stored::{StoreFault, StoredCounts, StoredReturns};
pub use storm::{Counted, Storm};
pub use world::{Report, Violation, World};
