//! Which rooms this node follows in the engine, and how far it is in each.
//!
//! ```text
//!          somebody wants to join            the log was read
//! (none) ────────────────────────▶ Reading ──────────────────▶ Live ──▶ gone: nobody has been here
//!                                   ▲   ▲                       │        for a while
//!               the link is up again│   └───── an entry is ─────┤
//!                                   │          missing          │ the link is down
//!                                 Lost ◀────────────────────────┘
//! ```
//!
//! While a room is read, what is announced of it is passed over: the engine has executed that before,
//! so the answer contains it.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashMap;
use smol_str::SmolStr;

pub(crate) use super::followed_room::FollowState;
use super::followed_room::FollowedRoom;
use super::wanted::EngineHistory;
pub(crate) use super::wanted::{EntryStep, LinkView, RoomVisit, Wanted};
use crate::bus::{EntryKind, LogEntry};
use crate::id::{ConnId, Seed, SeededState};
use crate::node::planted::{Fault, Planted};
use crate::protocol::Position;
use crate::time::Instant;

/// How long a room is followed at least without anybody in it.
const EMPTY: Duration = Duration::from_secs(30);
/// While more rooms than these are broken, no other is followed for being broken.
const BROKEN: usize = 256;
/// How long after a message its room's newest position is compared with the engine's, should the
/// announcement of a later one be lost.
const COMPARE: Duration = Duration::from_secs(5);
/// The same for a room in which nothing is said.
const COMPARE_QUIET: Duration = Duration::from_secs(60);

/// What a room that is followed takes: its place, and its names in the queues.
#[cfg(feature = "net")]
pub(crate) const ROOM_STATE_BYTES: usize =
    2 * size_of::<FollowedRoom>() + 3 * size_of::<(Instant, SmolStr)>() + 2 * size_of::<SmolStr>();

/// The rooms that are followed.
#[derive(Debug)]
pub(crate) struct FollowedRooms {
    rooms: HashMap<SmolStr, FollowedRoom, SeededState>,
    /// How many of them are broken.
    broken: usize,
    /// Each room has one place here: when it is looked at whether somebody is in it.
    visits: VecDeque<(Instant, SmolStr)>,
    /// Rooms in which something was said, and when their heads are compared.
    compares: VecDeque<(Instant, SmolStr)>,
    /// Rooms that are to be read when fewer are being read: first those that somebody waits for. Those that
    /// are not `is_queued` were read.
    awaited_reads: VecDeque<SmolStr>,
    other_reads: VecDeque<SmolStr>,
    pub(crate) history: EngineHistory,
    pub(crate) fault: Fault,
}

impl FollowedRooms {
    pub(crate) fn new(seed: &Seed) -> Self {
        Self {
            rooms: HashMap::with_hasher(SeededState::new(&seed.derive("cluster rooms"))),
            broken: 0,
            visits: VecDeque::new(),
            compares: VecDeque::new(),
            awaited_reads: VecDeque::new(),
            other_reads: VecDeque::new(),
            history: EngineHistory::default(),
            fault: Fault::default(),
        }
    }

    /// How many are followed.
    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    /// `id` wants to join `room`, whose client has seen all up to a position. Another node may have told
    /// it what this one has not heard yet: then the room is read first.
    pub(crate) fn want(
        &mut self,
        now: Instant,
        room: &SmolStr,
        (id, seen): (ConnId, Option<Position>),
        link: LinkView,
    ) -> Wanted {
        let is_hopeful = link != LinkView::Down;
        if let Some(it) = self.rooms.get_mut(room) {
            it.wanted = now;
        }
        match self.rooms.get_mut(room) {
            Some(it) if it.state == FollowState::Live && !it.is_behind(seen) => Wanted::Ready,
            Some(it) if it.state == FollowState::Live => {
                it.waiting.push(id);
                Wanted::Read
            }
            Some(it) if is_hopeful => {
                it.waiting.push(id);
                match (it.state, link) {
                    (FollowState::Lost, LinkView::Up) if it.is_unsubscribed => {
                        it.is_unsubscribed = false;
                        Wanted::Subscribe
                    }
                    (FollowState::Lost, LinkView::Up) => Wanted::Read,
                    _ => Wanted::Wait,
                }
            }
            Some(_) => Wanted::Ready,
            None => {
                self.visits.push_back((now + EMPTY, room.clone()));
                let waiting = if is_hopeful { vec![id] } else { Vec::new() };
                self.rooms.insert(room.clone(), FollowedRoom::new(now, waiting));
                Wanted::Subscribe
            }
        }
    }

    /// Who waits for rooms while the link is down.
    pub(crate) fn take_waiting(&mut self) -> Vec<ConnId> {
        self.rooms.values_mut().flat_map(|room| std::mem::take(&mut room.waiting)).collect()
    }

