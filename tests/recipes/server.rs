//! A server process that can be killed and started again on the same data.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use crate::{PATIENCE, logs};

/// Passwords that are cheap to hash, and no limits for people: these tests are no people.
const CONFIG: &str = "
drain = '0s'
[admin]
listen = ''
[limits]
messages_per_minute = 0
connections_per_user = 0
auth_per_minute_per_ip = 0
[accounts]
argon2_memory = '7MiB'
argon2_iterations = 1
[log]
level = 'warn'
file = 'log'
";

/// A directory with a configuration and a database, removed at the end of the test.
pub(crate) struct House(PathBuf);

impl House {
    /// With these lines of configuration behind the usual ones.
    pub(crate) fn new(more: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vestibule-house-{}-{unique}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("v.toml"), format!("{CONFIG}{more}")).unwrap();
        Self(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command.args(["--config", "v.toml"]).args(arguments).current_dir(&self.0).env_clear();
        command
    }

    /// The configuration.
    pub(crate) fn config(&self) -> String {
        fs::read_to_string(self.0.join("v.toml")).unwrap()
    }

    /// Another one, for the next start.
    pub(crate) fn configure(&self, text: &str) {
        fs::write(self.0.join("v.toml"), text).unwrap();
    }

    /// `vestibule` as it starts without a word, on a free port; not waited for.
    pub(crate) fn start(&self) -> Server {
        let mut command = self.command(&["--listen", "127.0.0.1:0"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        logs::follow("recipe_chat", &mut command);
        let child = command.spawn().unwrap();
        Server { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) }
    }

    /// The same, once it says where it listens.
    pub(crate) fn open(&self) -> Server {
        let mut server = self.start();
        let child = &mut server.child;
        let mut welcome = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let chat = welcome.find(|line| line.contains("ws://")).unwrap();
        let (_, rest) = chat.split_once("ws://").unwrap();
        server.address = rest.split('/').next().unwrap().parse().unwrap();
        server
    }

    /// A token of the command line, for somebody who has no account.
    pub(crate) fn token(&self, user: &str) -> String {
        let done = self.command(&["token", "--sub", user, "--ttl", "1h"]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }

    /// The database, as another process sees it.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.0.join("vestibule-data/recipes.db")).unwrap()
    }

    /// Copies the database, whoever else has it.
    pub(crate) fn back_up(&self) {
        let copy = self.0.join("copy.db");
        self.database().execute("VACUUM INTO ?", [copy.to_str().unwrap()]).unwrap();
    }

    /// Puts the copy in its place, as the documentation says.
    pub(crate) fn restore(&self) {
        let data = self.0.join("vestibule-data");
        fs::rename(self.0.join("copy.db"), data.join("recipes.db")).unwrap();
        for name in ["recipes.db-wal", "recipes.db-shm"] {
            let _ = fs::remove_file(data.join(name));
        }
    }

    /// Starts a server that ends by itself: its exit code, and what it says.
    pub(crate) fn fails(&self) -> (Option<i32>, String) {
        let done = self.command(&["--listen", "127.0.0.1:0"]).output().unwrap();
        logs::keep_text("recipe_chat", &done.stderr);
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    }

    /// What was logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.0.join("log")).unwrap_or_default()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        logs::keep("recipe_chat", &self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The process, killed with the test if it has not ended before.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// A socket whose reads end.
    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address).unwrap()
    }

    /// Its resident memory.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Ends it at once, wherever it is.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
