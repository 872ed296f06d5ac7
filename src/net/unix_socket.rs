//! Unix sockets to listen on, and their files, which outlive a process that is killed.
//!
//! A file that is in the way is removed only if nobody listens on it. Between looking and removing
//! another server could put its own file there, so servers that start in one directory take turns, by
//! a lock on that directory: it leaves no file behind, and the kernel lets go of it with the process.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mio::net::UnixListener;
use rustix::fs::FlockOperation;
use socket2::{Domain, SockAddr, Socket, Type};

use super::directory::directory_of;
use super::error::UnixSocketError;

/// How often the lock is tried, and how long it is waited for in between: two seconds in all. A start
/// holds it for some microseconds.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The file of a listening socket. It is removed with this, if it is still the same one.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl SocketFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Listens at `path`, with this mode.
pub(super) fn bind(
    path: &Path,
    mode: u32,
    backlog: u32,
) -> Result<(UnixListener, SocketFile), UnixSocketError> {
    let _turn = lock(directory_of(path))?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let address = SockAddr::unix(path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            remove_stale(path, &address)?;
            socket.bind(&address)?;
        }
        bound => bound?,
    }
    // Nobody can connect before it listens, so nobody does with another mode.
    let listening = fs::set_permissions(path, Permissions::from_mode(mode))
        .and_then(|()| socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX)))
        .and_then(|()| identity(path));
    match listening {
        Ok(identity) => {
            let listener = UnixListener::from(std::os::fd::OwnedFd::from(socket));
            Ok((listener, SocketFile { path: path.to_owned(), identity }))
        }
        Err(error) => {
            // It is ours, and not in use yet. If it cannot be removed, the next start does.
            let _ = fs::remove_file(path);
            Err(error.into())
        }
    }
}

/// Whether `path` could be listened at, as far as that can be known without doing so.
pub(super) fn inspect(path: &Path) -> Result<(), UnixSocketError> {
    if !directory_of(path).metadata()?.is_dir() {
        return Err(io::Error::from(ErrorKind::NotADirectory).into());
    }
    match path.symlink_metadata() {
        Ok(found) if !found.file_type().is_socket() => Err(UnixSocketError::NotASocket),
        // A socket is a running server's, or an earlier one's.
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Removes what an earlier server has left at `path`.
fn remove_stale(path: &Path, address: &SockAddr) -> Result<(), UnixSocketError> {
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(UnixSocketError::NotASocket);
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A server whose backlog is full must not hold this one up.
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            log::info!("{}: removing what an earlier server has left", path.display());
            Ok(fs::remove_file(path)?)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // Connected, or its backlog is full, or it cannot be told.
        _ => Err(UnixSocketError::InUse),
    }
}

/// Waits until no other server starts or ends in `directory`.
fn lock(directory: &Path) -> io::Result<File> {
    let file = File::open(directory)?;
    for _ in 0..LOCK_TRIES {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => pause(),
            locked => return locked.map(|()| file).map_err(io::Error::from),
        }
    }
    Err(io::Error::new(ErrorKind::WouldBlock, "another process has locked its directory"))
}

#[expect(clippy::disallowed_methods, reason = "a start may wait, before there is a reactor")]
fn pause() {
    std::thread::sleep(LOCK_PAUSE);
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = path.symlink_metadata()?;
    Ok((found.dev(), found.ino()))
}

impl Drop for SocketFile {
    /// A file that cannot be removed is found by the next start.
    fn drop(&mut self) {
        let Ok(_turn) = lock(directory_of(&self.path)) else { return };
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener as StdListener, UnixStream};

    use super::*;
    use crate::testing::ScratchDir;

    fn scratch() -> (ScratchDir, PathBuf) {
        let directory = ScratchDir::new();
        let path = directory.path().join("http.sock");
        (directory, path)
    }

    fn fault(path: &Path) -> String {
        bind(path, 0o600, 8).unwrap_err().to_string()
    }

    #[test]
    fn stale_socket_is_replaced_and_own_one_removed() {
        let (_directory, path) = scratch();
        // The file stays, as after a kill.
        drop(StdListener::bind(&path).unwrap());
        assert!(path.exists());
        let (listener, file) = bind(&path, 0o640, 8).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o640);
        let _client = UnixStream::connect(&path).unwrap();
        listener.accept().unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn live_socket_or_other_file_is_left_alone() {
        let (directory, path) = scratch();
        let (listener, file) = bind(&path, 0o600, 8).unwrap();
        assert!(fault(&path).contains("another process listens on it"));
        UnixStream::connect(&path).unwrap();
        listener.accept().unwrap();
        // Another server has put its own there: it is not ours to remove.
        fs::remove_file(&path).unwrap();
        let other = StdListener::bind(&path).unwrap();
        drop((listener, file));
        assert!(path.exists());
        drop(other);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "notes").unwrap();
        assert!(fault(&path).contains("not a socket"));
        assert!(inspect(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "notes");
        let missing = directory.path().join("none/http.sock");
        assert!(fault(&missing).contains("its directory does not exist"), "{}", fault(&missing));
        assert!(inspect(&missing).is_err());
    }
}
