//! The binary with a backend, in a directory of its own.

use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::client::{Client, exchange};
use crate::support::process::{FILE, Process, Scratch, connect};

/// A directory for one test.
pub(crate) fn scratch() -> Scratch {
    Scratch::new("backend")
}

/// `vestibule` in this directory, without the limits for people: these tests are no people.
fn command(scratch: &Scratch, arguments: &[&str]) -> Command {
    let mut command = scratch.unlimited(arguments);
    // Many run beside each other.
    command.env("VESTIBULE_ADMIN__LISTEN", "127.0.0.1:0");
    command
}

/// Runs it to its end.
pub(crate) fn run(scratch: &Scratch, arguments: &[&str]) -> Output {
    scratch.run(&mut command(scratch, arguments))
}

/// `vestibule serve` on a free port, killed with the test if it has not ended before.
pub(crate) struct Server {
    process: Process,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    scratch: Scratch,
}

impl Server {
    /// Starts it with the backend at `url` and this `[backend]`, and waits until it says where it
    /// listens.
    pub(crate) fn start(url: &str, backend: &str) -> Self {
        Self::start_in(scratch(), url, backend)
    }

    pub(crate) fn start_in(scratch: Scratch, url: &str, backend: &str) -> Self {
        Self::start_with(scratch, url, backend, "127.0.0.1:0")
    }

    /// The same with an admin listener at this address.
    pub(crate) fn start_with(scratch: Scratch, url: &str, backend: &str, admin: &str) -> Self {
        let prompt = [("VESTIBULE_RESUME__LINGER", "0s")];
        Self::start_as(scratch, url, (backend, admin), &prompt)
    }

    /// The same with these variables in its environment.
    pub(crate) fn start_as(
        scratch: Scratch,
        url: &str,
        (backend, admin): (&str, &str),
        environment: &[(&str, &str)],
    ) -> Self {
        configure(&scratch, backend);
        let arguments = ["serve", "--config", FILE, "--listen", "127.0.0.1:0", "--backend", url];
        let mut command = command(&scratch, &arguments);
        command.env("VESTIBULE_ADMIN__LISTEN", admin).envs(environment.iter().copied());
        let mut process = Process::start(scratch.follow(&mut command).stdout(Stdio::piped()));
        let (address, admin) = process.addresses();
        Self { process, address, admin, scratch }
    }

    /// A token for `user`, as the command line mints it.
    pub(crate) fn token(&self, user: &str) -> String {
        self.scratch.token(user, &["--claim", "n=[1]"])
    }

    /// Its public listener.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its directory.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.scratch.path()
    }

    /// The URL of its admin listener.
    pub(crate) fn admin(&self) -> String {
        format!("http://{}", self.admin.unwrap())
    }

    /// A client that has sent its `auth`.
    pub(crate) fn knock(&self, room: &str, user: &str) -> Client {
        self.knock_with(room, &self.token(user))
    }

    /// A client that has sent this token.
    fn knock_with(&self, room: &str, token: &str) -> Client {
        let mut client = Client::upgrade(connect(self.address).unwrap(), room);
        client.offer(token);
        client
    }

    /// A client in `room` whose token has this claim, beside the usual ones.
    pub(crate) fn join_as(&self, room: &str, user: &str, claim: &str) -> Client {
        let token = self.scratch.token(user, &["--claim", claim]);
        let mut client = self.knock_with(room, &token);
        assert_eq!(client.hear()["payload"]["session"]["user_id"], user);
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

    /// What the admin listener answers there.
    pub(crate) fn ask(&self, path: &str) -> String {
        let admin = self.admin.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {admin}\r\n\r\n");
        exchange(connect(admin).unwrap(), request.as_bytes()).1
    }

    /// Has it take up this `[backend]`.
    pub(crate) fn reload(&self, backend: &str) {
        configure(&self.scratch, backend);
        self.process.signal(Signal::HUP);
    }

    /// Writes a file in its directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        self.scratch.write(name, text);
    }

    pub(crate) fn log(&self) -> String {
        self.scratch.read("log")
    }

    /// Drains it, and answers its log.
    pub(crate) fn end(mut self) -> String {
        self.process.stop();
        self.log()
    }

    /// The same, for another one in its directory.
    pub(crate) fn make_way(mut self) -> Scratch {
        self.process.stop();
        self.scratch
    }
}

fn configure(scratch: &Scratch, backend: &str) {
    let log = "[log]\nlevel = 'debug'\nfile = 'log'";
    scratch.write(FILE, &format!("drain = '0s'\n{log}\n[backend]\n{backend}\n"));
}
