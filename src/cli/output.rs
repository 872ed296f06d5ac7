//! What commands print, and how they end.

use std::io::{self, Write as _};

use super::text;

/// The result of a command: nothing, or its errors, one line each.
pub(super) type CommandResult = Result<(), Vec<String>>;

/// Writes to standard output. A closed pipe (`vestibule check | head`) is not an error.
pub(super) fn print(text: &str) -> CommandResult {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(vec![format!("cannot write to standard output: {error}")])
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
    let _ = writeln!(io::stderr(), "vestibule: {}", text::one_line(text));
}
