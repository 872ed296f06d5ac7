//! Watches a file by polling.
//!
//! Polling works on every file system and through the symbolic links that Kubernetes swaps, unlike
//! inotify. It costs one `stat` every two seconds.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::auth::MAX_JWKS_BYTES;
use crate::net::error::KeySourceError;
use crate::time::Instant;

/// How long a change may go unnoticed.
const INTERVAL: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 2_000 });

/// A watched file, and its metadata when it was last read.
#[derive(Debug)]
pub(super) struct WatchedFile {
    path: PathBuf,
    stamp: Option<Stamp>,
    next: Instant,
}

/// Metadata that differs when a file has changed: device and inode, size, and both times in
/// nanoseconds.
type Stamp = (u64, u64, u64, (i64, i64), (i64, i64));

impl WatchedFile {
    pub(super) fn new(path: &str) -> Self {
        Self { path: PathBuf::from(path), stamp: None, next: Instant::START + INTERVAL }
    }

    /// The text of the file, if it may have changed since the last look.
    pub(super) fn look(&mut self) -> Option<Result<String, KeySourceError>> {
        let stamp = match fs::metadata(&self.path) {
            Ok(data) => Some((
                data.dev(),
                data.ino(),
                data.size(),
                (data.mtime(), data.mtime_nsec()),
                (data.ctime(), data.ctime_nsec()),
            )),
            // A file that is missing for a while counts as changed when it is back.
            Err(error) => {
                self.stamp = None;
                return Some(Err(KeySourceError::File(error)));
            }
        };
        // The metadata is taken before the text, so a change between the two is seen next time.
        if self.stamp == stamp {
            return None;
        }
        let text = read(&self.path);
        // What could not be read is tried again, changed or not.
        self.stamp = stamp.filter(|_| !matches!(text, Err(KeySourceError::File(_))));
        Some(text)
    }

    /// Notes that the file was read at `now`.
    pub(super) fn looked(&mut self, now: Instant) {
        self.next = now + INTERVAL;
    }

    /// Looks again at `at`, unless that is due before.
    pub(super) fn ask(&mut self, at: Instant) {
        self.next = self.next.min(at);
    }

    /// When to read again.
    pub(super) fn next(&self) -> Instant {
        self.next
    }
}

/// Reads a key file, up to its maximum size.
pub(super) fn read(path: &Path) -> Result<String, KeySourceError> {
    let mut text = String::new();
    let limit = MAX_JWKS_BYTES as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text));
    match read {
        Ok(_) if text.len() > MAX_JWKS_BYTES => Err(KeySourceError::TooLarge),
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(KeySourceError::NotText),
        Err(error) => Err(KeySourceError::File(error)),
    }
}
