//! What rooms are told, stored with what it tells of; and clients that resume from there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use serde_json::json;

use super::*;
use crate::node::app::RoomTail;
use crate::protocol::ErrorCode;

/// Where the room stands for `user`, who has got what came up to `position`, and whether that is known.
pub(super) fn tail(test: &mut TestApp, room: &str, position: Option<Position>) -> (RoomTail, bool) {
    test.position = position;
    let update = test.seen(room, "alice");
    test.position = None;
    (*update.tail.unwrap(), update.recipe_data.is_none())
}

/// What each publication says.
fn contents(published: &[RoomPublication]) -> Vec<String> {
    let contents = published.iter().map(|it| said(&it.message)["content"].clone());
    contents.map(|content| content.as_str().unwrap().to_owned()).collect()
}

#[test]
fn message_and_its_change_are_published_in_order() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    let (before, _) = tail(&mut test, &room, None);
    let update = test.say(&room, "alice", "m1", "Rename to Stew");
    test.say(&room, "alice", "m2", "hello");
    let published = test.published_since();
    let answer = update.content.to_string();
    assert_eq!(contents(&published), ["Rename to Stew".to_owned(), answer, "hello".to_owned()]);
    assert!(published.iter().all(|it| it.except == Some(CONNECTION) && it.room == room));
    assert_eq!(published[0].follows, before.base);
    assert!(published.windows(2).all(|two| two[1].follows == two[0].position));
    let news = said(&published[1].message);
    assert_eq!(
        (&news["recipe_data"]["title"], &news["request_id"]),
        (&json!("Stew"), &json!(null))
    );
    // A client that was there before has missed all three, and gets neither recipe nor history.
    let (missed, is_known) = tail(&mut test, &room, Some(before.base));
    let expected = published.iter().map(|it| (it.position, it.message.clone())).collect();
    assert_eq!((missed, is_known), (RoomTail { base: before.base, messages: expected }, true));
}

#[test]
fn repeated_message_is_not_published_again() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    test.say(&room, "alice", "m1", "Rename to Stew");
    let published = test.published_since();
    let now = test.now;
    drop(test);
    let mut test = TestApp::open(&config);
    test.now = now;
    test.say(&room, "alice", "m1", "Rename to Stew");
    assert_eq!(test.published_since().len(), 0);
    // Nothing is lost by the restart: the room stands where it stood.
    let (quiet, is_known) = tail(&mut test, &room, Some(published[1].position));
    assert_eq!((quiet, is_known), (RoomTail::at(published[1].position), true));
    let (missed, _) = tail(&mut test, &room, Some(published[0].follows));
    assert_eq!(missed.messages.len(), 2);
    assert_eq!(
        tail(&mut test, &room, Some(Position::new(1, 7))),
        (RoomTail::at(missed.head()), false)
    );
}

#[test]
fn room_has_what_the_model_is_asked_about() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.assistant.model = "cook-1".to_owned();
    let open = |config: &Config| {
        let mut test = TestApp::open(config);
        let (sender, calls) = mpsc::channel();
        test.app.set_model(config, Box::new(move |call| drop(sender.send(call))));
        (test, calls)
    };
    let (mut test, calls) = open(&config);
    let room = test.recipe("alice", "Soup");
    assert_eq!(test.send(&room, "alice", "m1", "make it nice"), None);
    let call = calls.recv_timeout(PATIENCE).unwrap();
    // The others have it while the model thinks. Then the server is killed.
    let Outcome::Event(AppEvent::Published(told)) =
        test.done.recv_timeout(PATIENCE).unwrap().outcome
    else {
        panic!()
    };
    assert_eq!(contents(&[told]), ["make it nice"]);
    drop((test, call));
    // The owner may have stored too much meanwhile: that was looked at before the message was published.
    config.recipes.bytes_per_user = Size::bytes(1);
    let (mut test, calls) = open(&config);
    assert_eq!(test.send(&room, "alice", "m1", "make it otherwise"), None);
    assert!(matches!(test.next(), Outcome::UsedId));
    assert_eq!(test.send(&room, "alice", "m1", "make it nice"), None);
    let call = calls.recv_timeout(PATIENCE).unwrap();
    let content = json!({ "commands": ["Rename to Stew"] }).to_string();
    let answer = json!({ "choices": [{ "message": { "content": content } }] });
    assert!((call.answer)(Some(answer.to_string().into_bytes())));
    let update = test.answer().unwrap();
    assert_eq!(contents(&test.published_since()), [update.content.to_string()], "its change alone");
    // It is answered from the database from now on.
    assert_eq!(test.say(&room, "alice", "m1", "make it nice").content, update.content);
    assert_eq!(test.published_since().len(), 0);
    let (all, _) = tail(&mut test, &room, None);
    assert_eq!(all.base.number(), 2);
}

