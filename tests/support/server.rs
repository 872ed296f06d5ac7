//! A server that any suite can use: an open one, with its admin listener.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal};
use serde_json::Value;
use vestibule::testing::logs;

use super::client::{Client, exchange};
pub(crate) use super::process::FILE;
use super::process::{Process, Scratch, connect};
use super::{PATIENCE, now};

/// Whose logs these are.
const SUITE: &str = "server";

/// `vestibule serve` on a free port, killed with the test if it has not ended before.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
    /// Where its operator calls.
    pub(crate) admin: SocketAddr,
    scratch: Scratch,
}

impl Server {
    /// Starts it with this configuration file, and waits until it says where it listens.
    pub(crate) fn start(app: &str, config: &str) -> Self {
        Self::start_in(Scratch::new(SUITE), app, config)
    }

    /// The same with one more file in its directory, and rooms that are open to all.
    pub(crate) fn with_file(config: &str, (name, text): (&str, &str)) -> Self {
        let scratch = Scratch::new(SUITE);
        scratch.write(name, text);
        Self::start_in(scratch, "memory-open", config)
    }

    /// The exit code and the last words of a server that does not start.
    pub(crate) fn refused(config: &str) -> (Option<i32>, String) {
        let scratch = Scratch::new(SUITE);
        scratch.write(FILE, config);
        let mut command =
            command(&scratch, &["serve", "--config", FILE, "--listen", "127.0.0.1:0"]);
        let done = scratch.run(command.env_remove("VESTIBULE_ADMIN__LISTEN"));
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    }

    /// The recipe chat, with its data on a disk of so many MiB.
    pub(crate) fn on_small_disk(config: &str, mib: usize) -> Self {
        Self::on_filled_disk(config, mib, 0)
    }

    /// The same, and so many KiB of it are taken already.
    pub(crate) fn on_filled_disk(config: &str, mib: usize, kib: usize) -> Self {
        let scratch = Scratch::new(SUITE);
        let arguments = ["serve", "--config", FILE, "--listen", "127.0.0.1:0", "--app", "recipes"];
        let mut command = scratch.on_filled_disk(mib, kib, &arguments);
        command.env("VESTIBULE_ADMIN__LISTEN", "127.0.0.1:0");
        Self::start_by(command, scratch, config)
    }

    /// The recipe chat in a process to which the rights of files apply, as they do not to root.
    pub(crate) fn without_privileges(config: &str) -> Self {
        let scratch = Scratch::new(SUITE);
        let arguments = ["serve", "--config", FILE, "--listen", "127.0.0.1:0", "--app", "recipes"];
        let mut command = scratch.without_privileges(&arguments);
        command.env("VESTIBULE_ADMIN__LISTEN", "127.0.0.1:0");
        Self::start_by(command, scratch, config)
    }

    pub(crate) fn start_in(scratch: Scratch, app: &str, config: &str) -> Self {
        let arguments = ["serve", "--config", FILE, "--listen", "127.0.0.1:0", "--app", app];
        // Without a name, the configuration says which application it is.
        let length = if app.is_empty() { arguments.len() - 2 } else { arguments.len() };
        Self::start_by(command(&scratch, &arguments[..length]), scratch, config)
    }

    /// Rooms that are open to all, at this address, with more in the environment.
    pub(crate) fn open_at(listen: &str, config: &str, environment: &[(String, String)]) -> Self {
        let scratch = Scratch::new(SUITE);
        let arguments = ["serve", "--config", FILE, "--listen", listen, "--app", "memory-open"];
        let mut command = command(&scratch, &arguments);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Self::start_by(command, scratch, config)
    }

    fn start_by(mut command: Command, scratch: Scratch, config: &str) -> Self {
        scratch.write(FILE, config);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        scratch.follow(&mut command);
        // A test of these keys has them in its file, which the environment would win over.
        for (key, by) in
            [("LEVEL", "level = 'debug'"), ("LEVEL", "access = true"), ("QUEUE", "queue = ")]
        {
            if config.contains(&format!("\n{by}")) {
                command.env_remove(format!("VESTIBULE_LOG__{key}"));
            }
        }
        if config.contains("\nconnections_per_user = ") {
            command.env_remove("VESTIBULE_LIMITS__CONNECTIONS_PER_USER");
        }
        let mut process = Process::start(&mut command);
        let (address, admin) = process.addresses();
        Self { process, address, admin: admin.unwrap(), scratch }
    }

