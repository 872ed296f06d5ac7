//! The last messages of rooms, so that a client that comes back gets what it has missed.
//!
//! A room has a log from the first member on that supports resuming, until `resume.window` after the
//! last member has left. Each entry is a frame as everybody got it, with its [`Position`]; a client
//! names the last one that it has seen. A room's log has at most 64 entries and 64 KiB; all of them
//! together have `limits.history_bytes`, beyond which the room that was silent longest loses its log.
//! Whoever names a position that is not there (any more) is told so, and begins anew: never a gap
//! that nobody mentions.
//!
//! The frames are copies. What is queued for peers is counted by its references, and a log that held
//! some would make that wrong.

use std::collections::{VecDeque, vec_deque};

use hashlink::LinkedHashMap;
use smol_str::SmolStr;

use crate::id::{Rng, Seed, SeededState};
use crate::node::planted::{Fault, Planted};
use crate::protocol::Position;
use crate::time::Instant;

/// Entries of one room.
const ENTRIES: usize = 64;
/// Bytes of one room's frames.
const ROOM_BYTES: usize = 64 << 10;
/// What a log takes beside its entries, with its name twice.
const LOG_BYTES: usize = 256;
/// What an entry takes beside its frame.
const ENTRY_BYTES: usize = 64;

/// The frames of a log, each with its position.
pub(crate) type Entries<'a> = vec_deque::Iter<'a, (Position, Box<[u8]>)>;

/// The logs of all rooms.
#[derive(Debug)]
pub(crate) struct RoomLogs {
    /// The one that was silent longest first.
    logs: LinkedHashMap<SmolStr, RoomLog, SeededState>,
    /// Rooms whose last member has left, and when their logs go, if nobody has come since.
    leaving: VecDeque<(Instant, SmolStr)>,
    bytes: usize,
    /// Logs that went before their time.
    evicted: u64,
    tags: Rng,
    pub(crate) fault: Fault,
}

#[derive(Debug)]
struct RoomLog {
    /// The position before the first entry.
    base: Position,
    entries: VecDeque<(Position, Box<[u8]>)>,
    /// What the entries' frames take.
    frame_bytes: usize,
    /// When it goes, if nobody comes; `None`: somebody is there.
    ends_at: Option<Instant>,
    /// Its entry in `leaving`, which is looked at then: it has one at most.
    queued: Option<Instant>,
}

impl RoomLog {
    fn new(base: Position) -> Self {
        let entries = VecDeque::new();
        Self { base, entries, frame_bytes: 0, ends_at: None, queued: None }
    }

    fn head(&self) -> Position {
        self.entries.back().map_or(self.base, |(position, _)| *position)
    }

    fn weight(&self) -> usize {
        LOG_BYTES + self.frame_bytes + self.entries.len() * ENTRY_BYTES
    }

    fn drop_first(&mut self, fault: &Fault) {
        if let Some((position, frame)) = self.entries.pop_front() {
            if !fault.is(Planted::OverflowUnnoted) {
                self.base = position;
            }
            self.frame_bytes = self.frame_bytes.saturating_sub(frame.len());
        }
    }

    /// Where the entries behind `position` begin; `None`: it is not known here.
    fn index_after(&self, position: Position, fault: &Fault) -> Option<usize> {
        let behind = usize::try_from(position.distance_from(self.base)?).ok()?;
        let at = match behind.checked_sub(1) {
            None => self.base,
            Some(index) => self.entries.get(index)?.0,
        };
        (at == position || fault.is(Planted::PositionByNumber)).then_some(behind)
    }
}

/// What a client has missed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missed {
    /// How many messages.
    pub(crate) count: usize,
    /// Their frames, one after the other.
    pub(crate) frames: Vec<u8>,
}

impl RoomLogs {
    pub(crate) fn new(seed: &Seed) -> Self {
        Self {
            logs: LinkedHashMap::with_hasher(SeededState::new(&seed.derive("room logs"))),
            leaving: VecDeque::new(),
            bytes: 0,
            evicted: 0,
            tags: seed.derive("positions").rng(),
            fault: Fault::default(),
        }
    }

