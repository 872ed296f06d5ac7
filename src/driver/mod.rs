//! The turn of an event loop: what is done with a [`Node`](crate::Node) between two polls, in which
//! order, and how much of it.
//!
//! ```text
//! poll ─▶ events ─▶ reads of the authenticated ─▶ completions ─▶ writes ─▶ deadlines
//!   ▲                                                                         │
//!   └──────── writes ◀─ a share of accepts, pending reads and endings ◀───────┘
//! ```
//!
//! [`Turn`] knows the order and the bounds, and touches no socket, clock or thread: it does that
//! through an [`Io`]. The mio driver, the simulator and `examples/own_loop.rs` are three
//! implementations of that one trait, so what the simulator proves of the turn is true of the server.
//!
//! # A loop of your own
//!
//! 1. Sleep until [`Turn::next`], or until the poller has events, or until another thread wakes you.
//! 2. Report what came: [`Turn::on_event`] for connections, [`Turn::on_listener`] for listeners,
//!    [`Turn::on_wake`] when another thread has left something, and [`Turn::on_poll_complete`] when
//!    the poller had no more events than these.
//! 3. [`Turn::run`].
//!
//! # Rules
//!
//! * Every authenticated connection that is ready is read once in a turn. Accepts, reads of pending
//!   connections and endings share `limits.pending_per_turn` units.
//! * Input is read before a deadline is judged, however late that is. A deadline is judged only up to
//!   a moment from before the last poll that reported everything, and a connection whose socket had
//!   input by then is read first. So a process that stood still closes nobody whose message had come.
//! * Polling is edge-triggered: a socket is reported when something comes, not while something is
//!   there. What a turn leaves undone is remembered here, and [`Turn::next`] is then past.
//! * A write that the socket did not take whole goes on when the poller reports it writable.

mod flush;
mod io;
mod planted;
mod schedule;
mod serve;
mod slots;
mod turn;

pub use self::io::{Accepted, Input, Io, Readiness, Remaining, Role, Written};
#[cfg(any(test, feature = "sim"))]
pub use self::planted::Planted;
#[cfg(feature = "sim")]
pub(crate) use self::turn::reads_of;
pub use self::turn::{ACCEPT_PAUSE, READ_BYTES, Turn};

#[cfg(test)]
mod tests;
