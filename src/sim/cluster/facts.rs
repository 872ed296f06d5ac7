//! What the engine has published, as somebody sees it who listens there and is never disturbed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::asks::MessageName;
use crate::bus::model::ModelEngine;
use crate::bus::{EntryKind, LogEntry};
use crate::protocol::Position;
use crate::sim::truth::room_name;
use crate::time::{Instant, UnixTime};

/// An entry of a room's log.
#[derive(Clone, Debug)]
pub(super) struct EntryFact {
    pub(super) position: Position,
    pub(super) previous: Position,
    pub(super) is_break: bool,
    /// What somebody has said; `None`: it is an update of the application's.
    pub(super) user: Option<String>,
    pub(super) content: String,
    /// The process and its connection that the entry is from.
    pub(super) origin: (u64, u64),
    /// When it was published, and how often the engine had lost its memory by then.
    pub(super) at: Instant,
    pub(super) losses: u64,
}

/// A position as a key: the number, and the tag.
type EntryPlace = (u64, u64);

/// All that was ever published.
#[derive(Debug, Default)]
pub(super) struct LogFacts {
    /// By the room's number.
    entries: BTreeMap<(usize, EntryPlace), EntryFact>,
    heads: BTreeMap<usize, Position>,
    snapshot: BTreeMap<usize, Position>,
    /// The names of messages that the engine knows, and those that its replica knows.
    ids: BTreeSet<(usize, [u8; 16])>,
    snapshot_ids: BTreeSet<(usize, [u8; 16])>,
    /// What was said in all rooms, and how often it was published.
    said: BTreeMap<(usize, String), u32>,
}

/// What a message of this content is called, without what its end means.
pub(super) fn message_id(content: &str) -> String {
    format!("chat-{content}")
}

const fn place(position: Position) -> EntryPlace {
    (position.number(), position.tag())
}

#[derive(Deserialize)]
struct PublishedText {
    payload: PublishedPayload,
}

#[derive(Deserialize)]
struct PublishedPayload {
    content: Option<String>,
    user_id: Option<String>,
}

impl LogFacts {
    /// Adds an entry that the engine has published, or one that was demoted and does not know.
    ///
    /// # Errors
    /// It is not what may come next.
    pub(super) fn add(
        &mut self,
        room: usize,
        entry: &LogEntry,
        (origin, at, losses): (u64, Instant, u64),
        is_current: bool,
    ) -> Result<(), String> {
        let is_break = entry.kind == EntryKind::Break;
        let text = serde_json::from_slice::<PublishedText>(&entry.frame).ok();
        let (user, content) = match text.map(|text| text.payload) {
            Some(PublishedPayload { user_id, content }) => (user_id, content.unwrap_or_default()),
            None if is_break => (None, String::new()),
            None => return Err(format!("an entry that is no message: {entry:?}")),
        };
        if is_current && !is_break && !self.ids.insert((room, entry.id)) {
            return Err(format!("G3: the message {content} was published twice"));
        }
        *self.said.entry((room, content.clone())).or_default() += 1;
        let fact = EntryFact {
            position: entry.position,
            previous: entry.previous,
            is_break,
            user,
            content,
            origin: (origin, entry.origin.connection),
            at,
            losses,
        };
        if is_current {
            self.heads.insert(room, entry.position);
        }
        let before = self.entries.insert((room, place(entry.position)), fact);
        match before.filter(|before| before.previous != entry.previous) {
            Some(_) => Err(format!("G2: two histories lead to {}", entry.position)),
            None => Ok(()),
        }
    }

    /// The entry at this position.
    pub(super) fn at(&self, room: usize, position: Position) -> Option<&EntryFact> {
        self.entries.get(&(room, place(position)))
    }

    /// The newest position of a room in the engine; `None`: nothing was published there since it
    /// lost its memory.
    pub(super) fn head(&self, room: usize) -> Option<Position> {
        self.heads.get(&room).copied()
    }

    /// Was this ever said in the room?
    pub(super) fn was_said(&self, room: usize, content: &str) -> bool {
        self.said.contains_key(&(room, content.to_owned()))
    }

    /// Was this message published more than once? Then an engine had forgotten it.
    pub(super) fn is_published_again(&self, (room, _, id): &MessageName) -> bool {
        let is_it = |((number, content), count): (&(usize, String), &u32)| {
            *count > 1
                && room_name(*number) == *room
                && message_id(content) == id.trim_end_matches('b')
        };
        self.said.iter().any(is_it)
    }

    /// The entries that lead from `from` to `to`, the last one included, the first first. `None`:
    /// `to` does not come from there.
    pub(super) fn between(
        &self,
        room: usize,
        from: Position,
        to: Position,
    ) -> Option<Vec<&EntryFact>> {
        let mut found = Vec::new();
        let mut at = to;
        while at != from {
            let fact = self.at(room, at)?;
            if at.number() <= from.number() {
                return None;
            }
            found.push(fact);
            at = fact.previous;
        }
        found.reverse();
        Some(found)
    }

