//! Small tables of sockets that are full, and which of them gives way.

use super::*;
use crate::admin::tests::post;
use crate::auth::Verifier;
use crate::node::app::{Answer, Incoming, Publish, Reply, Update};
use std::net::SocketAddr;

/// Does not answer an operator's announcements.
struct Silent;

impl App for Silent {
    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("")))
    }

    fn on_publish(&mut self, _: &Publish<'_>) -> Reply<Answer> {
        Reply::Held
    }
}

fn world(places: usize) -> World {
    let mut config = Config::default();
    config.admin.connections = places;
    World::with_app(config, Box::new(Silent))
}

const READY: &str = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";

impl World {
    fn operator_from(&mut self, ip: &str) -> Result<ConnId, Refused> {
        let peer = SocketAddr::new(ip.parse().unwrap(), 9);
        let accepted = self.node.handle_accept_admin(self.now, peer);
        self.settle();
        accepted
    }

    /// An operator that has sent this.
    fn caller(&mut self, bytes: &str) -> ConnId {
        let id = self.operator_from("127.0.0.1").unwrap();
        self.bytes(id, bytes.as_bytes());
        id
    }
}

#[test]
fn silent_sockets_do_not_keep_the_operator_out() {
    let mut world = World::new();
    // 16 places; whoever holds them renews them as often as it likes.
    for round in 0..100 {
        let silent: Vec<_> = (0..16).map(|_| world.caller("")).collect();
        let asker = world.caller(READY);
        assert!(world.raw(asker).starts_with("HTTP/1.1 200 "), "{round}");
        assert!(world.closed.contains(&silent[0]) && !world.closed.contains(&silent[15]));
        assert!(world.node.usage().connections <= 16);
    }
    assert_eq!(world.node.metrics().admin_dropped, 0);
    assert_eq!(world.node.metrics().admin_gave_way, 100 * 17 - 16);
    world.seconds(12);
    world.assert_nothing_is_left();
}

#[test]
fn the_oldest_unfinished_call_gives_way() {
    let mut world = world(4);
    let announcement = post("/v1/rooms/soup/publish", "", r#"{"content":"x"}"#);
    let asked = world.caller(&announcement);
    let half_a_head = world.caller("GET /readyz HTTP/1.1\r\nHo");
    let half_a_body = world.caller(&announcement[..announcement.len() - 1]);
    let silent = world.caller("");
    let mut newer = Vec::new();
    for gone in [half_a_head, half_a_body, silent] {
        assert!(!world.closed.contains(&gone));
        newer.push(world.caller(""));
        assert_eq!(world.closed.last(), Some(&gone));
    }
    newer.push(world.caller(""));
    assert_eq!(world.closed.last(), Some(&newer[0]));
    // What is being answered keeps its place.
    assert!(!world.closed.contains(&asked) && world.node.phase(asked).is_some());
    world.bytes(newer[1], b"");
    assert_eq!(world.node.metrics().admin_gave_way, 4);
}

#[test]
fn calls_that_are_being_answered_keep_their_places() {
    let mut world = world(2);
    let announcement = post("/v1/rooms/soup/publish", "", r#"{"content":"x"}"#);
    let asked = [world.caller(&announcement), world.caller(&announcement)];
    assert_eq!(world.operator_from("127.0.0.1"), Err(Refused::Full));
    assert_eq!(world.node.metrics().admin_dropped, 1);
    // The application has its time, and the places are free then.
    world.seconds(5);
    assert!(asked.iter().all(|&id| world.raw(id).starts_with("HTTP/1.1 504 ")));
    assert!(world.operator_from("127.0.0.1").is_ok());
}

#[test]
fn a_caller_that_does_not_close_or_read_gives_way() {
    let mut world = world(3);
    let unread = world.operator_from("127.0.0.1").unwrap();
    world.room.insert(unread, 10);
    world.bytes(unread, READY.as_bytes());
    let half = world.caller("GET ");
    let answered = world.caller(READY);
    // The answered one has nothing to lose, and the one that does not read has most.
    for gone in [answered, half] {
        world.caller("");
        assert_eq!(world.closed.last(), Some(&gone));
    }
    for _ in 0..2 {
        let id = world.operator_from("127.0.0.1").unwrap();
        world.room.insert(id, 10);
        world.bytes(id, READY.as_bytes());
        assert!(!world.closed.contains(&unread));
    }
    world.caller("");
    assert_eq!(world.closed.last(), Some(&unread));
}

#[test]
fn busy_address_cannot_evict_another_admin_caller() {
    let mut world = World::with(|config| {
        config.admin.connections = 4;
        config.admin.key = "0123456789abcdef0123456789abcdef".to_owned();
    });
    let from =
        |world: &mut World, last: u8| world.operator_from(&format!("192.0.2.{last}")).unwrap();
    let slow = from(&mut world, 1);
    for _ in 0..50 {
        from(&mut world, 2);
    }
    world.bytes(slow, READY.as_bytes());
    assert!(world.raw(slow).starts_with("HTTP/1.1 200 "));
}

#[test]
fn fewer_admin_places_apply_from_the_next_call_on() {
    let mut world = world(4);
    let ids: Vec<_> = (0..4).map(|_| world.caller("")).collect();
    let mut config = Config::default();
    config.auth.secret = SECRET.to_owned();
    config.admin.connections = 2;
    let verifier = Verifier::new(&config.auth).unwrap();
    world.node.reconfigure(world.now, &config, verifier);
    assert_eq!(world.closed, []);
    world.caller("");
    assert_eq!(world.closed, ids[..3]);
}

#[test]
fn silent_sockets_do_not_keep_refusals_back() {
    let mut world = World::with(|config| {
        config.limits.connections = 2;
        config.limits.pending_per_ip = 0;
    });
    let inside = world.connected("soup", "alice");
    world.connected("soup", "bob");
    let silent: Vec<_> = (0..300)
        .map(|_| {
            let id = world.accept();
            world.settle();
            id
        })
        .collect();
    assert_eq!(world.node.usage().connections, 2 + 64);
    assert_eq!(world.closed, silent[..300 - 64]);
    assert_eq!(world.node.metrics().dropped_at_accept, 0);
    assert_eq!(world.node.metrics().gave_way, 300 - 64);
    let newcomer = world.accept();
    world.bytes(newcomer, upgrade("soup").as_bytes());
    assert!(world.raw(newcomer).starts_with("HTTP/1.1 503 "));
    assert_eq!(world.node.phase(inside), Some(Phase::Connected));
}

#[test]
fn whoever_got_in_after_all_does_not_give_way() {
    let mut world = World::with(|config| {
        config.limits.connections = 2;
        config.limits.pending_per_ip = 0;
    });
    let alice = world.connected("soup", "alice");
    world.connected("soup", "bob");
    // Accepted into a slot for refusals; then a place is free, and it is let in.
    let carol = world.accept();
    world.node.handle_hangup(world.now, alice, Hangup::Reset);
    world.settle();
    world.bytes(carol, upgrade("soup").as_bytes());
    assert!(world.raw(carol).starts_with("HTTP/1.1 101 "));
    for _ in 0..300 {
        world.accept();
        world.settle();
    }
    assert_eq!(world.node.phase(carol), Some(Phase::Authenticating));
}
