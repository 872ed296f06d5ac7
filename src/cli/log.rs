//! The log: lines are formatted by the logging thread and written by another, behind a bounded
//! queue.
//!
//! ```text
//! record ─▶ Logger: one bounded line ─▶ simplelog's WriteLogger ─▶ LineQueue ─▶ thread ─▶ file
//!                                  └─▶ JSON ────────────────────┘
//! ```
//!
//! The reactor must never wait for a pipe that nobody reads. So it only pushes a line into a queue,
//! under a lock held for the push. A full queue drops the line and counts it; as soon as there is
//! space again, a line in the log gives the number of dropped ones.
//!
//! Memory: at most three queues of lines of at most 4 KiB, see
//! [`LINE_COPIES`](vestibule::config::Log::LINE_COPIES).

mod lines;
mod queue;

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Stderr, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::log::{LevelFilter, Log, Metadata, Record};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use vestibule::config;
use vestibule::node::{Dependency, Reading};

use self::lines::{Format, LineWriter, WholeLines};
use self::queue::{LineQueue, Sink};
use super::text::{BoundedLine, one_line};

/// How long an orderly end of the process waits for the last lines to be written.
pub(super) const LAST_LINES: Duration = Duration::from_secs(2);

/// A handle to the logger: waits for the last lines, counts dropped ones, and opens the file anew.
#[derive(Clone, Debug)]
pub(super) struct Logging {
    queue: Arc<LineQueue>,
}

/// The file of `log.file`.
struct FileSink {
    path: String,
    file: File,
}

impl Write for FileSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sink for FileSink {
    fn reopen(&mut self) -> Result<(), String> {
        self.file = open(&self.path)?;
        Ok(())
    }

    fn is_deleted(&self) -> bool {
        self.file.metadata().is_ok_and(|file| file.nlink() == 0)
    }
}

/// It is never opened, so it cannot be opened again.
impl Sink for Stderr {
    fn reopen(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn is_deleted(&self) -> bool {
        false
    }
}

/// Starts the writing thread and installs the process's logger.
///
/// # Errors
/// One line: the file cannot be opened, or the thread cannot be started.
pub(super) fn start(config: &config::Log) -> Result<Logging, String> {
    let sink: Box<dyn Sink> = if config.file.is_empty() {
        Box::new(io::stderr())
    } else {
        Box::new(FileSink { path: config.file.clone(), file: open(&config.file)? })
    };
    let format = if config.format == "json" { Format::Json } else { Format::Text };
    let queue = Arc::new(LineQueue::new(config.queue));
    let writer = Arc::clone(&queue);
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || writer.write_until_closed(format, sink))
        .map_err(|error| format!("cannot start the log thread: {error}"))?;
    ::log::set_boxed_logger(Box::new(Logger::new(format, Arc::clone(&queue))))
        .map_err(|error| format!("cannot start the log: {error}"))?;
    set_level(config);
    Ok(Logging { queue })
}

/// Opens the file to append to it. A FIFO that nobody reads is an error. One whose reader is slow holds
/// up the writing thread, and nobody else.
fn open(path: &str) -> Result<File, String> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let opened = OpenOptions::new().append(true).create(true).custom_flags(flags).open(path);
    let blocking = opened.and_then(|file| {
        fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        Ok(file)
    });
    blocking.map_err(|error| {
        let advice = open_advice(&error);
        format!("log.file {path}: {error}{advice}")
    })
}

/// What to do about a log file that cannot be opened.
fn open_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => ": create its directory",
        io::ErrorKind::IsADirectory => ": write the path of a file",
        io::ErrorKind::PermissionDenied => ": give the server's user the right to write to it",
        // What open(2) says of a FIFO without a reader, and of a socket.
        _ if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            ": a pipe that no process reads, or a socket: start its reader first"
        }
        _ => "",
    }
}

/// Applies the configured level. The `log` crate checks it for every line.
pub(super) fn set_level(config: &config::Log) {
    let level = config.level.parse().unwrap_or(LevelFilter::Info);
    LEVEL.store(level as usize, Ordering::Relaxed);
    ::log::set_max_level(if config.access { level.max(LevelFilter::Info) } else { level });
}

/// The configured level. Lines about access are written beyond it.
static LEVEL: AtomicUsize = AtomicUsize::new(LevelFilter::Trace as usize);

impl Logging {
    /// Closes the log. Waits at most `at_most` until the queued lines are written.
    pub(super) fn finish(&self, at_most: Duration) {
        self.queue.finish(at_most);
    }

    /// Has the file of `log.file` opened again, which was renamed. If that fails, the log says so, in the
    /// file that it has. A file that was deleted is opened again without this, with the next line.
    pub(super) fn reopen(&self) {
        self.queue.reopen();
    }

    /// The number of lines dropped so far, because the queue was full or writing failed.
    pub(super) fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}

impl Logging {
    /// For the metrics.
    pub(super) fn readings(&self) -> Vec<Reading> {
        vec![
            Reading::new(
                "vestibule_log_lines_dropped_total",
                "Log lines that were dropped, as they came too fast or could not be written.",
                self.dropped() as f64,
            ),
            Reading::new(
                "vestibule_log_write_failures_total",
                "Writes of one or more log lines that failed, such as for a full disk.",
                self.queue.failures() as f64,
            ),
        ]
    }

    /// How the log is.
    pub(super) fn dependency(&self) -> Dependency {
        let log = Dependency::working("log");
        if let Some(why) = self.queue.loss() {
            let what = format!("The last log lines could not be written and are lost: {why}");
            log.degraded("log_not_written", what)
        } else if self.queue.is_behind() {
            log.degraded(
                "log_behind",
                "Log lines come faster than they are written and are dropped",
            )
        } else {
            log
        }
    }
}

/// The logger: makes one line of each record, whatever the record holds.
struct Logger {
    lines: LineWriter<IntoQueue>,
}

/// Passes whole lines to the queue.
type IntoQueue = WholeLines<Box<dyn FnMut(Vec<u8>) + Send>>;

impl Logger {
    fn new(format: Format, queue: Arc<LineQueue>) -> Self {
        let into_queue: IntoQueue = WholeLines::new(Box::new(move |line| queue.push(line)));
        Self { lines: LineWriter::new(format, into_queue) }
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Only Vestibule's own records: a library's may log secrets, and would flood the log.
        let is_within = metadata.level() as usize <= LEVEL.load(Ordering::Relaxed);
        let is_wanted = is_within || metadata.target() == config::Log::ACCESS_TARGET;
        metadata.target().starts_with("vestibule")
            && is_wanted
            && metadata.level() <= ::log::max_level()
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
        self.lines.write(record.level(), connection.as_deref(), &message.text);
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests;
