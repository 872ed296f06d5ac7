//! The order of work in a turn: authenticated connections first, then the others within a share.
//!
//! This keeps chat latency low during a storm of new connections. In one turn every authenticated
//! connection that is ready is served once. Then accepts, pending connections and ending
//! connections are served in rotation until their share is used up. The rest keeps its place for
//! the next turn. So the bytes of an authenticated connection wait behind at most one share of
//! other work, however many sockets connect or hang up: with 64 units of about 10 µs each, less
//! than a millisecond.
//!
//! Pending and ending connections wait in [`LISTS`] lists each, by address, and the lists are served in
//! turn (stochastic fairness queueing: McKenney, INFOCOM 1990). So a newcomer does not wait for the
//! hundreds of connections that one address opens, or leaves to their deadlines, at once. Accepts are in
//! the kernel's order: an address is known only afterwards.
//!
//! The share is counted in units, not in microseconds, so that the simulator can verify it. Work
//! that costs more than one unit is charged for the difference.

use std::collections::VecDeque;

use crate::id::ConnId;

/// One unit of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkUnit {
    /// Read once from an authenticated connection.
    Authenticated(ConnId),
    /// Read once from a pending connection.
    Pending(ConnId),
    /// Write the last output of an ending connection, or read from one whose peer has hung up.
    Ending(ConnId),
    /// Accept once from the listener with this number.
    Accept(usize),
}

/// The ready list that a connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Authenticated: served once in each turn.
    Authenticated,
    /// Pending, or not authenticated any more: served within the share.
    Pending,
    /// Ending, or its peer has hung up: served within the share too, so that thousands of ends at
    /// once do not delay the other connections.
    Ending,
}

/// In how many lists pending and ending connections wait: with a few dozen addresses that open as many
/// connections as they can, somebody else shares a list with one of them, if with any.
pub(crate) const LISTS: u8 = 64;

/// How many places that connections have left for another list cost as much as serving one.
const STALE_PER_UNIT: u32 = 32;

/// Connections that wait, in lists that are served in turn.
#[derive(Debug)]
struct FairLists {
    lists: [VecDeque<ConnId>; LISTS as usize],
    /// A bit for each list that is not empty.
    filled: u64,
    /// The list that was served last.
    last: u32,
}

impl FairLists {
    fn new() -> Self {
        Self { lists: std::array::from_fn(|_| VecDeque::new()), filled: 0, last: 0 }
    }

    fn push(&mut self, list: u8, id: ConnId) {
        let index = list % LISTS;
        if let Some(list) = self.lists.get_mut(usize::from(index)) {
            list.push_back(id);
            self.filled |= 1 << index;
        }
    }

    fn pop(&mut self) -> Option<ConnId> {
        if self.filled == 0 {
            return None;
        }
        let first = self.last + 1;
        let ahead = self.filled.rotate_right(first).trailing_zeros();
        self.last = (first + ahead) % u32::from(LISTS);
        let list = self.lists.get_mut(self.last as usize)?;
        let id = list.pop_front();
        if list.is_empty() {
            self.filled &= !(1 << self.last);
        }
        id
    }

    fn is_empty(&self) -> bool {
        self.filled == 0
    }
}

/// The ready lists of a driver. It adds what the poller reports and what a unit left unfinished.
#[derive(Debug)]
pub(super) struct Schedule {
    authenticated: VecDeque<ConnId>,
    pending: FairLists,
    ending: FairLists,
    listeners: VecDeque<usize>,
    share: u32,
    authenticated_left: usize,
    share_left: u32,
    /// Which of accepts, pending and ending connections is next in the rotation.
    rotation: u8,
    /// How many stale places were found since one was charged.
    stale: u32,
}

impl Schedule {
    /// Empty lists. A turn serves at most `share` units of pending work, at least 1.
    pub(super) fn new(share: u32) -> Self {
        Self {
            authenticated: VecDeque::new(),
            pending: FairLists::new(),
            ending: FairLists::new(),
            listeners: VecDeque::new(),
            share: share.max(1),
            authenticated_left: 0,
            share_left: 0,
            rotation: 0,
            stale: 0,
        }
    }

    /// Adds a connection that has something to read, or last output to write. A connection that is
    /// added twice is served twice. `list` is that of its address.
    pub(super) fn push(&mut self, id: ConnId, class: Class, list: u8) {
        match class {
            Class::Authenticated => self.authenticated.push_back(id),
            Class::Pending => self.pending.push(list, id),
            Class::Ending => self.ending.push(list, id),
        }
    }

    /// Adds a listener that has connections to accept.
    pub(super) fn push_listener(&mut self, listener: usize) {
        if !self.listeners.contains(&listener) {
            self.listeners.push_back(listener);
        }
    }

    /// Are all lists empty, so that the driver may sleep?
    pub(super) fn is_idle(&self) -> bool {
        self.authenticated.is_empty()
            && self.pending.is_empty()
            && self.ending.is_empty()
            && self.listeners.is_empty()
    }

    /// Does somebody wait who may want to be let in: in a listener's queue, or pending?
    pub(super) fn has_arrivals(&self) -> bool {
        !self.pending.is_empty() || !self.listeners.is_empty()
    }

    /// Starts a turn. It serves the authenticated connections that are ready now; those that become
    /// ready later wait for the next turn.
    pub(super) fn begin_turn(&mut self) {
        self.authenticated_left = self.authenticated.len();
        self.share_left = self.share;
    }

    /// The next authenticated connection of this turn.
    pub(super) fn next_authenticated(&mut self) -> Option<WorkUnit> {
        self.authenticated_left = self.authenticated_left.checked_sub(1)?;
        self.authenticated.pop_front().map(WorkUnit::Authenticated)
    }

