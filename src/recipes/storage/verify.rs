//! Looks for damage in the database at the start.
//!
//! It reads the whole file. The start does that itself for a small database, which is known to be sound
//! before anybody comes. For a larger one a thread of its own does it, with a connection of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rusqlite::{Connection, OpenFlags};

use super::background::go_last;
use super::health::{FailureCause, StorageHealth, text_of};
use super::place::log_of;

/// The largest database, with its log, that the start looks through: it takes some 10 ms, which nobody notices.
const SMALL_BYTES: u64 = 4 << 20;

/// Looks for damage, for a large database in a thread. What is found is in `health`, and in the log.
///
/// # Errors
/// When the operating system cannot start a thread.
pub(super) fn start(path: PathBuf, health: Arc<StorageHealth>) -> io::Result<()> {
    let bytes = |path: &Path| path.metadata().map_or(0, |file| file.len());
    if bytes(&path).saturating_add(bytes(&log_of(&path))) <= SMALL_BYTES {
        report(&path, &health);
        return Ok(());
    }
    let thread = thread::Builder::new().name("vestibule-verify".to_owned());
    thread.spawn(move || {
        go_last();
        report(&path, &health);
    })?;
    Ok(())
}

fn report(path: &PathBuf, health: &StorageHealth) {
    if let Some(damage) = damage(path) {
        health.count_failure(FailureCause::Damaged);
        log::error!(
            "{} is damaged: {damage}; stop the server and restore a backup \
             (docs/troubleshooting.md, VestibuleStorageFails)",
            path.display()
        );
    }
}

/// The first damage that is found.
pub(super) fn damage(path: &PathBuf) -> Option<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let checked = Connection::open_with_flags(path, flags).and_then(|database| {
        database.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
    });
    match checked {
        Ok(found) if found == "ok" => None,
        Ok(found) => Some(first_fault(&found).to_owned()),
        Err(error) if FailureCause::of(&error) == FailureCause::Damaged => Some(text_of(&error)),
        Err(error) => {
            log::warn!("{} was not looked through for damage: {}", path.display(), text_of(&error));
            None
        }
    }
}

/// The first fault in what SQLite's check has found, which may stand below a heading.
pub(super) fn first_fault(found: &str) -> &str {
    found.lines().find(|line| !line.starts_with("***")).unwrap_or(found)
}
