//! The forms of a line: text, which simplelog writes, and JSON.

use std::io::{self, Write};
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use ::log::{Level, LevelFilter, Log as _, Record};
use serde::Serialize;
use simplelog::{ConfigBuilder, WriteLogger};
use time::macros::format_description;
use vestibule::time::{Rfc3339, UnixTime};

/// The format of a line, as `log.format` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Json,
}

/// Writes lines of one format.
pub(super) enum LineWriter<W: Write + Send + 'static> {
    Text(Box<WriteLogger<W>>),
    Json(Mutex<W>),
}

impl<W: Write + Send + 'static> LineWriter<W> {
    pub(super) fn new(format: Format, sink: W) -> Self {
        match format {
            Format::Json => Self::Json(Mutex::new(sink)),
            Format::Text => {
                let config = ConfigBuilder::new()
                    .set_time_format_custom(format_description!(
                        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
                    ))
                    .set_thread_level(LevelFilter::Off)
                    .set_target_level(LevelFilter::Off)
                    .set_location_level(LevelFilter::Off)
                    .build();
                Self::Text(WriteLogger::new(LevelFilter::Trace, config, sink))
            }
        }
    }

    /// Writes one line. `message` and `connection` must not contain a line break.
    pub(super) fn write(&self, level: Level, connection: Option<&str>, message: &str) {
        match self {
            Self::Text(logger) => {
                let (name, colon) = connection.map_or(("", ""), |name| (name, ": "));
                let mut record = Record::builder();
                logger
                    .log(&record.level(level).args(format_args!("{name}{colon}{message}")).build());
            }
            Self::Json(sink) => {
                let time = now().to_rfc3339();
                let entry = JsonLine { time, level: level.as_str(), connection, message };
                // Serialising strings does not fail.
                let line = serde_json::to_string(&entry).unwrap_or_default() + "\n";
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                // Whoever cannot be written to counts it.
                let _ = sink.write_all(line.as_bytes());
            }
        }
    }
}

#[derive(Serialize)]
struct JsonLine<'a> {
    time: Rfc3339,
    level: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<&'a str>,
    message: &'a str,
}

/// Collects pieces of lines, and passes each line on when it is whole.
pub(super) struct WholeLines<F> {
    line: Vec<u8>,
    pass: F,
}

impl<F: FnMut(Vec<u8>)> WholeLines<F> {
    pub(super) fn new(pass: F) -> Self {
        Self { line: Vec::new(), pass }
    }
}

impl<F: FnMut(Vec<u8>)> Write for WholeLines<F> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(piece);
        if self.line.ends_with(b"\n") {
            (self.pass)(mem::take(&mut self.line));
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the log is above the drivers")]
fn now() -> UnixTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
