//! The application of each node, and what all of them were asked: one answer for an id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::id::Rng;
use crate::node::app::{Admission, Answer, App, Incoming, Join, Reply, Update};
use crate::time::Instant;

/// A message on all nodes: the room, the user, and the id.
pub(super) type MessageName = (String, String, String);

/// Once that an application was asked about a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// The process whose application it was.
    pub(super) process: u64,
    /// When the node turned to it; a worker may have had time for it later.
    pub(super) at: Instant,
    /// How often the engine had lost its memory by then.
    pub(super) losses: u64,
}

/// What applications were asked, and what clients were answered.
#[derive(Debug, Default)]
pub(super) struct AskLedger {
    asked: BTreeMap<MessageName, Vec<Asked>>,
    answers: BTreeMap<MessageName, String>,
    /// Those that came since the world looked last.
    pub(super) news: Vec<MessageName>,
    count: u64,
    /// The world keeps both up to date.
    pub(super) now: Instant,
    pub(super) losses: u64,
}

/// The ledger that all applications share.
pub(super) type SharedAsks = Arc<Mutex<AskLedger>>;

impl AskLedger {
    /// An application is asked: what it answers, which is another text each time.
    fn ask(&mut self, asked: Asked, name: MessageName) -> Arc<Update> {
        self.count += 1;
        let content = format!("answer {} to {}", self.count, name.2);
        let broadcast = name.2.ends_with('b');
        self.news.push(name.clone());
        let all = self.asked.entry(name).or_default();
        all.push(asked);
        all.sort_by_key(|asked| asked.at);
        Arc::new(Update { content: content.into(), broadcast, ..Update::default() })
    }

    /// How often applications were asked about a message, the first time first.
    pub(super) fn times(&self, name: &MessageName) -> Vec<Asked> {
        self.asked.get(name).cloned().unwrap_or_default()
    }

    /// Somebody was answered.
    ///
    /// # Errors
    /// Somebody else was answered something else, or nobody was asked.
    pub(super) fn answered(&mut self, name: &MessageName, content: &str) -> Result<(), String> {
        let times = self.asked.get(name).map_or(0, Vec::len);
        if times == 0 {
            return Err(format!("G3: {content} answers {name:?}, of which nobody was asked"));
        }
        let first = self.answers.entry(name.clone()).or_insert_with(|| content.to_owned());
        if first != content && times < 2 {
            return Err(format!("G3: {name:?} is answered {content}, and {first} before"));
        }
        Ok(())
    }
}

/// An application that answers at once, or from a worker.
#[derive(Debug)]
pub(super) struct LedgerApp {
    pub(super) process: u64,
    pub(super) ledger: SharedAsks,
    pub(super) rng: Rng,
}

impl App for LedgerApp {
    fn on_join(&mut self, _: &Join<'_>) -> Reply<Admission> {
        let admission = Admission::Admit(Update::text("Connected."));
        match self.rng.below(3) {
            0 => Reply::later(move || admission),
            _ => Reply::Now(admission),
        }
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        let name = (message.room.to_owned(), message.user.to_owned(), message.id.to_owned());
        let (shared, process) = (Arc::clone(&self.ledger), self.process);
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = Asked { process, at: ledger.now, losses: ledger.losses };
        drop(ledger);
        let ask = move || {
            let mut ledger = shared.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(ledger.ask(asked, name))
        };
        match self.rng.below(2) {
            0 => Reply::Now(ask()),
            _ => Reply::later(ask),
        }
    }
}

/// When a process could speak with the engine.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    by_process: BTreeMap<u64, Contact>,
}

#[derive(Debug)]
struct Contact {
    last: Instant,
    /// Since when there was no long gap.
    since: Instant,
    gaps: Vec<(Instant, Instant)>,
    is_dead: bool,
}

/// A gap after which a lease, which is renewed every 5 s, may be over.
const GAP: Duration = Duration::from_secs(8);

impl Contacts {
    /// The engine has executed something for this process.
    pub(super) fn note(&mut self, process: u64, now: Instant) {
        let contact = self.by_process.entry(process).or_insert_with(|| Contact {
            last: now,
            since: now,
            gaps: Vec::new(),
            is_dead: false,
        });
        if contact.last + GAP < now {
            contact.gaps.push((contact.last, now));
            contact.since = now;
        }
        contact.last = now;
    }

    pub(super) fn died(&mut self, process: u64) {
        if let Some(contact) = self.by_process.get_mut(&process) {
            contact.is_dead = true;
        }
    }

    /// Since when this process has been in touch without a gap. `None`: it is not.
    pub(super) fn in_touch_since(&self, process: u64, now: Instant) -> Option<Instant> {
        let contact = self.by_process.get(&process)?;
        (!contact.is_dead && contact.last + GAP >= now).then_some(contact.since)
    }

    /// Could the lease of this process have ended between these two?
    pub(super) fn may_have_lapsed(&self, process: u64, from: Instant, to: Instant) -> bool {
        let Some(contact) = self.by_process.get(&process) else { return true };
        let is_within = |(begin, end): &(Instant, Instant)| *begin <= to && from <= *end;
        contact.is_dead || contact.last + GAP < to || contact.gaps.iter().any(is_within)
    }
}
