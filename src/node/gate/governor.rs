//! How many clients a second can be let in, as measured, and when each of many is to come back.
//!
//! A restart brings all clients back at once. The server tells each one a slot, or a window for its
//! first attempt, so that together they come no faster than they can be let in. How fast that is
//! depends on the host and on the application. If a setting said four times too much, refused
//! attempts would take the rest: so it is measured, while clients have to wait.
//!
//! A client that the application is only told of (`resume.trust_join`) waits for this thread alone. How
//! many of those can be let in follows from what the others cost the thread.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::Rng;
use crate::time::Instant;

/// Before anything was measured.
const INITIAL_PER_SECOND: f64 = 1_000.0;
/// A host that lets in less than that is in other trouble.
const LEAST_PER_SECOND: f64 = 10.0;
/// Shorter periods of waiting are no measurement.
const PERIOD: Duration = Duration::from_millis(200);
/// What gets in within this time can get in again. A burst that is shorter counts as if it took so long.
const REACHED_WITHIN: Duration = Duration::from_secs(1);
/// The average goes back so far.
const MEMORY: Duration = Duration::from_secs(10);
/// How much of the capacity is given away: the rest is for those who come without a slot, and for a measurement
/// that is a little too high. The last of many is thus in after 1.14 times what the capacity allows.
const SHARE: f64 = 0.88;
/// Nobody is told to wait for longer, from the time on at which the server is expected.
const LONGEST: Duration = Duration::from_secs(60);
/// The window is never shorter, so that a stumble of the network does not bring everybody at once.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
/// By how much a restart may take longer than expected.
const AWAY_MARGIN: f64 = 1.25;
/// Closing a connection takes the thread a third of what admitting a client does: 30 µs of 100, measured
/// with 10,000.
const CLOSINGS_PER_ADMISSION: f64 = 3.0;
/// So many are closed within the margin.
const FEW_CLOSINGS: usize = 1_000;
/// What is believed of closing before admitting was measured: 10,000 a second, as on a slow host.
const ADMISSIONS_FOR_CLOSING: f64 = 3_333.0;
/// The closing is not expected to take longer.
const LONGEST_CLOSING: Duration = Duration::from_secs(30);
/// Fewer admissions say little of what one costs.
const LEAST_ADMISSIONS: u64 = 100;
/// So many times what was measured is believed of clients for whom the application is not asked: if that is
/// too much, the last of them is in within twice the time. A backend that admits 2,000 a second, as one in
/// Python does, thus lets 10,000 clients come within a second.
const MOST_UNASKED: f64 = 8.0;
/// A join that takes longer says that the application is beyond its capacity.
pub(crate) const SLOW_JOIN: Duration = Duration::from_secs(1);

/// Where a measurement began.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    /// How many had been let in by then.
    admitted: u64,
    /// How long the turns had taken by then.
    busy: Duration,
}

/// Capacities, in clients a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Capacity {
    /// With what the application is asked.
    #[serde(rename = "capacity_per_second")]
    pub(crate) asked: u64,
    /// Of this thread alone.
    #[serde(default, rename = "unasked_per_second")]
    pub(crate) unasked: u64,
}

/// The measured capacity, and the slots that were given away.
#[derive(Debug)]
pub(crate) struct Governor {
    per_second: f64,
    /// Of this thread alone; 0 before it was measured.
    unasked_per_second: f64,
    /// How long the turns took so far.
    busy: Duration,
    /// Since when somebody has had to wait at each turn.
    waiting_since: Option<Mark>,
    /// Since when everything is counted, whoever waits.
    counted_since: Option<Mark>,
    last_turn: Option<Mark>,
    lowered_at: Option<Instant>,
    /// The highest that it was lowered from. How slow an application is says nothing of clients about whom it
    /// is not asked.
    lowered_from: f64,
    /// How long the last restart took, from when the clients were told, and how many they were; zero: it is not
    /// known.
    away: Duration,
    away_with: usize,
    /// The first slot that is free.
    next_slot: Instant,
}

impl Default for Governor {
    fn default() -> Self {
        Self {
            per_second: INITIAL_PER_SECOND,
            unasked_per_second: 0.0,
            busy: Duration::ZERO,
            waiting_since: None,
            counted_since: None,
            last_turn: None,
            lowered_at: None,
            lowered_from: 0.0,
            away: Duration::ZERO,
            away_with: 0,
            next_slot: Instant::START,
        }
    }
}

impl Governor {
    /// How many clients can be let in within a second, and how many for whom the application is not asked.
    pub(crate) fn capacity(&self) -> Capacity {
        Capacity { asked: self.per_second as u64, unasked: self.per_second_of(true) as u64 }
    }

    fn per_second_of(&self, is_unasked: bool) -> f64 {
        if !is_unasked {
            return self.per_second;
        }
        let most = MOST_UNASKED * self.per_second.max(self.lowered_from);
        self.unasked_per_second.clamp(self.per_second, most)
    }

    /// Begins with what an earlier process has measured, so many of whose clients were told to go so long ago.
    pub(crate) fn restore(&mut self, measured: Capacity, (away, clients): (Duration, usize)) {
        self.per_second = (measured.asked as f64).max(LEAST_PER_SECOND);
        self.unasked_per_second = measured.unasked as f64;
        // Longer ones are no restarts.
        self.away = if away <= LONGEST { away } else { Duration::ZERO };
        self.away_with = clients;
    }

