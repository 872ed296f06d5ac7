//! A file that is looked at from time to time.
//!
//! Polling, not inotify: it works on every file system, through the symbolic links that Kubernetes
//! swaps, and costs one `stat` in two seconds.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::auth::MAX_JWKS_BYTES;
use crate::net::error::KeySourceError;
use crate::time::Instant;

/// How long a change may go unseen.
const INTERVAL: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 2_000 });

/// A file, and how it looked when it was read.
#[derive(Debug)]
pub(super) struct WatchedFile {
    path: PathBuf,
    stamp: Option<Stamp>,
    next: Instant,
}

/// What changes when a file does: device and inode, size, and both times with their nanoseconds.
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
            // Being away is a change too, once it is back.
            Err(error) => {
                self.stamp = None;
                return Some(Err(KeySourceError::File(error)));
            }
        };
        // Taken before the text: a change between the two is seen at the next look.
        (std::mem::replace(&mut self.stamp, stamp) != stamp).then(|| read(&self.path))
    }

    /// It is looked at now.
    pub(super) fn looked(&mut self, now: Instant) {
        self.next = now + INTERVAL;
    }

    /// When to look again.
    pub(super) fn next(&self) -> Instant {
        self.next
    }
}

/// The text of a file of keys, which is never large.
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
