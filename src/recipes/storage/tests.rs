//! The storage thread by itself.

use std::sync::{Arc, Mutex, mpsc};

use super::*;

/// Without a file that is looked after.
fn in_memory(database: Connection) -> OpenStorage {
    let (checkpointer, lock, clock) = (None, None, running_clock());
    OpenStorage { database, space: Space::unbounded(), checkpointer, lock, clock }
}

fn started(commit: Commit) -> (Storage, JoinGuard) {
    let database = Connection::open_in_memory().unwrap();
    database.execute_batch("CREATE TABLE t (a UNIQUE)").unwrap();
    let room = QueueLimits { items: 64, bytes: 64 << 10, batch: MAX_BATCH, batch_time: BATCH_TIME };
    Storage::start(in_memory(database), room, commit).unwrap()
}

fn insert(value: i64) -> impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static {
    move |database| database.execute("INSERT INTO t VALUES (?)", [value]).map(drop)
}

fn count(storage: &Storage) -> i64 {
    let count = |database: &Connection| {
        database.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0))
    };
    storage.ask(TaskOrigin::server(), count).unwrap()
}

/// No commit returns while the disk is held.
fn on_disk(disk: Arc<Mutex<()>>) -> Commit {
    let mut commit = by_statement();
    Box::new(move |database| {
        drop(disk.lock().unwrap());
        commit(database)
    })
}

#[test]
fn failed_item_rolls_back_only_itself() {
    let turning = Arc::new(Mutex::new(()));
    let (storage, join_guard) = started(on_disk(Arc::clone(&turning)));
    // All five are one batch, or the first is one and the rest another.
    let held = turning.lock().unwrap();
    let (told, outcomes) = mpsc::channel();
    let submit = |value, fails: bool| {
        let (insert, told) = (insert(value), told.clone());
        let work = move |database: &Connection| {
            insert(database)?;
            if fails { Err(rusqlite::Error::InvalidQuery) } else { Ok(()) }
        };
        storage
            .submit(TaskOrigin::server(), work, move |done| {
                told.send((value, done.is_ok())).unwrap()
            })
            .unwrap();
    };
    submit(1, false);
    submit(2, true);
    submit(3, false);
    // Refused by the table, not by the work.
    submit(3, false);
    submit(4, false);
    drop(held);
    let outcomes: Vec<_> = (0..5).map(|_| outcomes.recv().unwrap()).collect();
    assert_eq!(outcomes, [(1, true), (2, false), (3, true), (3, false), (4, true)]);
    assert_eq!(count(&storage), 3);
    drop((storage, join_guard));
}

#[test]
fn queued_bytes_are_bounded_and_released() {
    let turning = Arc::new(Mutex::new(()));
    let (storage, join_guard) = started(on_disk(Arc::clone(&turning)));
    let held = turning.lock().unwrap();
    let (told, outcomes) = mpsc::channel();
    let submit = |value| {
        let told = told.clone();
        storage.submit(TaskOrigin::server().with_text(20 << 10), insert(value), move |done| {
            told.send(done).unwrap()
        })
    };
    // Three of 20 KiB are within 64, and a fourth is not.
    assert_eq!([1, 2, 3, 4].map(submit), [Ok(()), Ok(()), Ok(()), Err(Busy)]);
    drop(held);
    assert!((0..3).all(|_| outcomes.recv().unwrap().is_ok()));
    assert_eq!(submit(4), Ok(()));
    assert_eq!(outcomes.recv().unwrap(), Ok(()));
    drop((storage, join_guard));
}

#[test]
fn panic_rolls_back_only_its_item() {
    let (storage, join_guard) = started(by_statement());
    let panics = |database: &Connection| -> rusqlite::Result<()> {
        insert(1)(database)?;
        std::panic::resume_unwind(Box::new("this is part of the test"))
    };
    assert_eq!(storage.ask(TaskOrigin::server(), panics), Err(AskError::Failed));
    storage
        .submit(TaskOrigin::server(), insert(2), |_| std::panic::resume_unwind(Box::new(())))
        .unwrap();
    assert_eq!(count(&storage), 1);
    drop((storage, join_guard));
}

#[test]
fn aborted_transaction_fails_its_batch_only() {
    let (storage, join_guard) = started(by_statement());
    // As SQLite itself does when the disk is full.
    let ends = |database: &Connection| -> rusqlite::Result<()> {
        database.execute_batch("ROLLBACK")?;
        Err(rusqlite::Error::InvalidQuery)
    };
    assert_eq!(storage.ask(TaskOrigin::server(), ends), Err(AskError::Failed));
    assert_eq!(storage.ask(TaskOrigin::server(), insert(1)), Ok(()));
    assert_eq!(count(&storage), 1);
    drop((storage, join_guard));
}

#[test]
fn thread_finishes_accepted_items_before_it_ends() {
    let (storage, join_guard) = started(by_statement());
    let (told, outcomes) = mpsc::channel();
    for value in 0..50 {
        let told = told.clone();
        storage
            .submit(TaskOrigin::server(), insert(value), move |done| {
                told.send(done.is_ok()).unwrap()
            })
            .unwrap();
    }
    drop((storage, told));
    drop(join_guard);
    assert_eq!(outcomes.iter().filter(|is_stored| *is_stored).count(), 50);
}

