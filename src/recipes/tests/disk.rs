//! A disk that is full, a database that is moved, and what each user may store.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;

use super::*;
use crate::protocol::ErrorCode;
use crate::recipes::storage::StorageError;

/// A disk on which the database cannot grow while `is_small`.
fn on_small_disk(config: &Config) -> (TestApp, Arc<AtomicBool>) {
    let is_small = Arc::new(AtomicBool::new(false));
    let (flag, mut commit) = (Arc::clone(&is_small), by_statement());
    let test = TestApp::open_with(
        config,
        Box::new(move |database| {
            commit(database)?;
            let most = if flag.load(Ordering::SeqCst) { 1 } else { 1 << 30 };
            // SQLite takes as many pages as there are for a smaller number.
            database.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))
        }),
    );
    (test, is_small)
}

fn code(test: &TestApp) -> Option<&'static str> {
    test.app.dependencies().iter().flat_map(|it| &it.faults).map(|it| it.code).next()
}

#[test]
fn full_disk_is_a_state_that_ends_and_loses_nothing() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.history = 1_000;
    let (mut test, is_small) = on_small_disk(&config);
    let signed_up = test.post(
        "/v1/auth/signup",
        None,
        &json!({ "email": "ann@example.com", "password": "correct horse" }),
    );
    assert_eq!(signed_up.status, 201);
    let room = test.recipe("alice", "Soup");
    is_small.store(true, Ordering::SeqCst);
    let text = "hello ".repeat(80);
    let mut stored = Vec::new();
    let fault = loop {
        let id = format!("m{}", stored.len());
        assert_eq!(test.send(&room, "alice", &id, &text), None);
        match test.answer() {
            Ok(_) => stored.push(id),
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault, ErrorCode::BackendUnavailable, "which says: come back");
    assert_eq!(test.published_since().len(), stored.len(), "the others see what is stored");
    // Reads go on, and so does what takes little room.
    let ids = |test: &mut TestApp| -> Vec<String> {
        let history = history_of(&test.seen(&room, "alice"));
        history.iter().map(|said| said["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&mut test), stored);
    assert_eq!(test.get(&format!("/v1/recipes/{room}"), "alice").status, 200);
    is_small.store(false, Ordering::SeqCst);
    let id = format!("m{}", stored.len());
    loop {
        assert_eq!(test.send(&room, "alice", &id, &text), None);
        match test.answer() {
            Ok(_) => break,
            Err(fault) => assert_eq!(fault, ErrorCode::BackendUnavailable),
        }
    }
    stored.push(id);
    assert_eq!((ids(&mut test), code(&test)), (stored, None));
}

/// A disk that fails is a state, which ends by itself: nobody need write for that.
#[test]
fn failing_disk_is_a_state_that_ends_by_itself() {
    let scratch = ScratchDir::new();
    let is_broken = Arc::new(AtomicBool::new(false));
    let (flag, mut commit) = (Arc::clone(&is_broken), by_statement());
    let mut test = TestApp::open_with(
        &config(&scratch),
        Box::new(move |database| match flag.load(Ordering::SeqCst) {
            true => Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(10), None)),
            false => commit(database),
        }),
    );
    let room = test.recipe("alice", "Soup");
    is_broken.store(true, Ordering::SeqCst);
    assert_eq!(test.send(&room, "alice", "m1", "hello"), None);
    assert_eq!(test.answer(), Err(ErrorCode::BackendUnavailable), "which says: come back");
    assert_eq!(code(&test), Some("storage_io"));
    is_broken.store(false, Ordering::SeqCst);
    while code(&test).is_some() {
        std::thread::yield_now();
    }
    assert!(test.say(&room, "alice", "m1", "Rename to Stew").broadcast);
}

/// Another process locks the database after a sign-up has looked for its email. The sign-up that was
/// answered 504 meanwhile is not stored when the lock goes.
#[test]
fn sign_up_that_nobody_waits_for_is_not_stored() {
    let scratch = ScratchDir::new();
    let (is_due, other) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
    let (flag, locker, mut commit) = (Arc::clone(&is_due), Arc::clone(&other), by_statement());
    let (locked, is_locked) = mpsc::channel();
    let mut test = TestApp::open_with(
        &config(&scratch),
        Box::new(move |database| {
            commit(database)?;
            if flag.swap(false, Ordering::SeqCst) {
                let connection: &Option<Connection> = &locker.lock().unwrap();
                connection.as_ref().unwrap().execute_batch("BEGIN IMMEDIATE")?;
                locked.send(()).unwrap();
            }
            Ok(())
        }),
    );
    *other.lock().unwrap() = Some(Connection::open(scratch.path().join("recipes.db")).unwrap());
    is_due.store(true, Ordering::SeqCst);
    let account = json!({ "email": "ann@example.com", "password": "correct horse" });
    assert_eq!(test.ask(Method::Post, "/v1/auth/signup", None, &account), None);
    is_locked.recv().unwrap();
    assert!(test.start.withdraw(), "it has not begun");
    other.lock().unwrap().as_ref().unwrap().execute_batch("COMMIT").unwrap();
    let Outcome::Response(refused) = test.next() else { panic!() };
    assert_eq!(refused.status, 503);
    assert_eq!(test.post("/v1/auth/signup", None, &account).status, 201);
}

#[test]
fn reserve_is_readable_by_its_owner_only() {
    let scratch = ScratchDir::new();
    let reserve = scratch.path().join("recipes.reserve");
    std::fs::write(&reserve, "").unwrap();
    std::fs::set_permissions(&reserve, Permissions::from_mode(0o644)).unwrap();
    drop(TestApp::open(&config(&scratch)));
    let mode = || std::fs::metadata(&reserve).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600, "as an earlier version left it");
    std::fs::remove_file(&reserve).unwrap();
    drop(TestApp::open(&config(&scratch)));
    assert_eq!(mode(), 0o600);
}

