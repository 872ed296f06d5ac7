//! The drain: everybody is closed, spread over some time, and nobody new is let in.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::id::{ConnId, Rng};
use crate::node::connections::Connections;
use crate::node::connections::session::Phase;
use crate::time::Instant;

/// A driver writes to those that are closed in the same turn or in the next one, unless a peer keeps it from
/// that.
const WRITTEN_WITHIN: Duration = Duration::from_millis(100);

/// How a connection leaves that was left open for an answer. It stays what it was when its turn came: a
/// client may begin to support resuming meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DrainExit {
    /// With its answer.
    Answered,
    /// With the others that are told when to come back.
    Together,
}

/// A drain under way.
#[derive(Debug)]
pub(crate) struct Drain {
    /// When each connection is closed, the next at the end. Those that are not upgraded yet are not
    /// among them.
    schedule: Vec<(Instant, ConnId)>,
    /// Clients that are told when to come back. They lose least if they are closed at the end.
    told: Vec<ConnId>,
    /// Connections whose turn has come while the application was asked about a message of theirs. Each
    /// keeps its place until the answer is there, but not beyond `limit`.
    asked: BTreeMap<ConnId, DrainExit>,
    /// Those among the told that had an open question when their turn came are in `asked`.
    has_counted_told: bool,
    /// When the turn of the last one comes.
    end: Instant,
    /// When the last one is closed, whatever it waits for.
    limit: Instant,
    /// Connections up to this generation are waited for; who comes later is not.
    last_generation: u32,
    remaining: usize,
    /// How many there were at its beginning, and how many of them leave together.
    found: usize,
    leave_together: usize,
    /// When the first of these left.
    told_at: Option<Instant>,
    /// The last that were closed, each since when, to which the driver may not have written yet.
    unwritten: Vec<(Instant, ConnId)>,
}

impl Drain {
    /// When the next one is closed.
    pub(crate) fn next(&self) -> Option<Instant> {
        let waits = self.has_counted_told && !self.asked.is_empty();
        let last = if waits { self.limit } else { self.end };
        let last = (!self.told.is_empty() || !self.asked.is_empty()).then_some(last);
        self.schedule.last().map(|&(at, _)| at).or(last)
    }

    /// Those that were there at its beginning and are not gone yet.
    pub(crate) fn remaining(&self) -> usize {
        self.remaining
    }

    /// How many were there at its beginning: they all come back.
    pub(crate) fn found_connections(&self) -> usize {
        self.found
    }

    /// How many of them leave together, at its end.
    pub(crate) fn leave_together(&self) -> usize {
        self.leave_together
    }

    /// Since when there is no server for those that come back, as their slots are counted: not since the
    /// process has ended, which comes after all of them were closed.
    pub(crate) fn away_since(&self, now: Instant) -> Instant {
        self.told_at.unwrap_or(self.end).min(now)
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

    /// When the turn of the last connection comes.
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
        Self {
            schedule,
            found: remaining,
            leave_together: told.len(),
            told_at: None,
            unwritten: Vec::new(),
            told,
            asked: BTreeMap::new(),
            has_counted_told: false,
            end: Instant::NEVER,
            limit: Instant::NEVER,
            last_generation,
            remaining,
        }
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
        self.limit = self.limit.min(end);
    }

    /// The next connection whose turn has come by now, and what `owes_answer` says of it: such a one
    /// is to be left open until [`Drain::settle`].
    ///
    /// Clients that are told when to come back leave together, when nobody is waited for any more: what
    /// they are told is counted from there. One that has asked something meanwhile is not waited for, so
    /// that the end comes on a busy server, too; it has its answer when it is back. Bound of the work:
    /// O(n) once, when their turn comes.
    pub(crate) fn pop_due(
        &mut self,
        now: Instant,
        owes_answer: impl Fn(ConnId) -> bool,
    ) -> Option<ConnId> {
        let due = self.next_due(now, owes_answer)?;
        self.unwritten.push((now, due));
        Some(due)
    }

    /// To how many of the last that were closed the driver has not written yet. One that it did not come to
    /// write to for [`WRITTEN_WITHIN`] is not waited for.
    pub(crate) fn count_unwritten(
        &mut self,
        now: Instant,
        awaits_write: impl Fn(ConnId) -> bool,
    ) -> usize {
        let is_recent = |at: Instant| now.since(at) < WRITTEN_WITHIN;
        self.unwritten.retain(|&(at, id)| is_recent(at) && awaits_write(id));
        self.unwritten.len()
    }

    fn next_due(&mut self, now: Instant, owes_answer: impl Fn(ConnId) -> bool) -> Option<ConnId> {
        let is_waiting = now < self.limit;
        while let Some((_, id)) = self.schedule.pop_if(|&mut (at, _)| at <= now) {
            if !(is_waiting && owes_answer(id)) {
                return Some(id);
            }
            self.asked.insert(id, DrainExit::Answered);
        }
        if !self.schedule.is_empty() || now < self.end {
            return None;
        }
        if !std::mem::replace(&mut self.has_counted_told, true) {
            let told = self.told.iter().copied().filter(|&id| owes_answer(id));
            self.asked.extend(told.map(|id| (id, DrainExit::Together)));
        }
        if is_waiting && !self.asked.is_empty() {
            return None;
        }
        let next = self.told.pop().or_else(|| self.asked.pop_first().map(|(id, _)| id))?;
        self.told_at.get_or_insert(now);
        Some(next)
    }

    /// This connection has its answer, or waits for none any more. How it leaves, if it was waited for.
    pub(crate) fn settle(&mut self, id: ConnId) -> Option<DrainExit> {
        self.asked.remove(&id)
    }
}