    /// The entries before `to` and with it that were published after `since`, the first first.
    pub(super) fn since(&self, room: usize, since: Instant, to: Position) -> Vec<&EntryFact> {
        let mut found = Vec::new();
        let mut at = to;
        while let Some(fact) = self.at(room, at).filter(|fact| fact.at > since) {
            found.push(fact);
            at = fact.previous;
        }
        found.reverse();
        found
    }

    /// A replica has what the engine has by now.
    pub(super) fn note_snapshot(&mut self) {
        self.snapshot.clone_from(&self.heads);
        self.snapshot_ids.clone_from(&self.ids);
    }

    /// The replica is the engine now.
    pub(super) fn fail_over(&mut self) {
        self.heads.clone_from(&self.snapshot);
        self.ids.clone_from(&self.snapshot_ids);
    }

    /// The engine begins anew.
    pub(super) fn wipe(&mut self) {
        (self.snapshot, self.snapshot_ids) = Default::default();
        self.fail_over();
    }
}

/// Listens to all rooms at the engine.
#[derive(Debug, Default)]
pub(super) struct EngineSpy {
    connection: u64,
    rooms: usize,
    input: Vec<u8>,
}

impl EngineSpy {
    pub(super) fn new(rooms: usize) -> Self {
        Self { rooms, ..Self::default() }
    }

    /// Connects to what is the engine now.
    pub(super) fn connect(&mut self, engine: &mut ModelEngine, now: UnixTime) {
        self.input.clear();
        self.connection = engine.connect();
        let faults = std::mem::take(&mut engine.faults);
        let mut words = format!("*{}\r\n$9\r\nSUBSCRIBE\r\n", self.rooms + 1);
        for room in 0..self.rooms {
            let channel = format!("v:{{r:{}}}", room_name(room));
            words.push_str(&format!("${}\r\n{channel}\r\n", channel.len()));
        }
        engine.receive(now, self.connection, b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n");
        engine.receive(now, self.connection, words.as_bytes());
        engine.take_output(self.connection);
        engine.faults = faults;
    }

    /// What was published since it was asked last: the room and the entry.
    pub(super) fn listen(&mut self, engine: &mut ModelEngine) -> Vec<(usize, LogEntry)> {
        let holds = std::mem::take(&mut engine.faults.holds_pushes);
        let output = engine.take_output(self.connection);
        engine.faults.holds_pushes = holds;
        self.input.extend_from_slice(&output);
        let mut heard = Vec::new();
        while let Some((length, words)) = push_of(&self.input) {
            if let [_, channel, payload] = &words[..] {
                let room = (0..self.rooms)
                    .find(|room| *channel == format!("v:{{r:{}}}", room_name(*room)).as_bytes());
                heard.extend(room.zip(LogEntry::decode(payload)));
            }
            self.input.drain(..length);
        }
        heard
    }
}

/// The words of the push that `bytes` begin with, and how long it is.
fn push_of(bytes: &[u8]) -> Option<(usize, Vec<&[u8]>)> {
    let mut rest = bytes.strip_prefix(b">3\r\n")?;
    let mut words = Vec::new();
    for _ in 0..3 {
        let end = memchr::memmem::find(rest, b"\r\n")?;
        let length: usize = std::str::from_utf8(rest.get(1..end)?).ok()?.parse().ok()?;
        words.push(rest.get(end + 2..end + 2 + length)?);
        rest = rest.get(end + 4 + length..)?;
    }
    Some((bytes.len() - rest.len(), words))
}

/// Takes so many pushes of rooms' entries, and of orders, out of what the engine sends: they are lost.
pub(super) fn lose_pushes(output: &[u8], (entries, orders): (&mut u32, &mut u32)) -> Vec<u8> {
    let mut kept = Vec::with_capacity(output.len());
    let mut rest = output;
    while let Some(at) = memchr::memmem::find(rest, b">3\r\n$7\r\nmessage\r\n") {
        let (before, push) = rest.split_at(at);
        kept.extend_from_slice(before);
        let Some((length, words)) = push_of(push) else {
            rest = push;
            break;
        };
        let (push, behind) = push.split_at(length);
        let count = match words.get(1) {
            Some(name) if name.starts_with(b"v:{r:") => &mut *entries,
            Some(name) if *name == b"v:{c}" => &mut *orders,
            _ => &mut 0,
        };
        if *count > 0 {
            *count -= 1;
        } else {
            kept.extend_from_slice(push);
        }
        rest = behind;
    }
    kept.extend_from_slice(rest);
    kept
}
