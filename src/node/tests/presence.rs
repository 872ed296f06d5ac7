//! Who is in a room, as its watchers are told.

use super::*;

impl World {
    /// A connection in its room that asked for presence.
    fn watching(&mut self, room: &str, user: &str) -> ConnId {
        let id = self.authenticating(room);
        let token = self.token(user, 900);
        let payload = json!({ "token": crate::logs::known(&token), "presence": true });
        self.say(id, "auth", payload);
        id
    }

    /// The payloads of the `presence` messages that `id` has got since, and nothing else but its
    /// acknowledgement.
    fn told(&mut self, id: ConnId) -> Vec<Value> {
        let seen = self.see(id).into_iter();
        let payloads = seen.filter_map(|seen| match seen {
            Seen::Message(message) if message["type"] == "presence" => {
                Some(message["payload"].clone())
            }
            Seen::Message(message) if message["payload"]["session"].is_object() => None,
            other => panic!("{other:?}"),
        });
        payloads.collect()
    }
}

/// A world in which leaves do not linger.
fn prompt() -> World {
    prompt_with(|_| {})
}

fn prompt_with(change: impl FnOnce(&mut Config)) -> World {
    World::with(|config| {
        config.resume.linger = crate::config::Length::from_secs(0);
        change(config);
    })
}

fn list(users: &[&str], connections: u32) -> Value {
    json!({ "users": users, "connections": connections })
}

#[test]
fn watchers_are_told_who_joins_and_leaves() {
    let mut world = prompt();
    let bob = world.connected("soup", "bob");
    let alice = world.watching("soup", "alice");
    world.advance(Duration::ZERO);
    assert_eq!(world.told(alice), [list(&["alice", "bob"], 2)]);
    world.seconds(1);
    let carol = world.connected("soup", "carol");
    world.connected("bread", "dave");
    world.advance(Duration::ZERO);
    assert_eq!(world.told(alice), [list(&["alice", "bob", "carol"], 3)]);
    world.node.handle_hangup(world.now, bob, Hangup::Reset);
    world.settle();
    world.seconds(1);
    assert_eq!(world.told(alice), [list(&["alice", "carol"], 2)]);
    // They have not asked.
    assert_eq!((world.see(bob), world.see(carol)), (vec![], vec![]));
    assert_eq!(world.node.metrics().presence_out, 3);
}

#[test]
fn user_with_two_connections_is_named_once() {
    let mut world = prompt();
    world.connected("soup", "alice");
    let alice = world.watching("soup", "alice");
    world.advance(Duration::ZERO);
    assert_eq!(world.told(alice), [list(&["alice"], 2)]);
}

#[test]
fn room_is_told_at_most_once_a_second() {
    let mut world = prompt();
    let alice = world.watching("soup", "alice");
    world.advance(Duration::ZERO);
    assert_eq!(world.told(alice).len(), 1);
    for n in 0..20 {
        let id = world.connected("soup", &format!("user {n}"));
        world.node.handle_hangup(world.now, id, Hangup::Reset);
        world.settle();
        world.advance(Duration::from_millis(49));
    }
    assert!(world.told(alice).is_empty());
    world.advance(Duration::from_millis(20));
    assert_eq!(world.told(alice), [list(&["alice"], 1)]);
    world.seconds(5);
    assert!(world.told(alice).is_empty());
}

#[test]
fn large_room_hears_once_that_the_list_ends() {
    let mut world = prompt_with(|config| config.limits.presence_members = 2);
    let alice = world.watching("soup", "alice");
    world.connected("soup", "bob");
    world.advance(Duration::ZERO);
    assert_eq!(world.told(alice), [list(&["alice", "bob"], 2)]);
    let number = |connections: u32| json!({ "users": null, "connections": connections });
    let carol = world.watching("soup", "carol");
    world.seconds(1);
    assert_eq!((world.told(alice), world.told(carol)), (vec![number(3)], vec![number(3)]));
    // From here on only those are told who join.
    let dave = world.watching("soup", "dave");
    world.seconds(5);
    assert_eq!((world.told(alice), world.told(dave)), (vec![], vec![number(4)]));
    for id in [carol, dave] {
        world.node.handle_hangup(world.now, id, Hangup::Reset);
        world.settle();
    }
    world.seconds(1);
    assert_eq!(world.told(alice), [list(&["alice", "bob"], 2)]);
}

#[test]
fn no_list_is_sent_where_it_is_off() {
    let mut world = prompt_with(|config| config.limits.presence_members = 0);
    let alice = world.watching("soup", "alice");
    world.connected("soup", "bob");
    world.seconds(5);
    assert!(world.told(alice).is_empty());
}

#[test]
fn who_joined_while_it_was_off_counts_later() {
    let mut world = prompt_with(|config| config.limits.presence_members = 0);
    let alice = world.watching("soup", "alice");
    world.reconfigure(|config| config.resume.linger = crate::config::Length::from_secs(0));
    let bob = world.watching("soup", "bob");
    world.advance(Duration::ZERO);
    assert_eq!(world.told(alice), [list(&["alice", "bob"], 2)]);
    world.told(bob);
    world.node.handle_hangup(world.now, alice, Hangup::Reset);
    world.settle();
    world.seconds(1);
    assert_eq!(world.told(bob), [list(&["bob"], 1)]);
}

#[test]
fn room_without_watchers_is_forgotten() {
    let mut world = prompt();
    let bob = world.connected("soup", "bob");
    let alice = world.watching("soup", "alice");
    world.node.handle_hangup(world.now, alice, Hangup::Reset);
    world.settle();
    assert_eq!(world.node.rooms.watched.next(), None);
    world.seconds(2);
    assert_eq!((world.see(bob), world.node.metrics().presence_out), (vec![], 0));
}

#[test]
fn only_the_first_auth_asks_for_presence() {
    let mut world = prompt();
    let alice = world.connected("soup", "alice");
    let token = world.token("alice", 900);
    world.say(alice, "auth", json!({ "token": crate::logs::known(&token), "presence": true }));
    world.message(alice);
    world.connected("soup", "bob");
    world.seconds(2);
    assert_eq!(world.see(alice), []);
}

#[test]
fn watcher_that_does_not_read_is_closed_as_slow() {
    let mut world = prompt_with(|config| {
        config.limits.outbound_bytes = crate::config::Size::bytes(400);
        config.limits.connections_per_user = 0;
    });
    let alice = world.watching("soup", "alice");
    world.room.insert(alice, 0);
    for n in 0..4 {
        world.connected("soup", &format!("user {n}"));
        world.seconds(1);
    }
    assert_eq!(world.node.metrics().slow_consumers, 1);
}
