//! What a node holds, for tests and checkers that look for what was left behind.

use crate::node::Node;
use crate::node::connections::budget::Side;
use crate::node::connections::connection::Connection;
#[cfg(feature = "sim")]
use crate::node::work::port::Ticket;

impl Node {
    /// What is held at this moment, for tests that look for what was left behind.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let kept = |connection: &Connection| {
            connection.decoder.kept_bytes()
                + connection.outbox.weight()
                + connection.waiting.as_ref().map_or(0, |waiting| waiting.kept_bytes())
        };
        Usage {
            connections: self.connections.len(),
            timers: self.wheel.len(),
            rooms: self.rooms.len(),
            users: self.users.len(),
            questions: self.questions.len(),
            deliveries: self.deliveries.len(),
            replays: self.replays.len(),
            addresses: self.limiter.len(),
            pending_addresses: self.pending_by_address.len(),
            buffered_bytes: self.connections.iter().map(|(_, c)| kept(c)).sum(),
            budgeted_bytes: self.input.total(Side::Strangers)
                + self.input.total(Side::Members)
                + self.pool.held(),
        }
    }

    /// Is the question of this ticket open? The simulator's checkers ask.
    #[cfg(feature = "sim")]
    pub(crate) fn awaits(&self, ticket: Ticket) -> bool {
        self.questions.is_open(ticket)
    }
}

/// What a node holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Slots of the slab that are taken.
    pub connections: usize,
    /// Entries that are armed in the wheel.
    pub timers: usize,
    /// Rooms with somebody in them.
    pub rooms: usize,
    /// Users with a connection.
    pub users: usize,
    /// Questions to the application that are not answered.
    pub questions: usize,
    /// Messages on their way to large rooms, and answers behind them.
    pub deliveries: usize,
    /// Accepted `auth` messages that are remembered.
    pub replays: usize,
    /// Addresses whose attempts are remembered: forgotten with the next attempt after a quiet minute.
    pub addresses: usize,
    /// Addresses with connections that are pending.
    pub pending_addresses: usize,
    /// Bytes in buffers and queues of connections.
    pub buffered_bytes: usize,
    /// What the budgets for input and output count: the memory that these take.
    pub budgeted_bytes: usize,
}
