//! Looks for damage in the database at the start.
//!
//! It reads the whole file, which may take long, so a thread of its own does it with a connection of its
//! own. The start waits a moment for a small database, which is known to be sound before anybody comes,
//! and not for a larger one, for which that moment would be too short.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::background::go_last;
use super::health::{FailureCause, StorageHealth, text_of};

/// How long the start waits, which nobody notices.
const MOMENT: Duration = Duration::from_millis(10);
/// The largest file that is waited for: about as much as is read in that moment.
const WAITED_FOR_BYTES: u64 = 4 << 20;

/// Starts the thread. What it finds is in `health`, and in the log.
///
/// # Errors
/// When the operating system cannot start a thread.
pub(super) fn start(path: PathBuf, health: Arc<StorageHealth>) -> io::Result<()> {
    let is_small = path.metadata().is_ok_and(|file| file.len() <= WAITED_FOR_BYTES);
    let (done, is_done) = mpsc::sync_channel(1);
    thread::Builder::new().name("vestibule-verify".to_owned()).spawn(move || {
        go_last();
        if let Some(damage) = damage(&path) {
            health.count_failure(FailureCause::Damaged);
            log::error!(
                "{} is damaged: {damage}; stop the server and restore a backup \
                 (docs/troubleshooting.md, VestibuleStorageFails)",
                path.display()
            );
        }
        let _ = done.try_send(());
    })?;
    if is_small {
        // A time-out says that it goes on.
        let _ = is_done.recv_timeout(MOMENT);
    }
    Ok(())
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
