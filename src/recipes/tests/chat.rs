//! Joins, messages, and operators' words.

use serde_json::json;

use super::*;
use crate::node::app::Json;
use crate::node::app::PublishRefusal;

#[test]
fn only_the_owner_may_join() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    let update = test.seen(&room, "alice");
    let welcome = "Connected to recipe chat. How can I help you with this recipe?";
    assert_eq!(update.content, welcome);
    assert_eq!(recipe_of(&update)["title"], "Soup");
    assert!(history_of(&update).is_empty() && !update.broadcast);
    assert!(matches!(test.join(&room, "bob"), Admission::Deny));
    assert!(matches!(test.join("none", "alice"), Admission::Deny));
}

#[test]
fn change_is_stored_broadcast_and_undone() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    let update = test.say(&room, "alice", "m1", "Rename to Stew");
    assert!(update.broadcast);
    assert_eq!(recipe_of(&update)["title"], "Stew");
    assert_eq!(recipe_of(&test.seen(&room, "alice"))["title"], "Stew");
    assert_eq!(body(&test.get("/v1/recipes", "alice"))["recipes"][0]["title"], "Stew");
    test.pass(60);
    let update = test.say(&room, "alice", "m2", "Undo");
    assert!(update.broadcast);
    assert_eq!(recipe_of(&update)["title"], "Soup");
    assert_eq!(recipe_of(&update)["updated_at"], test.now.to_rfc3339().as_str());
    let update = test.say(&room, "alice", "m3", "Undo");
    assert_eq!((update.recipe_data, update.broadcast), (None, false));
}

#[test]
fn undone_changes_are_done_again_until_the_next_one() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "0");
    let mut n = 0;
    let mut say = |content: &str| {
        n += 1;
        let update = test.say(&room, "alice", &format!("m{n}"), content);
        update
            .recipe_data
            .as_ref()
            .map(|_| recipe_of(&update)["title"].as_str().unwrap().to_owned())
    };
    for title in ["1", "2", "3"] {
        say(&format!("Rename to {title}"));
    }
    let titles = ["Undo", "Undo", "Redo", "Undo", "Undo", "Undo", "Redo", "Redo", "Redo", "Redo"];
    let titles: Vec<_> = titles.map(&mut say).into_iter().map(Option::unwrap_or_default).collect();
    assert_eq!(titles, ["2", "1", "2", "1", "0", "", "1", "2", "3", ""]);
    assert_eq!(say("Undo").as_deref(), Some("2"));
    assert_eq!(say("Rename to 4").as_deref(), Some("4"));
    assert_eq!(say("Redo"), None, "another change was made");
    assert_eq!(say("Undo").as_deref(), Some("2"));
}

#[test]
fn several_changes_of_a_message_have_one_undo() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    let before = recipe_of(&test.seen(&room, "alice"));
    let update = test.say(&room, "alice", "m1", "Add 2 leeks, add 1 cup flour and rename to Stew");
    let changed = recipe_of(&update);
    assert_eq!(
        (&changed["title"], changed["ingredients"].as_array().unwrap().len()),
        (&json!("Stew"), 2)
    );
    let undone = recipe_of(&test.say(&room, "alice", "m2", "Undo"));
    assert_eq!(
        (&undone["title"], &undone["ingredients"]),
        (&before["title"], &before["ingredients"])
    );
}

#[test]
fn undo_depth_follows_the_configuration() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.undo = 2;
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "0");
    for n in 1..=3 {
        test.say(&room, "alice", &format!("m{n}"), &format!("Rename to {n}"));
    }
    let titles: Vec<_> = (0..3)
        .map(|n| test.say(&room, "alice", &format!("u{n}"), "Undo"))
        .map(|update| update.recipe_data.map(|json| json.as_str().contains("\"title\":\"1\"")))
        .collect();
    assert_eq!(titles, [Some(false), Some(true), None]);
}

