//! Connections: their bytes, their sessions, and the tables by which they are found and ended.
//!
//! [`Connections`] owns everything that is counted by connection: the arena, the wheel, the outboxes'
//! pool, what each holds of the budgets, and how many are in which phase. Whoever changes a
//! connection's session does it by [`Connections::edit`], which keeps all of these in step;
//! [`Connections::release`] takes a connection out of all of them.

pub(crate) mod budget;

mod buffered;
pub(crate) mod connection;
pub(crate) mod frame;
pub(crate) mod moment;
pub(crate) mod outbox;
mod output;
pub(crate) mod pending;
mod pending_by_address;
mod request_queue;
mod requests;
pub(crate) mod session;
pub(crate) mod waiting;
mod weights;
pub(crate) mod wheel;

use std::net::SocketAddr;
use std::time::Duration;

use slab::Slab;

use self::budget::{Budget, Side};
use self::buffered::TransportBuffered;
use self::connection::{Connection, ConnectionKind};
use self::outbox::Pool;
use self::pending::PendingTable;
use self::session::{Phase, Session};
use self::wheel::{TICK_MICROS, Wheel};
use crate::id::{ConnId, Seed, Slot};
use crate::node::connections::request_queue::RequestQueue;
use crate::node::context::Cx;
use crate::node::policy::Policy;
use crate::shares::Holdings;
use crate::time::Instant;

/// All connections of the node, those of the admin listener among them.
#[derive(Debug)]
pub(crate) struct Connections {
    arena: Slab<Connection>,
    wheel: Wheel,
    last_generation: u32,
    /// How many are in each phase, those of the admin listener aside.
    phases: [u32; Phase::ALL.len()],
    pending: PendingTable,
    /// Connections whose last word is said, by address.
    closing: Holdings,
    /// HTTP requests that wait: those that keep users signed in, and all others.
    refreshes: RequestQueue,
    requests: RequestQueue,
    /// Connections of the public listeners that the driver is told to drop, and has not yet.
    dropped: usize,
    /// Those of the admin listener, also the ones that the driver has not closed yet.
    pub(crate) admin: usize,
    pub(crate) pool: Pool,
    /// What connections have sent and is not finished.
    pub(crate) input: Budget,
    /// What is queued for slow readers.
    pub(crate) output: Budget,
    buffered: TransportBuffered,
    /// Writes that are asked for and not begun.
    flushes: usize,
}

impl Connections {
    /// None yet, and room for as many as `slots`, so that no table is moved to grow.
    pub(crate) fn new(seed: &Seed, slots: usize) -> Self {
        Self {
            arena: Slab::with_capacity(slots),
            wheel: Wheel::with_capacity(slots),
            last_generation: 0,
            phases: [0; Phase::ALL.len()],
            pending: PendingTable::new(&seed.derive("pending connections"), slots),
            closing: Holdings::new(&seed.derive("closing connections"), slots),
            // Few wait at once: its tables grow with the slots that they had.
            refreshes: RequestQueue::new(&seed.derive("refreshes"), 0),
            requests: RequestQueue::new(&seed.derive("requests"), slots),
            dropped: 0,
            admin: 0,
            pool: Pool::default(),
            input: Budget::default(),
            output: Budget::default(),
            buffered: TransportBuffered::default(),
            flushes: 0,
        }
    }

    /// The next one has the generation after this.
    pub(crate) fn begin_after(&mut self, generation: u32) {
        self.last_generation = generation;
    }

    /// Takes a new one in.
    pub(crate) fn insert(&mut self, cx: &Cx, peer: SocketAddr, role: ConnectionKind) -> Slot {
        self.last_generation = self.last_generation.wrapping_add(1);
        let (now, generation) = (cx.now.monotonic, self.last_generation);
        let connection = Connection::new(now, peer, generation, role, &cx.policy);
        if connection.is_admin() {
            self.admin += 1;
        } else {
            self.count_phase(Phase::Handshaking, 1);
        }
        let slot = Slot::new(self.arena.insert(connection) as u32);
        self.arm(&cx.policy, slot);
        slot
    }