    /// What all of them take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rooms have one.
    pub(crate) fn len(&self) -> usize {
        self.logs.len()
    }

    /// How many went because `limits.history_bytes` was reached.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// A member has joined `room`, which gets a log if it `wants_log` and there is none.
    pub(crate) fn joined(&mut self, room: &SmolStr, wants_log: bool, most: usize) {
        // Few rooms have a log, or none has.
        if !self.logs.is_empty()
            && let Some(log) = self.logs.get_mut(room)
        {
            log.ends_at = None;
            return;
        }
        if wants_log && most > 0 {
            let log = RoomLog::new(Position::new(0, self.next_tag()));
            self.bytes += log.weight();
            self.logs.insert(room.clone(), log);
            self.shrink(most);
        }
    }

    /// Somebody may join `room` until then. It has a log from now on, so that a newcomer gets what is said
    /// between the application's question and its answer, also in a room that had none.
    pub(crate) fn keep_for_newcomer(&mut self, room: &SmolStr, until: Instant, most: usize) {
        if !self.keep(room, until) && most > 0 {
            let base = Position::new(0, self.next_tag());
            self.restore((room.clone(), base), [], (until, most));
        }
    }

    /// The log of `room` stays until then at least. False: there is none.
    pub(crate) fn keep(&mut self, room: &str, until: Instant) -> bool {
        let log = self.logs.get_mut(room);
        log.map(|log| log.ends_at = log.ends_at.map(|ends_at| ends_at.max(until))).is_some()
    }

    /// The log of `room` has nothing from before `base`, and goes on there.
    pub(crate) fn begin_anew(&mut self, room: &str, base: Position) {
        let Some(log) = self.logs.get_mut(room) else { return };
        self.bytes = self.bytes.saturating_sub(log.weight());
        log.entries.clear();
        (log.frame_bytes, log.base) = (0, base);
        self.bytes += log.weight();
    }

    /// `room` has a log; a new one begins at `head`, and goes at `ends_at` if nobody comes. Where rooms
    /// are those of a cluster, positions are given elsewhere.
    pub(crate) fn ensure(&mut self, room: &SmolStr, head: Position, bounds: (Instant, usize)) {
        if bounds.1 > 0 && !self.logs.contains_key(room) {
            self.restore((room.clone(), head), [], bounds);
        }
    }

    /// The last member has left `room`.
    pub(crate) fn emptied(&mut self, room: &SmolStr, ends_at: Instant) {
        if let Some(log) = self.logs.get_mut(room) {
            log.ends_at = Some(ends_at);
            if log.queued.is_none() {
                log.queued = Some(ends_at);
                self.leaving.push_back((ends_at, room.clone()));
            }
        }
        // Entries of logs that went meanwhile.
        if self.leaving.len() > 2 * self.logs.len() + 64 {
            let logs = &self.logs;
            self.leaving
                .retain(|(at, room)| logs.get(room).is_some_and(|it| it.queued == Some(*at)));
        }
    }

    /// The room's newest position.
    pub(crate) fn head(&self, room: &str) -> Option<Position> {
        Some(self.logs.get(room)?.head())
    }

    /// The position of the next message to `room`, which is then to be [put](Self::put) there. `None`:
    /// the room has no log.
    pub(crate) fn next(&mut self, room: &str) -> Option<Position> {
        if self.logs.is_empty() {
            return None;
        }
        let head = self.logs.get(room)?.head();
        Some(head.next(self.next_tag()))
    }

    fn next_tag(&mut self) -> u64 {
        if self.fault.is(Planted::TagsRepeat) { 1 } else { self.tags.next_u64() }
    }

    /// Puts the frame of a message at the end of its room's log.
    pub(crate) fn put(&mut self, room: &str, position: Position, frame: &[u8], most: usize) {
        let Some(log) = self.logs.to_back(room) else { return };
        self.bytes = self.bytes.saturating_sub(log.weight());
        if frame.len() > ROOM_BYTES {
            // Whoever is before it has to begin anew.
            log.entries.clear();
            (log.frame_bytes, log.base) = (0, position);
        } else {
            log.entries.push_back((position, frame.into()));
            log.frame_bytes += frame.len();
            while log.entries.len() > ENTRIES || log.frame_bytes > ROOM_BYTES {
                log.drop_first(&self.fault);
            }
        }
        self.bytes += log.weight();
        self.shrink(most);
    }

