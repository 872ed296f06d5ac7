//! What happened, as one hash: the same seed gives the same trace.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::network::LinkId;
use super::scenario::Disturbance;
use crate::id::ConnId;
use crate::node::Ticket;
use crate::time::Now;

/// One thing that happened.
#[derive(Debug, Hash)]
pub(super) enum TraceEvent<'a> {
    /// A client opens a TCP connection.
    Connect { client: usize, link: LinkId },
    /// The node took a connection.
    Accept { link: LinkId, id: ConnId },
    /// The node had no slot.
    Drop { link: LinkId },
    /// Bytes were handed to the node.
    Read { id: ConnId, bytes: &'a [u8] },
    /// The node was told that the peer ended its side, or broke.
    Hangup { id: ConnId, is_reset: bool },
    /// The node's bytes went into the socket.
    Write { id: ConnId, bytes: &'a [u8] },
    /// The node ended its side.
    Finish { id: ConnId },
    /// The node ended the connection.
    Close { id: ConnId },
    /// An answer of the application was handed to the node.
    Completion { ticket: Ticket },
    /// The client's side broke.
    Reset { link: LinkId },
    /// Somebody set the wall clock.
    WallClock,
    /// Something was done to the server.
    Disturbance(Disturbance),
    /// No more faults from here on.
    Heal,
    /// The node drains.
    Shutdown,
}

/// The hash of every event so far, and their text where that is wanted.
#[derive(Default)]
pub(super) struct Trace {
    hasher: DefaultHasher,
    lines: Option<Vec<String>>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("hash", &self.hash()).finish_non_exhaustive()
    }
}

impl Trace {
    /// Keeps the text of every event from here on.
    pub(super) fn record(&mut self) {
        self.lines = Some(Vec::new());
    }

    pub(super) fn note(&mut self, now: Now, event: &TraceEvent<'_>) {
        now.monotonic.hash(&mut self.hasher);
        event.hash(&mut self.hasher);
        if let Some(lines) = &mut self.lines {
            let seconds = now.monotonic.as_micros() as f64 / 1e6;
            lines.push(format!("{seconds:>12.6} {}", describe(event)));
        }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    pub(super) fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}

fn describe(event: &TraceEvent<'_>) -> String {
    let (verb, id, bytes) = match event {
        TraceEvent::Read { id, bytes } => ("Read", id, bytes),
        TraceEvent::Write { id, bytes } => ("Write", id, bytes),
        other => return format!("{other:?}"),
    };
    let shown = bytes.get(..bytes.len().min(200)).unwrap_or_default();
    format!("{verb} {id} {} bytes: {}", bytes.len(), shown.escape_ascii())
}
