//! Rooms that are large: a message goes to a slice of the members at a time.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::admin::tests::post;
use crate::node::app::{Answer, Incoming, Reply, Update};

/// What was taken, in its order: by whom, and the message's id.
type Taken = Arc<Mutex<Vec<(ConnId, String)>>>;

/// Writes down what it is asked. Every message changes the recipe, so the others get news of it;
/// `later` is answered when the test says so.
#[derive(Default)]
struct Scribe {
    taken: Taken,
    held: Arc<Mutex<Vec<Ticket>>>,
}

fn update(id: &str) -> Arc<Update> {
    Arc::new(Update { content: id.to_owned().into(), broadcast: true, ..Update::default() })
}

impl App for Scribe {
    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        self.taken.lock().unwrap().push((message.connection, message.id.to_owned()));
        if message.content == "later" {
            self.held.lock().unwrap().push(message.ticket);
            return Reply::Held;
        }
        Reply::Now(Ok(update(message.id)))
    }
}

/// A world whose rooms are large from `slice + 1` members on.
fn world(
    slice: usize,
    change: impl FnOnce(&mut Config),
) -> (World, Taken, Arc<Mutex<Vec<Ticket>>>) {
    let mut config = Config::default();
    config.auth.reauth_spread = crate::config::Length::from_secs(0);
    (config.limits.messages_per_minute, config.limits.connections_per_user) = (0, 0);
    change(&mut config);
    let app = Scribe::default();
    let (taken, held) = (Arc::clone(&app.taken), Arc::clone(&app.held));
    let mut world = World::with_app(config, Box::new(app));
    world.node.set_slice(slice);
    (world, taken, held)
}

impl World {
    /// One turn of a driver: what is due, and then its writes.
    fn step(&mut self) {
        self.node.handle_timeout(self.now);
        self.settle();
    }

    /// So many members of the room, the first to join first.
    fn filled(&mut self, room: &str, members: usize) -> Vec<ConnId> {
        (0..members).map(|n| self.connected(room, &format!("user-{n}"))).collect()
    }
}

/// Messages, news and answers by the id of the message that they are about.
fn heard(seen: &[Seen]) -> Vec<String> {
    let heard = seen.iter().map(|seen| match seen {
        Seen::Message(message) => {
            let payload = &message["payload"];
            match (message["type"].as_str(), payload["request_id"].as_str()) {
                (Some("chat_message"), _) => format!("chat {}", message["id"].as_str().unwrap()),
                (_, Some(id)) => format!("answer {id}"),
                (_, None) => format!("news {}", payload["content"].as_str().unwrap()),
            }
        }
        other => format!("{other:?}"),
    });
    heard.collect()
}

/// What somebody must hear who is in the room from the message of this number on.
fn expected(taken: &Taken, id: ConnId, from: usize) -> Vec<String> {
    let taken = taken.lock().unwrap();
    let of_each = taken.iter().skip(from).flat_map(|(sender, message)| {
        if *sender == id {
            vec![format!("answer {message}")]
        } else {
            vec![format!("chat {message}"), format!("news {message}")]
        }
    });
    of_each.collect()
}

#[test]
fn large_room_is_served_a_slice_a_call() {
    let (mut world, taken, _) = world(4, |_| {});
    let ids = world.filled("soup", 21);
    let other = world.connected("tea", "zoe");
    world.chat(ids[0], "hello");
    // The sender has its answer, and the driver is to come back at once.
    assert_eq!(heard(&world.see(ids[0])), expected(&taken, ids[0], 0));
    let reached =
        |world: &World| ids[1..].iter().filter(|id| world.output.contains_key(id)).count();
    assert_eq!(reached(&world), 0);
    let mut steps = 0;
    while world.node.poll_timeout().is_some_and(|at| at <= world.now.monotonic) {
        let before = reached(&world);
        world.step();
        assert!(reached(&world) - before <= 4);
        steps += 1;
        // Somebody else is answered between two steps.
        world.chat(other, "tea?");
        assert_eq!(world.see(other).len(), 1);
    }
    // A message and its news, each for 21 connections.
    assert_eq!(steps, 6 + 6);
    for &id in &ids[1..] {
        let soup: Vec<_> = expected(&taken, id, 0).into_iter().take(2).collect();
        assert_eq!(heard(&world.see(id)), soup);
    }
    assert_eq!(world.node.longest_step(), 4);
}

#[test]
fn room_of_256_has_its_message_in_the_same_call() {
    let (mut world, taken, _) = world(256, |_| {});
    let ids = world.filled("soup", 256);
    world.chat(ids[7], "hello");
    assert!(ids.iter().all(|&id| heard(&world.see(id)) == expected(&taken, id, 0)));
    let last = world.connected("soup", "one-more");
    world.chat(last, "hello");
    assert!(!world.output.contains_key(&ids[0]));
    world.advance(Duration::ZERO);
    assert!(ids.iter().all(|&id| heard(&world.see(id)) == expected(&taken, id, 1)));
}