    /// What came behind `position` in `room`; `None`: that cannot be told.
    pub(crate) fn missed(&self, room: &str, position: Position) -> Option<Missed> {
        let log = self.logs.get(room)?;
        let first = log.index_after(position, &self.fault)?;
        let mut frames = Vec::new();
        for (_, frame) in log.entries.iter().skip(first) {
            frames.extend_from_slice(frame);
        }
        Some(Missed { count: log.entries.len() - first, frames })
    }

    /// Is it known what a client has missed that stands there?
    pub(crate) fn knows(&self, room: &str, position: Position) -> bool {
        self.logs.get(room).is_some_and(|log| log.index_after(position, &self.fault).is_some())
    }

    /// All logs, the stalest first: the room, the position before its first entry, and its entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&SmolStr, Position, Entries<'_>)> {
        self.logs.iter().map(|(room, log)| (room, log.base, log.entries.iter()))
    }

    /// Adds the log of a room to which nobody has come yet, in place of the one that is there. False:
    /// its positions do not follow each other, or it is larger than a log may be.
    pub(crate) fn restore(
        &mut self,
        (room, base): (SmolStr, Position),
        entries: impl IntoIterator<Item = (Position, Box<[u8]>)>,
        (ends_at, most): (Instant, usize),
    ) -> bool {
        let mut log = RoomLog::new(base);
        for (position, frame) in entries {
            log.frame_bytes += frame.len();
            let follows = position.distance_from(log.head()) == Some(1);
            if !follows || log.entries.len() == ENTRIES || log.frame_bytes > ROOM_BYTES {
                return false;
            }
            log.entries.push_back((position, frame));
        }
        self.forget(&room);
        self.bytes += log.weight();
        self.logs.insert(room.clone(), log);
        self.emptied(&room, ends_at);
        self.shrink(most);
        true
    }

    /// Drops what `user` has said in `room`: a planted fault.
    pub(crate) fn drop_said_by(&mut self, room: &str, user: &str) {
        let Some(log) = self.logs.get_mut(room) else { return };
        self.bytes = self.bytes.saturating_sub(log.weight());
        let name = format!("\"{user}\"");
        let is_its = |frame: &[u8]| memchr::memmem::find(frame, name.as_bytes()).is_some();
        log.entries.retain(|(_, frame)| !is_its(frame));
        log.frame_bytes = log.entries.iter().map(|(_, frame)| frame.len()).sum();
        self.bytes += log.weight();
    }

    /// The room is no more, and nobody may come back to it.
    pub(crate) fn forget(&mut self, room: &str) {
        if let Some(log) = self.logs.remove(room) {
            self.bytes = self.bytes.saturating_sub(log.weight());
        }
    }

    /// When the next log goes.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.leaving.front().map(|(ends_at, _)| *ends_at)
    }

    /// Drops the logs whose rooms nobody has come back to, at most `most` a call.
    pub(crate) fn end(&mut self, now: Instant, most: usize) {
        for _ in 0..most {
            let Some((at, room)) = self.leaving.pop_front_if(|(at, _)| *at <= now) else { return };
            let Some(log) = self.logs.get_mut(&room).filter(|log| log.queued == Some(at)) else {
                continue;
            };
            log.queued = None;
            match log.ends_at {
                // Somebody was there meanwhile.
                Some(later) if later > now => {
                    log.queued = Some(later);
                    self.leaving.push_back((later, room));
                }
                Some(_) => self.forget(&room),
                None => {}
            }
        }
    }

    fn shrink(&mut self, most: usize) {
        while self.bytes > most
            && let Some((_, log)) = self.logs.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(log.weight());
            self.evicted += 1;
        }
    }
}
