//! A copy of the database while a server has it, and the way back.
//!
//! The copy is made by SQLite's `VACUUM INTO`: one consistent state, in one read transaction, which
//! holds up no writer and which no writer holds up. A copy counts only when it was found to be sound and
//! is on disk under its name.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::health::text_of;
use super::migrations::MIGRATIONS;
use super::schema::{self, BUSY_TIMEOUT, LOCK_FILE};
use super::verify::first_fault;

/// Why a copy was not made or put back. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A file could not be read or written.
    #[error("{}: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system reported.
        #[source]
        error: io::Error,
    },
    /// SQLite could not read or write a database, or it is damaged.
    #[error("{}: {error}", .path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite reported.
        error: String,
    },
    /// The data directory is in use, or cannot be used.
    #[error(transparent)]
    Storage(#[from] schema::StorageError),
}

/// Copies the database in `directory` to the file `to`, which must not be there, and verifies the copy.
/// Returns its bytes. A server may run meanwhile. Blocks.
///
/// # Errors
/// [`BackupError`] names the file. There is no copy then.
pub fn backup(directory: &Path, to: &Path) -> Result<u64, BackupError> {
    if to.exists() {
        let text = "there is a file already, and a backup replaces none: name another";
        return Err(file_error(to, io::Error::new(io::ErrorKind::AlreadyExists, text)));
    }
    let part = with_suffix(to, ".part");
    let place = to.parent().filter(|it| !it.as_os_str().is_empty());
    if let Some(missing) = place.filter(|it| !it.is_dir()) {
        let text = "there is no such directory: create it";
        return Err(file_error(missing, io::Error::new(io::ErrorKind::NotFound, text)));
    }
    let copied = copy(&schema::path(directory), &part, to).and_then(|()| publish(&part, to));
    if copied.is_err() {
        // What is left of a copy that failed is nobody's.
        let _ = fs::remove_file(&part);
    }
    copied
}

/// Where a server keeps its rooms' last messages over a restart, in the same directory.
const HISTORY_FILE: &str = "history";

/// A database and its log: what is appended to the name of the database.
const DATABASE_FILES: [&str; 3] = ["", "-wal", "-shm"];

/// What [`restore`] has done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The length of the copy.
    pub bytes: u64,
    /// Where the database is that was there before, with its log beside it. `None`: there was none.
    pub kept: Option<PathBuf>,
}

/// Puts the copy `from` into `directory`, in place of the database there, which is kept with its log as
/// `recipes.db.replaced`, or as `recipes.db.replaced-2` and so on: what earlier restores have kept stays.
/// Blocks.
///
/// # Errors
/// [`BackupError`]: a server has the directory, or the copy is not sound. Nothing was replaced then.
pub fn restore(directory: &Path, from: &Path) -> Result<Restored, BackupError> {
    let _lock = schema::lock(directory)?;
    verify(from)?;
    let path = schema::path(directory);
    let part = with_suffix(&path, ".part");
    let mut written = create(&part)?;
    give_to_owner(directory, &path, &[&part, &directory.join(LOCK_FILE)])?;
    // Not `fs::copy`, which would give it the mode of the copy.
    let copied = File::open(from).and_then(|mut copy| io::copy(&mut copy, &mut written));
    let copied = copied.map_err(|error| file_error(&part, error));
    let restored = copied.and_then(|_| {
        // Clients that went on from there would keep recipes that the copy does not have.
        let history = directory.join(HISTORY_FILE);
        match fs::remove_file(&history) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(file_error(&history, error));
            }
            _ => {}
        }
        let kept = keep(&path)?;
        Ok(Restored { bytes: publish(&part, &path)?, kept })
    });
    if restored.is_err() {
        let _ = fs::remove_file(&part);
    }
    restored
}

/// Renames the database and its log, and returns the new name of the database. `None`: there was none.
fn keep(path: &Path) -> Result<Option<PathBuf>, BackupError> {
    let kept = free_name(path)?;
    let mut was_there = false;
    for suffix in DATABASE_FILES {
        let old = with_suffix(path, suffix);
        match fs::rename(&old, with_suffix(&kept, suffix)) {
            Ok(()) => was_there = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(file_error(&old, error)),
        }
    }
    Ok(was_there.then_some(kept))
}

/// The first of `.replaced`, `.replaced-2` and so on under which there is neither a database nor a log.
fn free_name(path: &Path) -> Result<PathBuf, BackupError> {
    let mut number = 1_u64;
    loop {
        let name = match number {
            1 => with_suffix(path, ".replaced"),
            _ => with_suffix(path, &format!(".replaced-{number}")),
        };
        let mut is_free = true;
        for suffix in DATABASE_FILES {
            let file = with_suffix(&name, suffix);
            // A symbolic link that leads nowhere is there, too.
            match file.symlink_metadata() {
                Ok(_) => is_free = false,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(file_error(&file, error)),
            }
        }
        if is_free {
            return Ok(name);
        }
        number = number.saturating_add(1);
    }
}

