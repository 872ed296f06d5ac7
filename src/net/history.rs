//! The file of what rooms have said, which bridges a restart.
//!
//! ```text
//! vestibule history 1 in use by 5b3f0c1d9a2e4f60      or: written by …, followed by what a node wrote
//! ```
//!
//! A process claims the file at its start, and writes it at its end if it is still its own. So what
//! is read was written by the process right before this one: had another one been between them, its
//! messages would be missing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::directory;

const HEADER: &str = "vestibule history 1 ";

/// The file, claimed by this process.
#[derive(Debug)]
pub(super) struct HistoryFile {
    path: PathBuf,
    /// Whose it is.
    owner: String,
}

impl HistoryFile {
    /// Claims the file at `path`. Returns also what the process before has written, if that ended in
    /// order and it is no longer than `most` bytes.
    pub(super) fn claim(path: PathBuf, most: u64) -> io::Result<(Self, Option<String>)> {
        let owner = format!("{:016x}", getrandom::u64().map_err(io::Error::other)?);
        directory::make(directory::directory_of(&path))?;
        let _lock = directory::lock(&path)?;
        let before = match read(&path, most) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            // It is of no use, and replaced.
            Err(error) if error.kind() == ErrorKind::InvalidData => String::new(),
            Err(error) => return Err(error),
        };
        let written = before.split_once('\n').filter(|(first, _)| {
            first.strip_prefix(HEADER).is_some_and(|state| state.starts_with("written by "))
        });
        let found = written.map(|(_, text)| text.to_owned());
        let file = Self { path, owner };
        // After a power cut the old file must be gone. Whether the claim is whole then is the same: a
        // file without it holds no messages either. So the start waits for the disk once.
        file.replace("in use by", |_| Ok(()), |_| Ok(()))?;
        Ok((file, found))
    }

    /// Writes what `write` has to say, if the file is still this process's. Returns whether it is.
    pub(super) fn write(
        &self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<bool> {
        let _lock = directory::lock(&self.path)?;
        let claim = format!("{HEADER}in use by {}\n", self.owner);
        if fs::read(&self.path)? != claim.as_bytes() {
            return Ok(false);
        }
        self.replace("written by", write, File::sync_all)?;
        Ok(true)
    }

    /// Replaces the file as a whole, once `sync` has returned, and waits until the disk has the new one
    /// in its place.
    fn replace(
        &self,
        state: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
        sync: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        let mut out = BufWriter::new(file);
        let written = writeln!(out, "{HEADER}{state} {}", self.owner)
            .and_then(|()| write(&mut out))
            .and_then(|()| out.flush())
            .and_then(|()| sync(out.get_ref()))
            .and_then(|()| fs::rename(&beside, &self.path))
            .and_then(|()| File::open(directory::directory_of(&self.path))?.sync_all());
        if written.is_err() {
            // What is incomplete is of no use.
            let _ = fs::remove_file(&beside);
        }
        written
    }
}

/// The file's text, if it has at most `most` bytes.
fn read(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(most.saturating_add(1)).read_to_string(&mut text)?;
    if read as u64 > most { Err(ErrorKind::InvalidData.into()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::ScratchDir;

    fn claim(path: &Path) -> (HistoryFile, Option<String>) {
        HistoryFile::claim(path.to_owned(), 1_000).unwrap()
    }

    #[test]
    fn next_process_reads_what_was_written_once() {
        let scratch = ScratchDir::new();
        let path = scratch.path().join("data/history");
        let (first, found) = claim(&path);
        assert_eq!(found, None);
        assert!(first.write(|to| to.write_all(b"said\n")).unwrap());
        assert_eq!(claim(&path).1.as_deref(), Some("said\n"));
        // The one that has claimed it since ended without a word.
        assert_eq!(claim(&path).1, None);
    }

    #[test]
    fn process_that_was_followed_writes_nothing() {
        let scratch = ScratchDir::new();
        let path = scratch.path().join("data/history");
        let (first, _) = claim(&path);
        let (second, _) = claim(&path);
        assert!(!first.write(|to| to.write_all(b"old\n")).unwrap());
        assert!(second.write(|to| to.write_all(b"new\n")).unwrap());
        assert_eq!(claim(&path).1.as_deref(), Some("new\n"));
    }

    #[test]
    fn what_was_cut_or_is_too_long_is_not_read() {
        let scratch = ScratchDir::new();
        let path = scratch.path().join("data/history");
        let (file, _) = claim(&path);
        assert!(file.write(|to| to.write_all(&[b'x'; 1_000])).unwrap());
        assert_eq!(claim(&path).1, None);
        let (file, _) = claim(&path);
        assert!(file.write(|_| Err(ErrorKind::StorageFull.into())).is_err());
        assert_eq!(claim(&path).1, None);
        assert!(!path.with_extension("new").exists());
        fs::write(&path, [0xff; 8]).unwrap();
        assert_eq!(claim(&path).1, None);
    }

    #[test]
    fn file_is_its_owners_alone() {
        let scratch = ScratchDir::new();
        let path = scratch.path().join("data/history");
        claim(&path);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
