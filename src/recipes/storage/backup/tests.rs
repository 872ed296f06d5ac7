//! Copies of a database, and the way back.

use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::testing::ScratchDir;

fn users(directory: &Path) -> Vec<String> {
    let database = schema::open(directory).unwrap();
    let mut all = database.prepare("SELECT user FROM t ORDER BY 1").unwrap();
    let rows = all.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn copy_of_an_open_database_is_put_back() {
    let scratch = ScratchDir::new();
    let (data, copy) = (scratch.path().join("data"), scratch.path().join("copy.db"));
    let lock = schema::lock(&data).unwrap();
    let database = schema::open(&data).unwrap();
    database.execute_batch("CREATE TABLE t (user); INSERT INTO t VALUES ('alice')").unwrap();
    // A writer in the middle of its transaction holds nothing up, and is not in the copy.
    database.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES ('bob')").unwrap();
    let bytes = backup(&data, &copy).unwrap();
    assert_eq!(fs::metadata(&copy).unwrap().len(), bytes);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(backup(&data, &copy), Err(BackupError::File { .. })), "it is there");
    database.execute_batch("COMMIT").unwrap();
    assert!(matches!(restore(&data, &copy), Err(BackupError::Storage(_))), "it is in use");
    drop((database, lock));
    let restored = restore(&data, &copy).unwrap();
    assert_eq!((restored.bytes, users(&data)), (bytes, vec!["alice".to_owned()]));
    assert_eq!(restored.kept, Some(data.join("recipes.db.replaced")));
}

