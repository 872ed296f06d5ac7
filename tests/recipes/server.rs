//! A server process that can be killed and started again on the same data.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::Signal;

pub(crate) use crate::support::process::connect;
use crate::support::process::{BINARY, FILE, Process, Scratch};

/// Passwords that are cheap to hash, and no limits for people: these tests are no people.
const CONFIG: &str = "
drain = '0s'
[admin]
listen = ''
[limits]
messages_per_minute = 0
connections_per_user = 0
auth_per_minute_per_user = 0
requests_per_minute_per_user = 0
requests_per_minute_per_ip = 0
auth_per_minute_per_ip = 0
[accounts]
argon2_memory = '7MiB'
argon2_iterations = 1
hashes_per_minute_per_account = 0
hashes_per_minute_per_ip = 0
guesses_per_minute_per_account = 0
guesses_per_minute_per_ip = 0
[log]
level = 'warn'
file = 'log'
";

/// How the server is started, without a word.
const START: [&str; 4] = ["--config", FILE, "--listen", "127.0.0.1:0"];

/// A directory with a configuration and a database, removed at the end of the test.
pub(crate) struct House(Scratch);

impl House {
    /// With these lines of configuration behind the usual ones.
    pub(crate) fn new(more: &str) -> Self {
        let scratch = Scratch::new("recipe_chat");
        scratch.write(FILE, &format!("{CONFIG}{more}"));
        Self(scratch)
    }

    /// The configuration.
    pub(crate) fn config(&self) -> String {
        self.0.read(FILE)
    }

    /// A file beside it.
    pub(crate) fn write(&self, name: &str, text: &str) {
        self.0.write(name, text);
    }

    /// The path of a file in the data directory.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.0.path().join("vestibule-data").join(name)
    }

    /// Another one, for the next start.
    pub(crate) fn configure(&self, text: &str) {
        self.0.write(FILE, text);
    }

    /// `vestibule` as it starts without a word, on a free port; not waited for.
    pub(crate) fn start(&self) -> Server {
        self.start_as(self.0.command(BINARY, &START))
    }

    fn start_as(&self, mut command: Command) -> Server {
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let process = Process::start(self.0.follow(&mut command));
        Server { process, address: SocketAddr::from(([127, 0, 0, 1], 0)), admin: None }
    }

    /// The same, once it says where it listens.
    pub(crate) fn open(&self) -> Server {
        self.start().listening()
    }

    /// The same, started by another program with these arguments, which becomes the server.
    pub(crate) fn open_by(&self, program: &str, arguments: &[&str]) -> Server {
        let command = self.0.command(program, &[arguments, &[BINARY], &START].concat());
        self.start_as(command).listening()
    }

    /// A token of the command line, for somebody who has no account.
    pub(crate) fn token(&self, user: &str) -> String {
        self.0.token(user, &["--ttl", "1h"])
    }

    /// The database, as another process sees it.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.0.path().join("vestibule-data/recipes.db")).unwrap()
    }

    /// Copies the database, whoever else has it.
    pub(crate) fn back_up(&self) {
        let copy = self.0.path().join("copy.db");
        self.database().execute("VACUUM INTO ?", [copy.to_str().unwrap()]).unwrap();
    }

    /// Puts the copy in its place, as the documentation says.
    pub(crate) fn restore(&self) {
        let data = self.0.path().join("vestibule-data");
        fs::rename(self.0.path().join("copy.db"), data.join("recipes.db")).unwrap();
        for name in ["recipes.db-wal", "recipes.db-shm"] {
            let _ = fs::remove_file(data.join(name));
        }
    }

    /// Starts a server that ends by itself: its exit code, and what it says.
    pub(crate) fn fails(&self) -> (Option<i32>, String) {
        let done = self.0.run(&mut self.0.command(BINARY, &START));
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    }

    /// What was logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.0.path().join("log")).unwrap_or_default()
    }
}

/// The process, killed with the test if it has not ended before.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
    /// Where it listens for an operator, if it does.
    pub(crate) admin: Option<SocketAddr>,
}

impl Server {
    /// Waits until it says where it listens.
    fn listening(mut self) -> Self {
        (self.address, self.admin) = self.process.addresses();
        self
    }

    /// A socket whose reads end.
    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address).unwrap()
    }

    /// Its resident memory.
    pub(crate) fn resident_kib(&self) -> usize {
        self.process.memory("VmRSS") >> 10
    }

    /// Ends it at once, wherever it is.
    pub(crate) fn kill(mut self) {
        self.process.kill();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) {
        self.process.stop();
    }
}
