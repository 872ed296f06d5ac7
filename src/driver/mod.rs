//! The turn of an event loop: what happens to a [`Node`](crate::Node) between two polls, in which
//! order, and how much of it.
//!
//! ```text
//! poll ─▶ events ─▶ reads of the authenticated ─▶ completions ─▶ writes ─▶ deadlines
//!   ▲                                                                         │
//!   └──────── writes ◀─ a share of accepts, pending reads and endings ◀───────┘
//! ```
//!
//! [`Turn`] defines the order and the bounds. It touches no socket, clock or thread, but works
//! through an [`Io`]. The mio driver, the simulator and `examples/own_loop.rs` implement that
//! trait, so what the simulator verifies about the turn is true of the server.
//!
//! # A loop of your own
//!
//! 1. Sleep until [`Turn::next`], until the poller has events, or until another thread wakes you.
//! 2. Report the events: [`Turn::on_event`] for connections, [`Turn::on_listener`] for listeners,
//!    [`Turn::on_wake`] if another thread left something, and [`Turn::on_poll_complete`] if the
//!    poller had no more events than these.
//! 3. [`Turn::run`].
//!
//! # Rules
//!
//! * Every authenticated connection that is ready is read once in a turn. Accepts, reads of pending
//!   connections and endings share `limits.pending_per_turn` units.
//! * Input is read before a deadline is checked, however late that is. A deadline is checked only
//!   up to a time before the last poll that reported all events, and a connection whose socket had
//!   input by then is read first. So a process that was stopped closes no connection whose message
//!   had arrived in time.
//! * Polling is edge-triggered: a socket is reported when input arrives, not while input is there.
//!   The turn remembers unfinished work, and [`Turn::next`] is then in the past.
//! * A short write continues when the poller reports that the socket is writable.

mod flush;
mod io;
mod schedule;
mod serve;
mod slots;
mod turn;

pub use self::io::{Accepted, Input, Io, Readiness, Remaining, Role, Written};
#[cfg(feature = "sim")]
pub(crate) use self::schedule::LISTS;
#[cfg(feature = "sim")]
pub(crate) use self::turn::reads_of;
pub use self::turn::{ACCEPT_PAUSE, READ_BYTES, Turn};
#[cfg(any(test, feature = "sim"))]
pub use crate::node::planted::Planted;

#[cfg(test)]
mod tests;