#[test]
fn locked_database_starts_no_item() {
    let scratch = crate::testing::ScratchDir::new();
    let path = scratch.path().join("locked.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE t (a UNIQUE); BEGIN IMMEDIATE").unwrap();
    let database = Connection::open(&path).unwrap();
    database.busy_timeout(Duration::ZERO).unwrap();
    let room = QueueLimits { items: 64, bytes: 0, batch: MAX_BATCH, batch_time: BATCH_TIME };
    let (storage, join_guard) = Storage::start(in_memory(database), room, by_statement()).unwrap();
    let start = StartFlag::default();
    let (told, outcomes) = mpsc::channel();
    let answer = move |done| told.send(done).unwrap();
    storage.submit(TaskOrigin::server().until(&start), insert(1), answer).unwrap();
    assert_eq!(outcomes.recv().unwrap(), Err(TaskError::Blocked));
    assert!(start.begin(), "it has not begun");
    assert_eq!(storage.ask(TaskOrigin::server(), insert(1)), Err(AskError::Unavailable));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(storage.ask(TaskOrigin::server(), insert(1)), Ok(()));
    drop((storage, join_guard));
}

#[test]
fn withdrawn_item_is_skipped() {
    let turning = Arc::new(Mutex::new(()));
    let (storage, join_guard) = started(on_disk(Arc::clone(&turning)));
    let held = turning.lock().unwrap();
    let (told, outcomes) = mpsc::channel();
    let flags = [1, 2, 3].map(|value| {
        let (start, told) = (StartFlag::default(), told.clone());
        // The first may be with the disk already; the others wait, or are in its batch.
        let work = insert(value);
        let answer = move |done: Result<(), TaskError>| told.send((value, done)).unwrap();
        storage.submit(TaskOrigin::server().until(&start), work, answer).unwrap();
        start
    });
    let withdrawn = flags.map(|start| start.withdraw());
    drop(held);
    for (value, is_withdrawn) in [1, 2, 3].into_iter().zip(withdrawn) {
        let expected = if is_withdrawn { Err(TaskError::NotBegun) } else { Ok(()) };
        assert_eq!(outcomes.recv().unwrap(), (value, expected));
    }
    let done = withdrawn.iter().filter(|is_withdrawn| !**is_withdrawn).count();
    assert_eq!(count(&storage), done as i64);
    drop((storage, join_guard));
}

/// What happens to tasks of these users that wait while another one is done, in its order: `begun` and
/// `done` of each. `origin` says of which kind a user's task is; that of `page` stores nothing.
fn events_of(
    waiting: &[&'static str],
    origin: impl Fn(&str, TaskOrigin) -> TaskOrigin,
) -> Vec<(&'static str, &'static str)> {
    let turning = Arc::new(Mutex::new(()));
    let (storage, join_guard) = started(on_disk(Arc::clone(&turning)));
    let held = turning.lock().unwrap();
    let (told, events) = mpsc::channel();
    let submit = |name: &'static str, value| {
        let origin = origin(name, TaskOrigin::new(TaskClass::Content, Payer::user(name)));
        let (begun, done) = (told.clone(), told.clone());
        let work = move |database: &Connection| {
            begun.send((name, "begun")).unwrap();
            if name == "page" { Ok(()) } else { insert(value)(database) }
        };
        storage.submit(origin, work, move |_| done.send((name, "done")).unwrap()).unwrap();
    };
    // The others wait, or the next one is in the first one's transaction.
    submit("first", 1);
    assert_eq!(events.recv(), Ok(("first", "begun")));
    waiting.iter().zip(2..).for_each(|(&name, value)| submit(name, value));
    drop(held);
    let events = (0..1 + 2 * waiting.len()).map(|_| events.recv().unwrap()).collect();
    drop((storage, join_guard));
    events
}

#[test]
fn message_is_answered_before_a_page_is_read() {
    let events =
        events_of(
            &["ann", "page", "bob"],
            |name, origin| {
                if name == "page" { origin.reading() } else { origin }
            },
        );
    let place = |event| events.iter().position(|it| *it == event).unwrap();
    assert!(place(("ann", "done")) < place(("page", "begun")), "{events:?}");
    assert!(place(("page", "done")) < place(("bob", "begun")), "{events:?}");
}

#[test]
fn lock_holds_the_id_of_its_process_alone() {
    let scratch = crate::testing::ScratchDir::new();
    let path = scratch.path().join(schema::LOCK_FILE);
    let id = std::process::id().to_string();
    for earlier in ["", "7", "4194304999"] {
        std::fs::write(&path, earlier).unwrap();
        drop(schema::lock(scratch.path()).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), id, "after {earlier}");
    }
}

#[test]
fn transaction_has_one_large_task() {
    let events = events_of(&["large-1", "ann", "large-2", "bob"], |name, origin| {
        if name.starts_with("large") { origin.with_text(16 << 10) } else { origin }
    });
    let place = |event| events.iter().position(|it| *it == event).unwrap();
    assert!(place(("ann", "done")) < place(("large-2", "begun")), "{events:?}");
    assert!(place(("large-1", "done")) < place(("large-2", "begun")), "{events:?}");
    assert!(place(("bob", "begun")) < place(("large-2", "done")), "messages share its commit");
}

#[test]
fn full_disk_gives_the_reserve_at_the_limit_too() {
    let (disk, now) = (memory_disk::MemoryDisk::new(24 << 20), crate::time::Instant::START);
    let OpenStorage { database, mut space, .. } = disk.open(1, (None, ""));
    space.check(now, &database);
    assert!(space.refuses(now, Effect::Grows) && !disk.is_released());
    assert!(disk.fill(0));
    space.check(now, &database);
    assert!(disk.is_released());
}
