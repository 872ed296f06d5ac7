//! The drain: everybody is closed, spread over some time, and nobody new is let in.

use std::time::Duration;

use crate::id::ConnId;
use crate::node::Node;
use crate::node::connections::session::Phase;
use crate::node::deadlines::TIMERS_A_CALL;
use crate::time::{Instant, Now};

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

impl Node {
    /// Begins the drain: from here on newcomers are answered `503`, and whoever is connected is
    /// closed with 1001 at a random moment of the configured length, so that they do not all come
    /// back at once. Requests that are on their way are waited for, each until its own deadline: an
    /// upgrade is taken and closed with 1001 at once, as a page is not told of a `503`. A second
    /// call changes nothing, but for a drain of another length that an operator began: see
    /// [`Node::drain`].
    pub fn handle_shutdown(&mut self, now: Now) {
        self.drain(now, self.policy.drain);
    }

    /// The same within `length`. A drain that is under way is never slowed down: whose turn would
    /// come later than that has a new one within it. Answers how many connections are waited for.
    /// O(n log n) in the connections.
    pub fn drain(&mut self, now: Now, length: Duration) -> usize {
        let spread = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        let Self { rng, connections, drain, last_generation, .. } = self;
        let mut moment = || now.monotonic + Duration::from_micros(rng.below(spread));
        let drain = drain.get_or_insert_with(|| {
            let public = connections.iter().filter(|(_, connection)| !connection.is_admin);
            let remaining = public.clone().count();
            let schedule: Vec<_> = public
                .filter(|(_, c)| c.session.phase() != Phase::Handshaking)
                .map(|(index, c)| (Instant::NEVER, ConnId::new(index as u32, c.generation)))
                .collect();
            Drain { schedule, last_generation: *last_generation, remaining }
        });
        let end = now.monotonic + length;
        for (at, _) in drain.schedule.iter_mut().filter(|(at, _)| *at > end) {
            *at = moment();
        }
        drain.schedule.sort_unstable_by(|a, b| b.cmp(a));
        drain.remaining
    }

    /// Is a drain under way, whoever began it?
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    /// After [`Node::handle_shutdown`]: is every connection gone that was there then?
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.remaining() == 0)
    }

    /// Closes whoever the drain's schedule names up to `now`, as many as a call may: who is left is
    /// due at once. A drain of no length names everybody.
    pub(crate) fn drain_due(&mut self, now: Now) {
        for _ in 0..TIMERS_A_CALL {
            let due = self
                .drain
                .as_mut()
                .and_then(|drain| drain.schedule.pop_if(|&mut (at, _)| at <= now.monotonic));
            let Some((_, id)) = due else { return };
            if self.find(id).is_some() {
                self.close_in_turn(now, id);
            }
        }
    }
}