#[test]
fn answer_does_not_overtake_older_news() {
    let (mut world, taken, held) = world(2, |_| {});
    let ids = world.filled("soup", 6);
    world.chat(ids[0], "later");
    world.advance(Duration::ZERO);
    ids.iter().for_each(|id| drop(world.see(*id)));
    let ticket = held.lock().unwrap().remove(0);
    world.chat(ids[1], "one");
    let outcome = Outcome::Message(Ok(update("late")));
    world.node.handle_completion(world.now, Completion { ticket, outcome });
    world.settle();
    // The news of `one` are on their way to the first sender: its answer waits behind them.
    assert_eq!(world.see(ids[0]), []);
    let next = world.chat(ids[0], "two");
    world.advance(Duration::ZERO);
    let one = taken.lock().unwrap()[1].1.clone();
    let first = taken.lock().unwrap()[0].1.clone();
    assert_eq!(
        heard(&world.see(ids[0])),
        [
            format!("chat {one}"),
            format!("news {one}"),
            format!("answer {first}"),
            format!("answer {next}")
        ]
    );
}

#[test]
fn senders_wait_while_8_messages_are_on_their_way() {
    let (mut world, taken, _) = world(2, |_| {});
    let ids = world.filled("soup", 8);
    for _ in 0..10 {
        ids[..5].iter().for_each(|&id| drop(world.chat(id, "hello")));
    }
    // Each message brings news: four of them fill the queue. Five answers may wait in it.
    assert!(taken.lock().unwrap().len() <= 8, "{:?}", taken.lock().unwrap().len());
    assert!(world.node.usage().deliveries <= 8 + 5);
    assert!(world.node.metrics().delayed_messages > 0);
    world.advance(Duration::ZERO);
    assert_eq!(taken.lock().unwrap().len(), 50);
    // They took turns, as each waits behind the others.
    let first: Vec<_> = taken.lock().unwrap()[..15].iter().map(|(id, _)| *id).collect();
    assert!(ids[..5].iter().all(|id| first.contains(id)), "{first:?}");
    for &id in &ids {
        assert_eq!(heard(&world.see(id)), expected(&taken, id, 0));
    }
}

#[test]
fn updates_beyond_half_the_budget_go_out_at_once() {
    let (mut world, _, held) = world(2, |config| {
        config.limits.outbound_bytes = crate::config::Size::kib(16);
        config.limits.outbound_total = crate::config::Size::kib(64);
    });
    let ids = world.filled("soup", 40);
    let senders = &ids[..30];
    for &id in senders {
        world.chat(id, "later");
        world.advance(Duration::ZERO);
    }
    for ticket in held.lock().unwrap().drain(..) {
        let large =
            Update { content: "x".repeat(3_000).into(), broadcast: true, ..Update::default() };
        let outcome = Outcome::Message(Ok(Arc::new(large)));
        world.node.handle_completion(world.now, Completion { ticket, outcome });
    }
    assert!(world.node.usage().deliveries >= 30);
    world.settle();
    assert!(world.node.usage().budgeted_bytes <= 32 << 10);
    world.advance(Duration::ZERO);
    for &id in &ids {
        let news = world.see(id).len();
        assert_eq!(news, 30 + 30 - usize::from(senders.contains(&id)));
    }
}

#[test]
fn full_room_is_told_to_come_back() {
    let (mut world, _, _) = world(256, |config| config.limits.room_members = 2);
    let alice = world.connected("soup", "alice");
    let bob = world.connected("soup", "bob");
    let late = world.authenticating("soup");
    let token = world.token("carol", 900);
    let auth = text(&envelope("auth", "a", json!({ "token": token })));
    world.bytes(late, &auth);
    assert_eq!(world.see(late), [close_frame(CloseReason::RoomFull)]);
    assert_eq!((CloseReason::RoomFull.code(), world.node.metrics().refused_by_room), (1013, 1));
    // Who is in the room renews its session.
    let fresh = world.token("bob", 900);
    world.auth(bob, &fresh);
    assert_eq!(world.message(bob)["payload"]["content"], "Re-authenticated");
    world.connected("tea", "carol");
    // The refused message was freed, and so is a place.
    world.node.handle_hangup(world.now, alice, Hangup::Reset);
    world.settle();
    let again = world.authenticating("soup");
    world.bytes(again, &auth);
    assert_eq!(world.message(again)["type"], "recipe_update");
}

