//! The drain: who is closed, who is waited for, and who is refused.

use super::later::{Asked, answer, ticket, world_with};
use super::*;
use crate::config::Length;
use crate::node::gate::governor::Capacity;

/// What is said to whoever upgrades during a drain: 101, and the close frame behind it.
fn upgraded_and_closed(world: &mut World, id: ConnId) {
    let bytes = world.output.remove(&id).unwrap();
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    assert!(bytes.starts_with(b"HTTP/1.1 101 "));
    world.output.insert(id, bytes[end..].to_vec());
    assert_eq!(world.see(id), [close_frame(CloseReason::ShuttingDown)]);
}

#[test]
fn a_drain_spreads_its_closes_and_refuses_newcomers() {
    let mut world = World::new();
    let ids: Vec<_> = (0..100).map(|n| world.connected("soup", &format!("user{n}"))).collect();
    let half_open = world.accept();
    world.node.handle_shutdown(world.now);
    world.settle();
    let newcomer = world.accept();
    world.bytes(newcomer, upgrade("soup").as_bytes());
    assert!(world.raw(newcomer).starts_with("HTTP/1.1 503 "));
    world.seconds(5);
    let closed = ids.iter().filter(|&&id| !world.see(id).is_empty()).count();
    assert!((20..80).contains(&closed), "{closed}");
    world.seconds(5);
    let closed = ids.iter().filter(|&&id| !world.see(id).is_empty()).count() + closed;
    assert_eq!(closed, 100);
    assert!(!world.node.is_drained());
    world.seconds(3);
    assert!(world.node.is_drained() && world.closed.contains(&half_open));
}

#[test]
fn upgrade_begun_before_drain_is_completed_and_closed() {
    let mut world = World::with(|config| config.drain = Length::from_secs(0));
    let (early, late, cut) = (world.accept(), world.accept(), world.accept());
    world.bytes(cut, &upgrade("soup").as_bytes()[..30]);
    world.node.handle_shutdown(world.now);
    world.settle();
    // What comes in one segment with the upgrade is not looked at, however it is cut.
    let token = world.token("ann", 900);
    let auth = text(&envelope("auth", "a", json!({ "token": token })));
    let request = upgrade("soup").into_bytes();
    world.bytes(early, &[&request[..], &auth[..40]].concat());
    world.bytes(early, &auth[40..]);
    upgraded_and_closed(&mut world, early);
    world.bytes(early, &frame(0x88, &1001_u16.to_be_bytes()));
    assert_eq!(world.closed, [early]);
    world.seconds(4);
    world.bytes(late, &request);
    upgraded_and_closed(&mut world, late);
    world.bytes(cut, &request[30..]);
    upgraded_and_closed(&mut world, cut);
    assert!(!world.node.is_drained());
    world.seconds(3);
    assert!(world.node.is_drained());
    world.assert_nothing_is_left();
}

#[test]
fn silent_connection_holds_a_drain_until_its_deadline() {
    let mut world = World::with(|config| config.drain = Length::from_secs(0));
    world.seconds(1);
    let silent = world.accept();
    world.seconds(2);
    world.node.handle_shutdown(world.now);
    world.advance(Duration::from_millis(2_990));
    assert!(!world.node.is_drained());
    world.advance(Duration::from_micros(10_000 + TICK_MICROS));
    assert!(world.node.is_drained());
    assert_eq!(world.closed, [silent]);
}

/// A client that supports resuming, in the room.
fn resuming(world: &mut World, user: &str) -> ConnId {
    let id = world.authenticating("soup");
    let token = world.token(user, 900);
    world.say(id, "auth", json!({ "token": crate::logs::known(&token), "resume": {} }));
    let seen = world.see(id);
    let Seen::Message(acknowledged) = &seen[0] else { panic!("{seen:?}") };
    assert_eq!(acknowledged["payload"]["session"]["reconnect"], json!({ "within_ms": 1_000 }));
    id
}

/// The payload of the first message that it has not seen yet.
fn last_word(world: &mut World, id: ConnId) -> Value {
    let seen = world.see(id);
    let Some(Seen::Message(message)) = seen.first() else { panic!("{seen:?}") };
    message["payload"].clone()
}

/// When a client is told to come back, in milliseconds, if it was told and closed by now.
fn slot_of(world: &mut World, id: ConnId) -> Option<u64> {
    let seen = world.see(id);
    let [Seen::Message(away), close] = &seen[..] else {
        assert!(seen.is_empty(), "{seen:?}");
        return None;
    };
    assert_eq!(
        (&away["type"], close),
        (&json!("going_away"), &close_frame(CloseReason::ShuttingDown))
    );
    away["payload"]["reconnect_after_ms"].as_u64()
}

