//! The drain: everybody is closed, spread over some time, and nobody new is let in.

use std::time::Duration;

use crate::id::ConnId;
use crate::node::connections::Connections;
use crate::node::connections::session::Phase;
use crate::node::context::Cx;
use crate::node::gate::Gate;
use crate::time::Instant;

/// A drain under way.
#[derive(Debug)]
pub(crate) struct Drain {
    /// Who is closed when, the next at the end. Who has not upgraded yet is not among them.
    schedule: Vec<(Instant, ConnId)>,
    /// Connections up to this generation are waited for; who comes later is not.
    last_generation: u32,
    remaining: usize,
}

impl Drain {
    /// When the next one is closed.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.schedule.last().map(|&(at, _)| at)
    }

    /// Those that were there at its beginning and are not gone yet.
    pub(crate) fn remaining(&self) -> usize {
        self.remaining
    }

    /// Was the connection of this generation there when it began?
    pub(crate) fn found(&self, generation: u32) -> bool {
        // Generations begin anew after 2³²: half of them are before this one.
        self.last_generation.wrapping_sub(generation) < 1 << 31
    }

    /// The connection of this generation is gone.
    pub(crate) fn gone(&mut self, generation: u32) {
        if self.found(generation) {
            self.remaining = self.remaining.saturating_sub(1);
        }
    }
}

impl Gate {
    /// Begins a drain within `length`, or shortens the one that is under way. How many connections
    /// are waited for. O(n log n) in the connections.
    pub(crate) fn drain(&mut self, cx: &Cx, connections: &Connections, length: Duration) -> usize {
        let spread = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        let Self { rng, drain, .. } = self;
        let now = cx.now.monotonic;
        let drain = drain.get_or_insert_with(|| {
            let public = connections.iter().filter(|(_, connection)| !connection.is_admin);
            let remaining = public.clone().count();
            let schedule: Vec<_> = public
                .filter(|(_, connection)| connection.session.phase() != Phase::Handshaking)
                .map(|(slot, _)| (Instant::NEVER, connections.id_of(slot)))
                .collect();
            Drain { schedule, last_generation: connections.last_generation(), remaining }
        });
        let end = now + length;
        for (at, _) in drain.schedule.iter_mut().filter(|(at, _)| *at > end) {
            *at = now + Duration::from_micros(rng.below(spread));
        }
        drain.schedule.sort_unstable_by(|a, b| b.cmp(a));
        drain.remaining
    }

    /// The next connection that the drain closes by now.
    pub(crate) fn pop_drained(&mut self, cx: &Cx) -> Option<ConnId> {
        let is_due = |&mut (at, _): &mut (Instant, ConnId)| at <= cx.now.monotonic;
        self.drain.as_mut()?.schedule.pop_if(is_due).map(|(_, id)| id)
    }
}
