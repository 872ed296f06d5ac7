//! Files of the data directory that are taken from under the running server, one way after the other:
//! what it says of each, that it stores nothing where nobody looks, and that it goes on by itself when
//! they are back. A disk that fails is in `faults`.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::faults::{
    CONFIG, DATABASE, ask_with, assert_state, assert_watched, number, sign_up, wait_until,
};
use crate::support::process::Scratch;
use crate::support::server::Server;

const DIRECTORY: &str = "vestibule-data";

/// The sentence about the storage in `GET /v1/status`, which `vestibule status` prints too.
fn sentence(server: &Server) -> String {
    let (_, status) = server.ask("GET /v1/status", "");
    let dependencies = status["dependencies"].as_array().unwrap();
    let storage = dependencies.iter().find(|it| it["name"] == "storage").unwrap();
    let faults: &Vec<Value> = storage["faults"].as_array().unwrap();
    let message = faults[0]["message"].as_str().unwrap().to_owned();
    let admin = server.admin.to_string();
    let printed = server.run(&["status", "--admin", &admin]).stdout;
    assert!(String::from_utf8(printed).unwrap().contains(&message), "{message}");
    message
}

/// What every lost file has in common.
fn assert_lost(server: &Server, what: &str) {
    wait_until(server, &["storage_lost"], &[]);
    assert_eq!((sign_up(server, "bob"), ask_with(server, "signin", "ann")), (503, 503));
    assert!(sentence(server).contains(what), "{}", sentence(server));
    assert_eq!(number(server, "vestibule_storage_lost"), 1.0);
    assert_watched("VestibuleStorageLost", "vestibule_storage_lost");
    // One line for the state, and one a minute for what was refused.
    server.wait_for("log", "database task refused: ");
    let log = server.read("log");
    assert_eq!(log.matches(what).count(), 2, "{log}");
    assert!(log.contains("(docs/troubleshooting.md, VestibuleStorageLost)"), "{log}");
}

fn assert_found(server: &Server) {
    wait_until(server, &[], &[]);
    server.wait_for("log", "the database's files are in their place again");
    assert_eq!((sign_up(server, "bob"), ask_with(server, "signin", "ann")), (201, 200));
}

/// The state of the revocations ends when one is stored.
fn assert_stored_again(server: &Server) {
    wait_until(server, &[], &["revocations_not_stored"]);
    assert_state(server, "revocations", "degraded");
    assert_eq!(disconnect(server).0, 200);
}

fn disconnect(server: &Server) -> (u16, Value) {
    server.ask("POST /v1/users/ann/disconnect", "")
}

#[test]
fn replaced_database_is_not_written_to() {
    let server = Server::start("recipes", CONFIG);
    assert_eq!(sign_up(&server, "ann"), 201);
    server.rename(DATABASE, "aside");
    fs::copy(server.path().join("aside"), server.path().join(DATABASE)).unwrap();
    assert_lost(&server, "was moved, deleted or replaced: put it back");
    server.rename("aside", DATABASE);
    assert_found(&server);
}

/// A revocation is refused too, and does not create the directory, which would be in the way of the one
/// that is put back.
#[test]
fn moved_directory_is_told_and_stays_free() {
    let server = Server::start("recipes", CONFIG);
    assert_eq!(sign_up(&server, "ann"), 201);
    server.rename(DIRECTORY, "aside");
    assert_lost(&server, "was moved, deleted or replaced: put it back");
    let (status, said) = disconnect(&server);
    assert_eq!(status, 503, "{said}");
    assert!(!server.path().join(DIRECTORY).exists());
    server.rename("aside", DIRECTORY);
    assert_stored_again(&server);
    assert_found(&server);
}

/// The database's last file is the one that the process has open. Copied from there, it is the database
/// of the next start.
#[test]
fn deleted_database_is_put_back_from_the_process() {
    let server = Server::start("recipes", CONFIG);
    assert_eq!(sign_up(&server, "ann"), 201);
    fs::remove_file(server.path().join(DATABASE)).unwrap();
    assert_lost(&server, "was moved, deleted or replaced: put it back");
    let open = fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap();
    let is_database = |path: &PathBuf| {
        fs::read_link(path).is_ok_and(|it| it.to_string_lossy().ends_with("recipes.db (deleted)"))
    };
    let open = open.map(|entry| entry.unwrap().path()).find(is_database).unwrap();
    fs::copy(open, server.path().join(DATABASE)).unwrap();
    assert_whole_after_a_restart(server);
}

