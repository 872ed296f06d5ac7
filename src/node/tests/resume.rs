//! Clients that come back: they get what they have missed, once and in order, or begin anew.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::protocol::Position;

/// A client that notes the last position it has got, as the protocol asks.
#[derive(Debug, Default)]
struct Returning {
    id: Option<ConnId>,
    position: Option<String>,
    /// What others have said, as it came.
    heard: Vec<String>,
}

impl Returning {
    /// Takes in what came: positions, and what others have said. The acknowledgement's payload, if one
    /// came.
    fn read(&mut self, world: &mut World) -> Option<Value> {
        let mut acknowledgement = None;
        for seen in self.id.map(|id| world.see(id)).unwrap_or_default() {
            let Seen::Message(message) = seen else { continue };
            let payload = &message["payload"];
            let told = [&payload["position"], &payload["session"]["resume"]["position"]];
            for position in told.into_iter().filter_map(Value::as_str) {
                self.position = Some(position.to_owned());
            }
            if payload["session"].is_object() {
                acknowledgement = Some(payload.clone());
            } else if message["type"] == "chat_message" {
                self.heard.push(payload["content"].as_str().unwrap().to_owned());
            }
        }
        acknowledgement
    }

    /// Connects with what it knows.
    fn enter(&mut self, world: &mut World, user: &str) -> Value {
        let id = world.authenticating("soup");
        let token = world.token(user, 900);
        let resume = self.position.as_ref().map_or(json!({}), |at| json!({ "position": at }));
        world.say(id, "auth", json!({ "token": crate::logs::known(&token), "resume": resume }));
        self.id = Some(id);
        let acknowledgement = self.read(world).unwrap();
        if acknowledgement["resumed"] == false {
            self.heard.clear();
        }
        acknowledgement
    }

    /// Its network goes, and nobody reads what is on its way.
    fn cut(&mut self, world: &mut World) {
        if let Some(id) = self.id.take() {
            world.node.handle_hangup(world.now, id, Hangup::Reset);
            world.settle();
            world.output.remove(&id);
        }
    }
}

fn open() -> World {
    World::with(allow_all)
}

fn allow_all(config: &mut Config) {
    config.limits.messages_per_minute = 0;
    config.limits.auth_per_minute_per_user = 0;
    config.limits.auth_per_minute_per_ip = 0;
    config.limits.ping = crate::config::Length::from_secs(0);
}

/// The next process, which is the `serial`th, and what the one before has written.
fn restarted(before: &World, serial: u64) -> (World, String) {
    let mut world = open();
    let mut config = Config::default();
    allow_all(&mut config);
    config.auth.secret = SECRET.to_owned();
    let seed = Seed::predictable(serial);
    let app = MemoryApp::new(&config, Access::Open, &seed);
    world.node = Node::new(&config, &seed, Box::new(app)).unwrap();
    world.now.unix = UnixTime::from_millis(before.now.unix.as_millis() + 1_000);
    world.messages = before.messages;
    let mut text = Vec::new();
    before.node.write_history(before.now, &mut text).unwrap();
    (world, String::from_utf8(text).unwrap())
}

#[test]
fn client_that_comes_back_gets_what_it_has_missed() {
    let mut world = open();
    let bob = world.connected("soup", "bob");
    let mut alice = Returning::default();
    let first = alice.enter(&mut world, "alice");
    assert_eq!((&first["resumed"], &first["missed"]), (&json!(false), &Value::Null));
    assert_eq!(first["session"]["resume"]["window_ms"], 120_000);
    world.chat(bob, "one");
    alice.read(&mut world);
    alice.cut(&mut world);
    world.chat(bob, "two");
    world.chat(bob, "three");
    let again = alice.enter(&mut world, "alice");
    assert_eq!((&again["resumed"], &again["missed"]), (&json!(true), &json!(2)));
    assert_eq!(
        (&again["recipe_data"], &again["content"]),
        (&Value::Null, &"Connected again.".into())
    );
    world.chat(bob, "four");
    alice.read(&mut world);
    assert_eq!(alice.heard, ["one", "two", "three", "four"]);
    assert_eq!((world.node.metrics().resumed, world.node.metrics().not_resumed), (1, 0));
}

#[test]
fn missed_messages_that_are_lost_come_again() {
    let mut world = open();
    let bob = world.connected("soup", "bob");
    let mut alice = Returning::default();
    let stood_at = alice.enter(&mut world, "alice")["session"]["resume"]["position"].clone();
    alice.cut(&mut world);
    world.chat(bob, "one");
    world.chat(bob, "two");
    let again = alice.enter(&mut world, "alice");
    // All that has come is the acknowledgement.
    assert_eq!((&again["missed"], &again["session"]["resume"]["position"]), (&json!(2), &stood_at));
    alice.cut(&mut world);
    (alice.position, alice.heard) = (stood_at.as_str().map(str::to_owned), Vec::new());
    assert_eq!(alice.enter(&mut world, "alice")["missed"], 2);
    assert_eq!(alice.heard, ["one", "two"]);
}

