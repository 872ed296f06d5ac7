//! A server process in a directory of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;
use crate::{PATIENCE, now};

/// The configuration's file.
pub(crate) const FILE: &str = "v.toml";

/// A directory for one test, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vestibule-loopback-{}-{unique}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `vestibule serve` on a free port, killed with the test if it has not ended before.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    scratch: Scratch,
}

impl Server {
    /// Starts it with this configuration file, and waits until it says where it listens.
    pub(crate) fn start(app: &str, config: &str) -> Self {
        let scratch = Scratch::new();
        fs::write(scratch.0.join(FILE), config).unwrap();
        let arguments = ["serve", "--config", FILE, "--listen", "127.0.0.1:0", "--app", app];
        let mut child = command(&scratch, &arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let welcome = BufReader::new(child.stdout.take().unwrap());
        let address = welcome.lines().find_map(|line| {
            let line = line.unwrap();
            let (_, rest) = line.split_once("ws://")?;
            Some(rest.split_once('/')?.0.parse().unwrap())
        });
        Self { child, address: address.unwrap(), scratch }
    }

    /// The same, with rooms that are open to all.
    pub(crate) fn open(config: &str) -> Self {
        Self::start("memory-open", config)
    }

    /// A token for `user`, as the command line mints it.
    pub(crate) fn token(&self, user: &str) -> String {
        let arguments = ["token", "--config", FILE, "--sub", user];
        let done = command(&self.scratch, &arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }

    /// A socket whose reads end.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A client in `room`.
    pub(crate) fn join(&self, room: &str, user: &str) -> Client {
        let mut client = Client::upgrade(self.connect(), room);
        client.authenticate(&self.token(user));
        client
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The exit code, once there is one.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// How many descriptors the process has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Fails if the process does not come back to `count` descriptors.
    #[track_caller]
    pub(crate) fn assert_descriptors_return_to(&self, count: usize, witness: &mut Witness) {
        let started = now();
        while self.descriptors() != count {
            assert!(started.elapsed() < PATIENCE, "{} descriptors", self.descriptors());
            witness.notices_nothing();
        }
    }

    /// Writes a file of its directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.scratch.0.join(name), text).unwrap();
    }

    /// A file of its directory.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.scratch.0.join(name)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `vestibule` in this directory, with nothing of our own environment, and without the limits for
/// people: these tests are no people.
fn command(scratch: &Scratch, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.args(arguments).current_dir(&scratch.0).env_clear();
    for limit in ["MESSAGES_PER_MINUTE", "CONNECTIONS_PER_USER"] {
        command.env(format!("VESTIBULE_LIMITS__{limit}"), "0");
    }
    command
}

/// Two who chat, whatever else goes on.
pub(crate) struct Witness {
    alice: Client,
    bob: Client,
    rounds: u32,
}

impl Witness {
    pub(crate) fn new(server: &Server) -> Self {
        let (alice, bob) = (server.join("witness", "alice"), server.join("witness", "bob"));
        Self { alice, bob, rounds: 0 }
    }

    /// One says something, gets its answer, and the other hears it: that and nothing else.
    #[track_caller]
    pub(crate) fn notices_nothing(&mut self) {
        self.rounds += 1;
        let said = format!("round {}", self.rounds);
        let id = self.alice.say(&said);
        assert_eq!(self.alice.hear()["payload"]["request_id"], *id);
        let heard = self.bob.hear();
        assert_eq!((&heard["id"], &heard["payload"]["content"]), (&id.into(), &said.into()));
        std::mem::swap(&mut self.alice, &mut self.bob);
    }
}
