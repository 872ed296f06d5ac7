//! Whether the open database and its log still are where they were opened: what is written to a file
//! that was moved, deleted or replaced is found by nobody.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Which file is not in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LostFile {
    Database,
    /// The write-ahead log, which SQLite makes with the first write, and keeps while the database is
    /// open.
    Log,
    /// That cannot be found out: a directory in its path may not be entered any more.
    Hidden,
}

impl LostFile {
    pub(super) const ALL: [Self; 3] = [Self::Database, Self::Log, Self::Hidden];

    /// What has happened, and what to do.
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Database => {
                "The database's file was moved, deleted or replaced: put it back before a restart"
            }
            Self::Log => {
                "The database's log, recipes.db-wal, was moved or deleted: put it back, or restart \
                 the server, which first stores in the database what the log had"
            }
            Self::Hidden => {
                "The server's user may not enter the directory of the database any more: give it the \
                 right to, for `data` and the directories above"
            }
        }
    }
}

/// The database's files, and which ones they were when they were opened.
#[derive(Debug)]
pub(super) struct DatabasePlace {
    database: PathBuf,
    /// Device and inode of the open database.
    identity: (u64, u64),
    log: PathBuf,
    /// The same of its log, once that is there.
    log_identity: Option<(u64, u64)>,
    pub(super) log_bytes: u64,
}

impl DatabasePlace {
    pub(super) fn of(database: &Path) -> Self {
        let identity = database.metadata().map_or((0, 0), |it| identity(&it));
        let (database, log) = (database.to_owned(), log_of(database));
        Self { database, identity, log, log_identity: None, log_bytes: 0 }
    }

    /// Looks for both files: two system calls.
    pub(super) fn look(&mut self) -> Option<LostFile> {
        let found = self.database.metadata();
        let log = self.log.metadata().ok();
        self.log_bytes = log.as_ref().map_or(0, |log| log.len());
        let log_identity = log.as_ref().map(identity);
        match found {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Some(LostFile::Hidden);
            }
            Ok(found) if identity(&found) == self.identity => {}
            _ => return Some(LostFile::Database),
        }
        self.log_identity = self.log_identity.or(log_identity);
        (self.log_identity != log_identity).then_some(LostFile::Log)
    }
}

/// The path of the write-ahead log of the database at `path`.
pub(super) fn log_of(path: &Path) -> PathBuf {
    with_suffix(path, "-wal")
}

/// Where a copy is written that is to be renamed to `path` when it is whole.
pub(super) fn part_of(path: &Path) -> PathBuf {
    with_suffix(path, ".part")
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::ScratchDir;

    #[test]
    fn each_lost_file_is_told_until_it_is_back() {
        let scratch = ScratchDir::new();
        let (database, aside) = (scratch.path().join("recipes.db"), scratch.path().join("aside"));
        let log = log_of(&database);
        fs::write(&database, "").unwrap();
        let mut place = DatabasePlace::of(&database);
        assert_eq!(place.look(), None, "the log is made later");
        fs::write(&log, "log").unwrap();
        assert_eq!((place.look(), place.log_bytes), (None, 3));
        for (path, lost) in [(&database, LostFile::Database), (&log, LostFile::Log)] {
            fs::rename(path, &aside).unwrap();
            assert_eq!(place.look(), Some(lost));
            fs::write(path, "another").unwrap();
            assert_eq!(place.look(), Some(lost));
            fs::rename(&aside, path).unwrap();
            assert_eq!(place.look(), None);
        }
    }
}
