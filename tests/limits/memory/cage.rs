//! The server's process, held to its memory by a control group where one can be made.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, test_kill_process};
use serde_json::{Value, json};

use super::peer::call_at;
use crate::support::process::{BINARY, FILE, Process, Scratch};
use vestibule::testing::logs;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// A directory with a configuration and a database, and a control group, removed with the test.
pub(crate) struct House {
    scratch: Scratch,
    group: Option<PathBuf>,
}

impl House {
    pub(crate) fn new(memory: u64) -> Self {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
        let scratch = Scratch::new("memory");
        // Two of the limits for people are taken away, as people here are quick, and attackers may
        // be many users. What is left of them is what the memory is bounded by.
        let config = format!(
            "drain = '0s'\n[admin]\nlisten = '127.0.0.1:0'\n[auth]\nsecret = '{SECRET}'\n\
             [limits]\nmemory = '{memory}'\nmessages_per_minute = 0\nconnections_per_user = 0\n\
             auth_per_minute_per_user = 0\n\
             [accounts]\nargon2_iterations = 1\n[log]\nlevel = 'trace'\nfile = 'log'\n"
        );
        scratch.write(FILE, &config);
        let name = scratch.path().file_name().unwrap().to_string_lossy().into_owned();
        Self { scratch, group: group(&name, memory) }
    }

    /// What holds the process, for people.
    pub(crate) fn cage(&self) -> String {
        let Some(group) = &self.group else { return "no control group".to_owned() };
        let read = |name: &str| fs::read_to_string(group.join(name)).unwrap_or_default();
        let most = [read("memory.max_usage_in_bytes"), read("memory.peak")].concat();
        let limit = [read("memory.limit_in_bytes"), read("memory.max")].concat();
        format!("in a control group, {} of {} bytes at the peak", most.trim(), limit.trim())
    }

    pub(crate) fn open(&self) -> Server {
        let serve = "exec \"$0\" serve --config v.toml --listen 127.0.0.1:0";
        let script = match &self.group {
            Some(group) => format!("echo $$ >{}/cgroup.procs && {serve}", group.display()),
            None => serve.to_owned(),
        };
        let mut command = self.scratch.command("/bin/sh", &["-c", &script, BINARY]);
        let mut process = Process::start(command.stdout(Stdio::piped()));
        let (address, admin) = process.addresses();
        Server { process, address, admin: Admin(admin.unwrap()) }
    }

    /// A token for `user`.
    pub(crate) fn token(&self, user: &str) -> String {
        let claims = json!({ "sub": user, "exp": 4_000_000_000_u64 });
        logs::known(&vestibule::testing::token(SECRET, &claims)).to_owned()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(group) = &self.group {
            let _ = fs::remove_dir(group);
        }
    }
}

/// A new control group that is held to `bytes`: of version 1 or 2, where we may make one.
fn group(name: &str, bytes: u64) -> Option<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let (parent, limit) = if root.join("memory/memory.limit_in_bytes").exists() {
        (root.join("memory"), "memory.limit_in_bytes")
    } else {
        (root.to_owned(), "memory.max")
    };
    let group = parent.join(name);
    fs::create_dir(&group).ok()?;
    // Without the controller the directory is there, and its limit is not.
    let is_held = group.join(limit).exists()
        && fs::write(group.join(limit), bytes.to_string()).is_ok()
        && group.join("cgroup.procs").exists();
    if is_held {
        return Some(group);
    }
    let _ = fs::remove_dir(&group);
    None
}

/// The process, killed with the test.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) admin: Admin,
}

/// Where its operator calls.
#[derive(Clone, Copy)]
pub(crate) struct Admin(SocketAddr);

impl Server {
    /// The most that was resident at once.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.process.memory("VmHWM") as u64
    }

    pub(crate) fn is_running(&self) -> bool {
        test_kill_process(self.process.id()).is_ok()
            && !self.process.status("State").starts_with('Z')
    }
}

impl Admin {
    /// How often each limit was hit.
    pub(crate) fn limit_hits(self) -> BTreeMap<String, u64> {
        let home = Ipv4Addr::LOCALHOST;
        let (status, text) = call_at(self.0, home, "GET /metrics HTTP/1.1", "").unwrap();
        assert_eq!(status, 200);
        let hits = text.lines().filter_map(|line| {
            let line = line.strip_prefix("vestibule_limit_hits_total{limit=\"")?;
            let (limit, count) = line.split_once("\"} ")?;
            Some((limit.to_owned(), count.parse().ok()?))
        });
        hits.collect()
    }
}

/// A user's own recipe, with as much in it as a recipe may have.
pub(crate) fn recipe(size: usize) -> Value {
    json!({ "title": "Stew", "description": "x".repeat(size) })
}
