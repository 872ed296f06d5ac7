//! Who is served next in a turn: the authenticated first, the others within a bounded share.
//!
//! This is what keeps chat latency still in a storm. In one turn every authenticated connection
//! that is ready is served once; then accepts, connections that are not yet authenticated, and those
//! that end are served in rotation, until their share is used up. What is left keeps its place for
//! the next turn. So the bytes of an authenticated connection wait behind at most one share of other
//! work, however many sockets storm in or hang up: with 64 units of some 10 µs each, behind less
//! than a millisecond.
//!
//! The share is counted in units, not in microseconds, so that the simulator can prove it. A unit
//! that costs more than others is charged for it.

use std::collections::VecDeque;

use crate::id::ConnId;

/// One unit of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkUnit {
    /// Read from an authenticated connection, once.
    Authenticated(ConnId),
    /// Read from a connection that is not yet authenticated, once.
    Pending(ConnId),
    /// Write the last words of a connection that ends, or read from one whose peer has hung up.
    Ending(ConnId),
    /// Accept from the listener of this number, once.
    Accept(usize),
}

/// Which of the ready lists a connection belongs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It is authenticated: served once in each turn.
    Authenticated,
    /// It is not, or not any more: within the share.
    Pending,
    /// It ends, or its peer has hung up: within the share too, so that thousands of them at once
    /// delay nobody who stays.
    Ending,
}

/// The ready lists of a driver. It puts in what the poller reports and what a unit left undone.
#[derive(Debug)]
pub(super) struct Schedule {
    authenticated: VecDeque<ConnId>,
    pending: VecDeque<ConnId>,
    ending: VecDeque<ConnId>,
    listeners: VecDeque<usize>,
    share: u32,
    authenticated_left: usize,
    share_left: u32,
    /// Whose turn it is among accepts, pending and ending connections.
    rotation: u8,
}

impl Schedule {
    /// Nothing is ready; a turn serves at most `share` (at least 1) units of pending work.
    pub(super) fn new(share: u32) -> Self {
        Self {
            authenticated: VecDeque::new(),
            pending: VecDeque::new(),
            ending: VecDeque::new(),
            listeners: VecDeque::new(),
            share: share.max(1),
            authenticated_left: 0,
            share_left: 0,
            rotation: 0,
        }
    }

    /// A connection has something to read, or its last words to write. Putting it in twice serves it
    /// twice.
    pub(super) fn push(&mut self, id: ConnId, class: Class) {
        let list = match class {
            Class::Authenticated => &mut self.authenticated,
            Class::Pending => &mut self.pending,
            Class::Ending => &mut self.ending,
        };
        list.push_back(id);
    }

    /// A listener has connections to accept.
    pub(super) fn push_listener(&mut self, listener: usize) {
        if !self.listeners.contains(&listener) {
            self.listeners.push_back(listener);
        }
    }

    /// Is there nothing left, so that the driver may wait?
    pub(super) fn is_idle(&self) -> bool {
        self.authenticated.is_empty()
            && self.pending.is_empty()
            && self.ending.is_empty()
            && self.listeners.is_empty()
    }

    /// Starts a turn: who is ready now is served in it, who becomes ready meanwhile in the next.
    pub(super) fn begin_turn(&mut self) {
        self.authenticated_left = self.authenticated.len();
        self.share_left = self.share;
    }

    /// The next authenticated connection of this turn.
    pub(super) fn next_authenticated(&mut self) -> Option<WorkUnit> {
        self.authenticated_left = self.authenticated_left.checked_sub(1)?;
        self.authenticated.pop_front().map(WorkUnit::Authenticated)
    }

    /// The next unit of this turn's share: accepts, reads and ends come in rotation, so that no flood
    /// of one kind starves the others.
    pub(super) fn next_pending(&mut self) -> Option<WorkUnit> {
        let share_left = self.share_left.checked_sub(1)?;
        self.rotation = (self.rotation + 1) % 3;
        let unit = match self.rotation {
            1 => self.pop_listener().or_else(|| self.pop_pending()).or_else(|| self.pop_ending()),
            2 => self.pop_pending().or_else(|| self.pop_ending()).or_else(|| self.pop_listener()),
            _ => self.pop_ending().or_else(|| self.pop_listener()).or_else(|| self.pop_pending()),
        }?;
        self.share_left = share_left;
        Some(unit)
    }

