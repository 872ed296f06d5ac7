//! A redis-server of a test's own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// An engine in a directory of its own, by a Unix socket. It ends with the value.
pub(crate) struct Engine {
    process: Child,
    folder: PathBuf,
}

impl Engine {
    /// Starts an empty engine that stores nothing.
    pub(crate) fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vestibule-engine-{}-{unique}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let process = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", "socket", "--save", "", "--appendonly", "no"])
            .args(["--enable-debug-command", "yes"])
            .current_dir(&folder)
            .stdout(Stdio::null())
            .spawn();
        let process = process.unwrap_or_else(|error| {
            panic!("redis-server does not start ({error}): `apt-get install redis-server`")
        });
        let mut engine = Self { process, folder };
        engine.wait();
        engine
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// Waits until it answers.
    fn wait(&mut self) {
        for _ in 0..500 {
            if is_ready(&self.socket()) {
                return;
            }
            assert!(self.process.try_wait().unwrap().is_none(), "redis-server has ended");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        panic!("redis-server does not answer within 10 s");
    }
}

fn is_ready(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    let mut answer = [0; 7];
    stream.write_all(b"PING\r\n").is_ok() && stream.read(&mut answer).is_ok() && answer[0] == b'+'
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}