#[test]
fn messages_to_an_empty_room_are_kept() {
    let mut world = open();
    let mut alice = Returning::default();
    alice.enter(&mut world, "alice");
    alice.cut(&mut world);
    let bob = world.connected("soup", "bob");
    world.chat(bob, "is anybody here?");
    assert_eq!(alice.enter(&mut world, "alice")["missed"], 1);
    assert_eq!(alice.heard, ["is anybody here?"]);
}

#[test]
fn own_messages_come_back_with_their_ids() {
    let mut world = open();
    let mut alice = Returning::default();
    alice.enter(&mut world, "alice");
    let id = alice.id.unwrap();
    let message = world.chat(id, "mine");
    // The answer is lost with the network.
    alice.cut(&mut world);
    alice.position.clone().unwrap();
    let again = alice.enter(&mut world, "alice");
    assert_eq!((&again["resumed"], &again["missed"]), (&json!(true), &json!(1)));
    assert_eq!(
        (alice.heard, message.starts_with("chat_message_")),
        (vec!["mine".to_owned()], true)
    );
}

#[test]
fn answer_says_where_its_room_stands() {
    let mut world = open();
    let mut alice = Returning::default();
    alice.enter(&mut world, "alice");
    let before = alice.position.clone();
    world.chat(alice.id.unwrap(), "mine");
    alice.read(&mut world);
    assert_ne!(alice.position, before);
    alice.cut(&mut world);
    assert_eq!(alice.enter(&mut world, "alice")["missed"], 0);
}

#[test]
fn log_ends_with_the_window() {
    let mut world = open();
    for (seconds, resumed) in [(119, true), (121, false)] {
        let mut alice = Returning::default();
        alice.enter(&mut world, "alice");
        alice.cut(&mut world);
        world.seconds(seconds);
        assert_eq!(alice.enter(&mut world, "alice")["resumed"], resumed, "{seconds}");
        alice.cut(&mut world);
        world.seconds(300);
        assert_eq!(world.node.rooms.logs.len(), 0);
    }
}

#[test]
fn position_of_another_room_or_time_is_unknown() {
    let mut world = open();
    let mut alice = Returning::default();
    alice.enter(&mut world, "alice");
    let known = alice.position.clone().unwrap();
    let number = known.split_once('.').unwrap().0;
    for other in [Position::new(0, 7).to_string(), format!("9{known}"), number.to_owned()] {
        alice.cut(&mut world);
        alice.position = Some(other.clone());
        assert_eq!(alice.enter(&mut world, "alice")["resumed"], false, "{other}");
    }
}

#[test]
fn client_without_resume_sees_nothing_of_it() {
    let mut world = open();
    let bob = world.connected("soup", "bob");
    let carol = world.connected("soup", "carol");
    world.chat(bob, "hello");
    let [Seen::Message(message)] = &world.see(carol)[..] else { panic!() };
    assert_eq!(message["payload"]["position"], Value::Null);
    assert_eq!(world.node.rooms.logs.len(), 0);
}

#[test]
fn silent_rooms_lose_their_logs_first() {
    let mut world = World::with(|config| {
        config.limits.messages_per_minute = 0;
        config.limits.history_bytes = crate::config::Size::kib(8);
    });
    let mut alice = Returning::default();
    alice.enter(&mut world, "alice");
    let other = world.authenticating("bread");
    let token = world.token("bob", 900);
    let payload = json!({ "token": crate::logs::known(&token), "resume": {} });
    world.say(other, "auth", payload);
    for _ in 0..10 {
        world.chat(other, &"x".repeat(1_000));
    }
    assert!(world.node.rooms.logs.bytes() <= 8 << 10);
    assert!(world.node.rooms.logs.evicted() > 0);
    alice.cut(&mut world);
    assert_eq!(alice.enter(&mut world, "alice")["resumed"], false);
}

#[test]
fn deleted_room_is_not_resumed() {
    let mut world = open();
    let mut alice = Returning::default();
    alice.enter(&mut world, "alice");
    let event = AppEvent::RoomDeleted { room: "soup".into() };
    world.event(event);
    alice.cut(&mut world);
    assert_eq!(alice.enter(&mut world, "alice")["resumed"], false);
}

#[test]
fn clients_go_on_after_a_restart() {
    let mut world = open();
    let bob = world.connected("soup", "bob");
    let mut alice = Returning::default();
    alice.enter(&mut world, "alice");
    world.chat(bob, "one");
    alice.read(&mut world);
    alice.cut(&mut world);
    world.chat(bob, "two \u{1f963} \"quoted\"");
    let (mut world, text) = restarted(&world, 2);
    assert_eq!(world.node.read_history(world.now, &text), Ok(1));
    let again = alice.enter(&mut world, "alice");
    assert_eq!((&again["resumed"], &again["missed"]), (&json!(true), &json!(1)));
    alice.read(&mut world);
    assert_eq!(alice.heard, ["one", "two \u{1f963} \"quoted\""]);
}