/// What root creates for a server that does not run as root must be that server's: gives `files` to the
/// owner of the database that was there, or of the directory.
fn give_to_owner(directory: &Path, database: &Path, files: &[&Path]) -> Result<(), BackupError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = database.metadata().or_else(|_| directory.metadata());
    let owner = owner.map_err(|error| file_error(directory, error))?;
    for file in files {
        let given = std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid()));
        given.map_err(|error| file_error(file, error))?;
    }
    Ok(())
}

/// Copies `from` to `part`, which errors call by the name `to` that it is to have.
fn copy(from: &Path, part: &Path, to: &Path) -> Result<(), BackupError> {
    // SQLite fills an empty file, which is for its owner alone from the start.
    create(part)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(from, flags).and_then(|database| {
        database.busy_timeout(BUSY_TIMEOUT)?;
        // Opens the log, so that what fails afterwards in writing is the copy.
        database.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(database)
    });
    let database = database.map_err(|error| database_error(from, &error))?;
    let copied = database.execute("VACUUM INTO ?1", [part.to_string_lossy()]);
    copied
        .map_err(|error| database_error(if is_of_a_write(&error) { to } else { from }, &error))?;
    verify(part)
}

/// Could SQLite not write? `VACUUM INTO` only writes the copy.
fn is_of_a_write(error: &rusqlite::Error) -> bool {
    let Some(cause) = error.sqlite_error() else { return false };
    matches!(cause.code, ErrorCode::DiskFull | ErrorCode::ReadOnly)
        || matches!(
            cause.extended_code,
            ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_TRUNCATE
        )
}

/// Whether the file is a sound database that this program knows.
fn verify(path: &Path) -> Result<(), BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let found = Connection::open_with_flags(path, flags).and_then(|database| {
        let found =
            database.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0))?;
        let version: u32 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables: i64 = database.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'recipes'",
            [],
            |row| row.get(0),
        )?;
        Ok((found, version as usize, tables))
    });
    let (found, version, tables) = found.map_err(|error| database_error(path, &error))?;
    let fault = |error: String| BackupError::Database { path: path.to_owned(), error };
    if found != "ok" {
        Err(fault(format!("it is damaged: {}", first_fault(&found))))
    } else if tables == 0 {
        Err(fault("it is not a database of the recipe chat".to_owned()))
    } else if version > MIGRATIONS.len() {
        Err(fault("it was written by a newer Vestibule".to_owned()))
    } else {
        Ok(())
    }
}

/// Has `part` on disk under the name `to`, and says how long it is.
fn publish(part: &Path, to: &Path) -> Result<u64, BackupError> {
    let on_disk = || {
        let file = File::open(part)?;
        file.sync_all()?;
        fs::rename(part, to)?;
        let directory = to.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(file.metadata()?.len())
    };
    on_disk().map_err(|error| file_error(to, error))
}

fn create(path: &Path) -> Result<File, BackupError> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    opened.map_err(|error| file_error(path, error))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn file_error(path: &Path, error: io::Error) -> BackupError {
    BackupError::File { path: path.to_owned(), error }
}

