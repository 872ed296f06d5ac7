//! The database file: opening it, its tables, and migrations.

use std::error::Error;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::advice::advice;
use super::health::{FailureCause, text_of};
use super::migrations::MIGRATIONS;
use crate::time::UnixTime;

/// The database's name in the data directory. While it is open, its write-ahead log `-wal` and the
/// log's index `-shm` are next to it, so a copy of this file alone is not a backup.
pub(super) const DATABASE_FILE: &str = "recipes.db";

/// Locked while a server uses the directory; holds its process id.
pub(super) const LOCK_FILE: &str = "vestibule.lock";

/// How long to wait for a lock of another process, such as a backup. A task may come while an earlier
/// one waits, so it waits for twice this at most: less than `backend.timeout`, after which nobody waits
/// for it.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// The size of the statement cache. There are about forty statements, so each is compiled once.
const STATEMENTS: usize = 64;

/// Why the recipe chat's storage cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The database cannot be opened, or its schema cannot be brought up to date.
    #[error("cannot open {}: {error}{}", .path.display(), advice(.path, .error.as_ref()))]
    Open {
        /// The database.
        path: PathBuf,
        /// What SQLite or the file system reported.
        #[source]
        error: Box<dyn Error + Send + Sync>,
    },
    /// The database is damaged, or no database.
    #[error(
        "cannot open {}: {error}; restore a backup, or move the file away to begin with an empty \
         database",
        .path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite reported.
        error: String,
    },
    /// Another server uses the data directory.
    #[error(
        "{} is locked by process {holder}: stop that server, or set `data` to another directory",
        .path.display()
    )]
    Locked {
        /// The lock.
        path: PathBuf,
        /// The process that holds it, as it wrote itself.
        holder: String,
    },
    /// It is a database of another program. Nothing was changed.
    #[error(
        "{} is a database of another program: set `data` to another directory, or move the file away",
        .0.display()
    )]
    Foreign(PathBuf),
    /// A newer program wrote the database. Nothing was changed.
    #[error(
        "{} was written by a newer Vestibule (its schema is {found}, this one knows {known}): \
         start that version, or set `data` to another directory",
        .path.display()
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// The version of its schema.
        found: usize,
        /// The newest version that this program knows.
        known: usize,
    },
    /// SQLite refused the size of `recipes.cache`.
    #[error("recipes.cache: {0}")]
    Cache(#[source] Box<dyn Error + Send + Sync>),
    /// The system gave no thread.
    #[error("cannot start the recipe chat's threads: {0}")]
    Thread(#[source] io::Error),
}

/// Locks `directory` for this process, and writes the process's id into the lock.
///
/// # Errors
/// Another process has it locked, or the file cannot be written.
pub(super) fn lock(directory: &Path) -> Result<File, StorageError> {
    let path = directory.join(LOCK_FILE);
    let open = |error: io::Error| StorageError::Open { path: path.clone(), error: error.into() };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(open)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(&path).map_err(open)?;
    match file.try_lock() {
        Ok(()) => {
            // On a full disk the id may not fit; the lock holds all the same.
            let _ = write_id(&mut file);
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.take(20).read_to_string(&mut holder);
            Err(StorageError::Locked { path, holder: holder.trim().to_owned() })
        }
        Err(TryLockError::Error(error)) => Err(open(error)),
    }
}

/// Writes this process's id over another one. The file is not emptied before: to free its block, a
/// file system may have to wait for its journal, and the start with it.
fn write_id(file: &mut File) -> io::Result<()> {
    let id = std::process::id().to_string();
    file.write_all(id.as_bytes())?;
    if file.metadata()?.len() > id.len() as u64 {
        file.set_len(id.len() as u64)?;
    }
    Ok(())
}

/// Where the database in `directory` is.
pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join(DATABASE_FILE)
}

/// Opens the database in `directory`, and migrates it to the newest schema. Creates both if they
/// are missing, readable only by their owner.
///
/// # Errors
/// [`StorageError`] names the file and says what to do.
pub(crate) fn open(directory: &Path) -> Result<Connection, StorageError> {
    let path = path(directory);
    let (database, version) =
        open_file(directory, &path).map_err(|error| open_error(&path, error))?;
    if version > MIGRATIONS.len() {
        let (found, known) = (version, MIGRATIONS.len());
        return Err(StorageError::NewerSchema { path, found, known });
    }
    Ok(database)
}

