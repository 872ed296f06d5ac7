//! Applications that store what rooms are told, and publish it.

mod logs;
mod operator;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::*;
use crate::id::Rng;
use crate::node::app::{
    Admission, Answer, Incoming, Join, Publish, Reply, RoomMessage, RoomPublication, RoomTail,
    Update,
};
use crate::protocol::{ErrorCode, Position};

type StoredMessages = Vec<(Position, RoomMessage)>;

/// What the application has stored, over all processes, and what it was asked.
#[derive(Debug, Default)]
struct Disk {
    rooms: BTreeMap<String, (Position, StoredMessages)>,
    tags: u64,
    /// Messages that are not answered: by what they say.
    asked: Vec<(String, Ticket, RoomMessage, ConnId)>,
    publishing: Vec<Ticket>,
    /// Requests that are not answered.
    editing: Vec<Ticket>,
    /// Joins are answered later: by these answers.
    holds_joins: bool,
    joining: Vec<(Ticket, Update)>,
    /// The positions that joins came with.
    positions: Vec<Option<Position>>,
}

impl Disk {
    fn tag(&mut self) -> u64 {
        self.tags += 1;
        Rng::new(self.tags).next_u64()
    }

    fn room(&mut self, room: &str) -> &mut (Position, StoredMessages) {
        let tag = self.tag();
        self.rooms.entry(room.to_owned()).or_insert((Position::new(0, tag), Vec::new()))
    }

    fn tail(&mut self, room: &str, position: Option<Position>) -> (RoomTail, bool) {
        let (base, messages) = self.room(room);
        let all = RoomTail { base: *base, messages: messages.clone() };
        let known = position.and_then(|position| {
            let at = messages.iter().position(|(it, _)| *it == position).map(|at| at + 1);
            Some((position, at.or((position == *base).then_some(0))?))
        });
        match known {
            Some((base, at)) => (RoomTail { base, messages: messages[at..].to_vec() }, true),
            None => (RoomTail::at(all.head()), false),
        }
    }

    fn store(&mut self, room: &str, message: RoomMessage, except: Option<ConnId>) -> AppEvent {
        let tag = self.tag();
        let (base, messages) = self.room(room);
        let follows = messages.last().map_or(*base, |(position, _)| *position);
        let position = follows.next(tag);
        messages.push((position, message.clone()));
        let room = room.to_owned();
        AppEvent::Published(RoomPublication { room, follows, position, message, except })
    }
}

#[derive(Clone, Debug, Default)]
struct SharedDisk(Arc<Mutex<Disk>>);

impl SharedDisk {
    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    /// A process on this disk.
    fn start(&self, change: impl FnOnce(&mut Config)) -> World {
        let mut config = Config::default();
        config.limits.messages_per_minute = 0;
        config.limits.auth_per_minute_per_user = 0;
        change(&mut config);
        World::with_app(config, Box::new(Storing(self.clone())))
    }

    /// The next process, after this one was killed.
    fn restart(&self) -> World {
        self.lock().asked.clear();
        let mut world = self.start(|_| {});
        world.messages = 1_000;
        world
    }

    /// Stores the message that says this, and delivers it with its answer. `news`: it changed the recipe.
    fn commit(&self, world: &mut World, content: &str, answer: Answer) -> Option<AppEvent> {
        let mut disk = self.lock();
        let at = disk.asked.iter().position(|(said, ..)| said == content).unwrap();
        let (_, ticket, message, sender) = disk.asked.remove(at);
        let mut events = Vec::new();
        if let Ok(update) = &answer {
            events.push(disk.store("soup", message, Some(sender)));
            if update.broadcast {
                let id = crate::id::MessageIds::new(Seed::predictable(disk.tag()));
                let id = { id }.next(world.now.unix);
                let news = update.message(world.now.unix, &id);
                events.push(disk.store("soup", news, Some(sender)));
            }
        }
        drop(disk);
        let first = events.first().cloned();
        let events = events.into_iter().map(Outcome::Event);
        for outcome in events.chain([Outcome::Message(answer)]) {
            world.node.handle_completion(world.now, Completion { ticket, outcome });
            world.settle();
        }
        first
    }

