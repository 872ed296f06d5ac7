//! A redis-server of a test's own, or another engine: `VESTIBULE_TEST_ENGINE` is the path of its program.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::pause;
use crate::support::process::{Process, Scratch};
use crate::support::{PATIENCE, now};

/// What runs unless `VESTIBULE_TEST_ENGINE` says something else.
const PROGRAM: &str = "redis-server";
/// What an engine has written before it answers outlasts SIGKILL. (By default it is synchronized each second,
/// and while that takes long, an engine answers before it writes.)
const LASTING: &[&str] = &["--appendonly", "yes", "--appendfsync", "no"];
/// Between two questions whether it answers.
const MOMENT: Duration = Duration::from_millis(20);

/// redis-server on a free port of loopback, with its own directory; killed with the test.
pub(crate) struct Engine {
    process: Process,
    port: u16,
    options: Vec<String>,
    password: Option<String>,
    scratch: Scratch,
}

impl Engine {
    /// Starts one that keeps nothing over a restart.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one that appends to a file, so that it keeps all over a restart.
    pub(crate) fn lasting() -> Self {
        Self::with(LASTING)
    }

    /// Starts one with these options, and waits until it answers.
    pub(crate) fn with(options: &[&str]) -> Self {
        let (scratch, port) = (Scratch::new("engine"), free_port());
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let process = launch(&scratch, port, &options);
        let engine = Self { process, port, options, password: None, scratch };
        engine.wait_until_it_answers();
        engine
    }

    /// What nodes are configured with.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The Unix socket on which it listens, too.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path().join("socket")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, on the same port, with what it has on disk.
    pub(crate) fn start_again(&mut self) {
        self.process = launch(&self.scratch, self.port, &self.options);
        self.wait_until_it_answers();
    }

    /// Starts it again, as a replica of this one from the beginning.
    pub(crate) fn start_again_behind(&mut self, master: u16) {
        let own = self.options.clone();
        self.options.extend(["--replicaof", "127.0.0.1", &master.to_string()].map(str::to_owned));
        self.start_again();
        self.options = own;
    }

    /// Stops all its threads, until `signal(Signal::CONT)`.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// From now on it is asked with this password.
    pub(crate) fn set_password(&mut self, password: &str) {
        self.ask(&["CONFIG", "SET", "requirepass", password]);
        self.password = Some(password.to_owned());
    }

    /// Sends a command over a connection of its own; the answer, which is no error.
    #[track_caller]
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let answer = self.try_ask(words).unwrap();
        assert!(!answer.starts_with('-'), "{words:?}: {answer}");
        answer
    }

    /// A number in the answer of `INFO`.
    pub(crate) fn info(&self, name: &str) -> String {
        let info = self.ask(&["INFO"]);
        let mut lines = info.lines().filter_map(|line| line.trim().split_once(':'));
        lines.find(|(known, _)| *known == name).unwrap().1.to_owned()
    }

    fn try_ask(&self, words: &[&str]) -> Option<String> {
        let mut stream = TcpStream::connect(self.address()).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut lines = BufReader::new(stream.try_clone().ok()?);
        if let Some(password) = &self.password {
            stream.write_all(&command(&["AUTH", password])).ok()?;
            answer(&mut lines)?;
        }
        stream.write_all(&command(words)).ok()?;
        answer(&mut lines)
    }

    fn wait_until_it_answers(&self) {
        let began = now();
        while self.try_ask(&["PING"]).as_deref() != Some("PONG") {
            assert!(began.elapsed() < PATIENCE, "{}", self.log());
            pause(MOMENT);
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("redis.log")).unwrap_or_default()
    }

    /// Its directory.
    pub(crate) fn path(&self) -> PathBuf {
        self.scratch.path().to_owned()
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn launch(scratch: &Scratch, port: u16, options: &[String]) -> Process {
    let other = std::env::var("VESTIBULE_TEST_ENGINE").ok();
    let program = other.as_deref().unwrap_or(PROGRAM);
    assert!(is_installed(program), "{program} is not installed (Debian: redis-server)");
    let port = port.to_string();
    let own = ["--bind", "127.0.0.1", "--port", &port, "--save", "", "--unixsocket", "socket"];
    let mut arguments = own.to_vec();
    arguments.extend(["--logfile", "redis.log", "--dir", "."]);
    if !is_redis_6(program) {
        // There it needs no leave.
        arguments.extend(["--enable-debug-command", "yes"]);
    }
    // What comes last counts.
    arguments.extend(options.iter().map(String::as_str));
    let mut command = scratch.command(program, &arguments);
    Process::start(command.env("PATH", "/usr/bin:/bin").stdout(Stdio::null()).stderr(Stdio::null()))
}

fn is_installed(program: &str) -> bool {
    // An absolute path stays what it is.
    ["/usr/bin", "/bin"].iter().any(|place| Path::new(place).join(program).exists())
}

fn is_redis_6(program: &str) -> bool {
    let said = Command::new(program).arg("--version").output().unwrap();
    String::from_utf8_lossy(&said.stdout).contains("v=6.")
}

fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

/// A line, or the text behind it. An error keeps its `-`.
fn answer(lines: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    lines.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let line = line.trim_end();
    if let Some(length) = line.strip_prefix('$') {
        let mut text = vec![0; length.parse::<usize>().ok()? + 2];
        lines.read_exact(&mut text).ok()?;
        return Some(String::from_utf8_lossy(&text).trim_end().to_owned());
    }
    let text = line.strip_prefix(['+', ':']).unwrap_or(line);
    Some(text.to_owned())
}
