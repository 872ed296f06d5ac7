//! What commands print, and how they end.

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::text;

/// The result of a command: nothing, or its errors.
pub(super) type CommandResult = Result<(), CommandError>;

/// What went wrong, one line each.
#[derive(Debug)]
pub(super) struct CommandError {
    pub(super) faults: Vec<String>,
    /// The arguments are at fault, and nothing else.
    pub(super) is_usage: bool,
}

impl From<Vec<String>> for CommandError {
    fn from(faults: Vec<String>) -> Self {
        Self { faults, is_usage: false }
    }
}

impl From<String> for CommandError {
    fn from(fault: String) -> Self {
        vec![fault].into()
    }
}

impl CommandError {
    /// Prints the errors to standard error. Returns the exit code.
    pub(super) fn report(&self) -> ExitCode {
        for fault in &self.faults {
            note(&format!("error: {fault}"));
        }
        ExitCode::from(if self.is_usage { 2 } else { 1 })
    }
}

/// Writes to standard output. A closed pipe (`vestibule check | head`) is not an error.
pub(super) fn print(text: &str) -> CommandResult {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}").into())
        }
        _ => Ok(()),
    }
}

/// Prints a warning to standard error.
pub(super) fn warn(text: &str) {
    note(&format!("warning: {text}"));
}

/// Prints to standard error what is not the command's result.
pub(super) fn note(text: &str) {
    // If standard error is closed, there is nowhere to report to.
    let _ = writeln!(io::stderr(), "{}", text::one_line(text));
}