#[test]
fn damaged_database_is_found_at_the_start() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let mut test = TestApp::open(&config);
    for n in 0..50 {
        test.recipe("alice", &format!("Soup {n}"));
    }
    drop(test);
    let path = Path::new(&config.data).join("recipes.db");
    let mut file = std::fs::read(&path).unwrap();
    // The pages of the schema, which are the first ones, stay.
    let length = file.len();
    file[length - 2 * 4_096..].fill(0xa5);
    std::fs::write(&path, file).unwrap();
    let test = TestApp::open(&config);
    assert_eq!(code(&test), Some("storage_damaged"));
    drop(test);
    std::fs::write(&path, [b'x'; 4_096]).unwrap();
    let fault = RecipesApp::open(&config).unwrap_err().to_string();
    assert!(fault.contains("restore a backup") && !fault.contains("writable"), "{fault}");
}

#[test]
fn reached_size_refuses_growth_and_nothing_else() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    let account = json!({ "email": "ann@example.com", "password": "correct horse" });
    assert_eq!(test.post("/v1/auth/signup", None, &account).status, 201);
    drop(test);
    // Less than there is already.
    config.recipes.disk = Size::kib(64);
    let mut test = TestApp::open(&config);
    let response = test.post("/v1/recipes", Some("alice"), &json!({ "title": "Pie" }));
    assert_eq!(response.status, 503);
    assert_eq!(code(&test), Some("storage_full"));
    let other = json!({ "email": "bob@example.com", "password": "correct horse" });
    assert_eq!(test.post("/v1/auth/signup", None, &other).status, 503);
    let signed_in = test.post("/v1/auth/signin", None, &account);
    assert_eq!(signed_in.status, 200);
    let refresh = json!({ "refresh_token": body(&signed_in)["refresh_token"] });
    let refreshed = test.post("/v1/auth/refresh", None, &refresh);
    assert_eq!(refreshed.status, 200);
    let log_out = json!({ "refresh_token": body(&refreshed)["refresh_token"] });
    assert_eq!(test.post("/v1/auth/logout", None, &log_out).status, 200);
    assert_eq!(recipe_of(&test.seen(&room, "alice"))["title"], "Soup");
}

#[test]
fn moved_database_is_not_written_until_it_is_back() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    let (here, there) = (scratch.path().join("recipes.db"), scratch.path().join("moved.db"));
    std::fs::rename(&here, &there).unwrap();
    assert_eq!(test.send(&room, "alice", "m1", "Rename to Stew"), None);
    assert_eq!(test.answer(), Err(ErrorCode::BackendUnavailable));
    assert_eq!(code(&test), Some("storage_lost"));
    assert_eq!(recipe_of(&test.seen(&room, "alice"))["title"], "Soup");
    std::fs::rename(&there, &here).unwrap();
    assert!(test.say(&room, "alice", "m1", "Rename to Stew").broadcast);
    assert_eq!(code(&test), None);
}

