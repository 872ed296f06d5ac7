//! Leaves that wait for their users to come back.

use std::sync::{Arc, Mutex};

use super::*;
use crate::node::app::{Admission, Answer, Incoming, Join, Left, Reply, Update};

/// What the application was asked and told, in order.
type Calls = Arc<Mutex<Vec<String>>>;

/// Notes its calls; holds joins to the room `later`, and refuses those to `denied`, if they replace another
/// connection.
struct Noting {
    calls: Calls,
    joins: Arc<Mutex<Vec<Ticket>>>,
}

impl App for Noting {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        let replaces = join.replaces.map_or_else(String::new, |id| format!(" for {id}"));
        let call = format!("{} joins as {}{replaces}", join.user, join.connection);
        let is_first = join.replaces.is_none();
        self.calls.lock().unwrap().push(call);
        match join.room {
            "denied" if !is_first => Admission::Deny.into(),
            "later" if !is_first => {
                self.joins.lock().unwrap().push(join.ticket);
                Reply::Held
            }
            _ => Admission::Admit(Update::text("in")).into(),
        }
    }

    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Ok(Update::text("noted")).into()
    }

    fn on_leave(&mut self, left: &Left<'_>) {
        self.calls.lock().unwrap().push(format!("{} left as {}", left.user, left.connection));
    }
}

fn world(change: impl FnOnce(&mut Config)) -> (World, Calls, Arc<Mutex<Vec<Ticket>>>) {
    let mut config = Config::default();
    change(&mut config);
    let (calls, joins) = (Calls::default(), Arc::default());
    let app = Noting { calls: Arc::clone(&calls), joins: Arc::clone(&joins) };
    (World::with_app(config, Box::new(app)), calls, joins)
}

fn take(calls: &Calls) -> Vec<String> {
    std::mem::take(&mut calls.lock().unwrap())
}

fn cut(world: &mut World, id: ConnId) {
    world.node.handle_hangup(world.now, id, Hangup::Reset);
    world.settle();
}

#[test]
fn leave_is_reported_when_nobody_comes_back() {
    let (mut world, calls, _) = world(|_| {});
    let alice = world.connected("soup", "alice");
    take(&calls);
    cut(&mut world, alice);
    world.advance(Duration::from_millis(9_990));
    assert_eq!((take(&calls).len(), world.node.rooms.lingering.len()), (0, 1));
    world.advance(Duration::from_millis(20));
    assert_eq!(take(&calls), [format!("alice left as {alice}")]);
    world.seconds(60);
    assert_eq!((take(&calls).len(), world.node.rooms.lingering.len()), (0, 0));
}

#[test]
fn who_comes_back_has_not_left() {
    let (mut world, calls, _) = world(|_| {});
    let first = world.connected("soup", "alice");
    let bob = world.connected("soup", "bob");
    cut(&mut world, first);
    world.seconds(5);
    take(&calls);
    // Another user, and another room.
    world.connected("soup", "carol");
    world.connected("stew", "alice");
    let second = world.connected("soup", "alice");
    assert_eq!(take(&calls)[2], format!("alice joins as {second} for {first}"));
    world.seconds(60);
    assert_eq!(take(&calls), [""; 0]);
    cut(&mut world, second);
    cut(&mut world, bob);
    world.seconds(11);
    assert_eq!(take(&calls), [format!("alice left as {second}"), format!("bob left as {bob}")]);
}

#[test]
fn each_new_connection_replaces_one_lost_one() {
    let (mut world, calls, _) = world(|_| {});
    let lost = [world.connected("soup", "alice"), world.connected("soup", "alice")];
    lost.iter().for_each(|id| cut(&mut world, *id));
    take(&calls);
    let back: Vec<ConnId> = (0..3).map(|_| world.connected("soup", "alice")).collect();
    let joins = take(&calls);
    assert_eq!(joins[0], format!("alice joins as {} for {}", back[0], lost[0]));
    assert_eq!(joins[1], format!("alice joins as {} for {}", back[1], lost[1]));
    assert_eq!(joins[2], format!("alice joins as {}", back[2]));
}

#[test]
fn refused_join_leaves_the_leave_to_be_reported() {
    let (mut world, calls, _) = world(|_| {});
    let first = world.connected("denied", "alice");
    cut(&mut world, first);
    take(&calls);
    let second = world.authenticating("denied");
    let token = world.token("alice", 900);
    world.auth(second, &token);
    assert_eq!(take(&calls), [format!("alice joins as {second} for {first}")]);
    world.seconds(11);
    assert_eq!(take(&calls), [format!("alice left as {first}")]);
}

#[test]
fn leave_waits_for_the_join_that_replaces_it() {
    let (mut world, calls, joins) = world(|_| {});
    let first = world.connected("later", "alice");
    cut(&mut world, first);
    world.seconds(9);
    let second = world.authenticating("later");
    let token = world.token("alice", 900);
    world.auth(second, &token);
    take(&calls);
    world.seconds(3);
    assert_eq!(take(&calls), [""; 0]);
    let ticket = joins.lock().unwrap()[0];
    let outcome = Outcome::Join(Admission::Admit(Update::text("in")));
    world.node.handle_completion(world.now, Completion { ticket, outcome });
    world.seconds(60);
    assert_eq!((take(&calls).len(), world.node.rooms.lingering.len()), (0, 0));
}

