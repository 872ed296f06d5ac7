//! The simulator: the real node under a virtual network and clock, from a seed.
//!
//! A [`World`] draws clients (good, slow, silent, expired, replaying, flapping, old ones whose token
//! is in the request, and ones that send garbage), links that cut bytes anywhere, stall and break, an application that answers now,
//! later, late or never, and a wall clock that somebody sets. It runs the real [`Node`](crate::Node) with
//! the real [`Turn`](crate::driver::Turn) through 20 virtual minutes in some milliseconds.
//!
//! After each turn of the driver checkers hold what must be true at every moment:
//!
//! * Nobody is past a deadline by more than a tick and a turn, and nobody is closed before one.
//! * Nothing of a room reaches who is not in it; whoever is in it hears everything, in order.
//! * Each message has exactly one answer, in the order of the messages; each `auth` that is
//!   accepted one acknowledgement, and no `auth` is accepted twice.
//! * One close frame with one reason of the protocol's table, and nothing behind it.
//! * A message that is sent again is not done again; the application is told once who left.
//! * Every buffer is within its bound, timers and rooms are as many as connections have, and
//!   nothing is asked of the driver for a connection that is gone.
//! * Bytes of authenticated connections wait behind at most one share of pending work.
//!
//! A [chaotic](Scenario::chaotic) world adds forgers, the limits of an address, keys and limits that
//! change, users that an operator throws out, and a process that is stopped for up to 20 minutes.
//!
//! Then everything heals, and every honest client must get through; then the node drains, and
//! nothing may be left. What fails is a [`Violation`] with the seed that makes it fail again.
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
mod chaos;
mod check;
mod client;
mod driver;
mod engine;
mod hostile;
mod ledger;
mod listen;
mod measure;
mod network;
mod observe;
mod old;
mod scenario;
mod storm;
mod trace;
mod transport;
mod watched;
mod wire;
mod work;
mod world;

pub use crate::driver::Planted;
pub use scenario::{Mix, Scenario};
pub use storm::{Counted, Storm};
pub use world::{Report, Violation, World};