#[test]
fn clients_that_resume_leave_last_and_have_slots() {
    let mut world = World::with(|config| config.drain = Length::from_secs(4));
    let resuming: Vec<_> = (0..9).map(|n| resuming(&mut world, &format!("new{n}"))).collect();
    let old: Vec<_> = (0..40).map(|n| world.connected("soup", &format!("old{n}"))).collect();
    world.node.handle_shutdown(world.now);
    world.settle();
    world.seconds(2);
    assert!(resuming.iter().all(|&id| slot_of(&mut world, id).is_none()));
    world.seconds(2);
    assert!(old.iter().all(|&id| world.see(id) == [close_frame(CloseReason::ShuttingDown)]));
    let mut slots: Vec<_> = resuming.iter().filter_map(|&id| slot_of(&mut world, id)).collect();
    slots.sort_unstable();
    // One each 1.14 ms at first: 0.88 of a thousand a second.
    assert_eq!(slots, [1_250, 1_251, 1_252, 1_253, 1_254, 1_255, 1_256, 1_257, 1_259]);
    assert_eq!(world.node.metrics().slots, 9);
}

/// The first of many was let in when the server had not measured anything, and did not expect so many.
#[test]
fn going_away_says_what_is_known_by_then() {
    let mut world = World::new();
    let clients: Vec<_> = (0..22).map(|n| resuming(&mut world, &format!("ann{n}"))).collect();
    let measured = Capacity { asked: 10, unasked: 10 };
    world.node.gate.governor.restore(measured, (Duration::ZERO, 0));
    world.node.handle_shutdown(world.now);
    world.settle();
    world.seconds(0);
    for id in clients {
        // Also to the last one, when the others are gone: 22 at 8.8 a second.
        assert_eq!(last_word(&mut world, id)["within_ms"], 2_500);
    }
}

#[test]
fn reauthentication_says_what_is_known_by_then() {
    let mut world = World::new();
    let clients: Vec<_> = (0..22).map(|n| resuming(&mut world, &format!("ann{n}"))).collect();
    let measured = Capacity { asked: 10, unasked: 10 };
    world.node.gate.governor.restore(measured, (Duration::ZERO, 0));
    let token = world.token("ann0", 901);
    world.say(clients[0], "auth", json!({ "token": crate::logs::known(&token) }));
    let acknowledged = last_word(&mut world, clients[0]);
    assert_eq!(acknowledged["session"]["reconnect"], json!({ "within_ms": 2_500 }));
}

/// The process ends 400 ms after its client was told to go.
#[test]
fn restart_is_counted_from_when_clients_are_told() {
    let mut world = World::new();
    resuming(&mut world, "ann");
    world.seconds(10);
    let told_at = world.now.unix.as_millis();
    world.node.handle_shutdown(world.now);
    world.settle();
    world.advance(Duration::from_millis(400));
    let mut text = Vec::new();
    world.node.write_history(world.now, &mut text).unwrap();
    let first = text.split(|byte| *byte == b'\n').next().unwrap();
    let line: Value = serde_json::from_slice(first).unwrap();
    assert_eq!(line["away_since"], told_at);
}

#[test]
fn drain_is_over_at_once_where_all_clients_resume() {
    let mut world = World::new();
    let id = resuming(&mut world, "ann");
    world.node.handle_shutdown(world.now);
    world.settle();
    world.seconds(0);
    assert_eq!(slot_of(&mut world, id), Some(1_250));
}

#[test]
fn clients_go_to_other_servers_at_once() {
    let mut world = World::with(|config| {
        config.resume.restart = Length::from_secs(0);
        config.drain = Length::from_secs(4);
    });
    let ids: Vec<_> = (0..30).map(|n| resuming(&mut world, &format!("new{n}"))).collect();
    world.node.handle_shutdown(world.now);
    world.settle();
    world.seconds(2);
    let early: Vec<_> = ids.iter().filter_map(|&id| slot_of(&mut world, id)).collect();
    assert!((5..25).contains(&early.len()), "{early:?}");
    assert!(early.iter().all(|slot| *slot < 100), "{early:?}");
    world.seconds(2);
    let late = ids.iter().filter_map(|&id| slot_of(&mut world, id)).count();
    assert_eq!(early.len() + late, 30);
}

fn seconds_of_drain(drain: u64) -> (World, Asked) {
    world_with(|config| {
        config.drain = Length::from_secs(drain);
        config.backend.timeout = Length::from_secs(30);
    })
}