    fn say(&self, world: &mut World, id: ConnId, content: &str) {
        world.chat(id, content);
        self.commit(world, content, Ok(Update::text("noted")));
    }
}

struct Storing(SharedDisk);

impl App for Storing {
    fn stores_publications(&self) -> bool {
        true
    }

    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        let mut disk = self.0.lock();
        disk.positions.push(join.position);
        let (tail, is_known) = disk.tail(join.room, join.position);
        let content = if is_known { "" } else { "welcome" }.into();
        let update = Update { content, tail: Some(Box::new(tail)), ..Update::default() };
        if disk.holds_joins {
            disk.joining.push((join.ticket, update));
            return Reply::Held;
        }
        Admission::Admit(update.into()).into()
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        let Incoming { now, user, id, content, data, .. } = *message;
        let said = RoomMessage::chat(now, user, (id, content), data);
        let asked = (content.to_owned(), message.ticket, said, message.connection);
        self.0.lock().asked.push(asked);
        Reply::Held
    }

    fn on_publish(&mut self, publish: &Publish<'_>) -> Reply<Answer> {
        self.0.lock().publishing.push(publish.ticket);
        Reply::Held
    }

    fn serves(&self, path: &str) -> bool {
        path == "/edit"
    }

    fn on_request(&mut self, request: &Request<'_>) -> Reply<Response> {
        self.0.lock().editing.push(request.ticket);
        Reply::Held
    }
}

/// Joins with this position, as a client that supports resuming. The acknowledgement's payload, and what
/// follows it.
fn enter(world: &mut World, user: &str, position: Option<&str>) -> (ConnId, Value, Vec<Value>) {
    let id = world.authenticating("soup");
    let token = world.token(user, 900);
    let resume = position.map_or(json!({}), |position| json!({ "position": position }));
    world.say(id, "auth", json!({ "token": crate::logs::known(&token), "resume": resume }));
    let mut seen = payloads(world, id).into_iter();
    (id, seen.next().unwrap(), seen.collect())
}

fn payloads(world: &mut World, id: ConnId) -> Vec<Value> {
    let messages = world.see(id).into_iter().map(|seen| match seen {
        Seen::Message(message) => message["payload"].clone(),
        other => panic!("{other:?}"),
    });
    messages.collect()
}

fn contents(seen: &[Value]) -> Vec<&str> {
    seen.iter().map(|payload| payload["content"].as_str().unwrap()).collect()
}

fn position(acknowledgement: &Value) -> String {
    acknowledgement["session"]["resume"]["position"].as_str().unwrap().to_owned()
}

#[test]
fn nobody_sees_a_message_before_it_is_stored() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|_| {});
    let [alice, bob] = ["alice", "bob"].map(|user| world.connected("soup", user));
    let id = world.say(alice, "chat_message", json!({ "content": "hello", "data": { "a": 1 } }));
    assert!(world.see(bob).is_empty() && world.see(alice).is_empty());
    let news = Update { content: "changed".into(), broadcast: true, ..Update::default() };
    disk.commit(&mut world, "hello", Ok(news.into()));
    let [Seen::Message(said), Seen::Message(news)] = &world.see(bob)[..] else { panic!() };
    assert_eq!((&said["type"], &said["id"]), (&json!("chat_message"), &json!(id)));
    assert_eq!(
        (&said["payload"]["user_id"], &said["payload"]["data"]["a"]),
        (&json!("alice"), &json!(1))
    );
    let (base, stored) = disk.lock().rooms["soup"].clone();
    assert_eq!(said["payload"]["position"], stored[0].0.to_string());
    assert_eq!(
        (&news["type"], &news["payload"]["request_id"]),
        (&json!("recipe_update"), &json!(null))
    );
    assert_eq!(news["payload"]["position"], stored[1].0.to_string());
    assert_eq!(stored[0].0.distance_from(base), Some(1));
    assert_eq!(contents(&payloads(&mut world, alice)), ["changed"], "the answer, and no more");
    let metrics = world.node.metrics();
    assert_eq!((metrics.chat_messages, metrics.chats_out, metrics.broken_logs), (1, 1, 0));
}

