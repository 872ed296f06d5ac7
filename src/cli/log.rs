//! The log: lines are formatted by the logging thread and written by another, behind a bounded
//! queue.
//!
//! The reactor must never wait for a pipe that nobody reads. So it only pushes a line into a queue,
//! under a lock held for the push. A full queue drops the line and counts it; as soon as there is
//! space again, a line in the log gives the number of dropped ones.
//!
//! Memory: at most three queues of lines of at most 4 KiB, see
//! [`LINE_COPIES`](vestibule::config::Log::LINE_COPIES).

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ::log::{Level, LevelFilter, Log, Metadata, Record};
use serde::Serialize;
use vestibule::config;
use vestibule::time::{Rfc3339, UnixTime};

use super::text::{BoundedLine, one_line};

/// A handle to the logger: waits for the last lines, and counts dropped ones.
#[derive(Clone, Debug)]
pub(super) struct Logging {
    queue: Arc<LineQueue>,
}

/// Starts the writing thread and installs the process's logger.
///
/// # Errors
/// One line: the file cannot be opened, or the thread cannot be started.
pub(super) fn start(config: &config::Log) -> Result<Logging, String> {
    let sink: Box<dyn Write + Send> = if config.file.is_empty() {
        Box::new(io::stderr())
    } else {
        let opened = OpenOptions::new().append(true).create(true).open(&config.file);
        Box::new(opened.map_err(|error| format!("log.file {}: {error}", config.file))?)
    };
    let format = if config.format == "json" { Format::Json } else { Format::Text };
    let queue = Arc::new(LineQueue::new(config.queue, format));
    let writer = Arc::clone(&queue);
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_until_closed(&writer, sink))
        .map_err(|error| format!("cannot start the log thread: {error}"))?;
    ::log::set_boxed_logger(Box::new(Logger { queue: Arc::clone(&queue) }))
        .map_err(|error| format!("cannot start the log: {error}"))?;
    set_level(config);
    Ok(Logging { queue })
}

/// Applies the configured level. The `log` crate checks it for every line.
pub(super) fn set_level(config: &config::Log) {
    ::log::set_max_level(config.level.parse().unwrap_or(LevelFilter::Info));
}

impl Logging {
    /// Closes the log. Waits at most `at_most` until the queued lines are written.
    pub(super) fn finish(&self, at_most: Duration) {
        let mut state = self.queue.lock();
        state.is_closed = true;
        self.queue.changed.notify_all();
        let waiting = |state: &mut QueueState| !state.is_done;
        // Lines that are not written by then are lost.
        drop(self.queue.changed.wait_timeout_while(state, at_most, waiting));
    }

    /// The number of lines dropped so far, because the queue was full or writing failed.
    pub(super) fn dropped(&self) -> u64 {
        self.queue.dropped.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct LineQueue {
    capacity: usize,
    format: Format,
    dropped: AtomicU64,
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    lines: VecDeque<String>,
    /// The number dropped since the writer last took the lines. All of them came after `lines`.
    dropped: u64,
    is_closed: bool,
    is_done: bool,
}

impl LineQueue {
    fn new(capacity: usize, format: Format) -> Self {
        let state = Mutex::new(QueueState::default());
        Self { capacity, format, dropped: AtomicU64::new(0), state, changed: Condvar::new() }
    }

    /// Ignores poisoning: a queue of lines has no invariant that a panic could break.
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: String) {
        let mut state = self.lock();
        if state.lines.len() < self.capacity && !state.is_closed {
            state.lines.push_back(line);
            self.changed.notify_all();
        } else {
            state.dropped += 1;
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits for lines, and takes all of them with the number of lines dropped after them. `None`
    /// when the queue is closed and empty.
    fn take(&self) -> Option<(VecDeque<String>, u64)> {
        let idle = |state: &mut QueueState| state.lines.is_empty() && !state.is_closed;
        let mut state =
            self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        if state.lines.is_empty() {
            return None;
        }
        Some((std::mem::take(&mut state.lines), std::mem::take(&mut state.dropped)))
    }
}

fn write_until_closed(queue: &Arc<LineQueue>, mut sink: Box<dyn Write + Send>) {
    while let Some((lines, dropped)) = queue.take() {
        let count = lines.len() as u64;
        let mut text: String = lines.into_iter().collect();
        if dropped > 0 {
            text.push_str(&dropped_notice(queue.format, dropped));
        }
        let written = sink.write_all(text.as_bytes()).and_then(|()| sink.flush());
        if written.is_err() {
            queue.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }
    queue.lock().is_done = true;
    queue.changed.notify_all();
}

fn dropped_notice(format: Format, dropped: u64) -> String {
    format.line(Level::Warn, None, &format!("{dropped} log lines dropped"))
}

/// The format of a line, as `log.format` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

impl Format {
    /// Formats one line, with its line break. `message` and `connection` must not contain any.
    fn line(self, level: Level, connection: Option<&str>, message: &str) -> String {
        #[derive(Serialize)]
        struct JsonLine<'a> {
            time: Rfc3339,
            level: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            connection: Option<&'a str>,
            message: &'a str,
        }
        let time = now().to_rfc3339();
        match (self, connection) {
            (Self::Text, None) => format!("{time} [{level}] {message}\n"),
            (Self::Text, Some(connection)) => format!("{time} [{level}] {connection}: {message}\n"),
            (Self::Json, _) => {
                let entry = JsonLine { time, level: level.as_str(), connection, message };
                // Serialising strings does not fail.
                serde_json::to_string(&entry).unwrap_or_default() + "\n"
            }
        }
    }
}

/// The logger: formats each record as one line into the queue, whatever the record holds.
struct Logger {
    queue: Arc<LineQueue>,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Only Vestibule's own records: a library's may log secrets, and would flood the log.
        metadata.target().starts_with("vestibule") && metadata.level() <= ::log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut message = BoundedLine::default();
        // The error of a full line only stops the formatting early.
        let _ = message.write_fmt(*record.args());
        let connection = record.key_values().get("connection".into());
        let connection = connection.map(|id| one_line(&id.to_string()));
        let level = record.level();
        self.queue.push(self.queue.format.line(level, connection.as_deref(), &message.text));
    }

    fn flush(&self) {}
}

#[expect(clippy::disallowed_methods, reason = "the log is above the drivers")]
fn now() -> UnixTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
