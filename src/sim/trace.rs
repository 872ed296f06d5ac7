//! A hash of everything that happens: the same seed gives the same trace.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::network::LinkId;
use super::scenario::Disturbance;
use crate::id::ConnId;
use crate::node::Ticket;
use crate::time::Now;

/// One event of a run.
#[derive(Debug, Hash)]
pub(super) enum TraceEvent<'a> {
    /// A client opens a TCP connection.
    Connect { client: usize, link: LinkId },
    /// The node accepted a connection.
    Accept { link: LinkId, id: ConnId },
    /// The node had no slot.
    Drop { link: LinkId },
    /// Bytes were handed to the node.
    Read { id: ConnId, bytes: &'a [u8] },
    /// The node learned that the peer ended its side or reset the connection.
    Hangup { id: ConnId, is_reset: bool },
    /// The node's output was written to the socket.
    Write { id: ConnId, bytes: &'a [u8] },
    /// The node shut down its write side.
    Finish { id: ConnId },
    /// The node closed the connection.
    Close { id: ConnId },
    /// The node got an answer of the application.
    Completion { ticket: Ticket },
    /// The client reset the connection.
    Reset { link: LinkId },
    /// The wall clock was set.
    WallClock,
    /// The server was disturbed.
    Disturbance(Disturbance),
    /// The faults ended.
    Heal,
    /// The drain began.
    Shutdown,
}

/// The hash of all events so far, and their text if it is recorded.
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
    /// Records the text of every event from now on.
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