/// It ends in order, and the next process has Ann, who signed up before.
fn assert_whole_after_a_restart(mut server: Server) {
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    let server = server.killed_and_started_again("recipes");
    wait_until(&server, &[], &[]);
    assert_eq!((ask_with(&server, "signin", "ann"), sign_up(&server, "bob")), (200, 201));
}

/// What was acknowledged is in the log alone, which the process still has: its end stores it.
#[test]
fn deleted_log_loses_nothing_at_a_restart() {
    let server = Server::start("recipes", CONFIG);
    assert_eq!(sign_up(&server, "ann"), 201);
    fs::remove_file(server.path().join(format!("{DATABASE}-wal"))).unwrap();
    assert_lost(&server, "recipes.db-wal, was moved or deleted: put it back, or restart");
    assert_whole_after_a_restart(server);
}

#[test]
fn directory_without_rights_is_told_until_it_has_them() {
    let server = Server::without_privileges(CONFIG);
    assert_eq!(sign_up(&server, "ann"), 201);
    let set = |mode| {
        let path = server.path().join(DIRECTORY);
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    set(0o000);
    assert_lost(&server, "may not enter the directory of the database any more");
    let (status, said) = disconnect(&server);
    assert_eq!(status, 503, "{said}");
    set(0o700);
    wait_until(&server, &[], &["revocations_not_stored"]);
    // Nothing can be created in it, but what is open is written to.
    set(0o500);
    assert_eq!(sign_up(&server, "carol"), 201);
    let (status, said) = disconnect(&server);
    assert_eq!((status, &said["error"]), (503, &json!("not_stored")));
    assert!(said["message"].as_str().unwrap().contains("Permission denied"), "{said}");
    server.wait_for("log", "1 revocation not stored, the last one: in force, but not stored");
    set(0o700);
    assert_stored_again(&server);
    assert_found(&server);
}

/// An ext4 file system in a file, which makes itself read-only when it is told that it has an error.
struct Ext4 {
    at: PathBuf,
    trigger: PathBuf,
}

impl Ext4 {
    /// `None` where a test may not mount one.
    fn mounted(at: &Path, image: &Path) -> Option<Self> {
        let run = |program: &str, arguments: &[&str]| {
            Command::new(program).args(arguments).output().is_ok_and(|done| done.status.success())
        };
        let (directory, file) = (at.to_str().unwrap(), image.to_str().unwrap());
        File::create(image).unwrap().set_len(64 << 20).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mkfs = format!("PATH={path}:/usr/sbin:/sbin; mkfs.ext4 -q {file}");
        let is_mounted = run("sh", &["-c", &mkfs])
            && run("mount", &["-o", "loop,errors=remount-ro", file, directory]);
        if !is_mounted {
            return None;
        }
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let line = mounts.lines().find(|line| line.contains(&format!(" {directory} "))).unwrap();
        let device = line.split([' ', '/']).nth(2).unwrap();
        let trigger = format!("/sys/fs/ext4/{device}/trigger_fs_error").into();
        Some(Self { at: at.to_owned(), trigger })
    }

    fn fail(&self) {
        fs::write(&self.trigger, "an error of a test").unwrap();
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

/// A kernel makes a file system read-only that has errors, under the files that are open. SQLite says
/// `disk I/O error` then; the operator gets to know the cause. Where no file system may be mounted, the
/// unit tests of the storage have the distinction, and `faults` a disk that fails.
#[test]
fn disk_made_read_only_while_running_is_told() {
    let scratch = Scratch::new("server");
    let (directory, image) = (scratch.path().join(DIRECTORY), scratch.path().join("image"));
    fs::create_dir(&directory).unwrap();
    let disk = Ext4::mounted(&directory, &image);
    let mut server = Server::start_in(scratch, "recipes", CONFIG);
    assert_eq!(sign_up(&server, "ann"), 201);
    if let Some(disk) = &disk {
        disk.fail();
        assert_eq!(sign_up(&server, "bob"), 503);
        wait_until(&server, &["storage_read_only"], &[]);
        assert!(sentence(&server).contains("cannot be written to"), "{}", sentence(&server));
        assert!(number(&server, "vestibule_storage_failures_total{cause=\"read_only\"}") >= 1.0);
        assert_watched("VestibuleStorageFails", "vestibule_storage_failures_total");
        server.wait_for("log", "the last one: disk I/O error: Read-only file system");
        let (status, said) = disconnect(&server);
        assert_eq!((status, &said["error"]), (503, &json!("not_stored")));
        assert_eq!(server.read("log").matches("database task failed").count(), 1, "one a minute");
    }
    // Only another mount ends that state, so the server must let go of the file system.
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
}
