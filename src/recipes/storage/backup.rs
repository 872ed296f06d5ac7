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
use rustix::fs::OFlags;

use super::health::text_of;
use super::migrations::MIGRATIONS;
use super::place::{part_of, with_suffix};
use super::schema::{self, BUSY_TIMEOUT, DATABASE_FILE, LOCK_FILE};
use super::verify::first_fault;

/// Why a copy was not made or put back. The database is the same as before, but for
/// [`NotPutBack`](Self::NotPutBack).
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
    /// A copy could not be put in place of a database, which then could not be renamed back.
    #[error(
        "{error}; the database that was there, or a part of it, is now at {}, and could not be renamed back: \
         {undo}",
        .kept.display()
    )]
    NotPutBack {
        /// Why the copy was not put in place.
        error: Box<BackupError>,
        /// Where the database is, or a part of it.
        kept: PathBuf,
        /// Why it was not renamed back.
        undo: io::Error,
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
    refuse_existing(to)?;
    // A name of its own: another backup to the same name may be under way.
    let number = getrandom::u64().map_err(|error| file_error(to, io::Error::other(error)))?;
    let part = with_suffix(&part_of(to), &format!("-{number:016x}"));
    let place = to.parent().filter(|it| !it.as_os_str().is_empty());
    if let Some(missing) = place.filter(|it| !it.is_dir()) {
        let text = "there is no such directory: create it";
        return Err(file_error(missing, io::Error::new(io::ErrorKind::NotFound, text)));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    create(&part, OpenOptions::new().create_new(true))?;
    let copied = copy(&schema::path(directory), flags, &part, to)
        // Another backup may have taken the name since.
        .and_then(|()| refuse_existing(to))
        .and_then(|()| publish(&part, to));
    if copied.is_err() {
        // What is left of a copy that failed is nobody's.
        let _ = fs::remove_file(&part);
    }
    copied
}

fn refuse_existing(to: &Path) -> Result<(), BackupError> {
    if to.exists() {
        let text = "there is a file already, and a backup replaces none: name another";
        return Err(file_error(to, io::Error::new(io::ErrorKind::AlreadyExists, text)));
    }
    Ok(())
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
/// After a restore that was interrupted, goes on with what that has kept. Blocks.
///
/// # Errors
/// [`BackupError`]: a server has the directory, the copy is not sound, or a file could not be written or
/// renamed. The database is the same as before then, but for [`BackupError::NotPutBack`].
pub fn restore(directory: &Path, from: &Path) -> Result<Restored, BackupError> {
    let _lock = schema::lock(directory)?;
    verify(from)?;
    let path = schema::path(directory);
    let part = part_of(&path);
    let (was_there, was_begun) = (path.exists(), part.exists());
    let kept = kept_name(directory, &path, was_begun && !was_there)?;
    // What a killed restore has left is written over. In a directory where others may write, it could lead to
    // another file.
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    create(&part, OpenOptions::new().create(true).truncate(true).custom_flags(no_link))?;
    let written = write_part(directory, from, (&path, &part));
    let restored = written.and_then(|()| replace(directory, (&path, &part), kept));
    // Where the database is out of its place, the file stays, as it keeps a server from beginning with an
    // empty one.
    let is_in_place = path.exists() || !(was_there || was_begun);
    if restored.is_err() && is_in_place {
        let _ = fs::remove_file(&part);
    }
    restored
}

/// Has the copy `from` on disk as `part`, which belongs to the server's user.
fn write_part(
    directory: &Path,
    from: &Path,
    (path, part): (&Path, &Path),
) -> Result<(), BackupError> {
    give_to_owner(directory, path, &[part, &directory.join(LOCK_FILE)])?;
    // Not the bytes of the file: the latest changes may be in a log beside it, and a server may use it.
    copy(from, OpenFlags::SQLITE_OPEN_READ_ONLY, part, path)
}

/// Renames the database and its log to `kept`, and has `part` in its place. If that fails, all of it is undone.
fn replace(
    directory: &Path,
    (path, part): (&Path, &Path),
    kept: PathBuf,
) -> Result<Restored, BackupError> {
    let mut moves = Vec::new();
    // Clients that went on from there would keep recipes that the copy does not have.
    let history = directory.join(HISTORY_FILE);
    let history_moved = set_aside(&history, &with_suffix(&history, ".replaced"), &mut moves);
    let kept_files = history_moved.and_then(|()| keep(path, &kept, &mut moves));
    let replaced = kept_files.and_then(|()| {
        let bytes = publish(part, path)?;
        moves.push((part.to_owned(), path.to_owned()));
        Ok(bytes)
    });
    match replaced {
        Ok(bytes) => {
            // It is out of its place, and that is on disk with the database.
            let _ = fs::remove_file(with_suffix(&history, ".replaced"));
            Ok(Restored { bytes, kept: kept.exists().then_some(kept) })
        }
        Err(error) => Err(put_back(error, path, &kept, &moves)),
    }
}

/// Renames the database and its log to `kept`, and notes in `moves` what was renamed, from where to where.
fn keep(path: &Path, kept: &Path, moves: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), BackupError> {
    for suffix in DATABASE_FILES {
        set_aside(&with_suffix(path, suffix), &with_suffix(kept, suffix), moves)?;
    }
    Ok(())
}

/// Renames `old` to `new`, if it is there, and notes that in `moves`.
fn set_aside(
    old: &Path,
    new: &Path,
    moves: &mut Vec<(PathBuf, PathBuf)>,
) -> Result<(), BackupError> {
    match fs::rename(old, new) {
        Ok(()) => moves.push((old.to_owned(), new.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(file_error(old, error)),
    }
    Ok(())
}

/// Undoes `moves` after `error`, the last one first. Returns the error, or one that says where the database
/// is if it could not be renamed back.
fn put_back(
    error: BackupError,
    path: &Path,
    kept: &Path,
    moves: &[(PathBuf, PathBuf)],
) -> BackupError {
    let undone = moves.iter().rev().try_for_each(|(old, new)| fs::rename(new, old));
    match undone {
        Ok(()) => {
            // The names are right. If the disk does not take them now, it is `error` that says so.
            let _ = sync_directory(path);
            error
        }
        Err(undo) => BackupError::NotPutBack { error: error.into(), kept: kept.to_owned(), undo },
    }
}

/// The name under which the database and its log are kept: the one after the last that is taken, or the last
/// one after a restore that was interrupted (`was_cut`), which may have left the database's log behind.
fn kept_name(directory: &Path, path: &Path, was_cut: bool) -> Result<PathBuf, BackupError> {
    let mut last = 0;
    for entry in fs::read_dir(directory).map_err(|error| file_error(directory, error))? {
        let name = entry.map_err(|error| file_error(directory, error))?.file_name();
        last = last.max(number_of(&name.to_string_lossy()).unwrap_or(0));
    }
    let name = |number: u64| match number {
        1 => with_suffix(path, ".replaced"),
        _ => with_suffix(path, &format!(".replaced-{number}")),
    };
    let is_in_both = |suffix: &&str| {
        with_suffix(path, suffix).exists() && with_suffix(&name(last), suffix).exists()
    };
    let goes_on = was_cut && name(last).exists() && !DATABASE_FILES.iter().any(is_in_both);
    Ok(name(if goes_on { last } else { last.saturating_add(1) }))
}

/// The number in the name of a kept database, or of its log.
fn number_of(name: &str) -> Option<u64> {
    let rest = name.strip_prefix(DATABASE_FILE)?.strip_prefix(".replaced")?;
    let number = DATABASE_FILES.iter().rev().find_map(|suffix| rest.strip_suffix(suffix))?;
    match number {
        "" => Some(1),
        _ => number.strip_prefix('-')?.parse::<u32>().ok().map(u64::from),
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

/// Copies `from`, with its log, to the empty file `part`, which errors call by the name `to` that it is to
/// have. Verifies the copy.
fn copy(from: &Path, flags: OpenFlags, part: &Path, to: &Path) -> Result<(), BackupError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(from, flags).and_then(|database| {
        database.busy_timeout(BUSY_TIMEOUT)?;
        // Opens the log, so that what fails afterwards in writing is the copy.
        database.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(database)
    });
    let database = database.map_err(|error| database_error(from, &error))?;
    let Some(part_name) = part.to_str() else {
        // SQLite would write to another file, which everybody might read.
        return Err(file_error(to, io::Error::other("the name must be UTF-8")));
    };
    let copied = database.execute("VACUUM INTO ?1", [part_name]);
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
    let fault = |error: String| BackupError::Database { path: path.to_owned(), error };
    let (found, version, tables) = found.map_err(|error| match error.sqlite_error_code() {
        // A database with a log has its index in a third file, which SQLite makes.
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) if path.is_file() && File::open(path).is_ok() => fault(
            "SQLite cannot write beside it: copy it, with its -wal if there is one, to a directory that you \
             may write to"
                .to_owned(),
        ),
        _ => database_error(path, &error),
    })?;
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

/// Has `part` on disk under the name `to`, and says how long it is. If that fails, it has its first name.
fn publish(part: &Path, to: &Path) -> Result<u64, BackupError> {
    let on_disk = || {
        let file = File::open(part)?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        fs::rename(part, to)?;
        if let Err(error) = sync_directory(to) {
            fs::rename(to, part)?;
            return Err(error);
        }
        Ok(bytes)
    };
    on_disk().map_err(|error| file_error(to, error))
}

/// Has the name of `file` on disk.
fn sync_directory(file: &Path) -> io::Result<()> {
    let directory = file.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// Makes an empty file, for its owner alone from the start, which SQLite fills.
fn create(path: &Path, options: &mut OpenOptions) -> Result<(), BackupError> {
    let created = options.write(true).mode(0o600).open(path);
    created.map(drop).map_err(|error| file_error(path, error))
}

fn file_error(path: &Path, error: io::Error) -> BackupError {
    BackupError::File { path: path.to_owned(), error }
}

fn database_error(path: &Path, error: &rusqlite::Error) -> BackupError {
    let cannot_open = error.sqlite_error_code() == Some(ErrorCode::CannotOpen);
    if cannot_open && let Ok(false) = path.try_exists() {
        return file_error(path, io::Error::new(io::ErrorKind::NotFound, "there is no such file"));
    }
    let text = text_of(error);
    // SQLite repeats the path where it cannot open it.
    let error = text.strip_suffix(&format!(": {}", path.display())).unwrap_or(&text).to_owned();
    BackupError::Database { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests;