    /// The same directory under another process, after this one is killed.
    pub(crate) fn killed_and_started_again(mut self, app: &str) -> Self {
        self.process.kill();
        let scratch = std::mem::replace(&mut self.scratch, Scratch::new(SUITE));
        let config = scratch.read(FILE);
        Self::start_in(scratch, app, &config)
    }

    /// Calls the public listener with this JSON: the status, and the JSON of the answer.
    pub(crate) fn post(&self, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        logs::known_of(body);
        let body = body.to_string();
        let bearer = token.map_or_else(String::new, |it| format!("Authorization: Bearer {it}\r\n"));
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{bearer}\r\n",
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

    /// Is there a file in its data directory whose name begins so?
    pub(crate) fn keeps(&self, name: &str) -> bool {
        let Ok(files) = fs::read_dir(self.scratch.path().join("vestibule-data")) else {
            return false;
        };
        files.flatten().any(|file| {
            let file = file.file_name().into_string().unwrap();
            file.starts_with(name) && file.ends_with(".json")
        })
    }

    /// A token for `user`, as the command line mints it.
    pub(crate) fn token(&self, user: &str) -> String {
        self.scratch.token(user, &[])
    }

    /// A socket whose reads end.
    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address).unwrap()
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

    /// Renames a file of its directory.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        let directory = self.scratch.path();
        fs::rename(directory.join(from), directory.join(to)).unwrap();
    }

    /// Waits until this is in a file of its directory.
    pub(crate) fn wait_for(&self, file: &str, text: &str) {
        let (path, began) = (self.scratch.path().join(file), now());
        while !fs::read_to_string(&path).is_ok_and(|read| read.contains(text)) {
            assert!(began.elapsed() < PATIENCE, "{text} is not in {file}");
            self.call("GET /healthz", "", "");
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> Pid {
        self.process.id()
    }

    /// Its directory.
    pub(crate) fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// The same, as the process sees it.
    pub(crate) fn directory(&self) -> PathBuf {
        let root = format!("/proc/{}/root", self.process.id());
        Path::new(&root).join(self.scratch.path().strip_prefix("/").unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Writes the file and has it read; what the log says of it.
    pub(crate) fn reload(&self, config: &str) -> String {
        self.write(FILE, config);
        let before = self.read("log").len();
        self.signal(Signal::HUP);
        let began = now();
        loop {
            let news = self.read("log").split_off(before);
            if news.contains("SIGHUP: configuration not reloaded")
                || news.contains("configuration reloaded")
            {
                return news;
            }
            assert!(began.elapsed() < PATIENCE, "{news}");
            self.call("GET /healthz", "", "");
        }
    }

    /// Ends it at once, wherever it is.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// The exit code, once there is one.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.process.exit_code()
    }

    /// How many bytes of memory the process has (`VmRSS`), or had at the most (`VmHWM`).
    pub(crate) fn memory(&self, which: &str) -> usize {
        self.process.memory(which)
    }

    /// How many descriptors the kernel's table of the process has room for.
    pub(crate) fn descriptor_table(&self) -> usize {
        self.process.status("FDSize").parse().unwrap()
    }

    /// How many descriptors the process has open.
    pub(crate) fn descriptors(&self) -> usize {
        self.process.descriptors()
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
        self.scratch.write(name, text);
    }

    /// Makes a directory in its directory.
    pub(crate) fn make_directory(&self, name: &str) {
        fs::create_dir_all(self.scratch.path().join(name)).unwrap();
    }

    pub(crate) fn remove_directory(&self, name: &str) {
        fs::remove_dir(self.scratch.path().join(name)).unwrap();
    }

    /// A file of its directory.
    pub(crate) fn read(&self, name: &str) -> String {
        self.scratch.read(name)
    }
}

/// `vestibule` in this directory, with nothing of our own environment, and without the limits for
/// people: these tests are no people.
fn command(scratch: &Scratch, arguments: &[&str]) -> Command {
    let mut command = scratch.unlimited(arguments);
    command.env("VESTIBULE_ADMIN__LISTEN", "127.0.0.1:0");
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
