//! Many at once: what they share, and what one's fault costs the others.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::*;
use crate::protocol::ErrorCode;

/// A disk that a test can count, hold and break.
#[derive(Clone, Default)]
struct Disk {
    /// Commits that were begun, and those that were let through.
    begun: Arc<AtomicUsize>,
    commits: Arc<AtomicUsize>,
    is_full: Arc<AtomicBool>,
    turning: Arc<Mutex<()>>,
}

impl Disk {
    fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    /// Waits until the storage thread waits for the disk: it takes nothing from its queue then.
    fn await_commit(&self) {
        while self.begun.load(Ordering::SeqCst) == self.commits() {
            std::thread::yield_now();
        }
    }

    /// No commit returns before the guard is dropped.
    fn hold(&self) -> MutexGuard<'_, ()> {
        self.turning.lock().unwrap()
    }

    fn commit(&self) -> Commit {
        let disk = self.clone();
        let mut commit = by_statement();
        Box::new(move |database| {
            disk.begun.fetch_add(1, Ordering::SeqCst);
            drop(disk.hold());
            disk.commits.fetch_add(1, Ordering::SeqCst);
            if disk.is_full.load(Ordering::SeqCst) {
                return Err(rusqlite::Error::InvalidQuery);
            }
            commit(database)
        })
    }
}

fn on_disk(config: &Config) -> (TestApp, Disk) {
    let disk = Disk::default();
    (TestApp::open_with(config, disk.commit()), disk)
}

/// Recipes of `count` users, made before.
fn rooms(config: &Config, count: usize) -> Vec<(String, String)> {
    let mut test = TestApp::open(config);
    let one = |n| {
        let user = format!("user{n}");
        (test.recipe(&user, "Soup"), user)
    };
    (0..count).map(one).collect()
}

#[test]
fn concurrent_writers_share_commits() {
    const WRITERS: usize = 200;
    const ROUNDS: usize = 5;
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let rooms = rooms(&config, WRITERS);

    let (mut alone, disk) = on_disk(&config);
    for (room, user) in &rooms {
        alone.say(room, user, "alone", "Rename to Stew");
    }
    let one_after_another = disk.commits() * ROUNDS;
    assert_eq!(one_after_another, WRITERS * ROUNDS);
    drop(alone);

    let (mut test, disk) = on_disk(&config);
    for round in 0..ROUNDS {
        // The disk is slow: its first commit returns when all have come.
        let held = disk.hold();
        for (room, user) in &rooms {
            assert_eq!(
                test.send(room, user, &format!("m{round}"), &format!("Rename to {round}")),
                None
            );
        }
        drop(held);
        for _ in &rooms {
            assert!(test.answer().unwrap().broadcast);
        }
    }
    let together = disk.commits();
    assert!(together * 5 <= one_after_another, "{together} of {one_after_another}");
}

#[test]
fn nothing_is_acknowledged_before_its_commit() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let rooms = rooms(&config, 3);
    let (mut test, disk) = on_disk(&config);
    let held = disk.hold();
    for (room, user) in &rooms {
        assert_eq!(test.send(room, user, "m", "Rename to Stew"), None);
    }
    // The thread is at its first commit or before it, and cannot go on.
    assert!(test.done.try_recv().is_err());
    assert_eq!(disk.commits(), 0);
    drop(held);
    for _ in &rooms {
        assert!(test.answer().unwrap().broadcast);
    }
}

#[test]
fn failed_commit_fails_its_batch_and_stores_nothing() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let rooms = rooms(&config, 20);
    let (mut test, disk) = on_disk(&config);
    let held = disk.hold();
    disk.is_full.store(true, Ordering::SeqCst);
    for (room, user) in &rooms {
        assert_eq!(test.send(room, user, "m", "Rename to Stew"), None);
    }
    drop(held);
    for _ in &rooms {
        assert_eq!(test.answer(), Err(ErrorCode::Internal));
    }
    disk.is_full.store(false, Ordering::SeqCst);
    for (room, user) in &rooms {
        let update = test.seen(room, user);
        assert_eq!(recipe_of(&update)["title"], "Soup");
        assert!(history_of(&update).is_empty());
        // Sent again it is done: nobody was told that it had been.
        assert!(test.say(room, user, "m", "Rename to Stew").broadcast);
    }
}

#[test]
fn full_queue_refuses_and_accepted_items_are_done() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    let rooms = rooms(&config, 1);
    let (room, user) = &rooms[0];
    config.limits.storage_queue = 8;
    let (mut test, disk) = on_disk(&config);
    let held = disk.hold();
    assert_eq!(test.send(room, user, "first", "hello"), None);
    disk.await_commit();
    let (mut refused, mut taken) = (Vec::new(), 1);
    for n in 0..40 {
        match test.send(room, user, &format!("m{n}"), "hello") {
            Some(answer) => refused.push(answer),
            None => taken += 1,
        }
    }
    assert_eq!((taken, refused.len()), (1 + 8, 40 - 8));
    assert!(refused.iter().all(|answer| *answer == Err(ErrorCode::BackendUnavailable)));
    let path = format!("/v1/recipes/{room}");
    let response = test.ask(Method::Get, &path, Some(user), &Value::Null).unwrap();
    assert_eq!(response.status, 503);
    drop(held);
    for _ in 0..taken {
        test.answer().unwrap();
    }
}

#[test]
fn shutdown_stores_queued_items_whole_or_not_at_all() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let rooms = rooms(&config, 10);
    let mut test = TestApp::open(&config);
    for (room, user) in &rooms {
        assert_eq!(test.send(room, user, "m", "Rename to Stew"), None);
    }
    drop(test);
    let mut test = TestApp::open(&config);
    for (room, user) in &rooms {
        let update = test.seen(room, user);
        let is_changed = recipe_of(&update)["title"] == "Stew";
        assert_eq!(history_of(&update).len(), usize::from(is_changed));
    }
}

#[test]
fn long_message_of_one_delays_nobody_else() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let rooms = rooms(&config, 2);
    let (mut test, disk) = on_disk(&config);
    let held = disk.hold();
    let long = format!("Extract recipe from: {}", "1 min and ".repeat(1_630));
    let [(slow, slow_user), (fast, fast_user)] = &rooms[..] else { panic!("two rooms") };
    // The long ones of one connection come one at a time; these are of many.
    for n in 0..20 {
        assert_eq!(test.send(slow, slow_user, &format!("long{n}"), &long), None);
    }
    assert_eq!(test.send(fast, fast_user, "short", "Rename to Stew"), None);
    drop(held);
    let mut answers = (0..21).map(|_| test.answer().unwrap());
    let place = answers.position(|answer| answer.content.contains("Stew"));
    assert!(place.is_some_and(|place| place < 10), "{place:?}");
}