#[test]
fn what_is_not_stored_is_not_published() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let fails = Arc::new(AtomicBool::new(false));
    let is_failing = Arc::clone(&fails);
    let mut commit = by_statement();
    let mut test = TestApp::open_with(
        &config,
        Box::new(move |database| {
            if is_failing.load(Ordering::Relaxed) {
                return Err(rusqlite::Error::ExecuteReturnedResults);
            }
            commit(database)
        }),
    );
    let room = test.recipe("alice", "Soup");
    let (before, _) = tail(&mut test, &room, None);
    fails.store(true, Ordering::Relaxed);
    assert_eq!(test.send(&room, "alice", "m1", "Rename to Stew"), None);
    assert_eq!(test.answer(), Err(ErrorCode::Internal));
    assert_eq!(test.published_since().len(), 0);
    fails.store(false, Ordering::Relaxed);
    assert_eq!(tail(&mut test, &room, Some(before.base)), (before.clone(), true));
    test.say(&room, "alice", "m1", "Rename to Stew");
    assert_eq!(test.published_since()[0].follows, before.base);
}

#[test]
fn message_beyond_the_quota_is_not_published() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.bytes_per_user = Size::bytes(1_000);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    test.say(&room, "alice", "m1", &"hello ".repeat(200));
    assert_eq!(test.published_since().len(), 1);
    assert!(test.say(&room, "alice", "m2", "hello").content.contains("store as much"));
    assert_eq!(test.published_since().len(), 0);
}

/// A number that the database has.
pub(super) fn number(scratch: &ScratchDir, query: &str) -> i64 {
    let database = rusqlite::Connection::open(scratch.path().join("recipes.db")).unwrap();
    database.query_row(query, [], |row| row.get(0)).unwrap()
}

#[test]
fn undo_at_the_quota_gives_room_back() {
    const USAGE: &str = "SELECT bytes FROM usage WHERE owner = 'alice'";
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.bytes_per_user = Size::bytes(3_000);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    let mut sent = 0;
    while !test
        .say(&room, "alice", &format!("m{sent}"), "Add step Bake")
        .content
        .contains("as much")
    {
        sent += 1;
    }
    let head = test.published_since().pop().unwrap().position;
    let before = number(&scratch, USAGE);
    assert!(test.say(&room, "alice", "undo", "Undo").broadcast);
    let after = number(&scratch, USAGE);
    assert!(after < before, "{after} of {before}");
    // The others hear of it. Whoever does not begins anew.
    assert_eq!(test.published_since().len(), 2);
    assert!(!tail(&mut test, &room, Some(head)).1);
}

#[test]
fn operators_word_is_stored_and_published() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    let (before, _) = tail(&mut test, &room, None);
    let word = Update { content: "Closing at ten".into(), ..Update::default() };
    assert_eq!(test.publish(&room, word.clone()), Ok(word.clone()));
    let published = test.published_since();
    assert_eq!(
        (contents(&published), published[0].except),
        (vec!["Closing at ten".to_owned()], None)
    );
    let (missed, _) = tail(&mut test, &room, Some(before.base));
    assert_eq!(missed.messages, [(published[0].position, published[0].message.clone())]);
    // Nobody is in a room that does not exist.
    assert_eq!(test.publish("none", word.clone()), Ok(word));
    assert_eq!(test.published_since().len(), 0);
}

#[test]
fn nothing_is_kept_to_resume_from_if_forbidden() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.resume.persist = false;
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    test.say(&room, "alice", "m1", "hello");
    let published = test.published_since();
    let head = published[0].position;
    // Whoever has missed something begins anew.
    for (position, is_known) in [(published[0].follows, false), (head, true)] {
        assert_eq!(tail(&mut test, &room, Some(position)), (RoomTail::at(head), is_known));
    }
    // What an earlier process has kept goes at the start.
    drop(test);
    config.resume.persist = true;
    let mut test = TestApp::open(&config);
    test.say(&room, "alice", "m2", "hello");
    drop(test);
    config.resume.persist = false;
    let mut test = TestApp::open(&config);
    let (now, is_known) = tail(&mut test, &room, Some(head));
    assert_eq!((now.base.number(), is_known), (2, false));
    let database = rusqlite::Connection::open(scratch.path().join("recipes.db")).unwrap();
    let texts = "SELECT count(message) FROM publications";
    assert_eq!(database.query_row(texts, [], |row| row.get::<_, i64>(0)), Ok(0));
}