    /// Frees the slot of a connection that is over, and undoes what it counted for.
    pub(crate) fn release(&mut self, slot: Slot) -> Option<Released> {
        self.uncount_pending(slot);
        self.take_wanted(slot);
        let mut connection = self.arena.try_remove(slot.index())?;
        connection.outbox.clear(&mut self.pool);
        self.closing.remove(slot.index() as u32, 1);
        self.buffered.set(slot, 0);
        self.input.set(slot, Side::Pending, 0);
        self.output.set(slot, Side::Pending, 0);
        if connection.is_admin() {
            self.admin -= 1;
        } else {
            self.count_phase(connection.session.phase(), -1);
            self.dropped -= usize::from(connection.is_dropped());
        }
        let generation = connection.generation;
        Some(Released { generation, is_admin: connection.is_admin() })
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Connection> {
        self.arena.get(slot.index())
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Connection> {
        self.arena.get_mut(slot.index())
    }

    /// Is `id` there, and waits for the answer to a message?
    pub(crate) fn owes_answer(&self, id: ConnId) -> bool {
        self.find(id).is_some_and(Connection::owes_answer)
    }

    /// The connection of this id. `None`: it is over.
    pub(crate) fn find(&self, id: ConnId) -> Option<&Connection> {
        let connection = self.get(id.slot())?;
        let is_it = connection.generation == id.generation() && !connection.is_dropped();
        is_it.then_some(connection)
    }

    /// The connection of this id. `None`: it is over.
    pub(crate) fn find_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        let connection = self.arena.get_mut(id.index())?;
        let is_it = connection.generation == id.generation() && !connection.is_dropped();
        is_it.then_some(connection)
    }

    pub(crate) fn id_of(&self, slot: Slot) -> ConnId {
        let generation = self.get(slot).map_or(0, |connection| connection.generation);
        ConnId::new(slot.index() as u32, generation)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Connection)> + Clone {
        self.arena.iter().map(|(index, connection)| (Slot::new(index as u32), connection))
    }

    /// Slots that are taken.
    pub(crate) fn len(&self) -> usize {
        self.arena.len()
    }

    /// Slots that are taken, without those of the admin listener, and of sockets that the driver drops
    /// next.
    pub(crate) fn public(&self) -> usize {
        self.arena.len().saturating_sub(self.admin + self.dropped)
    }

    /// The last word of `slot` is said: what is left is to write it, and to wait for the peer.
    pub(crate) fn count_closing(&mut self, slot: Slot) {
        let entry = slot.index() as u32;
        if let Some(connection) = self.get(slot)
            && !connection.is_admin()
            && !self.closing.contains(entry)
        {
            self.closing.insert(entry, connection.address().to_bits(), 1);
        }
    }

    /// The connection that has waited longest for its peer of the address that has most such, if what
    /// it was to write was tried. It has had its answer, and costs others a place.
    pub(crate) fn closing_to_drop(&self) -> Option<ConnId> {
        let slot = Slot::new(self.closing.first_of_heaviest()?);
        let is_tried = !self.get(slot)?.is_flush_queued();
        is_tried.then(|| self.id_of(slot))
    }

    /// The driver is told to drop `slot`.
    pub(crate) fn count_dropped(&mut self, slot: Slot) {
        self.closing.remove(slot.index() as u32, 1);
        self.dropped += usize::from(self.get(slot).is_some_and(|it| !it.is_admin()));
    }

    /// The generation of the connection that was accepted last.
    pub(crate) fn last_generation(&self) -> u32 {
        self.last_generation
    }

    /// How many are not authenticated, or not any more.
    pub(crate) fn pending(&self) -> usize {
        let counts = Phase::ALL.iter().zip(&self.phases);
        counts.filter(|(phase, _)| phase.is_pending()).map(|(_, &count)| count as usize).sum()
    }

    /// How many are in this phase.
    pub(crate) fn in_phase(&self, phase: Phase) -> usize {
        self.phases.get(phase as usize).map_or(0, |&count| count as usize)
    }

    fn count_phase(&mut self, phase: Phase, by: i32) {
        if let Some(count) = self.phases.get_mut(phase as usize) {
            *count = count.wrapping_add_signed(by);
        }
    }

    /// Changes the session of `slot`. The counts of phases, the budgets and the wheel follow.
    pub(crate) fn edit<T>(
        &mut self,
        policy: &Policy,
        slot: Slot,
        change: impl FnOnce(&mut Session, &Policy) -> T,
    ) -> Option<T> {
        let connection = self.arena.get_mut(slot.index())?;
        let before = connection.session.phase();
        let result = change(&mut connection.session, policy);
        let after = connection.session.phase();
        if before != after && !connection.is_admin() {
            self.count_phase(before, -1);
            self.count_phase(after, 1);
        }
        if before.is_pending() && !after.is_pending() {
            self.uncount_pending(slot);
        }
        if before.is_authenticated() != after.is_authenticated() {
            self.weigh_input(slot);
            self.weigh_output(slot);
        }
        self.arm(policy, slot);
        Some(result)
    }
}

/// Deadlines: one entry of the wheel for each connection, at the nearest of its deadlines.
impl Connections {
    /// Arms the wheel at the nearest deadline of `slot`.
    pub(crate) fn arm(&mut self, policy: &Policy, slot: Slot) {
        if let Some(connection) = self.arena.get(slot.index()) {
            self.wheel.arm(slot.index(), connection.next_deadline(policy));
        }
    }

    /// The connection whose deadline is at or before `until`, if there is one.
    pub(crate) fn pop_due(&mut self, until: Instant) -> Option<Slot> {
        self.wheel.pop_due(until).map(|index| Slot::new(index as u32))
    }

    /// Has the deadline of `slot` come again in a tick.
    pub(crate) fn rearm_soon(&mut self, slot: Slot, until: Instant) {
        self.wheel.arm(slot.index(), until + Duration::from_micros(TICK_MICROS));
    }

    pub(crate) fn disarm(&mut self, slot: Slot) {
        self.wheel.cancel(slot.index());
    }

    /// When the next deadline is, at the earliest.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.wheel.next()
    }

    /// Entries that are armed.
    pub(crate) fn timers(&self) -> usize {
        self.wheel.len()
    }
}

/// A connection whose slot was freed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Released {
    pub(crate) generation: u32,
    pub(crate) is_admin: bool,
}
