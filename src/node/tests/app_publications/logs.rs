//! Logs that have no room, or are no business of the application.

use super::*;

fn said_by(user: &str, content: &str) -> RoomMessage {
    RoomMessage::chat(UnixTime::from_millis(0), user, ("m", content), None)
}

#[test]
fn log_without_room_resumes_from_what_is_stored() {
    let disk = SharedDisk::default();
    let mut world =
        disk.start(|config| config.limits.history_bytes = crate::config::Size::bytes(1));
    let bob = world.connected("soup", "bob");
    let (_, told, _) = enter(&mut world, "alice", None);
    disk.say(&mut world, bob, "one");
    let (alice, told, missed) = enter(&mut world, "alice", Some(&position(&told)));
    assert_eq!((&told["resumed"], contents(&missed)), (&json!(true), vec!["one"]));
    disk.say(&mut world, bob, "two");
    assert!(payloads(&mut world, alice)[0]["position"].is_string());
    assert_eq!(world.node.rooms.logs.len(), 0);
    // Where the operator wants none, there is none.
    let mut world =
        disk.start(|config| config.limits.history_bytes = crate::config::Size::bytes(0));
    let (_, told, _) = enter(&mut world, "alice", missed[0]["position"].as_str());
    assert_eq!((&told["resumed"], &told["session"]["resume"]), (&json!(false), &json!(null)));
}

#[test]
fn node_gives_no_position_of_its_own() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|_| {});
    let (alice, told, _) = enter(&mut world, "alice", None);
    let update = Update::text("not published");
    world.event(AppEvent::RecipeChanged { room: "soup".to_owned(), update });
    let seen = payloads(&mut world, alice);
    assert_eq!((contents(&seen), seen[0].get("position")), (vec!["not published"], None));
    let mut history = Vec::new();
    assert_eq!(world.node.write_history(world.now, &mut history).unwrap(), 0);
    let (_, again, _) = enter(&mut world, "alice", Some(&position(&told)));
    assert_eq!((&again["resumed"], &again["missed"]), (&json!(true), &json!(0)));
}

/// The application has answered what the client has missed, and nothing else.
#[test]
fn client_that_was_asked_about_resumes_without_logs() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|_| {});
    let bob = world.connected("soup", "bob");
    let (_, told, _) = enter(&mut world, "alice", None);
    disk.say(&mut world, bob, "one");
    let mut world = disk.restart();
    disk.lock().holds_joins = true;
    let alice = world.authenticating("soup");
    let (token, resume) = (world.token("alice", 900), json!({ "position": position(&told) }));
    world.say(alice, "auth", json!({ "token": crate::logs::known(&token), "resume": resume }));
    world.reconfigure(|config| config.limits.history_bytes = crate::config::Size::bytes(0));
    let (ticket, update) = disk.lock().joining.pop().unwrap();
    let outcome = Outcome::Join(Admission::Admit(update.into()));
    world.node.handle_completion(world.now, Completion { ticket, outcome });
    world.settle();
    let seen = payloads(&mut world, alice);
    assert_eq!((&seen[0]["resumed"], contents(&seen[1..])), (&json!(true), vec!["one"]));
}

/// As in a cluster, where an application that stores publications does not give the positions.
#[test]
fn application_that_does_not_publish_here_is_ignored() {
    let mut world = World::new();
    let (alice, told, _) = enter(&mut world, "alice", None);
    let event = SharedDisk::default().lock().store("soup", said_by("bob", "twice"), None);
    world.event(event);
    assert!(world.see(alice).is_empty());
    let (_, told, _) = enter(&mut world, "alice", Some(&position(&told)));
    assert_eq!((&told["resumed"], &told["missed"]), (&json!(true), &json!(0)));
    assert_eq!(world.node.metrics().broken_logs, 0);
}