fn database_error(path: &Path, error: &rusqlite::Error) -> BackupError {
    let text = text_of(error);
    // SQLite repeats the path where it cannot open it.
    let error = text.strip_suffix(&format!(": {}", path.display())).unwrap_or(&text).to_owned();
    BackupError::Database { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::recipes::tests::ScratchDir;

    fn users(directory: &Path) -> Vec<String> {
        let database = schema::open(directory).unwrap();
        let mut all = database.prepare("SELECT user FROM t ORDER BY 1").unwrap();
        let rows = all.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn copy_of_an_open_database_is_put_back() {
        let scratch = ScratchDir::new();
        let (data, copy) = (scratch.path().join("data"), scratch.path().join("copy.db"));
        let lock = schema::lock(&data).unwrap();
        let database = schema::open(&data).unwrap();
        database.execute_batch("CREATE TABLE t (user); INSERT INTO t VALUES ('alice')").unwrap();
        // A writer in the middle of its transaction holds nothing up, and is not in the copy.
        database.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES ('bob')").unwrap();
        let bytes = backup(&data, &copy).unwrap();
        assert_eq!(fs::metadata(&copy).unwrap().len(), bytes);
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(backup(&data, &copy), Err(BackupError::File { .. })), "it is there");
        database.execute_batch("COMMIT").unwrap();
        assert!(matches!(restore(&data, &copy), Err(BackupError::Storage(_))), "it is in use");
        drop((database, lock));
        let restored = restore(&data, &copy).unwrap();
        assert_eq!((restored.bytes, users(&data)), (bytes, vec!["alice".to_owned()]));
        assert_eq!(restored.kept, Some(data.join("recipes.db.replaced")));
    }

    #[test]
    fn every_replaced_database_is_kept_with_its_log() {
        let scratch = ScratchDir::new();
        let (data, copy) = (scratch.path().join("data"), scratch.path().join("copy.db"));
        drop(schema::open(&data).unwrap());
        backup(&data, &copy).unwrap();
        let replace = |database: &str, log: Option<&str>| {
            fs::write(data.join("recipes.db"), database).unwrap();
            if let Some(log) = log {
                fs::write(data.join("recipes.db-wal"), log).unwrap();
            }
            restore(&data, &copy).unwrap().kept.unwrap()
        };
        let kept = [
            replace("first", Some("its log")),
            replace("second", None),
            replace("third", Some("l")),
        ];
        let names = ["replaced", "replaced-2", "replaced-3"];
        assert_eq!(kept, names.map(|name| data.join(format!("recipes.db.{name}"))));
        assert_eq!(
            kept.map(|file| fs::read_to_string(file).unwrap()),
            ["first", "second", "third"]
        );
        let log =
            |number: &str| fs::read(data.join(format!("recipes.db.replaced{number}-wal"))).ok();
        assert_eq!([log(""), log("-2")], [Some(b"its log".to_vec()), None]);
        // A log alone also takes a name.
        fs::remove_file(data.join("recipes.db.replaced-2")).unwrap();
        fs::write(data.join("recipes.db.replaced-2-wal"), "another").unwrap();
        assert_eq!(replace("fourth", None), data.join("recipes.db.replaced-4"));
        for entry in fs::read_dir(&data).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains("recipes.db") {
                fs::remove_file(path).unwrap();
            }
        }
        assert_eq!(restore(&data, &copy).unwrap().kept, None, "there was none");
    }

    /// Root puts a copy back for a service with a user of its own, which has to read it then.
    #[test]
    fn restored_database_belongs_to_the_server() {
        let scratch = ScratchDir::new();
        let (data, copy) = (scratch.path().join("data"), scratch.path().join("copy.db"));
        drop(schema::open(&data).unwrap());
        backup(&data, &copy).unwrap();
        // Who is not root has one user only.
        let is_root = rustix::process::geteuid().is_root();
        let uid = if is_root { 65_534 } else { data.metadata().unwrap().uid() };
        let give = |path: &Path| std::os::unix::fs::chown(path, Some(uid), None).unwrap();
        let owners = || ["recipes.db", LOCK_FILE].map(|it| data.join(it).metadata().unwrap().uid());
        give(&schema::path(&data));
        restore(&data, &copy).unwrap();
        assert_eq!(owners(), [uid; 2]);
        // The directory says so where there was no database.
        fs::remove_dir_all(&data).unwrap();
        fs::create_dir(&data).unwrap();
        give(&data);
        restore(&data, &copy).unwrap();
        assert_eq!(owners(), [uid; 2]);
    }

    #[test]
    fn unsound_copy_replaces_nothing() {
        let scratch = ScratchDir::new();
        let (data, copy) = (scratch.path().join("data"), scratch.path().join("copy.db"));
        drop(schema::open(&data).unwrap());
        fs::write(&copy, [b'x'; 8_192]).unwrap();
        let fault = restore(&data, &copy).unwrap_err().to_string();
        assert!(fault.contains("copy.db: file is not a database"), "{fault}");
        drop(Connection::open(scratch.path().join("empty.db")).unwrap());
        fs::write(scratch.path().join("empty.db"), b"").unwrap();
        let fault = restore(&data, &scratch.path().join("empty.db")).unwrap_err().to_string();
        assert!(fault.contains("not a database of the recipe chat"), "{fault}");
        assert!(!data.join("recipes.db.replaced").exists() && data.join("recipes.db").exists());
        let nothing = backup(&scratch.path().join("nothing"), &copy.with_extension("2"));
        let fault = nothing.unwrap_err().to_string();
        assert!(fault.ends_with("nothing/recipes.db: unable to open database file"), "{fault}");
        let fault = backup(&data, &scratch.path().join("none/copy.db")).unwrap_err().to_string();
        assert!(fault.ends_with("none: there is no such directory: create it"), "{fault}");
        assert!(!copy.with_extension("2").exists());
    }
}
