//! What nodes, clients and the engine share: the clock, what is on its way, and the checkers.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::asks::{AskLedger, Contacts, SharedAsks};
use super::facts::LogFacts;
use super::mishap::ClusterMishap;
use super::orders::RevocationRecord;
use super::plan::ClusterCounts;
use crate::id::{ConnId, Rng};
use crate::node::Command;
use crate::time::{Instant, Now};

/// What happens at its time.
#[derive(Debug)]
pub(super) enum StageEvent {
    /// A client looks what it has to do.
    Client(usize),
    /// A client's bytes reach its node.
    Up(u64, LinePart),
    /// A node's bytes reach its client.
    Down(u64, LinePart),
    /// A node's bytes reach the engine.
    BusUp(u64, LinePart),
    /// The engine's bytes reach a node.
    BusDown(u64, LinePart),
    /// A worker of this process has time for a command.
    Work(u64, Command),
    Mishap(ClusterMishap),
    /// All who are in the room ought to have this entry by now.
    Late(usize, crate::protocol::Position),
    /// Revocations are looked at.
    Sweep,
}

/// What goes over a line.
#[derive(Debug)]
pub(super) enum LinePart {
    /// The connection is there.
    Open,
    Bytes(Vec<u8>),
    /// The other side is gone.
    End,
}

/// A client's connection.
#[derive(Debug)]
pub(super) struct ChatLine {
    pub(super) client: usize,
    pub(super) node: usize,
    /// The process that has accepted it, and its name there.
    pub(super) accepted: Option<(u64, ConnId)>,
    /// What the process has not taken yet.
    pub(super) unread: Vec<u8>,
    latency: Duration,
    last_up: Instant,
    last_down: Instant,
}

/// What all share.
#[derive(Debug)]
pub(super) struct ClusterStage {
    pub(super) now: Now,
    pub(super) rng: Rng,
    queue: BTreeMap<(Instant, u64), StageEvent>,
    entries: u64,
    pub(super) lines: BTreeMap<u64, ChatLine>,
    pub(super) is_healed: bool,
    /// Clients come with tokens that were taken from them, if some were.
    pub(super) tries_old_tokens: bool,
    pub(super) failure: Option<String>,
    lines_of_trace: Option<Vec<String>>,
    pub(super) counted: ClusterCounts,
    pub(super) facts: LogFacts,
    pub(super) asks: SharedAsks,
    pub(super) contacts: Contacts,
    pub(super) revocations: RevocationRecord,
    /// How often the engine has lost its memory.
    pub(super) losses: u64,
    /// When it last did.
    pub(super) lost_at: Instant,
    /// When something has gone wrong last.
    pub(super) disturbed_at: Instant,
    /// Two engines go on, each with its own nodes.
    pub(super) is_split: bool,
    /// When an announcement was lost or late last.
    pub(super) push_lost_at: Instant,
}

impl ClusterStage {
    pub(super) fn new(rng: Rng, now: Now) -> Self {
        Self {
            now,
            rng,
            queue: BTreeMap::new(),
            entries: 0,
            lines: BTreeMap::new(),
            is_healed: false,
            tries_old_tokens: false,
            failure: None,
            lines_of_trace: None,
            counted: ClusterCounts::default(),
            facts: LogFacts::default(),
            asks: Arc::default(),
            contacts: Contacts::default(),
            revocations: RevocationRecord::default(),
            losses: 0,
            lost_at: Instant::START,
            disturbed_at: Instant::START,
            is_split: false,
            push_lost_at: Instant::START,
        }
    }

    /// Time passes.
    pub(super) fn advance(&mut self, to: Instant) {
        let passed = to.since(self.now.monotonic);
        self.now = Now { monotonic: to, unix: self.now.unix + passed };
        let losses = self.losses;
        self.with_asks(|asks| (asks.now, asks.losses) = (to, losses));
    }

    pub(super) fn with_asks<T>(&self, look: impl FnOnce(&mut AskLedger) -> T) -> T {
        look(&mut self.asks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn at(&mut self, at: Instant, event: StageEvent) {
        self.entries += 1;
        self.queue.insert((at.max(self.now.monotonic), self.entries), event);
    }

    pub(super) fn after(&mut self, length: Duration, event: StageEvent) {
        self.at(self.now.monotonic + length, event);
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn pop(&mut self) -> Option<StageEvent> {
        let entry = self.queue.first_entry()?;
        (entry.key().0 <= self.now.monotonic).then(|| entry.remove())
    }

    /// An invariant is violated. The first one counts.
    pub(super) fn fail(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.note(|| format!("VIOLATION {what}"));
        self.failure.get_or_insert(what);
    }

    /// Records all that happens from now on.
    pub(super) fn record(&mut self) {
        self.lines_of_trace = Some(Vec::new());
    }

    /// Says what happens, if that is recorded.
    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines_of_trace {
            let seconds = self.now.monotonic.as_micros() as f64 / 1e6;
            lines.push(format!("{seconds:>12.6} {}", text()));
        }
    }

    pub(super) fn trace(&self) -> &[String] {
        self.lines_of_trace.as_deref().unwrap_or_default()
    }

    /// A random time up to this one.
    pub(super) fn within(&mut self, length: Duration) -> Duration {
        let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.rng.below(micros.max(1)))
    }

    /// A client opens a connection to a node.
    pub(super) fn open(&mut self, client: usize, node: usize) -> u64 {
        self.entries += 1;
        let number = self.entries;
        let latency = Duration::from_micros(200 + self.rng.below(20_000));
        let now = self.now.monotonic;
        let line = ChatLine {
            client,
            node,
            accepted: None,
            unread: Vec::new(),
            latency,
            last_up: now,
            last_down: now,
        };
        self.lines.insert(number, line);
        self.up(number, LinePart::Open);
        number
    }

    /// A client's side sends.
    pub(super) fn up(&mut self, number: u64, part: LinePart) {
        let now = self.now.monotonic;
        let Some(line) = self.lines.get_mut(&number) else { return };
        line.last_up = (now + line.latency).max(line.last_up);
        let at = line.last_up;
        self.at(at, StageEvent::Up(number, part));
    }

    /// A node's side sends.
    pub(super) fn down(&mut self, number: u64, part: LinePart) {
        let now = self.now.monotonic;
        let Some(line) = self.lines.get_mut(&number) else { return };
        line.last_down = (now + line.latency).max(line.last_down);
        let at = line.last_down;
        self.at(at, StageEvent::Down(number, part));
    }
}
