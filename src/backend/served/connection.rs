//! What is known of the connection of one caller.

use std::mem;
use std::time::Duration;

use crate::backend::counts::CallKind;
use crate::node::{StartFlag, Ticket};
use crate::time::Instant;

/// How many bytes are read ahead while a call is answered. All of them are moved when the next request is
/// taken, so there are few.
pub(super) const READ_AHEAD: usize = 16 << 10;
/// How long bytes are read and dropped after the last answer, and how many. A socket that is closed with
/// unread bytes is reset, and its caller may lose the answer.
pub(super) const DISCARD_TIME: Duration = Duration::from_secs(2);
pub(super) const DISCARD_BYTES: usize = 1 << 20;

pub(super) struct ServedConnection {
    pub(super) input: Vec<u8>,
    pub(super) output: Vec<u8>,
    pub(super) written: usize,
    pub(super) asked: Option<AskedCall>,
    pub(super) deadline: Instant,
    /// When it connected, got its last answer, or began to send a request, whichever was last.
    pub(super) since: Instant,
    /// It ends when its output is written.
    pub(super) is_last: bool,
    /// Bytes that were dropped after the last answer. `None`: that is not written yet.
    pub(super) discarded: Option<usize>,
    pub(super) is_over: bool,
    /// It waits among those that have changed.
    pub(super) is_changed: bool,
    /// It is one of those that the server counts as busy.
    pub(super) is_counted_busy: bool,
}

/// The request that the application is asked about.
pub(super) struct AskedCall {
    pub(super) ticket: Ticket,
    pub(super) start: StartFlag,
    pub(super) kind: CallKind,
    pub(super) is_last: bool,
    pub(super) room: String,
}

impl ServedConnection {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            asked: None,
            deadline: Instant::NEVER,
            since: now,
            is_last: false,
            discarded: None,
            is_over: false,
            is_changed: false,
            is_counted_busy: false,
        }
    }

    /// Is a call being answered?
    pub(super) fn is_busy(&self) -> bool {
        self.asked.is_some() || !self.output.is_empty()
    }

    /// It has changed: `busy` counts it from now on, if it is busy.
    pub(super) fn count_busy(&mut self, busy: &mut usize) {
        let is_busy = self.is_busy();
        let was_busy = mem::replace(&mut self.is_counted_busy, is_busy);
        *busy = *busy + usize::from(is_busy) - usize::from(was_busy);
    }

    /// May more be read? A request has up to `most` bytes.
    pub(super) fn wants_input(&self, most: usize) -> bool {
        if self.is_over || self.is_last {
            return !self.is_over && self.discarded.is_some();
        }
        self.input.len() < if self.is_busy() { most.min(READ_AHEAD) } else { most }
    }

    /// Its answer is written.
    pub(super) fn finish_answer(&mut self, now: Instant) {
        (self.output, self.written) = (Vec::new(), 0);
        self.since = now;
        if self.is_last {
            self.discarded = Some(0);
        } else {
            self.deadline = Instant::NEVER;
        }
    }

    /// Keeps bytes that have come. The buffer doubles, but never beyond `most`.
    pub(super) fn append(&mut self, bytes: &[u8], most: usize) {
        let length = self.input.len();
        let needed = length.saturating_add(bytes.len());
        if needed > self.input.capacity() {
            let doubled = self.input.capacity().saturating_mul(2);
            self.input.reserve_exact(doubled.min(most).max(needed).saturating_sub(length));
        }
        self.input.extend_from_slice(bytes);
    }

    /// Drops bytes that come after the last answer, up to a bound.
    pub(super) fn discard(&mut self, count: usize) {
        if let Some(discarded) = &mut self.discarded {
            *discarded = discarded.saturating_add(count);
            self.is_over |= *discarded > DISCARD_BYTES;
        }
    }
}
