//! A directory of a test's own, and the processes that run in it.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use vestibule::testing::{ScratchDir, logs};

use super::{PATIENCE, within_patience};

/// The configuration's file.
pub(crate) const FILE: &str = "v.toml";
/// The binary.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_vestibule");

/// A directory for one test, removed at its end. The logs in it are kept, where they are searched.
pub(crate) struct Scratch {
    suite: &'static str,
    directory: ScratchDir,
}

impl Scratch {
    /// `suite` is whose logs these are.
    pub(crate) fn new(suite: &'static str) -> Self {
        Self { suite, directory: ScratchDir::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// `program` in this directory, with nothing of our own environment.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path()).env_clear();
        command
    }

    /// The same as [`unlimited`](Self::unlimited), without the capabilities with which root may read and
    /// write everything.
    pub(crate) fn without_privileges(&self, arguments: &[&str]) -> Command {
        let inner = self.unlimited(arguments);
        if !rustix::process::geteuid().is_root() {
            return inner;
        }
        let drop = ["--bounding-set=-all", "--inh-caps=-all", BINARY];
        let mut command = self.command("setpriv", &[&drop[..], arguments].concat());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    /// `vestibule` in this directory, without the limits for people: these tests are no people.
    pub(crate) fn unlimited(&self, arguments: &[&str]) -> Command {
        Self::without_limits(self.command(BINARY, arguments))
    }

    /// The same in a namespace of its own, in which the data directory is a disk of so many MiB.
    pub(crate) fn on_small_disk(&self, mib: usize, arguments: &[&str]) -> Command {
        self.on_filled_disk(mib, 0, arguments)
    }

    /// The same, and so many KiB of it are taken already.
    pub(crate) fn on_filled_disk(&self, mib: usize, kib: usize, arguments: &[&str]) -> Command {
        let data = self.path().join("vestibule-data");
        fs::create_dir(&data).unwrap();
        let mount = format!(
            "mount -t tmpfs -o size={mib}m tmpfs vestibule-data && head -c {kib}k /dev/zero \
                     >vestibule-data/filler && exec \"$0\" \"$@\""
        );
        let unshare = ["--map-root-user", "--mount", "--", "sh", "-c", &mount, BINARY];
        Self::without_limits(self.command("unshare", &[&unshare, arguments].concat()))
    }

    fn without_limits(mut command: Command) -> Command {
        for limit in [
            "MESSAGES_PER_MINUTE",
            "CONNECTIONS_PER_USER",
            "AUTH_PER_MINUTE_PER_USER",
            "REQUESTS_PER_MINUTE_PER_USER",
            "REQUESTS_PER_MINUTE_PER_IP",
        ] {
            command.env(format!("VESTIBULE_LIMITS__{limit}"), "0");
        }
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, command: &mut Command) -> Output {
        let done = command.output().unwrap();
        logs::keep_text(self.suite, &done.stderr);
        done
    }

    /// Has the server that `command` starts log everything, and keeps what it says on standard error,
    /// where that is searched.
    pub(crate) fn follow<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        logs::follow(self.suite, command);
        command
    }

    /// A token for `user`, as the command line mints it with these further arguments.
    pub(crate) fn token(&self, user: &str, more: &[&str]) -> String {
        let arguments = [&["token", "--config", FILE, "--sub", user], more].concat();
        let done = self.run(&mut self.command(BINARY, &arguments));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        logs::known(String::from_utf8(done.stdout).unwrap().trim_end()).to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        logs::keep(self.suite, self.path());
    }
}

/// A process, killed with the test if it has not ended before.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Where it says that clients and the operator connect: of each the first address.
    pub(crate) fn addresses(&mut self) -> (SocketAddr, Option<SocketAddr>) {
        let (mut chat, mut admin) = (None, None);
        let welcome = BufReader::new(self.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        for line in welcome.take_while(|line| !line.contains("Stop:")) {
            let Some((kind, rest)) = line.trim().split_once(' ') else { continue };
            let place = || rest.split_once("://")?.1.split('/').next()?.parse().ok();
            match kind {
                "Chat:" => chat = chat.or_else(place),
                "Admin:" => admin = admin.or_else(place),
                _ => {}
            }
        }
        (chat.unwrap(), admin)
    }

    pub(crate) fn id(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.id(), signal).unwrap();
    }

    /// The exit code, once there is one: fails if the process does not end.
    #[track_caller]
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        if let Some(ended) = self.ended() {
            return ended.code();
        }
        let id = WaitId::Pid(self.id());
        // The status stays there for the `wait` below.
        let end = move || waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        within_patience("the end of the process", end).unwrap();
        self.0.wait().unwrap().code()
    }

    /// The same, or nothing while it runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// Ends it at once, wherever it is.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Ends it in order.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.exit_code(), Some(0));
    }

    /// How many bytes of memory it has (`VmRSS`), or had at the most (`VmHWM`).
    pub(crate) fn memory(&self, which: &str) -> usize {
        self.status(which).trim_end_matches(" kB").parse::<usize>().unwrap() * 1_024
    }

    /// A line of its status in `/proc`.
    pub(crate) fn status(&self, which: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let mut lines = status.lines().filter_map(|line| line.split_once(':'));
        let (_, line) = lines.find(|(name, _)| *name == which).unwrap();
        line.trim().to_owned()
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.0.id())).unwrap().count()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A socket whose reads and writes end.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