    /// The unit that is under way costs as much as `units` more: a handshake with a signature in it,
    /// or a read full of tiny frames. They are taken from what is left of this turn's share.
    pub(super) fn charge(&mut self, units: u32) {
        self.share_left = self.share_left.saturating_sub(units);
    }

    fn pop_listener(&mut self) -> Option<WorkUnit> {
        self.listeners.pop_front().map(WorkUnit::Accept)
    }

    fn pop_pending(&mut self) -> Option<WorkUnit> {
        self.pending.pop_front().map(WorkUnit::Pending)
    }

    fn pop_ending(&mut self) -> Option<WorkUnit> {
        self.ending.pop_front().map(WorkUnit::Ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> ConnId {
        ConnId::new(n, n)
    }

    fn turn(schedule: &mut Schedule) -> Vec<WorkUnit> {
        schedule.begin_turn();
        let mut served: Vec<_> = std::iter::from_fn(|| schedule.next_authenticated()).collect();
        served.extend(std::iter::from_fn(|| schedule.next_pending()));
        served
    }

    #[test]
    fn turn_serves_authenticated_first_then_pending_share() {
        let mut schedule = Schedule::new(4);
        for n in 0..10 {
            schedule.push(id(n), Class::Pending);
        }
        schedule.push(id(100), Class::Authenticated);
        let served = turn(&mut schedule);
        assert_eq!(served.len(), 1 + 4);
        assert_eq!(served[0], WorkUnit::Authenticated(id(100)));
        schedule.push(id(101), Class::Authenticated);
        assert_eq!(turn(&mut schedule)[0], WorkUnit::Authenticated(id(101)));
        assert!(!schedule.is_idle());
        assert_eq!(turn(&mut schedule).len(), 2);
        assert!(schedule.is_idle());
    }

    #[test]
    fn costly_unit_shrinks_its_own_turn_but_not_the_next() {
        let mut schedule = Schedule::new(8);
        (0..20).for_each(|n| schedule.push(id(n), Class::Pending));
        schedule.begin_turn();
        assert_eq!(schedule.next_pending(), Some(WorkUnit::Pending(id(0))));
        schedule.charge(5);
        assert_eq!(std::iter::from_fn(|| schedule.next_pending()).count(), 2);
        schedule.begin_turn();
        assert!(schedule.next_pending().is_some());
        schedule.charge(u32::MAX);
        assert_eq!(schedule.next_pending(), None);
        assert_eq!(turn(&mut schedule).len(), 8);
    }

    #[test]
    fn accepts_and_pending_reads_alternate() {
        let mut schedule = Schedule::new(4);
        (0..4).for_each(|n| schedule.push(id(n), Class::Pending));
        schedule.push_listener(0);
        schedule.push_listener(0);
        schedule.push_listener(1);
        let accepts = |units: &[WorkUnit]| {
            units.iter().filter(|unit| matches!(unit, WorkUnit::Accept(_))).count()
        };
        let served = turn(&mut schedule);
        assert_eq!((served.len(), accepts(&served)), (4, 2));
    }

    #[test]
    fn ends_share_a_turn_with_reads_and_accepts() {
        let mut schedule = Schedule::new(9);
        (0..3_000).for_each(|n| schedule.push(id(n), Class::Ending));
        (0..30).for_each(|n| schedule.push(id(4_000 + n), Class::Pending));
        (0..9).for_each(|n| schedule.push_listener(n));
        let served = turn(&mut schedule);
        let count = |is_it: fn(&WorkUnit) -> bool| served.iter().filter(|unit| is_it(unit)).count();
        assert_eq!(count(|unit| matches!(unit, WorkUnit::Ending(_))), 3);
        assert_eq!(count(|unit| matches!(unit, WorkUnit::Pending(_))), 3);
        assert_eq!(count(|unit| matches!(unit, WorkUnit::Accept(_))), 3);
        let mut schedule = Schedule::new(9);
        (0..3_000).for_each(|n| schedule.push(id(n), Class::Ending));
        assert_eq!(turn(&mut schedule).len(), 9, "alone they have the whole share");
    }

    #[test]
    fn what_becomes_ready_in_a_turn_waits_for_the_next() {
        let mut schedule = Schedule::new(1);
        schedule.push(id(1), Class::Authenticated);
        schedule.begin_turn();
        assert_eq!(schedule.next_authenticated(), Some(WorkUnit::Authenticated(id(1))));
        schedule.push(id(1), Class::Authenticated);
        assert_eq!(schedule.next_authenticated(), None);
        assert!(!schedule.is_idle());
    }
}
