//! The drain: everybody is closed, spread over some time, and nobody new is let in.

use std::time::Duration;

use crate::id::{ConnId, Rng};
use crate::node::connections::Connections;
use crate::node::connections::session::Phase;
use crate::time::Instant;

/// A drain under way.
#[derive(Debug)]
pub(crate) struct Drain {
    /// When each connection is closed, the next at the end. Those that are not upgraded yet are not
    /// among them.
    schedule: Vec<(Instant, ConnId)>,
    /// Clients that are told when to come back. They lose least if they are closed at the end.
    told: Vec<ConnId>,
    /// When the last one is closed.
    end: Instant,
    /// Connections up to this generation are waited for; who comes later is not.
    last_generation: u32,
    remaining: usize,
}

impl Drain {
    /// When the next one is closed.
    pub(crate) fn next(&self) -> Option<Instant> {
        let told = (!self.told.is_empty()).then_some(self.end);
        self.schedule.last().map(|&(at, _)| at).or(told)
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

    /// When the last connection is closed.
    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    /// Everybody is to be closed; [`Drain::shorten`] says when. With `tells_slots`, clients that can be
    /// told when to come back are closed at the end.
    pub(crate) fn begin(connections: &Connections, tells_slots: bool) -> Self {
        let public = connections.iter().filter(|(_, connection)| !connection.is_admin());
        let remaining = public.clone().count();
        let (mut schedule, mut told) = (Vec::new(), Vec::new());
        for (slot, connection) in public {
            let session = &connection.session;
            if tells_slots && session.supports_resume() {
                told.push(connections.id_of(slot));
            } else if session.phase() != Phase::Handshaking {
                schedule.push((Instant::NEVER, connections.id_of(slot)));
            }
        }
        let last_generation = connections.last_generation();
        Self { schedule, told, end: Instant::NEVER, last_generation, remaining }
    }

    /// Gives those whose turn would come later than in `length` a new one within it. O(n log n).
    pub(crate) fn shorten(&mut self, now: Instant, length: Duration, rng: &mut Rng) {
        let spread = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        let end = now + length;
        for (at, _) in self.schedule.iter_mut().filter(|(at, _)| *at > end) {
            *at = now + Duration::from_micros(rng.below(spread));
        }
        self.schedule.sort_unstable_by(|a, b| b.cmp(a));
        self.end = self.schedule.first().map_or(now, |&(at, _)| at);
    }

    /// The next connection that is closed by now.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<ConnId> {
        let due = self.schedule.pop_if(|&mut (at, _)| at <= now).map(|(_, id)| id);
        if due.is_none() && self.end <= now { self.told.pop() } else { due }
    }
}
