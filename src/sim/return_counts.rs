//! What a world of clients that come back counts.

use std::time::Duration;

use crate::node::Metrics;
use crate::protocol::CloseReason;

/// What has happened in a world of clients that come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReturnCounts {
    /// How often a client went on where it was.
    pub resumed: u64,
    /// How often a client gave a position and had to begin anew.
    pub not_resumed: u64,
    /// How often a client was told when to come back.
    pub slots: u64,
    /// How often the server was stopped in order and started again.
    pub restarts: u64,
    /// How often it was killed.
    pub kills: u64,
    /// How many rooms' logs went from one process to the next.
    pub rooms_read: u64,
    /// How many tokens were refused.
    pub refused: u64,
    /// How many joins the application was only told of.
    pub told: u64,
    /// How often an operator disconnected a user.
    pub disconnected: u64,
}

/// By how much a turn is longer for each client that it lets in, and for each that a drain closes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TurnCosts {
    pub(super) admission: Duration,
    pub(super) closing: Duration,
}

/// How far the clock goes on within a turn: by what its work costs. Where work costs nothing, it stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TurnClock {
    pub(super) costs: TurnCosts,
    /// What all work had cost before this turn.
    before: Duration,
    pub(super) spent: Duration,
}

impl TurnClock {
    pub(super) fn begin_turn(&mut self, metrics: &Metrics) {
        (self.before, self.spent) = (self.costs.of(metrics), Duration::ZERO);
    }

    /// Some work is done of a turn that takes `turn` without its costs.
    pub(super) fn spend(&mut self, metrics: &Metrics, turn: Duration) {
        let TurnCosts { admission, closing } = self.costs;
        if !(admission + closing).is_zero() {
            self.spent = turn + self.costs.of(metrics).saturating_sub(self.before);
        }
    }

    pub(super) fn end_turn(&mut self) {
        self.spent = Duration::ZERO;
    }
}

impl TurnCosts {
    /// What has been done so far costs this.
    pub(super) fn of(&self, metrics: &Metrics) -> Duration {
        let times = |cost: Duration, count| cost * u32::try_from(count).unwrap_or(u32::MAX);
        let closed = metrics.closes(CloseReason::ShuttingDown);
        times(self.admission, metrics.authenticated) + times(self.closing, closed)
    }
}
