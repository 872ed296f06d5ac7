//! A standby of the recipe chat, as docs/operations.md describes it, by `scripts/standby`; and the disk of a
//! dead host as the copy.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use rusqlite::Connection;

use crate::support::process::{BINARY, Scratch};

#[test]
fn a_standby_has_all_that_the_backup_had() {
    let root = env!("CARGO_MANIFEST_DIR");
    let tried = Command::new("scripts/standby")
        .args([BINARY, "3", "2"])
        .current_dir(root)
        .output()
        .unwrap();
    let (said, errors) =
        (String::from_utf8_lossy(&tried.stdout), String::from_utf8_lossy(&tried.stderr));
    assert!(tried.status.success(), "{errors}");
    assert_eq!(said, "the standby has 3 of 5 accounts; lost since the backup: 2\n");
}

/// Such as one of a host that died. To read a log, SQLite makes a third file next to it.
#[test]
fn restore_from_a_read_only_directory_has_advice() {
    let scratch = Scratch::new("operations");
    let disk = scratch.path().join("disk");
    let may_write = |mode| fs::set_permissions(&disk, Permissions::from_mode(mode)).unwrap();
    fs::create_dir(&disk).unwrap();
    let database = Connection::open(disk.join("recipes.db")).unwrap();
    database.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").unwrap();
    let advice = "disk/recipes.db: SQLite cannot write beside it: copy it, with its -wal";
    let assert_advised = || {
        may_write(0o555);
        let arguments = ["restore", "--data", "data", "disk/recipes.db"];
        let done = scratch.run(&mut scratch.without_privileges(&arguments));
        may_write(0o755);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(1) && said.contains(advice), "{said}");
    };
    // The server was stopped, and has left no log.
    let log = fs::read(disk.join("recipes.db-wal")).unwrap();
    database.close().unwrap();
    assert_advised();
    fs::write(disk.join("recipes.db-wal"), log).unwrap();
    assert_advised();
}
