//! The data directory: made for its owner only, and locked while one of its files is changed, as two
//! processes may use it while one takes over from the other.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Locks the directory of the file at `path` until the result is dropped.
pub(super) fn lock(path: &Path) -> io::Result<File> {
    let directory = File::open(directory_of(path))?;
    directory.lock()?;
    Ok(directory)
}

/// The directory of the file at `path`.
pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Creates `directory` for its owner only, if it is missing. Then returns its parent, which has
/// changed.
pub(super) fn make(directory: &Path) -> io::Result<Option<&Path>> {
    if directory.is_dir() {
        return Ok(None);
    }
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    Ok(Some(directory_of(directory)))
}
