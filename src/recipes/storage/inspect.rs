//! Whether a server could open the database, found out without changing anything.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::migrations::MIGRATIONS;
use super::schema::{LOCK_FILE, StorageError, is_foreign, open_error, path};
use super::space::refuse_lost_database;

/// The state of the database in a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseState {
    /// It is not there yet: the server creates it.
    Missing,
    /// It can be opened.
    Usable,
    /// A running server has it. Its content was not looked at.
    InUse {
        /// The id of that process, as it wrote itself.
        process: String,
    },
}

/// Checks the database in `directory`, without changing or creating a file. Blocks while it reads.
///
/// # Errors
/// The errors of [`RecipesApp::open`](crate::recipes::RecipesApp::open), except that a database in
/// use is none.
pub fn inspect(directory: &Path) -> Result<DatabaseState, StorageError> {
    if let Some(process) = user_of(directory)? {
        return Ok(DatabaseState::InUse { process });
    }
    let path = path(directory);
    let fault = |error| open_error(&path, error);
    refuse_lost_database(&path).map_err(|text| fault(text.into()))?;
    let Some(file) = open_if_there(&path).map_err(|error| fault(error.into()))? else {
        return Ok(DatabaseState::Missing);
    };
    let length = file.metadata().map_err(|error| fault(error.into()))?.len();
    // SQLite takes an empty file for a new database.
    let found = if length == 0 { 0 } else { version(&path).map_err(fault)? };
    if found > MIGRATIONS.len() {
        return Err(StorageError::NewerSchema { path, found, known: MIGRATIONS.len() });
    }
    Ok(DatabaseState::Usable)
}

/// The process that has locked `directory`. The lock is taken and released at once, shared, so two
/// checks do not meet.
fn user_of(directory: &Path) -> Result<Option<String>, StorageError> {
    let path = directory.join(LOCK_FILE);
    let fault = |error: io::Error| StorageError::Open { path: path.clone(), error: error.into() };
    let Some(file) = open_if_there(&path).map_err(fault)? else { return Ok(None) };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let mut process = String::new();
            let _ = file.take(20).read_to_string(&mut process);
            Ok(Some(process.trim().to_owned()))
        }
        Err(TryLockError::Error(error)) => Err(fault(error)),
    }
}

/// Opens the file as the server does, so that a lack of permission shows.
fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The version of the schema of a database of ours. The file is read as one that nobody changes: without
/// locks, and without the log, which opening it would create, or write back and remove.
fn version(path: &Path) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let database = Connection::open_with_flags(immutable(path), flags)?;
    let version: u32 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // Reads the tables' definitions, as the first statement of the server does.
    if is_foreign(&database)? {
        return Err(Box::new(StorageError::Foreign(path.to_owned())));
    }
    Ok(version as usize)
}

fn immutable(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(uri, "%{byte:02x}");
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::time::SystemTime;

    use super::super::schema;
    use super::*;
    use crate::testing::ScratchDir;

    /// The files in a directory: what they hold, and when they were changed.
    fn files(directory: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
        let file = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.unwrap();
            let modified = entry.metadata().unwrap().modified().unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, (fs::read(entry.path()).unwrap(), modified))
        };
        fs::read_dir(directory).unwrap().map(file).collect()
    }

    #[test]
    fn inspection_changes_no_file() {
        let scratch = ScratchDir::new();
        let directory = scratch.path().join("50% of it? #1");
        assert_eq!(inspect(&directory).unwrap(), DatabaseState::Missing);
        assert!(!directory.exists());
        drop(schema::open(&directory).unwrap());
        let before = files(&directory);
        assert_eq!(inspect(&directory).unwrap(), DatabaseState::Usable);
        assert!(files(&directory) == before, "{:?}", files(&directory).keys());
    }

    #[test]
    fn a_log_that_a_crash_left_stays_as_it_is() {
        let scratch = ScratchDir::new();
        let crashed = scratch.path().join("crashed");
        fs::create_dir(&crashed).unwrap();
        let database = schema::open(scratch.path()).unwrap();
        database.execute_batch("CREATE TABLE t (a)").unwrap();
        for name in ["recipes.db", "recipes.db-wal"] {
            fs::copy(scratch.path().join(name), crashed.join(name)).unwrap();
        }
        let before = files(&crashed);
        assert!(!before["recipes.db-wal"].0.is_empty());
        assert_eq!(inspect(&crashed).unwrap(), DatabaseState::Usable);
        assert!(files(&crashed) == before, "{:?}", files(&crashed).keys());
    }

    #[test]
    fn running_server_is_named_and_not_disturbed() {
        let scratch = ScratchDir::new();
        let lock = schema::lock(scratch.path()).unwrap();
        let process = std::process::id().to_string();
        assert_eq!(inspect(scratch.path()).unwrap(), DatabaseState::InUse { process });
        drop(lock);
        assert_eq!(inspect(scratch.path()).unwrap(), DatabaseState::Missing);
        // What the inspection locked is free again.
        schema::lock(scratch.path()).unwrap();
    }

    #[test]
    fn what_a_server_refuses_is_refused() {
        let scratch = ScratchDir::new();
        let database = schema::open(scratch.path()).unwrap();
        database.pragma_update(None, "user_version", 99).unwrap();
        drop(database);
        let fault = inspect(scratch.path()).unwrap_err().to_string();
        assert_eq!(fault, schema::open(scratch.path()).unwrap_err().to_string());
        fs::write(path(scratch.path()), [b'x'; 4_096]).unwrap();
        let fault = inspect(scratch.path()).unwrap_err().to_string();
        assert!(fault.contains("recipes.db: file is not a database"), "{fault}");
    }
}