    /// The next unit of this turn's share. Accepts, reads and ends are served in rotation, so that
    /// a flood of one kind does not starve the others.
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

    /// Charges the current unit for `units` more, such as a handshake with a signature or a read
    /// full of tiny frames. They are subtracted from this turn's share.
    pub(super) fn charge(&mut self, units: u32) {
        self.share_left = self.share_left.saturating_sub(units);
    }

    /// The current unit was for a connection that had left that list: only so many of those cost one.
    pub(super) fn found_stale(&mut self, class: Class) {
        if class == Class::Authenticated {
            return;
        }
        self.stale = (self.stale + 1) % STALE_PER_UNIT;
        if self.stale > 0 {
            self.share_left = (self.share_left + 1).min(self.share);
        }
    }

    fn pop_listener(&mut self) -> Option<WorkUnit> {
        self.listeners.pop_front().map(WorkUnit::Accept)
    }

    fn pop_pending(&mut self) -> Option<WorkUnit> {
        self.pending.pop().map(WorkUnit::Pending)
    }

    fn pop_ending(&mut self) -> Option<WorkUnit> {
        self.ending.pop().map(WorkUnit::Ending)
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
            schedule.push(id(n), Class::Pending, 0);
        }
        schedule.push(id(100), Class::Authenticated, 0);
        let served = turn(&mut schedule);
        assert_eq!(served.len(), 1 + 4);
        assert_eq!(served[0], WorkUnit::Authenticated(id(100)));
        schedule.push(id(101), Class::Authenticated, 0);
        assert_eq!(turn(&mut schedule)[0], WorkUnit::Authenticated(id(101)));
        assert!(!schedule.is_idle());
        assert_eq!(turn(&mut schedule).len(), 2);
        assert!(schedule.is_idle());
    }

    #[test]
    fn chat_and_ends_that_wait_are_no_arrivals() {
        let mut schedule = Schedule::new(4);
        schedule.push(id(1), Class::Authenticated, 0);
        schedule.push(id(2), Class::Ending, 0);
        assert!(!schedule.has_arrivals() && !schedule.is_idle());
        schedule.push(id(3), Class::Pending, 0);
        assert!(schedule.has_arrivals());
    }

    #[test]
    fn costly_unit_shrinks_its_own_turn_but_not_the_next() {
        let mut schedule = Schedule::new(8);
        (0..20).for_each(|n| schedule.push(id(n), Class::Pending, 0));
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
    fn places_that_were_left_cost_next_to_nothing() {
        let mut schedule = Schedule::new(8);
        (0..1_000).for_each(|n| schedule.push(id(n), Class::Pending, 0));
        schedule.begin_turn();
        let mut served = 0;
        while schedule.next_pending().is_some() {
            served += 1;
            schedule.found_stale(Class::Pending);
        }
        assert_eq!(served, 8 * STALE_PER_UNIT);
    }

    #[test]
    fn accepts_and_pending_reads_alternate() {
        let mut schedule = Schedule::new(4);
        (0..4).for_each(|n| schedule.push(id(n), Class::Pending, 0));
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
        (0..3_000).for_each(|n| schedule.push(id(n), Class::Ending, 0));
        (0..30).for_each(|n| schedule.push(id(4_000 + n), Class::Pending, 0));
        (0..9).for_each(|n| schedule.push_listener(n));
        let served = turn(&mut schedule);
        let count = |is_it: fn(&WorkUnit) -> bool| served.iter().filter(|unit| is_it(unit)).count();
        assert_eq!(count(|unit| matches!(unit, WorkUnit::Ending(_))), 3);
        assert_eq!(count(|unit| matches!(unit, WorkUnit::Pending(_))), 3);
        assert_eq!(count(|unit| matches!(unit, WorkUnit::Accept(_))), 3);
        let mut schedule = Schedule::new(9);
        (0..3_000).for_each(|n| schedule.push(id(n), Class::Ending, 0));
        assert_eq!(turn(&mut schedule).len(), 9, "alone they have the whole share");
    }

    #[test]
    fn what_becomes_ready_in_a_turn_waits_for_the_next() {
        let mut schedule = Schedule::new(1);
        schedule.push(id(1), Class::Authenticated, 0);
        schedule.begin_turn();
        assert_eq!(schedule.next_authenticated(), Some(WorkUnit::Authenticated(id(1))));
        schedule.push(id(1), Class::Authenticated, 0);
        assert_eq!(schedule.next_authenticated(), None);
        assert!(!schedule.is_idle());
    }

    #[test]
    fn address_waits_for_no_crowd_of_another_one() {
        for class in [Class::Pending, Class::Ending] {
            let mut schedule = Schedule::new(64);
            (0..1_000).for_each(|n| schedule.push(id(n), class, 7));
            (0..3).for_each(|n| schedule.push(id(2_000 + n), class, 63 * n as u8));
            let served = turn(&mut schedule);
            let place = |n| {
                let is_it = |unit: &WorkUnit| match unit {
                    WorkUnit::Pending(served) | WorkUnit::Ending(served) => *served == id(n),
                    _ => false,
                };
                served.iter().position(is_it).unwrap()
            };
            assert!((2_000..2_003).all(|n| place(n) < 6), "{class:?}: {served:?}");
            // Those of one address keep their order, and none is lost.
            assert_eq!((0..60).map(place).max(), Some(62));
            assert!((0..60).map(place).is_sorted());
            let rest: usize = (0..20).map(|_| turn(&mut schedule).len()).sum();
            assert_eq!((served.len() + rest, schedule.is_idle()), (1_003, true));
        }
    }
}