#[test]
fn stored_message_is_not_moderated_beside_that() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|config| config.backend.moderate = true);
    let [alice, bob] = ["alice", "bob"].map(|user| world.connected("soup", user));
    disk.say(&mut world, alice, "hello");
    assert_eq!(contents(&payloads(&mut world, bob)), ["hello"]);
}

#[test]
fn failed_message_reaches_nobody_and_is_free() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|_| {});
    let [alice, bob] = ["alice", "bob"].map(|user| world.connected("soup", user));
    let say = |world: &mut World| {
        let said = envelope("chat_message", "m1", json!({ "content": "hello" }));
        world.bytes(alice, &text(&said));
    };
    for error in [ErrorCode::BackendUnavailable, ErrorCode::Internal] {
        say(&mut world);
        disk.commit(&mut world, "hello", Err(error));
        assert_eq!(world.message(alice)["type"], "error");
    }
    assert!(world.see(bob).is_empty());
    say(&mut world);
    disk.commit(&mut world, "hello", Ok(Update::text("noted")));
    assert_eq!(contents(&payloads(&mut world, bob)), ["hello"]);
    // It is answered from memory, and nobody hears it twice.
    world.see(alice);
    say(&mut world);
    assert_eq!(contents(&payloads(&mut world, alice)), ["noted"]);
    assert!(disk.lock().asked.is_empty() && world.see(bob).is_empty());
}

#[test]
fn client_resumes_after_a_kill_from_what_is_stored() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|_| {});
    let bob = world.connected("soup", "bob");
    let (alice, told, _) = enter(&mut world, "alice", None);
    assert_eq!(told["resumed"], false);
    let quiet = position(&told);
    disk.say(&mut world, bob, "one");
    let seen = payloads(&mut world, alice);
    assert_eq!(contents(&seen), ["one"]);
    let first = seen[0]["position"].as_str().unwrap();
    disk.say(&mut world, bob, "two");
    // Stored, and delivered to nobody.
    world.chat(bob, "three");
    let (_, _, message, _) = disk.lock().asked.pop().unwrap();
    disk.lock().store("soup", message, Some(bob));

    let mut world = disk.restart();
    let (alice, told, missed) = enter(&mut world, "alice", Some(first));
    assert_eq!((&told["resumed"], &told["missed"]), (&json!(true), &json!(2)));
    assert_eq!((position(&told).as_str(), &told["content"]), (first, &json!("Connected again.")));
    assert_eq!(contents(&missed), ["two", "three"]);
    let head = missed[1]["position"].as_str().unwrap();
    // The room's log has these now, and the application is not asked for them again.
    let (_, told, missed) = enter(&mut world, "alice", Some(first));
    assert_eq!((&told["resumed"], missed.len()), (&json!(true), 2));
    // Somebody stood before them.
    let (_, told, missed) = enter(&mut world, "carol", Some(&quiet));
    assert_eq!((&told["resumed"], contents(&missed)), (&json!(true), vec!["one", "two", "three"]));
    let (dora, told, _) = enter(&mut world, "dora", Some(head));
    assert_eq!((&told["resumed"], &told["missed"]), (&json!(true), &json!(0)));
    let asked: Vec<_> =
        disk.lock().positions.iter().map(|it| it.map(|it| it.to_string())).collect();
    assert_eq!(asked[2..], [Some(first.to_owned()), None, Some(quiet), None]);
    disk.say(&mut world, dora, "four");
    assert_eq!(contents(&payloads(&mut world, alice)), ["four"]);
    assert_eq!(world.node.metrics().broken_logs, 0);
}

