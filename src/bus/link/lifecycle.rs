//! A link's connections: how they begin and end, and its clock.

use std::time::Duration;

use super::flight::FlightKind;
use super::{BusEvent, BusFault, BusLink, LinkState};
use crate::time::Instant;

/// How long a connection may take until the engine answers commands.
const CONNECT: Duration = Duration::from_secs(5);
/// The first pause between two attempts, at most; it doubles to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl BusLink {
    /// The transport is there: the engine is greeted.
    pub(crate) fn connected(&mut self, now: Instant) {
        if let LinkState::Connecting { until } = self.state {
            self.state = LinkState::Greeting { until };
            self.greet(now);
        }
    }

    /// The transport is gone, or could not be made.
    pub(crate) fn lost(&mut self, now: Instant, why: &str) {
        if let LinkState::Idle { .. } = self.state {
            return;
        }
        self.counts.failures += 1;
        self.probe.stop();
        self.decoder.reset();
        self.out = Vec::new();
        self.written = 0;
        self.reloading.fill(false);
        self.subscriptions.reset();
        self.down_since = self.down_since.or(Some(now));
        self.address = (self.address + 1) % self.settings.addresses.max(1);
        self.state = LinkState::Idle { retry_at: now + self.next_pause() };
        self.events.push_back(BusEvent::Down { reason: why.to_owned() });
        // What was sent goes before what waited, in its order.
        while let Some(flight) = self.flights.pop_back() {
            let FlightKind::Command(mut pending) = flight.kind else { continue };
            if pending.is_abandoned || !pending.command.is_retriable() {
                self.finish(&pending, Err(BusFault::Down));
            } else {
                pending.fault = BusFault::Down;
                self.waiting.push_front(*pending);
            }
        }
    }

    /// The link itself gives the connection up.
    pub(super) fn give_up(&mut self, now: Instant, why: &str) {
        self.events.push_back(BusEvent::Disconnect);
        self.lost(now, why);
    }

    /// Full jitter: between nothing and a bound that doubles (Brooker, "Exponential Backoff And
    /// Jitter", 2015).
    fn next_pause(&mut self) -> Duration {
        let bound = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        Duration::from_micros(self.rng.below(bound.as_micros() as u64 + 1))
    }

    /// The engine answers commands: what waited is sent.
    pub(super) fn go_up(&mut self, now: Instant) {
        self.state = LinkState::Up;
        self.down_since = None;
        self.counts.connects += 1;
        self.events.push_back(BusEvent::Up);
        while let Some(pending) = self.waiting.pop_front() {
            self.transmit(now, pending);
        }
        self.probe.start(now);
        self.send_probe(now);
        self.pump_subscriptions(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let of_state = match self.state {
            LinkState::Idle { retry_at } => retry_at,
            LinkState::Connecting { until } | LinkState::Greeting { until } => until,
            LinkState::Up => {
                let delayed = self.delayed.front().map_or(Instant::NEVER, |(at, _)| *at);
                self.probe.next_deadline().min(delayed)
            }
        };
        let deadline = of_state.min(self.earliest);
        (deadline != Instant::NEVER).then_some(deadline)
    }

    /// Does what is due. The bytes that are there go in first, so that a reply that came in time is
    /// not too late.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.earliest <= now {
            self.expire(now);
        }
        match self.state {
            LinkState::Idle { retry_at } if retry_at <= now => {
                self.state = LinkState::Connecting { until: now + CONNECT };
                self.down_since = self.down_since.or(Some(now));
                self.events.push_back(BusEvent::Connect { address: self.address });
            }
            LinkState::Connecting { until } | LinkState::Greeting { until } if until <= now => {
                self.give_up(now, "the engine did not answer within 5 s");
            }
            LinkState::Up if self.probe.is_lost(now) => {
                self.give_up(now, "a probe did not come back in time");
            }
            LinkState::Up => {
                while self.delayed.front().is_some_and(|(at, _)| *at <= now) {
                    if let Some((_, pending)) = self.delayed.pop_front() {
                        self.transmit(now, pending);
                    }
                }
                self.send_probe(now);
            }
            _ => {}
        }
    }

    /// Ends the commands whose deadline has passed.
    fn expire(&mut self, now: Instant) {
        let mut earliest = Instant::NEVER;
        let mut late = Vec::new();
        for flight in &mut self.flights {
            if let FlightKind::Command(pending) = &mut flight.kind
                && !pending.is_abandoned
            {
                if pending.deadline <= now {
                    pending.is_abandoned = true;
                    late.push((pending.to, pending.fault.clone()));
                } else {
                    earliest = earliest.min(pending.deadline);
                }
            }
        }
        for (to, fault) in late {
            self.report(to, Err(fault));
        }
        let waiting = std::mem::take(&mut self.waiting);
        for pending in waiting {
            if pending.deadline <= now {
                self.finish(&pending, Err(pending.fault.clone()));
            } else {
                earliest = earliest.min(pending.deadline);
                self.waiting.push_back(pending);
            }
        }
        let delayed = std::mem::take(&mut self.delayed);
        for (at, pending) in delayed {
            if pending.deadline <= now {
                self.finish(&pending, Err(pending.fault.clone()));
            } else {
                earliest = earliest.min(pending.deadline);
                self.delayed.push_back((at, pending));
            }
        }
        self.earliest = earliest;
    }
}