#[test]
fn second_server_is_refused_with_the_first_ones_id() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let first = TestApp::open(&config);
    let fault = RecipesApp::open(&config).unwrap_err();
    let pid = std::process::id().to_string();
    assert!(matches!(&fault, StorageError::Locked { holder, .. } if *holder == pid), "{fault}");
    assert!(fault.to_string().contains("stop that server"));
    drop(first);
    drop(TestApp::open(&config));
}

#[test]
fn user_stores_so_much_and_no_more() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.bytes_per_user = Size::kib(64);
    let mut test = TestApp::open(&config);
    let (room, other) = (test.recipe("alice", "Soup"), test.recipe("bob", "Pie"));
    let text = "hello ".repeat(80);
    let mut stored = 0;
    while !test.say(&room, "alice", &format!("m{stored}"), &text).content.contains("store as much")
    {
        stored += 1;
    }
    assert!((32..200).contains(&stored), "{stored}");
    let response = test.post("/v1/recipes", Some("alice"), &json!({ "title": "Stew" }));
    assert_eq!((response.status, &body(&response)["error"]), (507, &json!("storage_limit")));
    assert!(test.say(&other, "bob", "m", "Rename to Stew").broadcast);
}

#[test]
fn undo_at_the_quota_stores_nothing_more() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.bytes_per_user = Size::bytes(3_000);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    test.say(&room, "alice", "change", "Add step Bake");
    let text = "hello ".repeat(80);
    let mut sent = 0;
    while !test.say(&room, "alice", &format!("m{sent}"), &text).content.contains("store as much") {
        sent += 1;
    }
    let padded = format!("Undo{}", " ".repeat(1_000));
    assert!(test.say(&room, "alice", "padded", &padded).content.contains("store as much"));
    assert!(test.say(&room, "alice", "undo", "Undo").broadcast);
    test.say(&room, "alice", "last", &text);
    let nothing = test.say(&room, "alice", "nothing", "Undo");
    assert!(nothing.content.contains("store as much"), "{}", nothing.content);
}

#[test]
fn what_a_user_stores_is_counted_exactly() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    (config.recipes.messages, config.recipes.undo, config.recipes.history) = (32, 3, 10);
    let mut test = TestApp::open(&config);
    let rooms = [test.recipe("alice", "Soup"), test.recipe("alice", "Stew")];
    for n in 0..100 {
        let says = ["Rename to Gulyás", "Add step Bake", "Undo", "hello"][n % 4];
        test.say(&rooms[n % 3 % 2], "alice", &format!("m{n}"), &format!("{says} {n}"));
    }
    let database = Connection::open(scratch.path().join("recipes.db")).unwrap();
    let unanswered = "INSERT INTO unanswered SELECT key, 'bob', 'm', 1, zeroblob(32) FROM recipes;
        DELETE FROM unanswered WHERE recipe = (SELECT min(key) FROM recipes)";
    database.execute_batch(unanswered).unwrap();
    let number = |query: &str| database.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
    let counted = number("SELECT bytes FROM usage WHERE owner = 'alice'");
    let sum = number(
        "SELECT (SELECT sum(octet_length(body) + octet_length(summary)) FROM recipes)
             + (SELECT sum(octet_length(body)) FROM versions)
             + (SELECT sum(octet_length(content) + octet_length(reply)) FROM messages)
             + (SELECT sum(octet_length(message)) FROM publications)
             + (SELECT sum(octet_length(user) + octet_length(id) + octet_length(digest))
                FROM unanswered)",
    );
    assert_eq!(counted, sum);
    database.execute_batch("PRAGMA foreign_keys = ON; DELETE FROM recipes").unwrap();
    assert_eq!(number("SELECT bytes FROM usage WHERE owner = 'alice'"), 0);
}

#[test]
fn log_without_its_database_is_not_thrown_away() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let log = Path::new(&config.data).join("recipes.db-wal");
    std::fs::write(&log, b"what was stored last").unwrap();
    let Err(StorageError::Open { error, .. }) = RecipesApp::open(&config) else { panic!() };
    assert!(error.to_string().contains("put the database back next to its log"), "{error}");
    assert_eq!(std::fs::read(&log).unwrap(), b"what was stored last");
}

#[test]
fn deleted_log_is_a_lost_database() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    std::fs::remove_file(Path::new(&config.data).join("recipes.db-wal")).unwrap();
    assert_eq!(test.send(&room, "alice", "m1", "hello"), None);
    assert_eq!(test.answer(), Err(ErrorCode::BackendUnavailable));
    assert_eq!(code(&test), Some("storage_lost"));
}
