//! What a node holds, for tests and checkers that look for what was left behind.

use crate::node::connections::budget::Side;
use crate::node::connections::connection::Connection;
use crate::node::observe::view::View;

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
    /// Tokens that wait for their key.
    pub waiting_for_keys: usize,
    /// Addresses whose attempts are remembered: forgotten with the next attempt after a quiet minute.
    pub addresses: usize,
    /// Addresses with connections that are pending.
    pub pending_addresses: usize,
    /// Bytes in buffers and queues of connections.
    pub buffered_bytes: usize,
    /// What the budgets for input and output count: the memory that these take.
    pub budgeted_bytes: usize,
}

impl Usage {
    pub(crate) fn of(node: View<'_>) -> Self {
        let View { connections, work, rooms, gate, .. } = node;
        let kept = |connection: &Connection| {
            connection.decoder.kept_bytes()
                + connection.outbox.weight()
                + connection.waiting.as_ref().map_or(0, |waiting| waiting.kept_bytes())
        };
        Self {
            connections: connections.len(),
            timers: connections.timers(),
            rooms: rooms.rooms.len(),
            users: rooms.users.len(),
            questions: work.questions.len(),
            deliveries: rooms.deliveries.len(),
            replays: gate.tokens.replays.len(),
            waiting_for_keys: gate.tokens.key_waits.len(),
            addresses: gate.limits.attempts.len(),
            pending_addresses: connections.pending_addresses(),
            buffered_bytes: connections.iter().map(|(_, connection)| kept(connection)).sum(),
            budgeted_bytes: connections.input.total(Side::Pending)
                + connections.input.total(Side::Authenticated)
                + connections.pool.held(),
        }
    }
}
