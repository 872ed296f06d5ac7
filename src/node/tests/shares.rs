//! What one user or one address can take from the others: nothing.

use std::sync::Arc;

use super::*;
use crate::node::RequestPlace;
use crate::node::app::{Answer, Incoming, Reply, Update};
use crate::protocol::CloseReason;

/// Sends a message, and says whether it was taken.
fn is_taken(world: &mut World, id: ConnId) -> bool {
    world.chat(id, "hello");
    match world.see(id).last() {
        Some(Seen::Message(message)) => match message["type"].as_str() {
            Some("recipe_update") => true,
            Some("error") => {
                assert_eq!(message["payload"]["error"], "rate_limited");
                false
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_connection_brings_no_new_messages() {
    let mut world = World::new();
    let mut taken = 0;
    for _ in 0..10 {
        let id = world.connected("soup", "mallory");
        taken += (0..20).filter(|_| is_taken(&mut world, id)).count();
        world.node.handle_hangup(world.now, id, Hangup::Eof);
        world.settle();
    }
    assert_eq!(taken, 30);
    // Another user has another allowance, and time refills both.
    let other = world.connected("soup", "alice");
    assert!((0..30).all(|_| is_taken(&mut world, other)));
    world.seconds(4);
    let id = world.connected("soup", "mallory");
    assert_eq!((0..20).filter(|_| is_taken(&mut world, id)).count(), 2);
}

#[test]
fn connections_of_a_user_share_their_messages() {
    let mut world = World::new();
    let ids = ["soup", "stew", "cake"].map(|room| world.connected(room, "alice"));
    let taken = (0..20).map(|_| ids.iter().filter(|&&id| is_taken(&mut world, id)).count());
    assert_eq!(taken.sum::<usize>(), 30);
}

/// Says as much as one user may at once, as fast as it is answered. Nobody in the room reads it yet.
fn say_all(world: &mut World, payload: &Value) -> usize {
    let mallory = world.connected("soup", "mallory");
    let bob = world.connected("soup", "bob");
    world.room.insert(bob, 0);
    let mut taken = 0;
    for _ in 0..31 {
        world.say(mallory, "chat_message", payload.clone());
        match world.see(mallory).last() {
            Some(Seen::Message(message)) if message["type"] == "recipe_update" => taken += 1,
            Some(Seen::Message(message)) => {
                assert_eq!(message["payload"]["error"], "rate_limited");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.node.metrics().slow_consumers, 0, "after {taken} messages");
    taken
}

#[test]
fn all_that_one_user_says_at_once_closes_no_reader() {
    for (payload, most) in [
        (json!({ "content": "x".repeat(3_800) }), 30),
        (json!({ "content": "x".repeat(16_384) }), 6),
        // Each is six bytes to whoever gets it.
        (json!({ "content": "\u{1}".repeat(10_000) }), 2),
        (json!({ "content": "x", "data": { "x": "x".repeat(60_000) } }), 2),
    ] {
        assert_eq!(say_all(&mut World::new(), &payload), most);
    }
}

/// A short message may be answered with a large recipe, which everybody in the room gets.
#[test]
fn recipe_for_the_room_is_charged_by_its_length() {
    struct Baker;

    impl App for Baker {
        fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
            let content = "x".repeat(60_000).into();
            Reply::Now(Ok(Arc::new(Update { content, broadcast: true, ..Update::default() })))
        }
    }

    let mut world = World::with_app(Config::default(), Box::new(Baker));
    let mallory = world.connected("soup", "mallory");
    let bob = world.connected("soup", "bob");
    world.room.insert(bob, 0);
    assert_eq!((0..30).filter(|_| is_taken(&mut world, mallory)).count(), 2);
    assert_eq!(world.node.metrics().slow_consumers, 0);
    // Nobody else is there.
    let carol = world.connected("stew", "carol");
    assert!((0..30).all(|_| is_taken(&mut world, carol)));
}

#[test]
fn a_user_has_60_tokens_accepted_in_a_minute() {
    let mut world = World::with(|config| config.limits.connections_per_user = 0);
    for _ in 0..60 {
        world.connected("soup", "mallory");
    }
    let id = world.authenticating("soup");
    let token = world.token("mallory", 900);
    world.auth(id, &token);
    assert_eq!(world.close_reason(id), CloseReason::TooManyAuthAttempts.text());
    assert_eq!(world.node.metrics().refused_user_attempts, 1);
    world.connected("soup", "alice");
    world.seconds(1);
    world.connected("soup", "mallory");
}

#[test]
fn a_user_cannot_have_the_tokens_of_others_forgotten() {
    let mut world = World::with(|config| {
        config.limits.replay_entries = 50;
        config.limits.auth_per_minute_per_user = 0;
        config.limits.connections_per_user = 0;
    });
    let id = world.authenticating("soup");
    let token = world.token("alice", 900);
    world.auth(id, &token);
    let auth = envelope("auth", &format!("auth_{}", world.messages), json!({ "token": token }));
    world.node.handle_hangup(world.now, id, Hangup::Eof);
    world.settle();
    for _ in 0..200 {
        world.connected("soup", "mallory");
    }
    let id = world.authenticating("soup");
    world.bytes(id, &text(&auth));
    assert_eq!(world.close_reason(id), CloseReason::AuthReplayed.text());
}

#[test]
fn silent_connections_give_way_to_a_lighter_address() {
    let mut world = World::with(|config| {
        config.limits.pending = 40;
        config.limits.pending_per_ip = 20;
    });
    let silent: Vec<_> = (0..40)
        .map(|n| world.authenticating_from(&format!("192.0.2.{}", 1 + n % 2), "soup"))
        .collect();
    // 10 newcomers from 10 addresses get in, each by a place of the heaviest address.
    for n in 0..10 {
        let id = world.authenticating_from(&format!("198.51.100.{n}"), "soup");
        let token = world.token(&format!("user {n}"), 900);
        world.auth(id, &token);
        assert!(world.node.is_authenticated(id), "{n}");
    }
    assert_eq!(world.node.metrics().pending_gave_way, 1, "who gets in is not pending any more");
    let gone = silent.iter().filter(|&&id| world.node.phase(id) == Some(Phase::Closing)).count();
    assert_eq!(gone, 1);
    assert_eq!(world.close_reason(silent[1]), CloseReason::Overloaded.text());
    // The heaviest address itself finds the server full, as before.
    world.authenticating_from("203.0.113.1", "soup");
    let id = world.accept_from("192.0.2.1");
    world.bytes(id, upgrade("soup").as_bytes());
    assert!(world.raw(id).starts_with("HTTP/1.1 503 "));
}

#[test]
fn silent_ones_beyond_the_bound_keep_nobody_out() {
    for (connections, pending) in [(0, 10), (10, 10)] {
        let mut world = World::with(|config| {
            config.limits.connections = connections;
            config.limits.pending = pending;
            config.limits.pending_per_ip = 0;
        });
        // The last 20 have no place, and send no request that could be refused.
        for _ in 0..30 {
            world.accept_from("192.0.2.1");
        }
        let id = world.authenticating_from("198.51.100.1", "soup");
        assert_eq!(world.node.phase(id), Some(Phase::Authenticating));
        assert_eq!(world.node.connections_in(Phase::Handshaking), 9);
    }
}

#[test]
fn answered_sockets_give_their_places() {
    let mut world = World::with(|config| {
        config.limits.connections = 10;
        config.limits.pending = 10;
    });
    // Each is answered 404, and keeps its side open.
    for _ in 0..10 {
        let id = world.accept_from("192.0.2.1");
        world.bytes(id, b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(status(&mut world, id), 404);
    }
    for n in 0..10 {
        let id = world.authenticating_from(&format!("198.51.100.{n}"), "soup");
        assert_eq!(world.node.phase(id), Some(Phase::Authenticating), "{n}");
    }
    assert_eq!(world.node.metrics().gave_way, 10);
}

/// Serves `/page` at once, and everything else later: `/refresh` keeps users signed in.
struct Later;

impl App for Later {
    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("")))
    }

    fn serves(&self, _: &str) -> bool {
        true
    }

    fn request_place(&self, path: &str) -> RequestPlace {
        match path {
            "/page" => RequestPlace::Nowhere,
            "/refresh" => RequestPlace::Refresh,
            _ => RequestPlace::Ordinary,
        }
    }

    fn on_request(&mut self, request: &Request<'_>) -> Reply<Response> {
        if request.path == "/page" {
            return Reply::Now(Response::new(200, "text/html", vec![b'x'; 160 << 10]));
        }
        Reply::Held
    }
}

fn served(change: impl FnOnce(&mut Config)) -> World {
    let mut config = Config::default();
    change(&mut config);
    World::with_app(config, Box::new(Later))
}

/// Sends a request, and says the status of its answer; 0: there is none yet.
fn request(world: &mut World, ip: &str, head: &str) -> (ConnId, u16) {
    let id = world.accept_from(ip);
    world.bytes(id, format!("{head}\r\n\r\n").as_bytes());
    (id, status(world, id))
}

fn status(world: &mut World, id: ConnId) -> u16 {
    let answer = world.raw(id);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

const UNFINISHED: &str = "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 5";

#[test]
fn unfinished_requests_give_way_to_lighter_addresses() {
    let mut world = served(|config| config.http.requests = 10);
    let held: Vec<_> = (0..10)
        .map(|n| request(&mut world, &format!("192.0.2.{}", 1 + n % 2), UNFINISHED).0)
        .collect();
    let (_, page) = request(&mut world, "198.51.100.1", "GET /page HTTP/1.1\r\nHost: a");
    assert_eq!(page, 200);
    let (waits, told) = request(&mut world, "198.51.100.1", UNFINISHED);
    assert_eq!(told, 0);
    let given: Vec<_> = held.iter().map(|&id| status(&mut world, id)).collect();
    assert_eq!(given.iter().filter(|&&status| status == 503).count(), 1, "{given:?}");
    assert_eq!(request(&mut world, "192.0.2.1", UNFINISHED).1, 503, "nobody has more");
    world.bytes(waits, b"hello");
    assert_eq!(status(&mut world, waits), 0, "the application has it");
    let metrics = world.node.metrics();
    assert_eq!((metrics.requests_gave_way, metrics.refused_requests), (1, 1));
}

#[test]
fn refreshes_wait_apart_from_other_requests() {
    let mut world = served(|config| (config.http.requests, config.http.refreshes) = (4, 2));
    let unfinished = |path: &str| format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5");
    for n in 0..4 {
        let ip = format!("192.0.2.{n}");
        assert_eq!(request(&mut world, &ip, "GET /slow HTTP/1.1\r\nHost: a").1, 0);
    }
    assert_eq!(request(&mut world, "192.0.2.9", &unfinished("/slow")).1, 503, "all wait");
    // Unfinished refreshes of one address give way to one of another.
    let (oldest, told) = request(&mut world, "192.0.2.8", &unfinished("/refresh"));
    assert_eq!((told, request(&mut world, "192.0.2.8", &unfinished("/refresh")).1), (0, 0));
    let get = "GET /refresh HTTP/1.1\r\nHost: a";
    assert_eq!(request(&mut world, "192.0.2.7", get).1, 0, "the application has it");
    assert_eq!(status(&mut world, oldest), 503);
    assert_eq!(request(&mut world, "192.0.2.6", get).1, 503, "nobody has more than one");
    let metrics = world.node.metrics();
    assert_eq!((metrics.refused_requests, metrics.requests_gave_way), (1, 0));
    assert_eq!((metrics.refused_refreshes, metrics.refreshes_gave_way), (1, 1));
}

#[test]
fn answers_are_charged_by_their_length() {
    let mut world = served(|config| config.limits.requests_per_minute_per_ip = 60);
    let get = "GET /page HTTP/1.1\r\nHost: a";
    // Each costs 1 and 10 for its 160 KiB.
    let told: Vec<u16> = (0..10).map(|_| request(&mut world, "192.0.2.1", get).1).collect();
    assert_eq!(told, [[200; 6].as_slice(), [429; 4].as_slice()].concat());
    assert_eq!(world.node.metrics().refused_request_rate, 4);
    assert_eq!(request(&mut world, "192.0.2.2", get).1, 200, "another address has its own");
    world.seconds(60);
    assert_eq!(request(&mut world, "192.0.2.1", get).1, 200);
}
