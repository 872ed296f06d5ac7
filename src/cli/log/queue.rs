//! The bounded queue between the threads that log and the one that writes.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use std::{fmt, mem};

use ::log::Level;
use vestibule::config::counted;

use super::lines::{Format, LineWriter, WholeLines};

/// Where lines are written.
pub(super) trait Sink: Write + Send {
    /// Opens the file again. If that fails, it is the one from before.
    fn reopen(&mut self) -> Result<(), String>;

    /// Whether the file was deleted: nobody finds there what is written to it.
    fn is_deleted(&self) -> bool;
}

/// LineWriter that wait to be written, at most `capacity`.
pub(super) struct LineQueue {
    capacity: usize,
    dropped: AtomicU64,
    /// Writes that failed.
    failed: AtomicU64,
    /// Why the last lines are lost, if they are.
    loss: Mutex<Option<String>>,
    state: Mutex<QueueState>,
    changed: Condvar,
}

impl fmt::Debug for LineQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineQueue").field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct QueueState {
    lines: Vec<Vec<u8>>,
    /// The number dropped since the writer last took the lines. All of them came after `lines`.
    dropped: u64,
    /// The file is to be opened again: everything from `lines` on goes there.
    reopens: bool,
    is_closed: bool,
    is_done: bool,
}

/// What the writer takes at once.
struct TakenLines {
    lines: Vec<Vec<u8>>,
    dropped: u64,
    reopens: bool,
}

impl LineQueue {
    pub(super) fn new(capacity: usize) -> Self {
        let state = Mutex::new(QueueState::default());
        Self {
            capacity,
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            loss: Mutex::new(None),
            state,
            changed: Condvar::new(),
        }
    }

    /// Ignores poisoning: a queue of lines has no invariant that a panic could break.
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, line: Vec<u8>) {
        let mut state = self.lock();
        if state.lines.len() < self.capacity && !state.is_closed {
            state.lines.push(line);
            self.changed.notify_all();
        } else {
            state.dropped += 1;
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has the file opened again. The lines that are not written yet go there, and all that follow.
    pub(super) fn reopen(&self) {
        self.lock().reopens = true;
        self.changed.notify_all();
    }

    /// Takes no more lines. Waits at most `at_most` until the queued ones are written.
    pub(super) fn finish(&self, at_most: Duration) {
        let mut state = self.lock();
        state.is_closed = true;
        self.changed.notify_all();
        let waiting = |state: &mut QueueState| !state.is_done;
        // LineWriter that are not written by then are lost.
        drop(self.changed.wait_timeout_while(state, at_most, waiting));
    }

    /// The number of lines dropped so far, because the queue was full or writing failed.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How many writes have failed.
    pub(super) fn failures(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Why the last lines are lost, if they are.
    pub(super) fn loss(&self) -> Option<String> {
        self.loss.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether lines have been dropped that the log does not tell of yet: its writer is behind.
    pub(super) fn is_behind(&self) -> bool {
        self.lock().dropped > 0
    }

    /// Takes what waits.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> Vec<Vec<u8>> {
        mem::take(&mut self.lock().lines)
    }

    /// Waits for lines, and takes all of them with the number of lines dropped after them. `None`
    /// when the queue is closed and empty.
    fn take(&self) -> Option<TakenLines> {
        let idle =
            |state: &mut QueueState| state.lines.is_empty() && !state.reopens && !state.is_closed;
        let mut state =
            self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        if state.lines.is_empty() && !state.reopens {
            return None;
        }
        Some(TakenLines {
            lines: mem::take(&mut state.lines),
            dropped: mem::take(&mut state.dropped),
            reopens: mem::take(&mut state.reopens),
        })
    }

    /// Writes to `sink` until the queue is closed and empty.
    pub(super) fn write_until_closed(&self, format: Format, mut sink: Box<dyn Sink>) {
        while let Some(TakenLines { lines, dropped, reopens }) = self.take() {
            let count = lines.len() as u64;
            let mut text = lines.concat();
            if dropped > 0 {
                let notice = format!("{} dropped", counted(dropped, "log line"));
                text.extend(own_line(format, Level::Warn, &notice));
            }
            let mut fault = None;
            if reopens || sink.is_deleted() {
                fault = sink.reopen().err();
            }
            if let Some(fault) = fault.as_ref().filter(|_| reopens) {
                let notice = format!("the log file is not opened again: {fault}");
                text.extend(own_line(format, Level::Error, &notice));
            }
            let written = sink.write_all(&text).and_then(|()| sink.flush());
            // Only a file that somebody can find holds the lines.
            let fault = fault.filter(|_| sink.is_deleted());
            let loss = written.err().map(|error| error.to_string()).or(fault);
            if loss.is_some() && !text.is_empty() {
                self.failed.fetch_add(1, Ordering::Relaxed);
                self.dropped.fetch_add(count, Ordering::Relaxed);
            }
            *self.loss.lock().unwrap_or_else(PoisonError::into_inner) = loss;
        }
        self.lock().is_done = true;
        self.changed.notify_all();
    }
}

/// A line that nobody has logged.
fn own_line(format: Format, level: Level, text: &str) -> Vec<u8> {
    let (sender, line) = mpsc::channel();
    let lines = LineWriter::new(format, WholeLines::new(move |line| drop(sender.send(line))));
    lines.write(level, None, text);
    line.try_recv().unwrap_or_default()
}