/// The content of the answer, which comes first, and whether the close frame follows it.
fn answer_and_close(world: &mut World, id: ConnId) -> (String, bool) {
    match &world.see(id)[..] {
        [Seen::Message(answer), rest @ ..] => (
            answer["payload"]["content"].as_str().unwrap_or_default().to_owned(),
            *rest == [close_frame(CloseReason::ShuttingDown)],
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn drain_waits_for_the_answer_to_an_open_question() {
    let (mut world, asked) = seconds_of_drain(10);
    let id = world.connected("soup", "ann");
    world.chat(id, "slow");
    world.chat(id, "behind it");
    world.node.drain(world.now, Duration::from_secs(10));
    world.advance(Duration::from_millis(9_990));
    assert_eq!(world.see(id), []);
    answer(&mut world, ticket(&asked, "slow"), "here");
    assert_eq!(answer_and_close(&mut world, id), ("here".to_owned(), true));
    // The application is not asked anything more for a connection that has to go.
    assert_eq!(asked.lock().unwrap().iter().filter(|(what, _)| what == "behind it").count(), 0);
}

#[test]
fn drain_waits_for_no_answer_beyond_its_length() {
    let (mut world, asked) = seconds_of_drain(4);
    let id = world.connected("soup", "ann");
    world.chat(id, "slow");
    world.node.handle_shutdown(world.now);
    world.advance(Duration::from_millis(3_990));
    assert_eq!(world.see(id), []);
    world.advance(Duration::from_millis(10));
    assert_eq!(world.see(id), [close_frame(CloseReason::ShuttingDown)]);
    answer(&mut world, ticket(&asked, "slow"), "too late");
    world.seconds(3);
    assert!(world.node.is_drained());
}

#[test]
fn slots_are_told_when_the_last_answer_is_there() {
    let (mut world, asked) = seconds_of_drain(4);
    let (ann, bob) = (resuming(&mut world, "ann"), resuming(&mut world, "bob"));
    world.chat(ann, "slow");
    let _ = world.see(bob);
    world.node.handle_shutdown(world.now);
    world.seconds(2);
    assert!(slot_of(&mut world, bob).is_none());
    // What is asked meanwhile does not hold up the end.
    world.chat(bob, "later");
    let _ = world.see(ann);
    answer(&mut world, ticket(&asked, "slow"), "here");
    let seen = world.see(ann);
    let Seen::Message(answered) = &seen[0] else { panic!("{seen:?}") };
    assert_eq!(answered["payload"]["content"], "here");
    world.seconds(0);
    let mut slots = [slot_of(&mut world, ann), slot_of(&mut world, bob)];
    slots.sort_unstable();
    assert_eq!(slots, [Some(1_250), Some(1_251)]);
}

#[test]
fn client_that_leaves_is_waited_for_no_longer() {
    let (mut world, _asked) = seconds_of_drain(4);
    let (ann, bob) = (resuming(&mut world, "ann"), resuming(&mut world, "bob"));
    world.chat(ann, "slow");
    world.node.handle_shutdown(world.now);
    world.seconds(1);
    let _ = world.see(bob);
    world.node.handle_hangup(world.now, ann, Hangup::Reset);
    world.seconds(0);
    assert_eq!(slot_of(&mut world, bob), Some(1_250));
}

/// It supports resuming by then, but is none of those that were told apart at the beginning.
#[test]
fn who_begins_to_resume_in_a_drain_is_closed_too() {
    let (mut world, asked) = seconds_of_drain(10);
    let id = world.authenticating("soup");
    world.node.handle_shutdown(world.now);
    world.settle();
    let token = world.token("ann", 900);
    world.say(id, "auth", json!({ "token": crate::logs::known(&token), "resume": {} }));
    world.chat(id, "slow");
    let _ = world.see(id);
    world.advance(Duration::from_millis(9_990));
    assert_eq!(world.see(id), []);
    answer(&mut world, ticket(&asked, "slow"), "here");
    world.seconds(0);
    let seen = world.see(id);
    assert_eq!(seen.last(), Some(&close_frame(CloseReason::ShuttingDown)), "{seen:?}");
}

/// What a client hears late would be counted from too late a moment.
#[test]
fn no_more_are_told_than_the_driver_writes_to() {
    let mut world = World::new();
    for n in 0..200 {
        resuming(&mut world, &format!("ann{n}"));
    }
    world.node.handle_shutdown(world.now);
    let told = |world: &mut World| {
        world.node.handle_timeout(world.now);
        world.node.metrics().slots
    };
    assert_eq!([told(&mut world), told(&mut world)], [64, 64]);
    world.settle();
    assert_eq!([told(&mut world), told(&mut world)], [128, 128]);
    // Nobody waits for sockets to which nothing can be written.
    world.now.monotonic = world.now.monotonic + Duration::from_millis(100);
    assert_eq!(told(&mut world), 192);
}
