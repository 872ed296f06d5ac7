//! How long what rooms are told is kept, and where it is not kept at all.

use serde_json::json;

use super::*;
use crate::recipes::tests::publications::{number, tail};

const HOUR: u64 = 3_600;
const TEXTS: &str = "SELECT count(message) FROM publications";

/// Does what is due, and waits for it.
fn do_what_is_due(test: &mut TestApp) {
    assert!(test.app.next_deadline().unwrap() <= test.now);
    test.app.on_deadline(test.now);
    // What is asked next is answered behind it.
    test.get("/v1/recipes", "alice");
}

#[test]
fn old_texts_go_where_nothing_is_said() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    do_what_is_due(&mut test);
    assert_eq!(test.app.next_deadline(), Some(test.now + Duration::from_secs(HOUR)));
    // More rooms than one task looks at.
    for n in 0..10 {
        let room = test.recipe("alice", &format!("Soup {n}"));
        test.say(&room, "alice", "m1", "hello");
    }
    let insert = "INSERT INTO unanswered SELECT key, 'alice', 'm2', 1800000000000, zeroblob(32)
        FROM recipes RETURNING 1";
    assert_eq!(number(&scratch, insert), 1);
    test.pass(71 * HOUR);
    do_what_is_due(&mut test);
    assert_eq!(number(&scratch, TEXTS), 10);
    test.pass(2 * HOUR);
    do_what_is_due(&mut test);
    assert_eq!(number(&scratch, TEXTS), 2);
    assert_eq!(number(&scratch, "SELECT count(*) FROM unanswered"), 0);
    // What is left is due at once.
    do_what_is_due(&mut test);
    assert_eq!(number(&scratch, TEXTS), 0);
    assert_eq!(test.app.next_deadline(), Some(test.now + Duration::from_secs(HOUR)));
}

#[test]
fn old_texts_give_way_before_the_quota_refuses() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.bytes_per_user = Size::bytes(3_000);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    let text = "hello ".repeat(40);
    let is_full = |update: &Update| update.content.contains("as much");
    let mut sent = 0;
    while !is_full(&test.say(&room, "alice", &format!("m{sent}"), &text)) {
        sent += 1;
    }
    test.pass(73 * HOUR);
    assert!(!is_full(&test.say(&room, "alice", "new", &text)));
}

#[test]
fn texts_that_stay_keep_no_member_in() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (room, bob) = (test.recipe("alice", "Soup"), test.account("bob@example.com"));
    let sent = json!({ "email": "bob@example.com", "role": "editor", "valid_seconds": 73 * HOUR });
    test.share(&room, "alice", &sent);
    test.say(&room, "alice", "m1", "hello");
    let database = rusqlite::Connection::open(scratch.path().join("recipes.db")).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON publications
        BEGIN SELECT RAISE(ABORT, 'refused'); END";
    database.execute_batch(refuse).unwrap();
    test.pass(73 * HOUR);
    do_what_is_due(&mut test);
    assert_eq!(test.events_since(), [format!("removed {bob} from {room}")]);
    assert_eq!(number(&scratch, TEXTS), 1);
    // It is tried again soon.
    database.execute_batch("DROP TRIGGER refuse").unwrap();
    test.pass(60);
    do_what_is_due(&mut test);
    assert_eq!(number(&scratch, TEXTS), 0);
}

/// The words reach who is there, and nobody resumes from them.
fn assert_said_and_not_kept(test: &mut TestApp, scratch: &ScratchDir, room: &str) {
    let (before, _) = tail(test, room, None);
    test.published_since();
    let word = Update { content: "Closing at ten".into(), ..Update::default() };
    assert_eq!(test.publish(room, word.clone()), Ok(word));
    let published = test.published_since();
    assert_eq!(published.len(), 1);
    assert_eq!(number(scratch, TEXTS), 0);
    let head = published[0].position;
    assert!(!tail(test, room, Some(before.head())).1);
    assert!(tail(test, room, Some(head)).1);
}

#[test]
fn operators_word_takes_no_room_on_a_full_disk() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    drop(test);
    // Less than there is already.
    config.recipes.disk = Size::kib(64);
    let mut test = TestApp::open(&config);
    assert_said_and_not_kept(&mut test, &scratch, &room);
}

#[test]
fn operators_word_takes_no_room_at_the_quota() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.bytes_per_user = Size::bytes(500);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    test.say(&room, "alice", "m1", &"hello ".repeat(100));
    assert_said_and_not_kept(&mut test, &scratch, &room);
}
