//! New connections of a user who has as many as one may.

use super::*;

/// Old connections of alice that nothing comes from, in rooms of their own.
fn silent(world: &mut World, many: usize) -> Vec<ConnId> {
    let ids = (0..many).map(|n| {
        let id = world.connected(&format!("old-{n}"), "alice");
        world.advance(Duration::from_millis(10));
        id
    });
    let ids = ids.collect();
    world.seconds(10);
    ids
}

/// A new connection of alice whose `auth` has just come.
fn newcomer(world: &mut World) -> ConnId {
    let id = world.authenticating("soup");
    let token = world.token("alice", 900);
    world.auth(id, &token);
    id
}

fn is_in(world: &World, id: ConnId) -> bool {
    world.node.is_authenticated(id)
}

fn pings(world: &mut World, ids: &[ConnId]) -> usize {
    let seen = ids.iter().flat_map(|&id| world.see(id)).collect::<Vec<_>>();
    seen.iter().filter(|seen| **seen == Seen::Ping).count()
}

fn pong(world: &mut World, id: ConnId) {
    world.bytes(id, &frame(0x8a, b""));
}

/// A laptop with three tabs is closed and opened again: its old connections are half open.
#[test]
fn third_tab_is_let_in_2_seconds_after_the_lid() {
    let mut world = World::new();
    let old = silent(&mut world, 3);
    let new: Vec<_> = (0..3).map(|_| newcomer(&mut world)).collect();
    assert_eq!(new.iter().map(|&id| is_in(&world, id)).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(pings(&mut world, &old), 3);
    world.advance(Duration::from_millis(1_999));
    assert!(!is_in(&world, new[2]) && world.see(new[2]).is_empty());
    world.advance(Duration::from_millis(1));
    assert_eq!(world.message(new[2])["type"], "recipe_update");
    // The one that was silent for longest has given way, and no other.
    assert_eq!(world.close_reason(old[0]), "Ping timeout");
    assert!(is_in(&world, old[1]) && is_in(&world, old[2]));
    assert_eq!(world.node.metrics().replaced, 1);
    assert_eq!(world.node.metrics().closes(CloseReason::ConnectionLimit), 0);
}

#[test]
fn user_whose_connections_answer_is_refused() {
    let mut world = World::new();
    let old = silent(&mut world, 5);
    let new = world.authenticating("soup");
    let token = world.token("alice", 900);
    let auth = text(&envelope("auth", "a", json!({ "token": token })));
    world.bytes(new, &auth);
    for &id in &old[..4] {
        pong(&mut world, id);
        assert!(world.see(new).is_empty());
    }
    // Any byte is a sign of life, and with the last one there is nothing left to wait for.
    world.bytes(old[4], &frame(0x81, b"{}")[..1]);
    assert_eq!(world.see(new), [close_frame(CloseReason::ConnectionLimit)]);
    assert!(old.iter().all(|&id| is_in(&world, id)));
    // The `auth` was not used up.
    world.node.handle_hangup(world.now, old[0], Hangup::Reset);
    let again = world.authenticating("soup");
    world.bytes(again, &auth);
    assert!(is_in(&world, again));
}

/// The place is free already when the others turn out to be there.
#[test]
fn place_of_a_raised_limit_is_taken() {
    let mut world = World::new();
    let old = silent(&mut world, 5);
    let new = newcomer(&mut world);
    world.reconfigure(|config| config.limits.connections_per_user = 6);
    old.iter().for_each(|&id| pong(&mut world, id));
    world.advance(Duration::ZERO);
    assert!(is_in(&world, new));
}

#[test]
fn busy_connections_are_not_asked() {
    let mut world = World::new();
    let old = silent(&mut world, 5);
    old.iter().for_each(|&id| pong(&mut world, id));
    let new = newcomer(&mut world);
    assert_eq!(world.close_reason(new), "Connection limit exceeded");
    assert_eq!(pings(&mut world, &old), 0);
}

#[test]
fn freed_place_is_taken_at_once() {
    let mut world = World::new();
    let old = silent(&mut world, 5);
    let new = newcomer(&mut world);
    world.advance(Duration::from_millis(100));
    world.node.handle_hangup(world.now, old[3], Hangup::Reset);
    world.advance(Duration::ZERO);
    assert!(is_in(&world, new));
    world.seconds(3);
    assert!([0, 1, 2, 4].iter().all(|&at| is_in(&world, old[at])));
    assert_eq!(world.node.metrics().replaced, 0);
}

#[test]
fn each_new_connection_needs_a_place_of_its_own() {
    let mut world = World::new();
    let old = silent(&mut world, 5);
    // Two that answer, so there are places for three.
    let first = newcomer(&mut world);
    old[..2].iter().for_each(|&id| pong(&mut world, id));
    let others: Vec<_> = (0..3).map(|_| newcomer(&mut world)).collect();
    assert_eq!(world.close_reason(others[2]), "Connection limit exceeded");
    world.seconds(2);
    assert!(is_in(&world, first) && is_in(&world, others[0]) && is_in(&world, others[1]));
    assert!(old[..2].iter().all(|&id| is_in(&world, id)));
    assert!(old[2..].iter().all(|&id| !is_in(&world, id)));
    assert_eq!(world.node.metrics().replaced, 3);
}

#[test]
fn late_answer_refuses_the_newest_that_waits() {
    let mut world = World::new();
    let old = silent(&mut world, 5);
    let new: Vec<_> = (0..5).map(|_| newcomer(&mut world)).collect();
    world.seconds(1);
    pong(&mut world, old[0]);
    assert_eq!(world.close_reason(new[4]), "Connection limit exceeded");
    world.seconds(1);
    assert!(new[..4].iter().all(|&id| is_in(&world, id)));
    assert!(is_in(&world, old[0]));
}

#[test]
fn attempts_ping_a_user_once_in_2_seconds() {
    let mut world = World::new();
    let old = silent(&mut world, 5);
    let mut asked = 0;
    for _ in 0..40 {
        newcomer(&mut world);
        let now = pings(&mut world, &old);
        // They answer only what they are asked.
        if now > 0 {
            old.iter().for_each(|&id| pong(&mut world, id));
        }
        asked += now;
        world.advance(Duration::from_millis(100));
    }
    // 4 seconds: two rounds, as an answer makes a connection busy for a second.
    assert_eq!(asked, 2 * 5);
    assert!(old.iter().all(|&id| is_in(&world, id)));
}

#[test]
fn texts_behind_a_waiting_auth_are_handled_in_order() {
    let mut world = World::new();
    silent(&mut world, 5);
    let new = newcomer(&mut world);
    let first = world.chat(new, "one");
    let second = world.chat(new, "two");
    assert!(world.see(new).is_empty());
    world.seconds(2);
    let answers: Vec<_> = world.see(new).into_iter().collect();
    let ids = answers.iter().map(|seen| match seen {
        Seen::Message(message) => message["payload"]["request_id"].as_str().unwrap().to_owned(),
        other => panic!("{other:?}"),
    });
    assert_eq!(ids.skip(1).collect::<Vec<_>>(), [first, second]);
}

#[test]
fn new_connection_that_hangs_up_leaves_nothing() {
    let mut world = World::new();
    let old = silent(&mut world, 5);
    let replays = world.node.usage().replays;
    let new = newcomer(&mut world);
    assert_eq!(world.node.usage().replays, replays + 1);
    world.node.handle_hangup(world.now, new, Hangup::Reset);
    world.settle();
    assert_eq!(world.node.usage().replays, replays);
    world.seconds(2);
    assert!(old.iter().all(|&id| is_in(&world, id)));
    assert_eq!(world.node.metrics().replaced, 0);
    old.iter().for_each(|&id| world.node.handle_hangup(world.now, id, Hangup::Reset));
    world.settle();
    world.assert_nothing_is_left();
}

#[test]
fn user_disconnected_meanwhile_is_refused() {
    let mut world = World::new();
    silent(&mut world, 5);
    let new = newcomer(&mut world);
    world.node.disconnect(world.now, "alice");
    world.settle();
    world.advance(Duration::ZERO);
    assert_eq!(world.close_reason(new), "Session revoked");
}

#[test]
fn wait_ends_with_the_time_to_authenticate() {
    let mut world = World::new();
    let old = silent(&mut world, 5);
    let new = world.authenticating("soup");
    world.seconds(4);
    let token = world.token("alice", 900);
    world.auth(new, &token);
    world.advance(Duration::from_millis(1_020));
    assert_eq!(world.close_reason(new), "Connection limit exceeded");
    world.seconds(2);
    assert!(old.iter().all(|&id| is_in(&world, id)));
}

#[test]
fn old_client_waits_for_a_place_too() {
    let mut world = World::with(|config| config.auth.mode = crate::config::AuthMode::Both);
    let old = silent(&mut world, 5);
    let new = world.accept();
    let token = world.token("alice", 900);
    let request = upgrade("soup").replace(" HTTP", &format!("?token={token} HTTP"));
    world.bytes(new, request.as_bytes());
    assert!(world.raw(new).starts_with("HTTP/1.1 101 ") && !is_in(&world, new));
    world.seconds(2);
    assert!(is_in(&world, new) && !is_in(&world, old[0]));
}

/// The process stood still, and the answers to its pings are in the sockets.
#[test]
fn answer_that_was_not_read_is_a_sign_of_life() {
    let mut world = World::new();
    let old = silent(&mut world, 5);
    let new = newcomer(&mut world);
    world.set(world.now.monotonic + Duration::from_secs(3));
    let (now, heard_until) = (world.now, world.now.monotonic);
    world.node.handle_deadlines(now, heard_until, &mut |id| old.contains(&id));
    world.settle();
    assert!(old.iter().all(|&id| is_in(&world, id)) && world.see(new).is_empty());
    old.iter().for_each(|&id| pong(&mut world, id));
    assert_eq!(world.close_reason(new), "Connection limit exceeded");
    assert!(old.iter().all(|&id| is_in(&world, id)));
}