/// Why the database cannot be opened, without the statement at which that was noticed.
pub(super) fn open_error(path: &Path, error: Box<dyn Error + Send + Sync>) -> StorageError {
    let path = path.to_owned();
    let error = match error.downcast::<StorageError>() {
        Ok(error) => return *error,
        Err(error) => error,
    };
    match error.downcast::<rusqlite::Error>() {
        Ok(error) if FailureCause::of(&error) == FailureCause::Damaged => {
            StorageError::Damaged { path, error: text_of(&error) }
        }
        Ok(error) => StorageError::Open { path, error: text_of(&error).into() },
        Err(error) => StorageError::Open { path, error },
    }
}

/// The database, and the version of its schema.
fn open_file(
    directory: &Path,
    path: &Path,
) -> Result<(Connection, usize), Box<dyn Error + Send + Sync>> {
    super::space::refuse_lost_database(path)?;
    create(directory, path)?;
    let mut database = Connection::open(path)?;
    database.busy_timeout(BUSY_TIMEOUT)?;
    if is_foreign(&database)? {
        return Err(Box::new(StorageError::Foreign(path.to_owned())));
    }
    prepare(&database)?;
    let version = migrate(&mut database, MIGRATIONS)?;
    Ok((database, version))
}

/// Creates the file before SQLite opens it, as SQLite gives its log the mode of the database.
fn create(directory: &Path, path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    if file.metadata()?.len() == 0 {
        // Without this, a power cut could lose the directory's entry of the new database.
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// Whether another program made the database. Reads only: nothing of it is to change.
pub(super) fn is_foreign(database: &Connection) -> rusqlite::Result<bool> {
    let version: u32 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let count = |condition: &str| -> rusqlite::Result<i64> {
        let query = format!("SELECT count(*) FROM sqlite_schema WHERE {condition}");
        database.query_row(&query, [], |row| row.get(0))
    };
    match version as usize {
        0 => Ok(count("name NOT LIKE 'sqlite%'")? > 0),
        // A newer Vestibule may have other tables.
        version if version > MIGRATIONS.len() => Ok(false),
        _ => Ok(count("type = 'table' AND name = 'recipes'")? == 0),
    }
}

/// As SQLite numbers the ways to vacuum: space is given back on demand.
const INCREMENTAL: i64 = 2;

pub(super) fn prepare(database: &Connection) -> rusqlite::Result<()> {
    database.set_prepared_statement_cache_capacity(STATEMENTS);
    // WAL: writers do not wait for readers, such as a backup. FULL: a commit returns when it is on
    // disk. A log that grew beyond 16 MiB is truncated to that. What is deleted is overwritten.
    // Setting it writes, also where it is so already.
    let auto_vacuum: i64 = database.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    if auto_vacuum != INCREMENTAL {
        database.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    database.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA journal_size_limit = 16777216;",
    )
}

/// Does this without waiting for the lock of another process.
pub(super) fn without_waiting<T>(
    database: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    database.busy_timeout(Duration::ZERO)?;
    let done = work(database);
    database.busy_timeout(BUSY_TIMEOUT)?;
    done
}

/// Sets the size of SQLite's page cache, rounded down to whole KiB.
pub(crate) fn keep_pages(database: &Connection, bytes: usize) -> rusqlite::Result<()> {
    // A negative size is in KiB, a positive one in pages.
    let kib = i64::try_from(bytes >> 10).unwrap_or(i64::MAX);
    database.pragma_update(None, "cache_size", -kib)
}

/// Runs the missing migrations in one transaction. Returns the schema's version. When a newer
/// program wrote the database, that is higher than the number of migrations, and nothing was
/// changed.
pub(super) fn migrate(database: &mut Connection, steps: &[&str]) -> rusqlite::Result<usize> {
    // An immediate transaction: of two processes that start at once, the second waits for the
    // first.
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let version = version as usize;
    let Some(missing) = steps.get(version..) else { return Ok(version) };
    if missing.is_empty() {
        // Nothing is written, so that most starts wait for no disk.
        return Ok(version);
    }
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", steps.len() as u32)?;
    transaction.commit()?;
    Ok(steps.len())
}

/// Converts a time to the database's milliseconds since 1970.
pub(crate) fn millis(time: UnixTime) -> i64 {
    // Times end with the year 9999, which fits an i64.
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Converts for SQLite, whose integers are signed.
pub(super) fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::ScratchDir;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn database_is_readable_by_its_owner_only() {
        let scratch = ScratchDir::new();
        let directory = scratch.path().join("a/b");
        let database = open(&directory).unwrap();
        database.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
        assert_eq!(mode(&directory), 0o700);
        for name in ["recipes.db", "recipes.db-wal", "recipes.db-shm"] {
            assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn commit_waits_for_the_disk() {
        let scratch = ScratchDir::new();
        let database = open(scratch.path()).unwrap();
        let pragma = |name: &str| -> String {
            database
                .query_row(&format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"), [], |row| {
                    row.get(0)
                })
                .unwrap()
        };
        assert_eq!(pragma("journal_mode"), "wal");
        assert_eq!(pragma("synchronous"), "2");
        assert_eq!(pragma("foreign_keys"), "1");
        assert_eq!(pragma("auto_vacuum"), "2", "incremental");
    }

    #[test]
    fn migrations_run_once_and_in_order() {
        let mut database = Connection::open_in_memory().unwrap();
        let first = ["CREATE TABLE t (a)"];
        assert_eq!(migrate(&mut database, &first), Ok(1));
        assert_eq!(migrate(&mut database, &first), Ok(1));
        let both = [first[0], "ALTER TABLE t ADD COLUMN b"];
        assert_eq!(migrate(&mut database, &both), Ok(2));
        database.execute_batch("SELECT a, b FROM t").unwrap();
    }

    /// Each write waits for the disk, and so would whoever waits for the start.
    #[test]
    fn a_start_without_a_migration_writes_nothing() {
        let scratch = ScratchDir::new();
        drop(open(scratch.path()).unwrap());
        let before = std::fs::read(path(scratch.path())).unwrap();
        let database = open(scratch.path()).unwrap();
        let log = std::fs::metadata(scratch.path().join("recipes.db-wal")).unwrap();
        assert_eq!(log.len(), 0);
        drop(database);
        assert_eq!(std::fs::read(path(scratch.path())).unwrap(), before);
    }

    #[test]
    fn database_of_another_program_is_left_alone() {
        for (number, script) in [
            "CREATE TABLE notes (text);",
            "CREATE TABLE notes (text); PRAGMA user_version = 3;",
            "CREATE VIEW recipes AS SELECT 1; PRAGMA user_version = 3;",
        ]
        .into_iter()
        .enumerate()
        {
            let scratch = ScratchDir::new();
            let directory = scratch.path().join(number.to_string());
            std::fs::create_dir(&directory).unwrap();
            Connection::open(path(&directory)).unwrap().execute_batch(script).unwrap();
            let before = std::fs::read(path(&directory)).unwrap();
            let fault = open(&directory).unwrap_err().to_string();
            assert!(fault.contains("recipes.db is a database of another program: set"), "{fault}");
            let checked = super::super::inspect::inspect(&directory).unwrap_err().to_string();
            assert_eq!(checked, fault);
            assert_eq!(std::fs::read(path(&directory)).unwrap(), before);
        }
    }

    #[test]
    fn failed_migration_changes_nothing() {
        let mut database = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE t (a)", "CREATE TABLE t (a)"];
        assert!(migrate(&mut database, &steps).is_err());
        assert_eq!(migrate(&mut database, &steps[..1]), Ok(1));
    }

    #[test]
    fn newer_database_is_refused_with_advice() {
        let scratch = ScratchDir::new();
        let database = open(scratch.path()).unwrap();
        database.pragma_update(None, "user_version", 99).unwrap();
        drop(database);
        let fault = open(scratch.path()).unwrap_err().to_string();
        assert!(fault.contains("recipes.db was written by a newer Vestibule"), "{fault}");
        assert!(fault.contains("start that version, or set `data`"), "{fault}");
    }

    #[test]
    fn file_that_is_not_a_database_is_named() {
        let scratch = ScratchDir::new();
        std::fs::write(scratch.path().join(DATABASE_FILE), [b'x'; 4_096]).unwrap();
        let fault = open(scratch.path()).unwrap_err().to_string();
        assert!(fault.starts_with("cannot open ") && fault.contains("recipes.db"), "{fault}");
    }
}