/// Line ends are white space in JSON, and what a client sends as `data` is passed on as it was written.
#[test]
fn line_ends_in_data_lose_no_history() {
    let mut world = open();
    let bob = world.connected("soup", "bob");
    let mut alice = Returning::default();
    alice.enter(&mut world, "alice");
    alice.read(&mut world);
    alice.cut(&mut world);
    let said = envelope("chat_message", "m1", json!({ "content": "one", "data": { "a": 1 } }));
    let spaced = said.replace(r#"{"a":1}"#, "{\n\"a\":\r\n1\r}");
    assert_ne!(said, spaced);
    world.bytes(bob, &text(&spaced));
    let (mut world, text) = restarted(&world, 2);
    assert_eq!(world.node.read_history(world.now, &text), Ok(1));
    assert_eq!(alice.enter(&mut world, "alice")["missed"], 1);
    assert_eq!(alice.heard, ["one"]);
}

#[test]
fn history_of_long_ago_or_of_another_form_is_not_used() {
    let mut world = open();
    let mut alice = Returning::default();
    alice.enter(&mut world, "alice");
    let (mut world, text) = restarted(&world, 2);
    for cut in 0..text.len() - 1 {
        assert_eq!(world.node.read_history(world.now, &text[..cut]), Err(HistoryError::Malformed));
    }
    let now = world.now;
    for millis in [now.unix.as_millis() + 119_000, now.unix.as_millis() - 7_000] {
        let then = Now { unix: UnixTime::from_millis(millis), ..now };
        assert_eq!(world.node.read_history(then, &text), Err(HistoryError::TooOld));
    }
    assert_eq!(alice.enter(&mut world, "alice")["resumed"], false);
    // The log of a room to which nobody comes goes when the window is over.
    let (mut world, _) = restarted(&world, 3);
    assert_eq!(world.node.read_history(world.now, &text), Ok(1));
    world.seconds(120);
    assert_eq!(alice.enter(&mut world, "alice")["resumed"], false);
}

#[derive(Clone, Debug)]
enum Deed {
    Say(usize, usize),
    Cut(usize),
    Read(usize),
    Enter(usize),
    Wait(u64),
    /// Stopped in order, or killed.
    Restart(bool),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (0..3_usize, 0..3_000_usize).prop_map(|(who, length)| Deed::Say(who, length)),
        2 => (0..3_usize).prop_map(Deed::Cut),
        3 => (0..3_usize).prop_map(Deed::Read),
        3 => (0..3_usize).prop_map(Deed::Enter),
        1 => prop::sample::select(vec![1_u64, 30, 125]).prop_map(Deed::Wait),
        1 => any::<bool>().prop_map(Deed::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Between two `resumed: false`, a client has heard what was said since it came, all of it, once and
    /// in order, as soon as it is there and has read.
    #[test]
    fn resumed_means_nothing_missed_and_nothing_twice(
        deeds in prop::collection::vec(deed(), 1..80)
    ) {
        let mut world = open();
        let mut clients: Vec<Returning> = (0..3).map(|_| Returning::default()).collect();
        // What each of them has to hear: all messages since it came, but its own while it is there.
        let (mut owed, mut serial) = (BTreeMap::<usize, Vec<String>>::new(), 0);
        let (mut known, mut waited, mut restarts) = (BTreeSet::new(), 0, 1);
        for deed in deeds {
            match deed {
                Deed::Say(who, length) => {
                    let Some(id) = clients[who].id else { continue };
                    serial += 1;
                    let content = format!("{serial} {}", "x".repeat(length));
                    world.chat(id, &content);
                    for (other, owed) in &mut owed {
                        if *other != who {
                            owed.push(content.clone());
                        }
                    }
                    known.insert((who, content));
                }
                Deed::Cut(who) => clients[who].cut(&mut world),
                Deed::Read(who) => {
                    clients[who].read(&mut world);
                }
                Deed::Enter(who) if clients[who].id.is_none() => {
                    let told = clients[who].enter(&mut world, &format!("user {who}"));
                    if told["resumed"] == false {
                        owed.insert(who, Vec::new());
                    }
                }
                Deed::Enter(_) => {}
                // Nobody is asked for a fresh token.
                Deed::Wait(seconds) if waited + seconds < 800 => {
                    waited += seconds;
                    world.seconds(seconds);
                }
                Deed::Wait(_) => {}
                Deed::Restart(in_order) => {
                    for client in &mut clients {
                        client.cut(&mut world);
                    }
                    restarts += 1;
                    let (next, text) = restarted(&world, restarts);
                    (world, waited) = (next, 0);
                    if in_order {
                        prop_assert!(world.node.read_history(world.now, &text).is_ok());
                    }
                }
            }
        }
        for (who, client) in clients.iter_mut().enumerate().filter(|(_, it)| it.id.is_some()) {
            client.read(&mut world);
            // What it said itself may come back, and is known by its id.
            let others = client.heard.iter().filter(|it| !known.contains(&(who, (*it).clone())));
            let others: Vec<&String> = others.collect();
            prop_assert_eq!(others, owed[&who].iter().collect::<Vec<_>>());
        }
    }
}
