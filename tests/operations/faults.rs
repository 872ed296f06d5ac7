//! Faults of what the server depends on, given to the real binary one by one: what `/readyz`, the
//! metrics and the log say of each, that the metric is one that an alert asks for, and that it ends.
//! `deploy/prometheus/alerts.test.yml` has each alert come and go, `tests/backend/faults.rs` the faults
//! of a backend, and `tests/gate/tls.rs` those of a certificate.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;

use rusqlite::Connection;
use rustix::process::{Resource, Rlimit, Signal, prlimit};
use serde_json::json;

use crate::support::client::Client;
use crate::support::process::{BINARY, Scratch};
use crate::support::server::Server;
use crate::support::{PATIENCE, now};

/// Passwords that are cheap to hash.
pub(crate) const CONFIG: &str = "
drain = '0s'
[log]
file = 'log'
[accounts]
argon2_memory = '7MiB'
argon2_iterations = 1
hashes_per_minute_per_account = 0
hashes_per_minute_per_ip = 0
guesses_per_minute_per_account = 0
guesses_per_minute_per_ip = 0
";

pub(crate) const DATABASE: &str = "vestibule-data/recipes.db";

/// The status of an answer to a sign-up with this name.
pub(crate) fn sign_up(server: &Server, name: &str) -> u16 {
    ask_with(server, "signup", name)
}

pub(crate) fn ask_with(server: &Server, call: &str, name: &str) -> u16 {
    let email = format!("{name}@example.com");
    let account = json!({ "email": email, "password": "correct horse" });
    server.post(&format!("/v1/auth/{call}"), None, &account).0
}