#[test]
fn quiet_room_resumes_after_a_kill() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|_| {});
    let (_, told, _) = enter(&mut world, "alice", None);
    let mut world = disk.restart();
    let (_, told, missed) = enter(&mut world, "alice", Some(&position(&told)));
    assert_eq!((&told["resumed"], &told["missed"], missed.len()), (&json!(true), &json!(0), 0));
}

#[test]
fn position_that_is_not_stored_begins_anew() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|_| {});
    let bob = world.connected("soup", "bob");
    disk.say(&mut world, bob, "one");
    let stored = disk.lock().rooms["soup"].1[0].0;
    for unknown in [Position::new(stored.number(), 7), Position::new(9, stored.tag())] {
        let (_, told, missed) = enter(&mut world, "alice", Some(&unknown.to_string()));
        assert_eq!((&told["resumed"], &told["content"]), (&json!(false), &json!("welcome")));
        assert_eq!((position(&told), missed.len()), (stored.to_string(), 0));
    }
}

#[test]
fn lost_publication_closes_its_room() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|_| {});
    let bob = world.connected("soup", "bob");
    let (alice, told, _) = enter(&mut world, "alice", None);
    world.chat(bob, "lost");
    let (_, _, message, _) = disk.lock().asked.pop().unwrap();
    disk.lock().store("soup", message, Some(bob));
    let other = world.connected("soup", "carol");
    disk.say(&mut world, other, "heard");
    assert_eq!(world.close_reason(alice), CloseReason::MessagesMissed.text());
    assert_eq!(world.node.metrics().broken_logs, 1);
    let (_, told, missed) = enter(&mut world, "alice", Some(&position(&told)));
    assert_eq!((&told["resumed"], contents(&missed)), (&json!(true), vec!["lost", "heard"]));
}

#[test]
fn late_sender_hears_of_its_change_like_the_others() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|_| {});
    let alice = world.connected("soup", "alice");
    world.chat(alice, "change it");
    world.seconds(6);
    assert_eq!(world.message(alice)["payload"]["error"], "backend_timeout");
    let news = Update { content: "changed".into(), broadcast: true, ..Update::default() };
    disk.commit(&mut world, "change it", Ok(news.into()));
    let seen = payloads(&mut world, alice);
    assert_eq!((contents(&seen), &seen[0]["request_id"]), (vec!["changed"], &json!(null)));
}

/// An edit over HTTP is short, and everybody in the room has to read the whole recipe.
#[test]
fn request_pays_for_what_its_room_is_told() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|config| config.limits.requests_per_minute_per_user = 60);
    let token = world.token("mallory", 900);
    let edit = |world: &mut World| {
        let id = world.accept();
        let head =
            format!("GET /edit HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
        world.bytes(id, head.as_bytes());
        let ticket = disk.lock().editing.pop();
        if let Some(ticket) = ticket {
            let said = ("m", &*"x".repeat(10 << 10));
            let message = RoomMessage::chat(world.now.unix, "mallory", said, None);
            let told = Outcome::Event(disk.lock().store("soup", message, None));
            for outcome in [told, Outcome::Response(Response::json(200, &json!({})))] {
                world.node.handle_completion(world.now, Completion { ticket, outcome });
                world.settle();
            }
        }
        world.raw(id).starts_with("HTTP/1.1 200 ")
    };
    // Nobody else is there: each costs one point.
    enter(&mut world, "mallory", None);
    assert_eq!((0..5).filter(|_| edit(&mut world)).count(), 5);
    let (bob, ..) = enter(&mut world, "bob", None);
    world.room.insert(bob, 0);
    assert_eq!((0..10).filter(|_| edit(&mut world)).count(), 5);
    assert_eq!(world.node.metrics().slow_consumers, 0);
}