    /// How long after its clients were told to go the server is back, if a restart takes as long as
    /// `expected`, or as the last one where that took longer, and a little more: who comes before has come
    /// in vain. All of `clients` are closed before the process can end. The last restart has shown how long
    /// that takes with as many as it had; for more, and before there was one, it is estimated.
    pub(crate) fn back_after(&self, expected: Duration, clients: usize) -> Duration {
        let closing = self.closing(clients);
        let longest = if self.away.is_zero() {
            expected + closing
        } else {
            self.away + closing.saturating_sub(self.closing(self.away_with))
        };
        longest.max(expected).mul_f64(AWAY_MARGIN)
    }

    /// How long the closing of so many takes. It is this thread's work alone: how slow an application is says
    /// nothing of it.
    fn closing(&self, clients: usize) -> Duration {
        let measured = self.unasked_per_second.max(self.per_second);
        let is_known = measured > INITIAL_PER_SECOND;
        let admissions = if is_known { measured } else { ADMISSIONS_FOR_CLOSING };
        let closings = clients.saturating_sub(FEW_CLOSINGS) as f64;
        let closing = Duration::from_secs_f64(closings / (CLOSINGS_PER_ADMISSION * admissions));
        closing.min(LONGEST_CLOSING)
    }

    /// A turn has ended that `took` so long, `admitted` clients have been let in so far, and more have to
    /// wait or not.
    pub(crate) fn end_turn(
        &mut self,
        (now, took): (Instant, Duration),
        admitted: u64,
        has_waiting: bool,
    ) {
        self.busy += took;
        let here = Mark { at: now, admitted, busy: self.busy };
        let rate = |since: Mark| {
            let seconds = now.since(since.at).as_secs_f64();
            (admitted.saturating_sub(since.admitted) as f64 / seconds, seconds)
        };
        match self.waiting_since.filter(|since| now.since(since.at) >= PERIOD) {
            Some(since) => {
                let (measured, seconds) = rate(since);
                let weight = 1.0 - (-seconds / MEMORY.as_secs_f64()).exp();
                self.per_second += weight * (measured - self.per_second);
                self.per_second = self.per_second.max(LEAST_PER_SECOND);
                self.waiting_since = has_waiting.then_some(here);
            }
            None if has_waiting => self.waiting_since = self.waiting_since.or(Some(here)),
            None => self.waiting_since = None,
        }
        // What was reached once is possible. While nothing happens there are no turns: then the last one
        // is where it ended.
        let counted_since = *self.counted_since.get_or_insert(here);
        let last = self.last_turn.replace(here).unwrap_or(here);
        let is_idle = now.since(last.at) >= PERIOD;
        let until = if is_idle { last } else { here };
        let length = until.at.since(counted_since.at);
        if is_idle || length >= REACHED_WITHIN {
            let admitted = until.admitted.saturating_sub(counted_since.admitted);
            let reached = admitted as f64 / length.max(REACHED_WITHIN).as_secs_f64();
            self.per_second = self.per_second.max(reached);
            let busy = until.busy.saturating_sub(counted_since.busy);
            if admitted >= LEAST_ADMISSIONS && !busy.is_zero() {
                self.unasked_per_second = admitted as f64 / busy.as_secs_f64();
            }
            self.counted_since = Some(Mark { at: now, ..until });
        }
    }

    /// The application cannot keep up, or cannot be reached: half as many, and not again at once.
    pub(crate) fn lower(&mut self, now: Instant) {
        if self.lowered_at.is_none_or(|at| now.since(at) >= MEMORY) {
            self.lowered_at = Some(now);
            self.lowered_from = self.lowered_from.max(self.per_second);
            self.per_second = (self.per_second / 2.0).max(LEAST_PER_SECOND);
        }
    }

    /// Within how long all of so many clients may come back without a slot. `is_unasked`: the application
    /// will only be told of them.
    pub(crate) fn window(&self, clients: usize, is_unasked: bool) -> Duration {
        let gap = self.gap(is_unasked);
        let window = Duration::from_secs_f64(clients as f64 * gap.as_secs_f64());
        window.clamp(SHORTEST_WINDOW, LONGEST)
    }

    /// The next free slot, in how long from now: no sooner than `earliest`, of which a minute counts at most. Who
    /// finds none within the minute after that gets any time of it.
    pub(crate) fn take_slot(
        &mut self,
        now: Instant,
        (earliest, is_unasked): (Duration, bool),
        rng: &mut Rng,
    ) -> Duration {
        let earliest = earliest.min(LONGEST);
        let at = self.next_slot.max(now + earliest);
        let after = at.since(now);
        if after <= earliest + LONGEST {
            self.next_slot = at + self.gap(is_unasked);
            return after;
        }
        earliest + Duration::from_micros(rng.below(LONGEST.as_micros() as u64))
    }

    fn gap(&self, is_unasked: bool) -> Duration {
        Duration::from_secs_f64(1.0 / (SHARE * self.per_second_of(is_unasked)))
    }
}

#[cfg(test)]
mod tests;
