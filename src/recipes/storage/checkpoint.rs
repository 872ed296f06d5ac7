//! Moves what was committed from the write-ahead log into the database's file, on a thread of its own.
//!
//! By itself SQLite does that within the commit that makes the log 1,000 pages long: it writes hundreds
//! of pages and waits for the disk once more, and everybody whose message is in that commit waits, too.
//! So whoever stores much would hold up others. Here the commit only reports the length of the log. A log
//! that grows all the same, because the thread is behind or a backup is in the way, is moved within a
//! commit, as before.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};

use super::background::go_last;
use super::health::text_of;

/// From so many pages on the log is moved: 4 MiB, and SQLite's own number.
const PAGES: i32 = 1_000;
/// From so many on a commit does it: 16 MiB, to which a log is truncated (`journal_size_limit`).
const MOST_PAGES: i32 = 4_000;
/// What was committed meanwhile is moved, too, so that the log begins anew: so often in a row.
const ROUNDS: usize = 4;
/// Its page cache, in KiB: pages go past it.
const CACHE_KIB: i64 = 64;

/// The thread. It ends with [`end`](Self::end), or when the connection that reports to it is closed.
#[derive(Debug)]
pub(super) struct Checkpointer(JoinHandle<()>);

impl Checkpointer {
    /// Starts the thread for the file at `path`, which `database` writes.
    ///
    /// # Errors
    /// The system has no thread, or SQLite did not take the hook.
    pub(super) fn start(database: &mut Connection, path: &Path) -> io::Result<Self> {
        let (grown, is_grown) = mpsc::sync_channel(1);
        let path = path.to_owned();
        let thread = thread::Builder::new().name("vestibule-checkpoint".to_owned());
        let thread = thread.spawn(move || {
            go_last();
            match open(&path) {
                Ok(database) => serve(&database, &is_grown),
                // From now on commits do it.
                Err(error) => {
                    log::warn!("commits move the database's log: {}", text_of(&error));
                }
            }
        })?;
        database.wal_hook(Some(after_commit(grown))).map_err(io::Error::other)?;
        Ok(Self(thread))
    }

    /// Ends the thread, so that `database` is the last to be closed. Waits for what it is doing.
    pub(super) fn end(self, database: &mut Connection) {
        let none = None::<fn(&mut Wal, i32) -> rusqlite::Result<()>>;
        if database.wal_hook(none).is_ok() && self.0.join().is_err() {
            log::error!("the thread that moves the database's log has panicked");
        }
    }
}

/// What is done after each commit, with the pages in the log: it reports that there are many.
fn after_commit(
    grown: SyncSender<()>,
) -> impl FnMut(&mut Wal, i32) -> rusqlite::Result<()> + Send + 'static {
    move |log, pages| {
        // A full channel: the thread knows already.
        let is_alone =
            pages >= PAGES && matches!(grown.try_send(()), Err(TrySendError::Disconnected(())));
        if is_alone || pages >= MOST_PAGES {
            // What cannot be moved now is moved later.
            let _ = log.checkpoint();
        }
        Ok(())
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags)?;
    // It gives way to everybody. FULL: the log is on disk before the file is written.
    database.busy_timeout(Duration::ZERO)?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(database)
}

fn serve(database: &Connection, is_grown: &Receiver<()>) {
    while is_grown.recv().is_ok() {
        for _ in 0..ROUNDS {
            match move_log(database) {
                Ok(true) => break,
                Ok(false) => {}
                // Such as a full disk. Whoever writes finds that out, too.
                Err(error) => {
                    log::debug!("the database's log was not moved: {}", text_of(&error));
                    break;
                }
            }
        }
    }
}

/// Moves what is in the log now, beside those who write. False: there is more by now.
fn move_log(database: &Connection) -> rusqlite::Result<bool> {
    let mut passive = database.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
    passive.query_row([], |row| Ok(row.get::<_, i64>(1)? == row.get::<_, i64>(2)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::storage::schema;
    use crate::testing::ScratchDir;

    /// Stores a recipe of so many pages.
    fn store(database: &Connection, id: &str, pages: usize) {
        let body = "lentils ".repeat(pages * 512);
        let statement = "INSERT INTO recipes (id, owner, body, summary) VALUES (?, 'ann', ?, '')";
        database.execute(statement, [id, &body]).unwrap();
    }

    /// Whether what was stored is in the database's file, and not in its log alone.
    fn is_moved(scratch: &ScratchDir) -> bool {
        let bytes = std::fs::read(scratch.path().join("recipes.db")).unwrap();
        memchr::memmem::find(&bytes, b"lentils").is_some()
    }

    #[test]
    fn commit_moves_the_log_only_where_nobody_else_does() {
        let scratch = ScratchDir::new();
        let mut database = schema::open(scratch.path()).unwrap();
        let (grown, is_grown) = mpsc::sync_channel(1);
        database.wal_hook(Some(after_commit(grown))).unwrap();
        store(&database, "a", 500);
        assert!(is_grown.try_recv().is_err() && !is_moved(&scratch), "a short log");
        store(&database, "b", 1_500);
        assert!(is_grown.try_recv().is_ok() && !is_moved(&scratch), "the thread does it");
        store(&database, "c", 2_500);
        assert!(is_moved(&scratch), "the thread is behind");

        let scratch = ScratchDir::new();
        let mut database = schema::open(scratch.path()).unwrap();
        database.wal_hook(Some(after_commit(mpsc::sync_channel(1).0))).unwrap();
        store(&database, "a", 1_500);
        assert!(is_moved(&scratch), "there is no thread");
    }

    #[test]
    fn thread_moves_a_long_log_and_it_begins_anew() {
        let scratch = ScratchDir::new();
        let mut database = schema::open(scratch.path()).unwrap();
        let path = schema::path(scratch.path());
        let checkpointer = Checkpointer::start(&mut database, &path).unwrap();
        store(&database, "a", 1_500);
        // It does what it was told before.
        checkpointer.end(&mut database);
        assert!(is_moved(&scratch));
        let pages: i64 = {
            store(&database, "b", 1);
            let passive = "PRAGMA wal_checkpoint(PASSIVE)";
            database.query_row(passive, [], |row| row.get(1)).unwrap()
        };
        assert!(pages < 100, "{pages}");
    }
}
