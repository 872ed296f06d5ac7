//! The binary with a backend, in a directory of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::client::Client;
use crate::{PATIENCE, logs};

const FILE: &str = "v.toml";

/// A directory for one test, removed at its end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vestibule-backend-{}-{unique}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    /// `vestibule` in this directory, with nothing of our own environment, and without the limits
    /// for people: these tests are no people.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command.args(arguments).current_dir(&self.0).env_clear();
        for limit in ["MESSAGES_PER_MINUTE", "CONNECTIONS_PER_USER"] {
            command.env(format!("VESTIBULE_LIMITS__{limit}"), "0");
        }
        // Many run beside each other.
        command.env("VESTIBULE_ADMIN__LISTEN", "");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let done = self.command(arguments).output().unwrap();
        logs::keep_text("backend", &done.stderr);
        done
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        logs::keep("backend", &self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `vestibule serve` on a free port, killed with the test if it has not ended before.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    scratch: Scratch,
}

impl Server {
    /// Starts it with the backend at `url` and this `[backend]`, and waits until it says where it
    /// listens.
    pub(crate) fn start(url: &str, backend: &str) -> Self {
        Self::start_in(Scratch::new(), url, backend)
    }

    pub(crate) fn start_in(scratch: Scratch, url: &str, backend: &str) -> Self {
        configure(&scratch, backend);
        let arguments = ["serve", "--config", FILE, "--listen", "127.0.0.1:0", "--backend", url];
        let mut command = scratch.command(&arguments);
        logs::follow("backend", &mut command);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let welcome = BufReader::new(child.stdout.take().unwrap());
        let address = welcome.lines().find_map(|line| {
            let line = line.unwrap();
            let (_, rest) = line.split_once("ws://")?;
            Some(rest.split_once('/')?.0.parse().unwrap())
        });
        Self { child, address: address.unwrap(), scratch }
    }

    /// A token for `user`, as the command line mints it.
    pub(crate) fn token(&self, user: &str) -> String {
        let arguments = ["token", "--config", FILE, "--sub", user, "--claim", "n=[1]"];
        let done = self.scratch.run(&arguments);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }

    /// A client that has sent its `auth`.
    pub(crate) fn knock(&self, room: &str, user: &str) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Client::upgrade(stream, room);
        client.offer(&self.token(user));
        client
    }

    /// A client in `room`, and the payload that it was let in with.
    #[track_caller]
    pub(crate) fn join(&self, room: &str, user: &str) -> (Client, Value) {
        let mut client = self.knock(room, user);
        let admission = client.hear();
        assert_eq!(admission["payload"]["session"]["user_id"], user, "{admission}");
        (client, admission["payload"].clone())
    }

    /// Has it take up this `[backend]`.
    pub(crate) fn reload(&self, backend: &str) {
        configure(&self.scratch, backend);
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.scratch.0.join("log")).unwrap()
    }

    /// Drains it, and answers its log.
    pub(crate) fn end(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.log()
    }
}

fn configure(scratch: &Scratch, backend: &str) {
    let log = "[log]\nlevel = 'debug'\nfile = 'log'";
    scratch.write(FILE, &format!("drain = '0s'\n{log}\n[backend]\n{backend}\n"));
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