#[test]
fn leave_is_reported_when_its_successor_goes_too() {
    let (mut world, calls, _) = world(|_| {});
    let first = world.connected("later", "alice");
    cut(&mut world, first);
    let second = world.authenticating("later");
    let token = world.token("alice", 900);
    world.auth(second, &token);
    take(&calls);
    world.seconds(4);
    cut(&mut world, second);
    world.seconds(5);
    assert_eq!(take(&calls), [""; 0]);
    world.seconds(2);
    assert_eq!(take(&calls), [format!("alice left as {first}")]);
}

#[test]
fn who_is_sent_away_for_good_has_left_at_once() {
    let (mut world, calls, _) = world(|_| {});
    let (alice, bob) = (world.connected("soup", "alice"), world.connected("soup", "bob"));
    cut(&mut world, bob);
    take(&calls);
    world.node.disconnect(world.now, "alice");
    assert_eq!(take(&calls), [format!("alice left as {alice}")]);
    // A leave that lingers as well.
    world.node.disconnect(world.now, "bob");
    world.advance(Duration::from_millis(10));
    assert_eq!(take(&calls), [format!("bob left as {bob}")]);
}

#[test]
fn leaves_beyond_their_space_do_not_linger() {
    let (mut world, calls, _) = world(|config| {
        config.limits.history_bytes = crate::config::Size::bytes(4 * 500);
    });
    let all = ["a", "b", "c"].map(|user| world.connected("soup", user));
    take(&calls);
    all.iter().for_each(|id| cut(&mut world, *id));
    assert_eq!(
        (take(&calls), world.node.rooms.lingering.len()),
        (vec![format!("c left as {}", all[2])], 2)
    );
}

#[test]
fn all_leaves_are_reported_at_the_end_if_wanted() {
    let (mut world, calls, _) = world(|_| {});
    let alice = world.connected("soup", "alice");
    cut(&mut world, alice);
    take(&calls);
    world.node.report_leaves(world.now);
    assert_eq!(take(&calls), [format!("alice left as {alice}")]);
}

#[test]
fn leaves_linger_over_a_restart() {
    let (mut before, _, _) = world(|_| {});
    let first = before.connected("soup", "alice");
    let bob = before.connected("soup", "bob");
    cut(&mut before, first);
    cut(&mut before, bob);
    let mut text = Vec::new();
    before.node.write_history(before.now, &mut text).unwrap();
    let (mut world, calls, _) = world(|_| {});
    world.now.unix = before.now.unix;
    assert_eq!(world.node.read_history(world.now, std::str::from_utf8(&text).unwrap()), Ok(0));
    let second = world.connected("soup", "alice");
    assert!(second.generation() > bob.generation(), "no id of the process before is given again");
    assert_eq!(take(&calls), [format!("alice joins as {second} for {first}")]);
    world.seconds(11);
    assert_eq!(take(&calls), [format!("bob left as {bob}")]);
}

#[test]
fn watchers_see_no_leave_of_who_comes_back() {
    let (mut world, _, _) = world(|_| {});
    let bob = world.authenticating("soup");
    let token = world.token("bob", 900);
    world.say(bob, "auth", json!({ "token": crate::logs::known(&token), "presence": true }));
    let alice = world.connected("soup", "alice");
    let lists = |world: &mut World| -> Vec<Value> {
        let seen = world.see(bob).into_iter().filter_map(|seen| match seen {
            Seen::Message(message) if message["type"] == "presence" => {
                Some(message["payload"].clone())
            }
            _ => None,
        });
        seen.collect()
    };
    world.seconds(2);
    let both = json!({ "users": ["alice", "bob"], "connections": 2 });
    assert_eq!(lists(&mut world).last(), Some(&both));
    cut(&mut world, alice);
    world.seconds(2);
    assert_eq!(lists(&mut world).len(), 0);
    let carol = world.connected("soup", "carol");
    world.seconds(2);
    let three = json!({ "users": ["alice", "bob", "carol"], "connections": 3 });
    assert_eq!(lists(&mut world), [three]);
    cut(&mut world, carol);
    world.connected("soup", "carol");
    world.seconds(7);
    let left = json!({ "users": ["bob", "carol"], "connections": 2 });
    assert_eq!(lists(&mut world).last(), Some(&left));
}

/// Those who have left, and may be back within `resume.linger`, are on the list, so they count.
#[test]
fn list_ends_where_too_many_come_and_go() {
    let (mut world, _, _) = world(|config| config.limits.presence_members = 3);
    let alice = world.authenticating("soup");
    let token = world.token("alice", 900);
    world.say(alice, "auth", json!({ "token": crate::logs::known(&token), "presence": true }));
    for n in 0..5 {
        let id = world.connected("soup", &format!("user {n}"));
        world.connected("bread", &format!("user {n}"));
        cut(&mut world, id);
        let lingering = &world.node.rooms.lingering;
        assert_eq!((lingering.count("soup"), lingering.count("bread")), (n + 1, 0));
        world.seconds(1);
    }
    let told = |world: &mut World| -> Vec<Value> {
        let seen = world.see(alice).into_iter().filter_map(|seen| match seen {
            Seen::Message(message) if message["type"] == "presence" => {
                Some(message["payload"].clone())
            }
            _ => None,
        });
        seen.collect()
    };
    let before = told(&mut world);
    let lists = before.iter().filter_map(|told| told["users"].as_array());
    assert_eq!(lists.map(Vec::len).max(), Some(3), "{before:?}");
    assert!(before.iter().any(|told| told["users"].is_null()), "{before:?}");
    // They did not come back.
    world.seconds(11);
    assert_eq!(world.node.rooms.lingering.count("soup"), 0);
    let alone = json!({ "users": ["alice"], "connections": 1 });
    assert_eq!(told(&mut world).last(), Some(&alone));
}