    /// A connection that waits ends.
    pub(crate) fn forget_waiting(&mut self, room: &str, id: ConnId) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.waiting.retain(|&waiting| waiting != id);
        }
    }

    /// The room is read now. From which position on; `None`: it is not followed. `Some(None)`: all of
    /// it.
    pub(crate) fn begin_reading(&mut self, room: &str) -> Option<Option<Position>> {
        let room = self.rooms.get_mut(room)?;
        room.state = FollowState::Reading;
        room.is_queued = false;
        Some(room.head)
    }

    /// The room is to be read, before those that nobody waits for if somebody waits for it.
    pub(crate) fn queue_read(&mut self, name: &SmolStr) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.is_queued = true;
        let is_awaited = !room.waiting.is_empty();
        let reads = if is_awaited { &mut self.awaited_reads } else { &mut self.other_reads };
        if !std::mem::replace(room.place(is_awaited), true) {
            reads.push_back(name.clone());
        }
    }

    /// The next room that is to be read.
    pub(crate) fn next_read(&mut self) -> Option<SmolStr> {
        for is_awaited in [true, false] {
            let reads = if is_awaited { &mut self.awaited_reads } else { &mut self.other_reads };
            while let Some(name) = reads.pop_front() {
                let Some(room) = self.rooms.get_mut(&name) else { continue };
                *room.place(is_awaited) = false;
                if room.is_queued {
                    return Some(name);
                }
            }
        }
        None
    }

    /// The room was read, and stands at `head`. Who has waited for it.
    pub(crate) fn read(&mut self, now: Instant, room: &str, head: Position) -> Vec<ConnId> {
        let Some(room) = self.rooms.get_mut(room) else { return Vec::new() };
        (room.state, room.head, room.compared) = (FollowState::Live, Some(head), now);
        room.history = self.history.current();
        std::mem::take(&mut room.waiting)
    }

    /// The room could not be read, and is tried again soon. Who has waited for it.
    pub(crate) fn lose(&mut self, now: Instant, name: &SmolStr) -> Vec<ConnId> {
        let Some(room) = self.rooms.get_mut(name) else { return Vec::new() };
        room.state = FollowState::Lost;
        let waiting = std::mem::take(&mut room.waiting);
        self.compare_soon(now, name);
        waiting
    }

    /// The link is down.
    pub(crate) fn lose_all(&mut self) {
        self.awaited_reads.clear();
        self.other_reads.clear();
        for room in self.rooms.values_mut() {
            (room.state, room.is_queued) = (FollowState::Lost, false);
            (*room.place(true), *room.place(false)) = (false, false);
        }
    }

    /// The room was read in the history of the engine that goes on.
    pub(crate) fn is_of_this_history(&self, room: &str) -> bool {
        let history = self.rooms.get(room).and_then(|room| room.history);
        history.is_some() && history == self.history.current()
    }

    fn compare_soon(&mut self, now: Instant, name: &SmolStr) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        if !std::mem::replace(&mut room.is_compared_soon, true) {
            self.compares.push_back((now + COMPARE, name.clone()));
        }
    }

    /// What was to be published in `room` could not be. True: the room is followed from now on, as nobody
    /// is in it here, and those who are elsewhere are to be told. Only so many rooms are followed for that.
    pub(crate) fn set_broken(&mut self, now: Instant, name: &SmolStr) -> bool {
        let is_new = !self.rooms.contains_key(name);
        if is_new && self.broken < BROKEN {
            self.visits.push_back((now + EMPTY, name.clone()));
            self.rooms.insert(name.clone(), FollowedRoom::new(now, Vec::new()));
        }
        let Some(room) = self.rooms.get_mut(name) else { return false };
        self.broken += usize::from(!std::mem::replace(&mut room.is_broken, true));
        self.compare_soon(now, name);
        is_new
    }

    /// The engine has refused to announce what is said in the room.
    pub(crate) fn set_unsubscribed(&mut self, room: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.is_unsubscribed = true;
        }
    }

    /// All rooms that are to be subscribed to again.
    pub(crate) fn take_all_unsubscribed(&mut self) -> Vec<SmolStr> {
        let refused = self.rooms.iter_mut().filter_map(|(name, room)| {
            std::mem::take(&mut room.is_unsubscribed).then(|| name.clone())
        });
        refused.collect()
    }

    /// Is it to be subscribed to again? It is said once.
    pub(crate) fn take_unsubscribed(&mut self, room: &str) -> bool {
        self.rooms.get_mut(room).is_some_and(|room| std::mem::take(&mut room.is_unsubscribed))
    }

    /// The room is being broken.
    pub(crate) fn begin_break(&mut self, room: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.is_breaking = true;
        }
    }

    /// The room could not be broken, as something was said meanwhile. Is it still to be? Not if that was
    /// a break.
    pub(crate) fn is_breaking(&self, room: &str) -> bool {
        self.rooms.get(room).is_some_and(|room| room.is_breaking)
    }

    /// Is there something that its members are to be told when it is read?
    pub(crate) fn is_broken(&self, room: &str) -> bool {
        self.rooms.get(room).is_some_and(|room| room.is_broken)
    }

    /// Was it so? It is said once.
    pub(crate) fn take_broken(&mut self, room: &str) -> bool {
        let room = self.rooms.get_mut(room);
        let was_broken = room.is_some_and(|room| std::mem::take(&mut room.is_broken));
        self.broken -= usize::from(was_broken);
        was_broken
    }

    /// How far this node is in `room`; `None`: it is not followed.
    pub(crate) fn state(&self, room: &str) -> Option<FollowState> {
        self.rooms.get(room).map(|room| room.state)
    }

    /// The newest position that was delivered in `room`.
    pub(crate) fn head(&self, room: &str) -> Option<Position> {
        self.rooms.get(room)?.head
    }

    /// An entry was announced, or came back to whoever published it: what becomes of it.
    pub(crate) fn announced(
        &mut self,
        now: Instant,
        name: &SmolStr,
        entry: &LogEntry,
    ) -> EntryStep {
        let Some(room) = self.rooms.get_mut(name).filter(|it| it.state == FollowState::Live) else {
            return EntryStep::Ignore;
        };
        let Some(head) = room.head else { return EntryStep::Ignore };
        let by_number = self.fault.is(Planted::EntriesByNumber);
        let is_same = |a: Position, b: Position| a == b || by_number && a.number() == b.number();
        if is_same(entry.position, head) {
            return EntryStep::Ignore;
        }
        if !is_same(entry.previous, head) {
            room.state = FollowState::Reading;
            return EntryStep::Read;
        }
        self.compare_soon(now, name);
        self.advance(name, entry)
    }

    /// The entry is behind all that was delivered.
    pub(crate) fn advance(&mut self, room: &str, entry: &LogEntry) -> EntryStep {
        if let Some(room) = self.rooms.get_mut(room) {
            room.head = Some(entry.position);
            room.is_breaking &= entry.kind != EntryKind::Break;
        }
        match entry.kind {
            EntryKind::Message => EntryStep::Deliver,
            EntryKind::Break => EntryStep::Break,
            EntryKind::Unknown(_) => EntryStep::Skip,
        }
    }

    /// When something is to be looked at.
    pub(crate) fn next(&self) -> Option<Instant> {
        let first = |queue: &VecDeque<(Instant, SmolStr)>| queue.front().map(|(at, _)| *at);
        [first(&self.visits), first(&self.compares)].into_iter().flatten().min()
    }

    /// A room whose newest position is to be compared with the engine's now, or that is to be read.
    pub(crate) fn next_compare(&mut self, now: Instant) -> Option<RoomVisit> {
        let (_, name) = self.compares.pop_front_if(|(at, _)| *at <= now)?;
        let Some(room) = self.rooms.get_mut(&name) else { return Some(RoomVisit::Nothing) };
        room.is_compared_soon = false;
        Some(match (room.state, room.head) {
            (FollowState::Live, Some(head)) => {
                room.compared = now;
                RoomVisit::Compare(name, head)
            }
            (FollowState::Lost, _) => RoomVisit::Read(name),
            _ => RoomVisit::Nothing,
        })
    }

    /// A room that is due to be looked at: it is dropped if nobody `is_there`, or has wanted to join
    /// within `joins`, the time that an application may take for that, and compared if that was long
    /// ago. `None`: none is due.
    pub(crate) fn visit(
        &mut self,
        now: Instant,
        joins: Duration,
        is_there: impl FnOnce(&str) -> bool,
    ) -> Option<RoomVisit> {
        let (_, name) = self.visits.pop_front_if(|(at, _)| *at <= now)?;
        let room = self.rooms.get_mut(&name)?;
        let is_wanted = room.wanted + EMPTY.max(joins) > now;
        let is_told = !room.is_broken && !room.is_breaking;
        let is_idle = room.waiting.is_empty() && !room.has_place() && is_told;
        if is_idle && !is_wanted && !is_there(&name) {
            self.rooms.remove(&name);
            return Some(RoomVisit::Drop(name));
        }
        self.visits.push_back((now + EMPTY, name.clone()));
        match room.head {
            Some(head)
                if room.state == FollowState::Live && room.compared + COMPARE_QUIET <= now =>
            {
                room.compared = now;
                Some(RoomVisit::Compare(name, head))
            }
            _ if room.state == FollowState::Lost => Some(RoomVisit::Read(name)),
            _ => Some(RoomVisit::Nothing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who waits for the application is neither in the room nor among those who wait for the log.
    #[test]
    fn a_room_that_somebody_is_about_to_join_is_kept() {
        let mut rooms = FollowedRooms::new(&Seed::predictable(1));
        let soup = SmolStr::new("soup");
        let second = |seconds| Instant::START + Duration::from_secs(seconds);
        let id = ConnId::from_bits(1);
        rooms.want(second(0), &soup, (id, None), LinkView::Up);
        rooms.read(second(0), &soup, Position::new(0, 1));
        rooms.want(second(29), &soup, (id, None), LinkView::Up);
        let joins = Duration::from_secs(5);
        assert_eq!(rooms.visit(second(30), joins, |_| false), Some(RoomVisit::Nothing));
        assert_eq!(rooms.visit(second(60), joins, |_| false), Some(RoomVisit::Drop(soup)));
    }
}