#[test]
fn announcement_reaches_a_large_room_in_slices() {
    let (mut world, _, _) = world(3, |_| {});
    let ids = world.filled("soup", 10);
    let answer = world.call(&post("/v1/rooms/soup/publish", "", "{\"content\":\"hello\"}"));
    assert!(answer.ends_with("{\"delivered\":10}"), "{answer}");
    world.advance(Duration::ZERO);
    assert!(ids.iter().all(|&id| heard(&world.see(id)) == ["news hello"]));
    assert!(world.node.longest_step() <= 3);
    assert_eq!(world.node.metrics().updates_out, 10 + 10);
}

#[test]
fn drain_sends_what_was_on_its_way() {
    let (mut world, taken, _) =
        world(2, |config| config.drain = crate::config::Length::from_secs(0));
    let ids = world.filled("soup", 9);
    world.chat(ids[0], "last words");
    world.node.handle_shutdown(world.now);
    world.advance(Duration::ZERO);
    for &id in &ids {
        let mut all = expected(&taken, id, 0);
        all.push(format!("{:?}", close_frame(CloseReason::ShuttingDown)));
        assert_eq!(heard(&world.see(id)), all);
    }
    world.seconds(3);
    world.assert_nothing_is_left();
}

#[test]
fn drain_of_no_length_closes_64_a_call() {
    let (mut world, _, _) = world(256, |config| {
        config.drain = crate::config::Length::from_secs(0);
        config.limits.auth_per_minute_per_user = 0;
    });
    let ids: Vec<_> = (0..150).map(|n| world.connected(&format!("r{n}"), "alice")).collect();
    world.node.handle_shutdown(world.now);
    for closed in [64, 128, 150] {
        world.step();
        assert_eq!(ids.iter().filter(|id| world.output.contains_key(id)).count(), closed);
    }
}

/// What happens to a room.
#[derive(Clone, Copy, Debug)]
enum Event {
    Join,
    Leave(usize),
    /// So many messages in one read.
    Speak(usize, usize),
    Step,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => Just(Event::Join),
        2 => (0..64_usize).prop_map(Event::Leave),
        6 => (0..64_usize, 1..4_usize).prop_map(|(who, many)| Event::Speak(who, many)),
        6 => Just(Event::Step),
    ]
}

/// Somebody who was in the room: from which message on, and what it has heard.
struct Listener {
    id: ConnId,
    from: usize,
    heard: Vec<String>,
    is_there: bool,
}

/// Everybody hears what was said from the join on, once and in its order.
fn check(slice: usize, events: &[Event]) {
    let (mut world, taken, _) = world(slice, |_| {});
    let mut all: Vec<Listener> = Vec::new();
    let mut joined = 0;
    let mut join = |world: &mut World, all: &mut Vec<Listener>| {
        joined += 1;
        let id = world.connected("soup", &format!("user-{joined}"));
        let from = taken.lock().unwrap().len();
        all.push(Listener { id, from, heard: Vec::new(), is_there: true });
    };
    (0..8).for_each(|_| join(&mut world, &mut all));
    for &event in events {
        let here: Vec<usize> = (0..all.len()).filter(|&at| all[at].is_there).collect();
        match event {
            Event::Join => join(&mut world, &mut all),
            Event::Leave(who) if !here.is_empty() => {
                let listener = &mut all[here[who % here.len()]];
                listener.is_there = false;
                world.node.handle_hangup(world.now, listener.id, Hangup::Reset);
                world.settle();
            }
            Event::Speak(who, many) if !here.is_empty() => {
                let id = all[here[who % here.len()]].id;
                let mut bytes = Vec::new();
                for _ in 0..many {
                    world.messages += 1;
                    let message = format!("m{}", world.messages);
                    let said = envelope("chat_message", &message, json!({ "content": "x" }));
                    bytes.extend(text(&said));
                }
                world.bytes(id, &bytes);
            }
            Event::Leave(_) | Event::Speak(..) => {}
            Event::Step => world.step(),
        }
        for listener in &mut all {
            listener.heard.extend(heard(&world.see(listener.id)));
        }
    }
    world.advance(Duration::ZERO);
    for listener in &mut all {
        listener.heard.extend(heard(&world.see(listener.id)));
        let expected = expected(&taken, listener.id, listener.from);
        if listener.is_there {
            assert_eq!(listener.heard, expected);
        } else {
            assert!(expected.starts_with(&listener.heard), "{:?} {expected:?}", listener.heard);
        }
        world.node.handle_hangup(world.now, listener.id, Hangup::Reset);
    }
    world.settle();
    let longest = world.node.longest_step();
    assert!(longest <= slice, "{longest} of {slice}");
    world.seconds(2);
    world.assert_nothing_is_left();
}

proptest! {
    #[test]
    fn room_hears_everything_once_and_in_order(
        slice in 1..5_usize,
        events in prop::collection::vec(event(), 0..60),
    ) {
        check(slice, &events);
    }
}