#[test]
fn repeated_message_after_a_restart_is_done_once() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    let first = test.say(&room, "alice", "m1", "Rename to Stew");
    test.say(&room, "alice", "m2", "Rename to Pie");
    let now = test.now;
    drop(test);
    let mut test = TestApp::open(&config);
    test.now = now;
    test.pass(599);
    let again = test.say(&room, "alice", "m1", "Rename to Stew");
    assert_eq!(again.content, first.content);
    // The recipe as it is: an old one would be shown in the place of the newer.
    assert_eq!(recipe_of(&again)["title"], "Pie");
    assert!(!again.broadcast);
    assert_eq!(history_of(&test.seen(&room, "alice")).len(), 2);
    // However late its client comes back.
    test.pass(7 * 24 * 3_600);
    let later = test.say(&room, "alice", "m1", "Rename to Stew");
    assert_eq!((&recipe_of(&later)["title"], later.broadcast), (&json!("Pie"), false));
}

#[test]
fn message_id_is_reusable_after_32_messages() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    test.say(&room, "alice", "m", "Rename to Stew");
    for n in 0..31 {
        test.say(&room, "alice", &format!("m{n}"), "hello");
    }
    assert_eq!(test.send(&room, "alice", "m", "Rename to Pie"), None);
    assert!(matches!(test.next(), Outcome::UsedId));
    test.say(&room, "alice", "m31", "hello");
    assert!(test.say(&room, "alice", "m", "Rename to Pie").broadcast);
}

#[test]
fn join_shows_the_history_oldest_first() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.history = 3;
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    for n in 0..5 {
        test.pass(1);
        test.say(&room, "alice", &format!("m{n}"), &format!("hello {n}"));
    }
    let history = history_of(&test.seen(&room, "alice"));
    let ids: Vec<_> = history.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["m2", "m3", "m4"]);
    let last = &history[2];
    assert_eq!((&last["user_id"], &last["content"]), (&json!("alice"), &json!("hello 4")));
    assert_eq!(last["timestamp"], test.now.to_rfc3339().as_str());
    assert!(last["reply"].as_str().is_some_and(|reply| !reply.is_empty()));
}

#[test]
fn acknowledgement_fits_half_of_the_outbox() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    let long = "ä".repeat(16_384);
    for n in 0..10 {
        test.say(&room, "alice", &format!("m{n}"), &long);
    }
    let update = test.seen(&room, "alice");
    let count = history_of(&update).len();
    assert!((1..10).contains(&count), "{count}");
    assert!(update.weight() + 1_024 < config.limits.outbound_bytes.get() / 2);
}

#[test]
fn disabled_history_is_not_sent() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.history = 0;
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    test.say(&room, "alice", "m1", "hello");
    assert_eq!(test.seen(&room, "alice").history, None);
}

#[test]
fn published_recipe_is_stored_and_undone() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    let created = recipe_of(&test.seen(&room, "alice"))["created_at"].clone();
    test.pass(5);
    let recipe = json!({ "id": "another", "title": "Better soup", "created_at": "never" });
    let said = Update {
        content: "From the editors".into(),
        recipe_data: Some(Json::new(&recipe).unwrap()),
        ..Update::default()
    };
    let update = test.publish(&room, said.clone()).unwrap();
    assert_eq!(update.content, "From the editors");
    let stored = recipe_of(&test.seen(&room, "alice"));
    assert_eq!(recipe_of(&update), stored);
    assert_eq!((&stored["id"], &stored["title"]), (&json!(room), &json!("Better soup")));
    assert_eq!(stored["created_at"], created);
    let error = test.say(&room, "alice", "m1", "Undo");
    assert_eq!(recipe_of(&error)["title"], "Soup");
    assert_eq!(test.unpublished("none", said), PublishRefusal::NoSuchRoom);
}