/// Waits until `/readyz` says this: these codes under `not_ready`, and these under `degraded`.
#[track_caller]
pub(crate) fn wait_until(server: &Server, not_ready: &[&str], degraded: &[&str]) {
    let began = now();
    loop {
        let (status, said) = server.ask("GET /readyz", "");
        let has = |list: &str, codes: &[&str]| {
            let said = said[list].as_array().cloned().unwrap_or_default();
            said.len() == codes.len() && codes.iter().all(|code| said.contains(&json!(code)))
        };
        if has("not_ready", not_ready) && has("degraded", degraded) {
            assert_eq!(status, if not_ready.is_empty() { 200 } else { 503 });
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{said}");
    }
}

/// What a series is now.
pub(crate) fn number(server: &Server, series: &str) -> f64 {
    let (_, metrics) = server.call("GET /metrics", "", "");
    let mut lines = metrics.lines().filter_map(|line| line.rsplit_once(' '));
    let (_, value) = lines.find(|(name, _)| *name == series).unwrap_or_else(|| panic!("{metrics}"));
    value.parse().unwrap()
}

/// This alert's expression asks for this metric.
pub(crate) fn assert_watched(alert: &str, metric: &str) {
    let rules = include_str!("../../deploy/prometheus/alerts.yml");
    let (_, rule) = rules.split_once(&format!("- alert: {alert}\n")).unwrap();
    let (expression, _) = rule.split_once("labels:").unwrap();
    assert!(expression.contains(metric), "{expression}");
}

pub(crate) fn assert_state(server: &Server, dependency: &str, state: &str) {
    let series = |state| {
        format!("vestibule_dependency_state{{dependency=\"{dependency}\",state=\"{state}\"}}")
    };
    assert_eq!(number(server, &series(state)), 1.0);
}

#[test]
fn full_disk_is_told_and_ends_when_it_is_emptied() {
    let server = Server::on_small_disk(CONFIG, 24);
    assert_eq!(sign_up(&server, "ann"), 201);
    let filler = server.directory().join("vestibule-data/filler");
    let mut file = File::create(&filler).unwrap();
    while file.write_all(&[0; 4_096]).is_ok() {}
    wait_until(&server, &["storage_full"], &[]);
    assert_eq!(sign_up(&server, "bob"), 503);
    assert_eq!(ask_with(&server, "signin", "ann"), 200, "who has an account can still come in");
    assert_eq!(number(&server, "vestibule_storage_full"), 1.0);
    assert!(number(&server, "vestibule_storage_refused_full_total") >= 1.0);
    assert_watched("VestibuleStorageFull", "vestibule_storage_full");
    assert_state(&server, "storage", "failed");
    server.wait_for("log", "the disk or recipes.disk is full: 1 task refused");
    fs::remove_file(filler).unwrap();
    drop(file);
    wait_until(&server, &[], &[]);
    assert_eq!(sign_up(&server, "bob"), 201);
}

/// The line of one state does not hide that of another in the same minute.
#[test]
fn disk_that_was_full_and_is_lost_has_both_lines() {
    let server = Server::on_small_disk(CONFIG, 24);
    let (filler, database, moved) = (
        server.directory().join("vestibule-data/filler"),
        server.directory().join(DATABASE),
        server.directory().join("vestibule-data/moved.db"),
    );
    let mut file = File::create(&filler).unwrap();
    while file.write_all(&[0; 4_096]).is_ok() {}
    server.wait_for("log", "nothing new is stored: the disk has");
    fs::remove_file(filler).unwrap();
    drop(file);
    server.wait_for("log", "there is room on the disk again");
    fs::rename(&database, &moved).unwrap();
    server.wait_for("log", "nothing is stored (docs/troubleshooting.md, VestibuleStorageLost)");
    fs::rename(moved, database).unwrap();
    server.wait_for("log", "the database's files are in their place again");
}

/// What is kept for a full disk must not take the last of it: the database could not be opened then.
#[test]
fn nearly_full_disk_does_not_stop_the_start() {
    let server = Server::on_filled_disk(CONFIG, 8, 8 * 1_024 - 1_030);
    wait_until(&server, &["storage_full"], &[]);
    server.wait_for("log", "nothing new is stored: the disk has");
    assert_eq!(sign_up(&server, "ann"), 503);
    fs::remove_file(server.directory().join("vestibule-data/filler")).unwrap();
    wait_until(&server, &[], &[]);
    assert_eq!(sign_up(&server, "ann"), 201);
}

/// A write beyond the limit of file sizes fails, as on a disk that fails; so do those of the log.
#[test]
fn failing_writes_are_told_and_end() {
    let server = Server::start("recipes", CONFIG);
    assert_eq!(sign_up(&server, "ann"), 201);
    let limit = |current| {
        let limit = Rlimit { current, maximum: None };
        prlimit(Some(server.id()), Resource::Fsize, limit).unwrap()
    };
    let before = limit(Some(1));
    assert_eq!(sign_up(&server, "bob"), 503);
    wait_until(&server, &["storage_io"], &["log_not_written"]);
    assert!(number(&server, "vestibule_storage_failures_total{cause=\"io\"}") >= 1.0);
    assert_watched("VestibuleStorageFails", "vestibule_storage_failures_total");
    assert!(number(&server, "vestibule_log_write_failures_total") >= 1.0);
    assert_watched("VestibuleLogFails", "vestibule_log_write_failures_total");
    assert_state(&server, "log", "degraded");
    limit(before.current);
    wait_until(&server, &[], &[]);
    server.wait_for("log", "the database can be written to again");
    assert_eq!(sign_up(&server, "bob"), 201);
}

#[test]
fn moved_database_is_told_and_ends_when_it_is_back() {
    let server = Server::start("recipes", CONFIG);
    server.rename(DATABASE, "vestibule-data/moved.db");
    wait_until(&server, &["storage_lost"], &[]);
    assert_eq!(sign_up(&server, "ann"), 503);
    assert_eq!(number(&server, "vestibule_storage_lost"), 1.0);
    assert!(number(&server, "vestibule_storage_refused_lost_total") >= 1.0);
    assert_watched("VestibuleStorageLost", "vestibule_storage_lost");
    server.wait_for("log", "The database's file was moved, deleted or replaced");
    server.rename("vestibule-data/moved.db", DATABASE);
    wait_until(&server, &[], &[]);
    assert_eq!(sign_up(&server, "ann"), 201);
}

/// What was answered 504 is not stored when the lock goes.
#[test]
fn locked_database_is_told_and_stores_nothing_late() {
    let server = Server::start("recipes", &format!("{CONFIG}[http]\nresponse_timeout = '1s'\n"));
    assert_eq!(sign_up(&server, "ann"), 201);
    let other = Connection::open(server.path().join(DATABASE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!([503, 504].contains(&sign_up(&server, "bob")));
    wait_until(&server, &["storage_locked"], &[]);
    assert!(number(&server, "vestibule_storage_failures_total{cause=\"locked\"}") >= 1.0);
    assert_watched("VestibuleStorageFails", "locked");
    server.wait_for("log", "database is locked");
    other.execute_batch("COMMIT").unwrap();
    wait_until(&server, &[], &[]);
    assert_eq!(sign_up(&server, "bob"), 201, "nothing of the first one is there");
}

/// The server has room: what it depends on has failed.
#[test]
fn locked_database_is_not_reported_as_at_capacity() {
    let server = Server::start("recipes", CONFIG);
    let other = Connection::open(server.path().join(DATABASE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let account = json!({ "email": "ann@example.com", "password": "correct horse" });
    let (status, fault) = server.post("/v1/auth/signup", None, &account);
    assert_eq!((status, &fault["error"]), (503, &json!("backend_unavailable")));
}

#[test]
fn damaged_database_is_told_from_the_start_on() {
    let mut server = Server::start("recipes", CONFIG);
    let account = json!({ "email": "ann@example.com", "password": "correct horse" });
    let (status, signed_up) = server.post("/v1/auth/signup", None, &account);
    assert_eq!(status, 201);
    for n in 0..50 {
        let recipe = json!({ "title": format!("Soup {n}") });
        let token = signed_up["access_token"].as_str();
        assert_eq!(server.post("/v1/recipes", token, &recipe).0, 201);
    }
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    let path = server.path().join(DATABASE);
    let mut bytes = fs::read(&path).unwrap();
    // The pages of the schema, which are the first ones, stay: without them nothing starts.
    let length = bytes.len();
    bytes[length - 2 * 4_096..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let server = server.killed_and_started_again("recipes");
    wait_until(&server, &["storage_damaged"], &[]);
    assert!(number(&server, "vestibule_storage_failures_total{cause=\"damaged\"}") >= 1.0);
    assert_watched("VestibuleStorageFails", "damaged");
    server.wait_for("log", "recipes.db is damaged");
    server.wait_for("log", "stop the server and restore a backup");
    assert!(!server.read("log").contains("***"), "the fault itself, not SQLite's heading above it");
}

/// A start that cannot write says so. The mount keeps root from writing too.
#[test]
fn read_only_data_stops_the_start_and_says_why() {
    let scratch = Scratch::new("server");
    scratch.write("v.toml", CONFIG);
    let mount = "mount -t tmpfs -o ro tmpfs vestibule-data && exec \"$0\" \"$@\"";
    fs::create_dir(scratch.path().join("vestibule-data")).unwrap();
    let unshare = ["--map-root-user", "--mount", "--", "sh", "-c", mount, BINARY];
    let serve = ["serve", "--config", "v.toml", "--listen", "127.0.0.1:0", "--app", "recipes"];
    let done = scratch.run(&mut scratch.command("unshare", &[&unshare[..], &serve[..]].concat()));
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
}

#[test]
fn full_pipe_of_the_log_is_told_and_holds_nobody_up() {
    let scratch = Scratch::new("server");
    let folder = scratch.path().join("pipes");
    fs::create_dir(&folder).unwrap();
    let fifo = folder.join("log");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Opened for both, so that opening it waits for nobody. Nothing is read for now.
    let non_blocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let reader = OpenOptions::new().read(true).write(true).custom_flags(non_blocking).open(&fifo);
    let mut reader = reader.unwrap();
    let config = "drain = '0s'\n[log]\nfile = 'pipes/log'\nlevel = 'trace'\nqueue = 16\n";
    let server = Server::start_in(scratch, "memory-open", config);
    let began = now();
    let token = server.token("alice");
    while number(&server, "vestibule_log_lines_dropped_total") == 0.0 {
        assert!(began.elapsed() < PATIENCE);
        Client::upgrade(server.connect(), "soup").authenticate(&token);
    }
    wait_until(&server, &[], &["log_behind"]);
    assert_state(&server, "log", "degraded");
    assert_watched("VestibuleLogLinesDropped", "vestibule_log_lines_dropped_total");
    // The reader goes on, and the log says what is missing.
    let (mut text, mut chunk) = (Vec::new(), [0; 65_536]);
    while !String::from_utf8_lossy(&text).contains(" dropped") {
        assert!(began.elapsed() < 2 * PATIENCE);
        server.ask("GET /healthz", "");
        if let Ok(length) = reader.read(&mut chunk) {
            text.extend_from_slice(&chunk[..length]);
        }
    }
    wait_until(&server, &[], &[]);
}

#[test]
fn backup_to_a_full_disk_names_the_copy() {
    let server = Server::start("recipes", CONFIG);
    assert_eq!(sign_up(&server, "ann"), 201);
    fs::create_dir(server.path().join("small")).unwrap();
    let mount = "mount -t tmpfs -o size=16k tmpfs small && exec \"$0\" \"$@\"";
    let unshare = ["--map-root-user", "--mount", "--", "sh", "-c", mount, BINARY];
    let backup = ["backup", "--data", "vestibule-data", "small/copy.db"];
    let mut command = Command::new("unshare");
    let done =
        command.args(unshare).args(backup).current_dir(server.path()).env_clear().output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: small/copy.db: "), "{said}");
    assert!(said.contains("disk is full"), "{said}");
}
