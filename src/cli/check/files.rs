//! Whether the files and directories that a server writes can be written, found out without leaving
//! anything behind.

use std::fs::{self, DirBuilder, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Checks that files can be created in `directory`, or the directory itself if it is missing.
/// Returns whether it is there.
pub(super) fn inspect_directory(directory: &Path) -> io::Result<bool> {
    let is_there = |path: &&Path| path.symlink_metadata().is_ok();
    let nearest = directory.ancestors().map(or_current).find(is_there);
    let nearest = nearest.ok_or(ErrorKind::NotFound)?;
    if nearest != directory {
        create_directory(nearest)?;
        return Ok(false);
    }
    create_file(nearest)?;
    Ok(true)
}

/// Checks that lines can be appended to the file at `path`, or that it can be created if it is
/// missing.
pub(super) fn inspect_appended(path: &Path) -> io::Result<()> {
    // A pipe that nobody reads must not stop the check.
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create_file(path.parent().map_or(Path::new("."), or_current))
        }
        Err(error) => Err(error),
    }
}

/// The empty path stands for the current directory.
fn or_current(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// Creates a file in `directory`, writes to it, and removes it.
fn create_file(directory: &Path) -> io::Result<()> {
    let path = unused_name(directory);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    // The disk may be full.
    let written = file.write_all(b"vestibule check\n");
    fs::remove_file(&path)?;
    written
}

/// Creates a directory in `directory`, and removes it.
fn create_directory(directory: &Path) -> io::Result<()> {
    let path = unused_name(directory);
    DirBuilder::new().mode(0o700).create(&path)?;
    fs::remove_dir(&path)
}

fn unused_name(directory: &Path) -> PathBuf {
    let random = RandomState::new().hash_one(std::process::id());
    directory.join(format!(".vestibule-check-{random:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_behind() {
        let name = format!("vestibule-inspected-{}", std::process::id());
        let scratch = std::env::temp_dir().join(name);
        fs::create_dir(&scratch).unwrap();
        assert!(inspect_directory(&scratch).unwrap());
        assert!(!inspect_directory(&scratch.join("a/b")).unwrap());
        inspect_appended(&scratch.join("log")).unwrap();
        assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
        fs::write(scratch.join("log"), "a line\n").unwrap();
        inspect_appended(&scratch.join("log")).unwrap();
        assert_eq!(fs::read_to_string(scratch.join("log")).unwrap(), "a line\n");
        assert_eq!(fs::read_dir(&scratch).unwrap().count(), 1);
        let fault = |result: io::Result<()>| result.unwrap_err().kind();
        assert_eq!(fault(inspect_appended(&scratch.join("none/log"))), ErrorKind::NotFound);
        assert_eq!(fault(inspect_appended(&scratch)), ErrorKind::IsADirectory);
        let in_a_file = inspect_directory(&scratch.join("log/data")).map(drop);
        assert_eq!(fault(in_a_file), ErrorKind::NotADirectory);
        fs::remove_dir_all(scratch).unwrap();
    }
}
