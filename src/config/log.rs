//! `[log]`: which lines are written, and where to.

use serde::{Deserialize, Serialize};

/// `[log]`: what the server says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `debug` and `trace` write lines for each connection and message.
    ///
    /// Range: `off`, `error`, `warn`, `info`, `debug`, `trace`.
    pub level: String,
    /// `json` is one object a line: `time`, `level`, `message`, and `connection` where the line is
    /// about one. The same id is in the connection's 101 (`X-Connection-Id`).
    ///
    /// Range: `text`, `json`.
    pub format: String,
    /// Appended to, never truncated. Empty: standard error.
    ///
    /// Range: empty, or a path.
    pub file: String,
    /// Lines that wait for the writing thread, at most 4 KiB each. When it is full, lines are
    /// dropped and counted: the server never waits for its log.
    ///
    /// Range: 1 to 1048576 lines.
    pub queue: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: "text".to_owned(),
            file: String::new(),
            queue: 1_024,
        }
    }
}

impl Log {
    /// One line of the log, at most.
    pub const LINE_BYTES: usize = 4_096;
    /// How often a line of the queue is there: while the queue fills, when the writer has taken it,
    /// and once more in the text that is written.
    pub const LINE_COPIES: usize = 3;
}