#[test]
fn every_replaced_database_is_kept_with_its_log() {
    let scratch = ScratchDir::new();
    let (data, copy) = (scratch.path().join("data"), scratch.path().join("copy.db"));
    drop(schema::open(&data).unwrap());
    backup(&data, &copy).unwrap();
    let replace = |database: &str, log: Option<&str>| {
        fs::write(data.join("recipes.db"), database).unwrap();
        if let Some(log) = log {
            fs::write(data.join("recipes.db-wal"), log).unwrap();
        }
        restore(&data, &copy).unwrap().kept.unwrap()
    };
    let kept =
        [replace("first", Some("its log")), replace("second", None), replace("third", Some("l"))];
    let names = ["replaced", "replaced-2", "replaced-3"];
    assert_eq!(kept, names.map(|name| data.join(format!("recipes.db.{name}"))));
    assert_eq!(kept.map(|file| fs::read_to_string(file).unwrap()), ["first", "second", "third"]);
    let log = |number: &str| fs::read(data.join(format!("recipes.db.replaced{number}-wal"))).ok();
    assert_eq!([log(""), log("-2")], [Some(b"its log".to_vec()), None]);
    // A log alone also takes a name.
    fs::remove_file(data.join("recipes.db.replaced-2")).unwrap();
    fs::write(data.join("recipes.db.replaced-2-wal"), "another").unwrap();
    assert_eq!(replace("fourth", None), data.join("recipes.db.replaced-4"));
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("recipes.db") {
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(restore(&data, &copy).unwrap().kept, None, "there was none");
}

/// Root puts a copy back for a service with a user of its own, which has to read it then.
#[test]
fn restored_database_belongs_to_the_server() {
    let scratch = ScratchDir::new();
    let (data, copy) = (scratch.path().join("data"), scratch.path().join("copy.db"));
    drop(schema::open(&data).unwrap());
    backup(&data, &copy).unwrap();
    // Who is not root has one user only.
    let is_root = rustix::process::geteuid().is_root();
    let uid = if is_root { 65_534 } else { data.metadata().unwrap().uid() };
    let give = |path: &Path| std::os::unix::fs::chown(path, Some(uid), None).unwrap();
    let owners = || ["recipes.db", LOCK_FILE].map(|it| data.join(it).metadata().unwrap().uid());
    give(&schema::path(&data));
    restore(&data, &copy).unwrap();
    assert_eq!(owners(), [uid; 2]);
    // The directory says so where there was no database.
    fs::remove_dir_all(&data).unwrap();
    fs::create_dir(&data).unwrap();
    give(&data);
    restore(&data, &copy).unwrap();
    assert_eq!(owners(), [uid; 2]);
}

#[test]
fn unsound_copy_replaces_nothing() {
    let scratch = ScratchDir::new();
    let (data, copy) = (scratch.path().join("data"), scratch.path().join("copy.db"));
    drop(schema::open(&data).unwrap());
    fs::write(&copy, [b'x'; 8_192]).unwrap();
    let fault = restore(&data, &copy).unwrap_err().to_string();
    assert!(fault.contains("copy.db: file is not a database"), "{fault}");
    drop(Connection::open(scratch.path().join("empty.db")).unwrap());
    fs::write(scratch.path().join("empty.db"), b"").unwrap();
    let fault = restore(&data, &scratch.path().join("empty.db")).unwrap_err().to_string();
    assert!(fault.contains("not a database of the recipe chat"), "{fault}");
    assert!(!data.join("recipes.db.replaced").exists() && data.join("recipes.db").exists());
    let nothing = backup(&scratch.path().join("nothing"), &copy.with_extension("2"));
    let fault = nothing.unwrap_err().to_string();
    assert!(fault.ends_with("nothing/recipes.db: there is no such file"), "{fault}");
    let fault = backup(&data, &scratch.path().join("none/copy.db")).unwrap_err().to_string();
    assert!(fault.ends_with("none: there is no such directory: create it"), "{fault}");
    assert!(!copy.with_extension("2").exists());
}

/// A disk of a server that was killed: the latest changes are in the log.
#[test]
fn copy_with_a_log_is_restored_with_it() {
    let scratch = ScratchDir::new();
    let (old, data) = (scratch.path().join("old"), scratch.path().join("data"));
    let database = schema::open(&old).unwrap();
    database.execute_batch("CREATE TABLE t (user); INSERT INTO t VALUES ('alice')").unwrap();
    let disk = scratch.path().join("disk");
    fs::create_dir(&disk).unwrap();
    for name in ["recipes.db", "recipes.db-wal"] {
        fs::copy(old.join(name), disk.join(name)).unwrap();
    }
    let log = fs::read(disk.join("recipes.db-wal")).unwrap();
    restore(&data, &disk.join("recipes.db")).unwrap();
    assert_eq!(users(&data), ["alice"]);
    assert_eq!(fs::read(disk.join("recipes.db-wal")).unwrap(), log, "the copy is as it was");
}

#[test]
fn start_after_an_interrupted_restore_is_refused() {
    let scratch = ScratchDir::new();
    let (data, copy) = (scratch.path().join("data"), scratch.path().join("copy.db"));
    drop(schema::open(&data).unwrap());
    backup(&data, &copy).unwrap();
    // Killed between its last two steps.
    fs::copy(&copy, data.join("recipes.db.part")).unwrap();
    fs::rename(data.join("recipes.db"), data.join("recipes.db.replaced")).unwrap();
    let fault = schema::open(&data).unwrap_err().to_string();
    assert!(fault.contains("`vestibule restore` again"), "{fault}");
    assert!(crate::recipes::inspect_database(&data).is_err(), "`check` finds it, too");
    restore(&data, &copy).unwrap();
    drop(schema::open(&data).unwrap());
}

/// Two renames are never one: a restore may be killed after each of them.
#[test]
fn restore_killed_anywhere_keeps_log_and_database() {
    for moved in 0..=DATABASE_FILES.len() {
        let scratch = ScratchDir::new();
        let (data, copy) = (scratch.path().join("data"), scratch.path().join("copy.db"));
        drop(schema::open(&data).unwrap());
        backup(&data, &copy).unwrap();
        for (suffix, text) in [("", "old"), ("-wal", "log"), ("-shm", "index")] {
            fs::write(data.join(format!("recipes.db{suffix}")), text).unwrap();
        }
        // An earlier one was stopped in order, and has no log.
        fs::write(data.join("recipes.db.replaced"), "earlier").unwrap();
        fs::write(data.join("recipes.db.part"), "half").unwrap();
        let kept = data.join("recipes.db.replaced-2");
        for suffix in DATABASE_FILES.iter().take(moved) {
            let old = with_suffix(&data.join("recipes.db"), suffix);
            fs::rename(old, with_suffix(&kept, suffix)).unwrap();
        }
        // One more that fails leaves it as it is.
        fs::write(data.join(HISTORY_FILE), "rooms").unwrap();
        fs::create_dir(data.join("history.replaced")).unwrap();
        restore(&data, &copy).unwrap_err();
        fs::remove_dir(data.join("history.replaced")).unwrap();
        let start = crate::recipes::storage::space::refuse_lost_database(&data.join("recipes.db"));
        assert_eq!(start.is_err(), moved > 0, "{moved}");
        let restored = restore(&data, &copy).unwrap();
        assert_eq!(restored.kept.as_ref(), Some(&kept), "{moved}");
        let read = |suffix: &str| fs::read_to_string(with_suffix(&kept, suffix)).unwrap();
        assert_eq!(DATABASE_FILES.map(read), ["old", "log", "index"], "{moved}");
        assert!(!data.join("recipes.db.replaced-wal").exists());
        drop(schema::open(&data).unwrap());
    }
}

#[test]
fn backup_empties_no_file_of_others() {
    let scratch = ScratchDir::new();
    let (data, copy) = (scratch.path().join("data"), scratch.path().join("copy.db"));
    drop(schema::open(&data).unwrap());
    // Another copy to the same name is under way.
    let part = part_of(&copy);
    fs::write(&part, "half").unwrap();
    backup(&data, &copy).unwrap();
    assert_eq!(fs::read_to_string(&part).unwrap(), "half");
    let fault = create(&part, OpenOptions::new().create_new(true)).unwrap_err().to_string();
    assert!(fault.contains("exists") && fs::read_to_string(&part).unwrap() == "half", "{fault}");
    // A link in the data directory leads nowhere either.
    let other = scratch.path().join("other");
    fs::write(&other, "others'").unwrap();
    std::os::unix::fs::symlink(&other, data.join("recipes.db.part")).unwrap();
    restore(&data, &copy).unwrap_err();
    assert_eq!(fs::read_to_string(&other).unwrap(), "others'");
    let odd = std::ffi::OsString::from_vec(b"odd\xff.db".to_vec());
    let files = || fs::read_dir(scratch.path()).unwrap().count();
    let before = files();
    let fault = backup(&data, &scratch.path().join(odd)).unwrap_err().to_string();
    assert!(fault.contains("UTF-8") && files() == before, "{fault}");
}

/// The names in the directory, and what the database is.
fn state(data: &Path) -> (Vec<String>, String) {
    let entries = fs::read_dir(data).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    (names, fs::read_to_string(data.join("recipes.db")).unwrap())
}

#[test]
fn failed_replacement_puts_everything_back() {
    let scratch = ScratchDir::new();
    let data = scratch.path();
    for (name, text) in [("recipes.db", "old"), ("recipes.db-wal", "log"), ("history", "rooms")] {
        fs::write(data.join(name), text).unwrap();
    }
    let before = state(data);
    let (path, part) = (data.join("recipes.db"), data.join("recipes.db.part"));
    let replace = || replace(data, (&path, &part), kept_name(data, &path, false).unwrap());
    // There is no copy to put in place of it.
    assert!(matches!(replace(), Err(BackupError::File { .. })));
    assert_eq!(state(data), before);
    assert_eq!(fs::read_to_string(data.join("recipes.db-wal")).unwrap(), "log");
    fs::write(&part, "copy").unwrap();
    assert_eq!(replace().unwrap().bytes, 4);
    let names = ["recipes.db", "recipes.db.replaced", "recipes.db.replaced-wal"];
    assert_eq!(state(data), (names.map(str::to_owned).into(), "copy".to_owned()));
}

#[test]
fn history_that_stays_leaves_the_database() {
    let scratch = ScratchDir::new();
    let (data, copy) = (scratch.path().join("data"), scratch.path().join("copy.db"));
    drop(schema::open(&data).unwrap());
    backup(&data, &copy).unwrap();
    fs::write(data.join("recipes.db"), "old").unwrap();
    fs::write(data.join(HISTORY_FILE), "rooms").unwrap();
    // A file cannot take its place.
    fs::create_dir(data.join("history.replaced")).unwrap();
    fs::write(data.join(LOCK_FILE), "").unwrap();
    let before = state(&data);
    let fault = restore(&data, &copy).unwrap_err().to_string();
    assert!(fault.contains("history: "), "{fault}");
    assert_eq!(state(&data), before);
    // Without a database there is none afterwards.
    fs::remove_file(data.join("recipes.db")).unwrap();
    restore(&data, &copy).unwrap_err();
    assert!(!data.join("recipes.db").exists() && !data.join("recipes.db.part").exists());
}

#[test]
fn database_that_cannot_be_put_back_is_named() {
    let scratch = ScratchDir::new();
    let (path, kept) = (scratch.path().join("recipes.db"), scratch.path().join("gone"));
    let cause = file_error(&path, io::Error::other("the cause"));
    let moves = [(path.clone(), kept.clone())];
    let fault = put_back(cause, &path, &kept, &moves);
    assert!(matches!(&fault, BackupError::NotPutBack { kept: named, .. } if *named == kept));
    let text = fault.to_string();
    assert!(text.contains("the cause") && text.contains(&kept.display().to_string()), "{text}");
}