#[test]
fn invalid_published_recipe_is_refused() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    let wrong = Update {
        recipe_data: Some(Json::new(&json!({ "title": 7 })).unwrap()),
        ..Update::default()
    };
    let why = "`recipe_data.title` must be a text of 1 to 200 characters".to_owned();
    assert_eq!(test.unpublished(&room, wrong.clone()), PublishRefusal::InvalidData(why));
    assert_eq!(test.unpublished("none", wrong), PublishRefusal::NoSuchRoom);
    let word = Update { content: "Closing at ten".into(), ..Update::default() };
    assert_eq!(test.publish(&room, word.clone()), Ok(word));
}

#[test]
fn change_that_grows_too_large_is_refused() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.limits.outbound_bytes = Size::kib(64);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    let steps: Vec<_> = (0..8).map(|_| "x".repeat(4_000)).collect();
    let large = json!({ "title": "Soup", "steps": steps });
    let said = Update { recipe_data: Some(Json::new(&large).unwrap()), ..Update::default() };
    let why = "`recipe_data` must be a smaller recipe".to_owned();
    assert_eq!(test.unpublished(&room, said), PublishRefusal::InvalidData(why));
    assert_eq!(recipe_of(&test.seen(&room, "alice"))["steps"], json!([]));
    let refused = test.post("/v1/recipes", Some("alice"), &large);
    assert_eq!(refused.status, 400);
}

#[test]
fn stored_id_with_other_content_is_refused() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    let first = test.say(&room, "alice", "m", "Rename to Stew");
    drop(test);
    // Over a restart: nobody but the database remembers.
    let mut test = TestApp::open(&config(&scratch));
    assert_eq!(test.send(&room, "alice", "m", "Rename to Pie"), None);
    assert!(matches!(test.next(), Outcome::UsedId));
    assert_eq!(recipe_of(&test.seen(&room, "alice"))["title"], "Stew");
    assert_eq!(test.say(&room, "alice", "m", "Rename to Stew").content, first.content);
    // Ten minutes later it is free for another message; the first one is still known.
    test.pass(601);
    assert_eq!(test.say(&room, "alice", "m", "Rename to Stew").content, first.content);
    assert_eq!(recipe_of(&test.say(&room, "alice", "m", "Rename to Pie"))["title"], "Pie");
}

#[test]
fn message_is_told_from_another_by_its_data_too() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    test.data = Some("{\"a\":1}");
    let first = test.say(&room, "alice", "m", "Rename to Stew");
    drop(test);
    let mut test = TestApp::open(&config(&scratch));
    for data in [None, Some("{\"a\":2}")] {
        test.data = data;
        assert_eq!(test.send(&room, "alice", "m", "Rename to Stew"), None);
        assert!(matches!(test.next(), Outcome::UsedId));
    }
    test.data = Some("{\"a\":1}");
    assert_eq!(test.say(&room, "alice", "m", "Rename to Stew").content, first.content);
    assert_eq!(test.published_since().len(), 0);
    // An earlier version has stored the content alone.
    let database = rusqlite::Connection::open(scratch.path().join("recipes.db")).unwrap();
    database.execute_batch("UPDATE messages SET digest = NULL").unwrap();
    test.data = None;
    assert_eq!(test.say(&room, "alice", "m", "Rename to Stew").content, first.content);
}

#[test]
fn locked_database_does_no_unanswered_work() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    // Another process has it, such as one that makes a backup.
    let other = rusqlite::Connection::open(scratch.path().join("recipes.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(test.send(&room, "alice", "m", "Rename to Stew"), None);
    // The node gives up on it, and tells its sender so.
    assert!(test.start.withdraw());
    other.execute_batch("COMMIT").unwrap();
    assert!(matches!(test.next(), Outcome::NotBegun));
    assert_eq!(recipe_of(&test.seen(&room, "alice"))["title"], "Soup");
    // Sent again it is done, once.
    assert_eq!(recipe_of(&test.say(&room, "alice", "m", "Rename to Stew"))["title"], "Stew");
    assert!(!test.start.withdraw(), "what has begun cannot be taken back");
    assert!(!test.say(&room, "alice", "m", "Rename to Stew").broadcast);
}
