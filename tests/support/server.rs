//! A server process in a directory of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use vestibule::testing::logs;

use super::client::{Client, exchange};
use super::{PATIENCE, now};

/// Whose logs these are.
const SUITE: &str = "server";
/// The configuration's file.
pub(crate) const FILE: &str = "v.toml";

/// A directory for one test, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vestibule-{SUITE}-{}-{unique}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        logs::keep(SUITE, &self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `vestibule serve` on a free port, killed with the test if it has not ended before.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Where its operator calls.
    pub(crate) admin: SocketAddr,
    scratch: Scratch,
}

impl Server {
    /// Starts it with this configuration file, and waits until it says where it listens.
    pub(crate) fn start(app: &str, config: &str) -> Self {
        Self::start_in(Scratch::new(), app, config)
    }

    /// The same with one more file in its directory, and rooms that are open to all.
    pub(crate) fn with_file(config: &str, (name, text): (&str, &str)) -> Self {
        let scratch = Scratch::new();
        fs::write(scratch.0.join(name), text).unwrap();
        Self::start_in(scratch, "memory-open", config)
    }

    /// The exit code and the last words of a server that does not start.
    pub(crate) fn refused(config: &str) -> (Option<i32>, String) {
        let scratch = Scratch::new();
        fs::write(scratch.0.join(FILE), config).unwrap();
        let mut command =
            command(&scratch, &["serve", "--config", FILE, "--listen", "127.0.0.1:0"]);
        let done = command.env_remove("VESTIBULE_ADMIN__LISTEN").output().unwrap();
        logs::keep_text(SUITE, &done.stderr);
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    }

    fn start_in(scratch: Scratch, app: &str, config: &str) -> Self {
        fs::write(scratch.0.join(FILE), config).unwrap();
        let arguments = ["serve", "--config", FILE, "--listen", "127.0.0.1:0", "--app", app];
        let mut command = command(&scratch, &arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        logs::follow(SUITE, &mut command);
        // A test of the level itself has it in its file, which the environment would win over.
        if config.contains("\nlevel = 'debug'") {
            command.env_remove("VESTIBULE_LOG__LEVEL");
        }
        let mut child = command.spawn().unwrap();
        let welcome = BufReader::new(child.stdout.take().unwrap());
        let addresses = welcome.lines().filter_map(|line| {
            let line = line.unwrap();
            // The page's address is the chat's.
            if line.contains("Open:") {
                return None;
            }
            let (_, rest) = line.split_once("://")?;
            Some(rest.split_once('/')?.0.parse().unwrap())
        });
        let addresses: Vec<_> = addresses.take(2).collect();
        Self { child, address: addresses[0], admin: addresses[1], scratch }
    }

    /// The same directory under another process, after this one is killed.
    pub(crate) fn killed_and_started_again(mut self, app: &str) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let scratch = std::mem::replace(&mut self.scratch, Scratch::new());
        let config = fs::read_to_string(scratch.0.join(FILE)).unwrap();
        Self::start_in(scratch, app, &config)
    }

    /// Calls the public listener with this JSON: the status, and the JSON of the answer.
    #[cfg(feature = "recipes")]
    pub(crate) fn post(&self, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        logs::known_of(body);
        let body = body.to_string();
        let bearer = token.map_or_else(String::new, |it| format!("Authorization: Bearer {it}\r\n"));
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{bearer}\r\n",
            body.len()
        );
        let (head, answer) = exchange(self.connect(), format!("{head}{body}").as_bytes());
        let answer = serde_json::from_str(&answer).unwrap();
        logs::known_of(&answer);
        (head.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    /// The same, with rooms that are open to all.
    pub(crate) fn open(config: &str) -> Self {
        Self::start("memory-open", config)
    }

    /// `vestibule` beside it, in its directory.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let arguments = [arguments, &["--config", FILE]].concat();
        command(&self.scratch, &arguments).output().unwrap()
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

    /// Calls the admin listener with these further header lines: the head and the body.
    pub(crate) fn call(&self, request: &str, lines: &str, body: &str) -> (String, String) {
        let stream = TcpStream::connect(self.admin).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let content = match body.len() {
            0 => String::new(),
            length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
        };
        let (admin, request) = (self.admin, format!("{request} HTTP/1.1\r\nHost: "));
        exchange(stream, format!("{request}{admin}\r\n{lines}{content}\r\n{body}").as_bytes())
    }

    /// A call without a key: the status, and the JSON.
    pub(crate) fn ask(&self, request: &str, body: &str) -> (u16, Value) {
        let (head, body) = self.call(request, "", body);
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(&body).unwrap())
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

    /// Writes the file and has it read; what the log says of it.
    pub(crate) fn reload(&self, config: &str) -> String {
        self.write(FILE, config);
        let before = self.read("log").len();
        self.signal(Signal::HUP);
        let began = now();
        loop {
            let news = self.read("log").split_off(before);
            if news.contains("SIGHUP: nothing has changed") || news.contains("is taken up") {
                return news;
            }
            assert!(began.elapsed() < PATIENCE, "{news}");
            self.call("GET /healthz", "", "");
        }
    }

    /// The exit code, once there is one.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// How many bytes of memory the process has (`VmRSS`), or had at the most (`VmHWM`).
    #[cfg(feature = "tls")]
    pub(crate) fn memory(&self, which: &str) -> usize {
        self.status(which).trim_end_matches(" kB").parse::<usize>().unwrap() * 1_024
    }

    /// How many descriptors the kernel's table of the process has room for.
    pub(crate) fn descriptor_table(&self) -> usize {
        self.status("FDSize").parse().unwrap()
    }

    /// A line of the process's status in `/proc`.
    fn status(&self, which: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let mut lines = status.lines().filter_map(|line| line.split_once(':'));
        let (_, line) = lines.find(|(name, _)| *name == which).unwrap();
        line.trim().to_owned()
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

    /// Makes a directory in its directory.
    pub(crate) fn make_directory(&self, name: &str) {
        fs::create_dir_all(self.scratch.0.join(name)).unwrap();
    }

    pub(crate) fn remove_directory(&self, name: &str) {
        fs::remove_dir(self.scratch.0.join(name)).unwrap();
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
    command.env("VESTIBULE_ADMIN__LISTEN", "127.0.0.1:0");
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
