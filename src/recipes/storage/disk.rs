//! The disk that the database is on, as the storage thread sees it, and the room that is reserved on it.

use std::fmt;
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::place::{DatabasePlace, LostFile};

/// The most that is kept for what must work on a full disk, and the least.
pub(super) const MOST_RESERVED: u64 = 16 << 20;
const LEAST_RESERVED: u64 = 1 << 20;

/// What there is of a disk. Tests have one in memory.
pub(super) trait Disk: fmt::Debug + Send {
    /// Looks for the database's files: which of them is not in its place.
    fn look(&mut self, database: &Connection) -> Option<LostFile>;

    /// What the database's log took at the last look.
    fn log_bytes(&self) -> u64;

    /// What is left of the disk.
    fn free_bytes(&self) -> u64;

    /// What is reserved for what must work on a full disk.
    fn reserved_bytes(&self) -> u64;

    /// Whether the disk was full at the start.
    fn was_full(&self) -> bool;

    /// Takes the room that is reserved, so that nobody else does.
    fn hold(&self);

    /// Lets the database have it.
    fn release(&self, database: &Connection);

    /// Why the file system takes no write, as far as it says so.
    fn refusal(&self) -> Option<io::Error>;

    /// Whether there is too little room.
    fn is_low(&self, is_full: bool) -> bool {
        is_low(self.free_bytes(), self.reserved_bytes(), is_full)
    }
}

/// Whether a disk with so much left has too little room. Where it is full, much more is asked for, so
/// that the reserve fits too.
fn is_low(free: u64, reserved: u64, is_full: bool) -> bool {
    let wanted = if is_full { reserved * 3 / 2 } else { reserved / 4 };
    free < wanted
}

/// Files on a disk that others use, too.
#[derive(Debug)]
pub(super) struct Files {
    place: DatabasePlace,
    reserve: Reserve,
}

impl Files {
    /// Those of the database at `path`.
    pub(super) fn new(path: &Path, reserve: Reserve) -> Self {
        Self { place: DatabasePlace::of(path), reserve }
    }
}

impl Disk for Files {
    fn look(&mut self, _: &Connection) -> Option<LostFile> {
        self.place.look()
    }

    fn log_bytes(&self) -> u64 {
        self.place.log_bytes
    }

    fn free_bytes(&self) -> u64 {
        free_bytes(&self.reserve.directory)
    }

    fn reserved_bytes(&self) -> u64 {
        self.reserve.bytes
    }

    fn was_full(&self) -> bool {
        self.reserve.was_full
    }

    fn hold(&self) {
        self.reserve.hold();
    }

    fn release(&self, _: &Connection) {
        self.reserve.release();
    }

    fn refusal(&self) -> Option<io::Error> {
        self.reserve.refusal()
    }
}

/// A file that takes room, to be emptied when there is no other.
#[derive(Debug)]
pub(super) struct Reserve {
    directory: PathBuf,
    file: Option<File>,
    bytes: u64,
    /// The disk was full when the file was opened.
    was_full: bool,
}

impl Reserve {
    /// Opens the file, and empties it if there is no room beside it: the database needs some to be
    /// opened.
    pub(super) fn open(directory: &Path) -> Self {
        let path = directory.join("recipes.reserve");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).ok();
        if let Some(file) = &file {
            // An earlier version created it for everybody to read. It holds nothing.
            let _ = file.set_permissions(Permissions::from_mode(0o600));
        }
        let held = file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |it| it.len());
        let part =
            (free_bytes(directory).saturating_add(held) / 16).clamp(LEAST_RESERVED, MOST_RESERVED);
        // What was reserved on an emptier disk is not taken for free space.
        let bytes = part.max(held.min(MOST_RESERVED));
        let mut reserve = Self { directory: directory.to_owned(), file, bytes, was_full: false };
        // One that was emptied must not take the last room, which the database needs to be opened.
        reserve.was_full = is_low(free_bytes(directory), bytes, held == 0);
        if reserve.was_full {
            reserve.release()
        } else {
            reserve.hold()
        }
        reserve
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Why the file system takes no write, as far as it says so itself: SQLite has one error for
    /// whatever the disk answers. A kernel makes a file system read-only that has errors.
    fn refusal(&self) -> Option<io::Error> {
        let file = self.file.as_ref()?;
        file.metadata().and_then(|found| file.set_len(found.len())).err()
    }

    fn hold(&self) {
        #[cfg(target_os = "linux")]
        if let Some(file) = &self.file {
            let flags = rustix::fs::FallocateFlags::empty();
            if let Err(error) = rustix::fs::fallocate(file, flags, 0, self.bytes) {
                log::warn!("no room is reserved for a full disk: {error}");
            }
        }
    }

    fn release(&self) {
        if let Some(Err(error)) = self.file.as_ref().map(|file| file.set_len(0)) {
            log::warn!("the room that was reserved for a full disk cannot be used: {error}");
        }
    }
}

/// What the file system has left for us; where it does not say, enough.
pub(super) fn free_bytes(directory: &Path) -> u64 {
    let space = rustix::fs::statvfs(directory);
    space.map_or(u64::MAX, |space| space.f_bavail.saturating_mul(space.f_frsize))
}
