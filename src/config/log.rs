//! `[log]`: which lines are written, and where to.

section! {
    /// `[log]`: what the server says about itself.
    #[derive(Debug)]
    pub struct Log at log:

    /// Least severe level that is logged. `debug` and `trace` write lines for each connection and
    /// message.
    level: String = "info".to_owned(), "`off`, `error`, `warn`, `info`, `debug`, `trace`", reload;

    /// Whether a line is written for each connection when it ends, whatever `level` is: its address,
    /// user, room, seconds, close code or HTTP status, and bytes in and out, with the
    /// response to a refused request. Requests that the application has answered have none. Connections
    /// that were there when a reload turned it on have no bytes.
    access: bool = false, "`true` or `false`", reload + memory;

    /// `json` is one object a line: `time`, `level`, `message`, and `connection` if the line is
    /// about one. The client gets the same id in its 101 (`X-Connection-Id`).
    format: String = "text".to_owned(), "`text`, `json`", restart;

    /// File to append to; it is never truncated. Empty: standard error.
    file: String = String::new(), "empty, or a path", restart;

    /// Lines that wait for the writing thread, at most 4 KiB each. When the queue is full, lines
    /// are dropped and counted: the server never waits for its log.
    queue: usize = 1_024, "1 to 1048576 lines", restart + memory;
}

impl Log {
    /// The target of the lines of `log.access`, which are written whatever `log.level` is.
    pub const ACCESS_TARGET: &str = "vestibule::access";
    /// What the node counts of each connection for them.
    pub const ACCESS_BYTES: usize = 16;
    /// One line of the log, at most.
    pub const LINE_BYTES: usize = 4_096;
    /// How often a line of the queue is there: while the queue fills, when the writer has taken it,
    /// and once more in the text that is written.
    pub const LINE_COPIES: usize = 3;
}
