//! The recipe chat of a cluster's owner: the engine publishes, and other nodes ask, too.

use std::sync::mpsc;

use serde_json::json;

use super::publications::tail;
use super::*;

fn in_cluster(scratch: &ScratchDir) -> Config {
    let mut config = config(scratch);
    config.cluster.url = "redis://127.0.0.1".to_owned();
    config
}

#[test]
fn in_a_cluster_nodes_publish_and_not_the_database() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&in_cluster(&scratch));
    assert!(!test.app.stores_publications() && test.app.is_owner());
    let room = test.recipe("alice", "Soup");
    let welcome = test.seen(&room, "alice");
    assert!(welcome.tail.is_none() && welcome.history.is_some());
    let answer = test.say(&room, "alice", "m1", "Rename to Stew");
    assert!(answer.broadcast, "the others get it from the node");
    assert_eq!(test.published_since().len(), 0);
    test.tags = Some("*".to_owned());
    let path = format!("/v1/recipes/{room}");
    test.request(Method::Patch, &path, Some("alice"), &json!({ "title": "Broth" }));
    assert_eq!(test.events_since(), [format!("changed {room}: \"Broth\"")]);
    let said = Update { content: "hello".into(), ..Update::default() };
    assert_eq!(test.publish(&room, said.clone()), Ok(said));
    assert_eq!(test.events_since(), [""; 0]);
}

#[test]
fn positions_from_before_a_cluster_are_forgotten() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    test.say(&room, "alice", "m1", "hello");
    let (before, _) = tail(&mut test, &room, None);
    drop(test);
    let mut test = TestApp::open(&in_cluster(&scratch));
    test.say(&room, "alice", "m2", "Rename to Stew");
    drop(test);
    let mut test = TestApp::open(&config(&scratch));
    test.position = Some(before.head());
    let update = test.seen(&room, "alice");
    assert_eq!(recipe_of(&update)["title"], "Stew", "it has missed something");
}

#[test]
fn other_nodes_share_the_database_and_its_events() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&in_cluster(&scratch));
    let room = test.recipe("alice", "Soup");
    let (mut shared, completions) = test.app.for_other_nodes();
    let (sender, done) = mpsc::channel();
    completions.connect(move |completion| drop(sender.send(completion)));
    let mut ask = |user: &str, id: &str| {
        let ticket = Ticket { index: 7, serial: 7 };
        let (now, connection, content) = (test.now, CONNECTION, "Rename to Stew");
        let message = Incoming {
            ticket,
            start: &StartFlag::default(),
            now,
            connection,
            room: &room,
            user,
            id,
            content,
            data: None,
            claims: None,
        };
        assert!(matches!(shared.on_message(&message), Reply::Held));
        let Completion { ticket: answered, outcome } = done.recv_timeout(PATIENCE).unwrap();
        assert_eq!(answered, ticket);
        outcome
    };
    assert!(matches!(ask("alice", "m1"), Outcome::Message(Ok(update)) if update.broadcast));
    // Sent again, it is not done again, but told again: the first answer may have been lost.
    assert!(matches!(ask("alice", "m1"), Outcome::Message(Ok(update)) if update.broadcast));
    // Who may not be in the room is told of where all events are.
    assert!(matches!(ask("bob", "m1"), Outcome::Message(Err(_))));
    let event = test.done.recv_timeout(PATIENCE).unwrap();
    assert_eq!(event.ticket, Ticket::UNASKED);
    assert!(matches!(event.outcome, Outcome::Event(AppEvent::MemberRemoved { .. })));
    drop(shared);
}
