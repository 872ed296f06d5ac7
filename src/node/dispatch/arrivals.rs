//! How fast clients get in, and when those come back that have to go.

use std::time::Duration;

use crate::id::Slot;
use crate::node::Node;
use crate::node::app::Admission;
use crate::node::gate::drain::Drain;
#[cfg(feature = "sim")]
use crate::node::gate::governor::Capacity;
use crate::node::gate::governor::SLOW_JOIN;
use crate::node::planted::Planted;
use crate::node::work::port::Outcome;
use crate::protocol::{CloseReason, GoingAway};
use crate::time::{Instant, Now};

/// With more joins open than that, some are taken to wait for others.
const JOINS_AT_ONCE: usize = 32;

/// How soon a client that found the server overloaded may come back.
const AFTER_OVERLOAD: Duration = Duration::from_secs(1);

impl Node {
    /// A turn of the driver has ended that `took` so long, and has left new connections for the next one, or
    /// not. From that, and from those that wait inside, the node measures how many clients it can let in.
    pub fn end_turn(&mut self, now: Now, took: Duration, leaves_arrivals: bool) {
        // A drain lets nobody in, so it measures nothing.
        let has_waiting = self.gate.drain.is_none()
            && (leaves_arrivals
                || self.gate.checks.has_waiting()
                || self.work.questions.joins() > JOINS_AT_ONCE);
        let admitted = self.cx.metrics.authenticated;
        self.gate.governor.end_turn((now.monotonic, took), admitted, has_waiting);
    }

    /// How many clients a second can be let in, as measured. The simulator asks.
    #[cfg(feature = "sim")]
    pub(crate) fn capacity_per_second(&self) -> u64 {
        self.gate.governor.capacity().asked
    }

    /// Has the node believe that so many can be let in.
    #[cfg(feature = "sim")]
    pub(crate) fn set_capacity_per_second(&mut self, per_second: u64) {
        let measured = Capacity { asked: per_second, unasked: per_second };
        self.gate.governor.restore(measured, (Duration::ZERO, 0));
    }

    /// A join that was `asked` then has its answer.
    pub(crate) fn note_join(&mut self, asked: Instant, outcome: &Outcome) {
        let now = self.cx.now.monotonic;
        let is_unavailable =
            matches!(outcome, Outcome::Unreached | Outcome::Join(Admission::Unavailable));
        if is_unavailable || now.since(asked) >= SLOW_JOIN {
            self.gate.governor.lower(now);
        }
    }

    /// Tells a client that supports resuming when it may come back, if it has to go for a `reason` of
    /// ours that affects many.
    pub(crate) fn tell_slot(&mut self, slot: Slot, reason: CloseReason) {
        let Self { cx, connections, gate, .. } = self;
        let clients = gate.drain.as_ref().map_or(connections.len(), Drain::found_connections);
        let supports_resume = connections.get(slot).is_some_and(|it| it.session.supports_resume());
        let now = cx.now.monotonic;
        let earliest = match (reason, &gate.drain) {
            // Other servers are there.
            (CloseReason::ShuttingDown, Some(_)) if cx.policy.restart.is_zero() => Duration::ZERO,
            (CloseReason::ShuttingDown, Some(drain)) => {
                let closed = drain.leave_together();
                drain.end().since(now) + gate.governor.back_after(cx.policy.restart, closed)
            }
            (CloseReason::Overloaded, _) => AFTER_OVERLOAD,
            _ => return,
        };
        if !supports_resume {
            return;
        }
        let is_unasked = !cx.policy.trust_join.is_zero();
        let mut after = gate.governor.take_slot(now, (earliest, is_unasked), &mut gate.rng);
        if cx.fault.is(Planted::OneSlotForAll) {
            after = earliest;
        }
        cx.metrics.slots += 1;
        cx.metrics.overload_slots += u64::from(reason == CloseReason::Overloaded);
        // More is known by now than when the client was let in, perhaps as one of the first.
        let within = gate.governor.window(clients, is_unasked);
        let millis = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let (reconnect_after_ms, within_ms) = (millis(after), Some(millis(within)));
        let frame = cx.message(GoingAway { reconnect_after_ms, within_ms });
        connections.reply(cx, slot, frame);
    }
}
