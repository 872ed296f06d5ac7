//! Tokens whose key is not there yet.

use super::checks::{keys, world_with};
use super::*;
use crate::auth::KeySet;
use crate::config::{AuthMode, Length};
use crate::node::observe::families::Samples;
use crate::node::{Fetched, KeyNews};

/// A world whose keys come from a JWKS file or address: `kid` `old` is there, `new` comes.
fn world() -> World {
    world_with(|config| config.auth.jwks_url = "https://issuer.example/keys".to_owned())
}

fn empty() -> World {
    let mut world = world();
    world.node.replace_keys(UnixTime::default(), KeySet::default());
    world
}

impl World {
    /// An `auth` with a token of the key `id`, on a new connection.
    fn comes(&mut self, id: &str, user: &str) -> ConnId {
        let connection = self.authenticating("r");
        self.says(connection, id, user);
        connection
    }

    fn says(&mut self, connection: ConnId, id: &str, user: &str) {
        let token = self.signed(id, user, 900);
        self.auth(connection, &token);
    }

    /// A fetch that began after all requests so far.
    fn fetched(&mut self, fetched: Fetched) {
        let answers = self.key_requests.last().map_or(0, |request| request.serial);
        self.news(answers, fetched);
    }

    fn news(&mut self, answers: u64, fetched: Fetched) {
        self.node.handle_keys(self.now, KeyNews { issuer: 0, answers, fetched });
        while self.node.poll_timeout() == Some(Instant::START) {
            self.node.handle_timeout(self.now);
            self.settle();
        }
        while !self.commands.is_empty() {
            self.work();
        }
    }

    #[track_caller]
    fn assert_in(&mut self, connection: ConnId) {
        assert_eq!(self.message(connection)["type"], "recipe_update");
    }
}

#[test]
fn auth_before_the_first_keys_waits_for_them() {
    let mut world = empty();
    assert!(!world.node.has_keys());
    let ids: Vec<_> = (0..200).map(|n| world.comes("new", &format!("u{n}"))).collect();
    world.seconds(4);
    assert_eq!(world.node.usage().waiting_for_keys, 200);
    world.fetched(Fetched::Nothing);
    assert_eq!(world.see(ids[0]), []);
    world.news(0, Fetched::Keys(keys(&["new"])));
    for id in ids {
        world.assert_in(id);
    }
    assert!(world.node.has_keys());
    assert_eq!(world.node.usage().waiting_for_keys, 0);
}

#[test]
fn auth_without_keys_until_its_deadline_may_return() {
    let mut world = empty();
    let id = world.comes("new", "alice");
    world.seconds(6);
    assert_eq!(world.close_reason(id), "Keys unavailable");
    assert_eq!(CloseReason::KeysUnavailable.code(), 1013);
    assert_eq!(world.node.metrics().token_refusals("keys_unavailable"), 1);
    world.seconds(120);
    world.assert_nothing_is_left();
}

#[test]
fn unknown_key_is_fetched_before_its_token_is_judged() {
    let mut world = world();
    let (real, made_up) = (world.comes("new", "alice"), world.comes("none", "bob"));
    assert_eq!(world.key_requests.len(), 2);
    assert!(world.key_requests.iter().all(|request| request.after.is_zero()));
    world.fetched(Fetched::Keys(keys(&["old", "new"])));
    world.assert_in(real);
    assert_eq!(world.close_reason(made_up), "Invalid token");
    assert_eq!(world.node.metrics().unknown_keys, 1);
}

#[test]
fn fetch_that_began_before_an_auth_is_not_its_verdict() {
    let mut world = world();
    let first = world.comes("none", "alice");
    let before = world.key_requests[0].serial;
    let second = world.comes("new", "bob");
    world.news(before, Fetched::Unchanged);
    assert_eq!(world.close_reason(first), "Invalid token");
    // Also other keys do not end the wait, unless the one is among them.
    world.news(before, Fetched::Keys(keys(&["old"])));
    assert_eq!(world.see(second), []);
    world.news(before, Fetched::Keys(keys(&["old", "new"])));
    world.assert_in(second);
}

#[test]
fn failed_fetch_refuses_nobody() {
    let mut world = world();
    let id = world.comes("new", "alice");
    world.fetched(Fetched::Nothing);
    assert_eq!(world.see(id), []);
    assert_eq!(world.node.metrics().failed_key_fetches, 1);
    world.fetched(Fetched::Keys(keys(&["new"])));
    world.assert_in(id);
}

/// What the metric `name` shows, added up.
fn shown(world: &World, name: &str) -> u64 {
    let families = world.node.families();
    let family = families.iter().find(|family| family.name == name).unwrap();
    let Samples::Numbers(numbers) = &family.samples else { panic!("{family:?}") };
    numbers.iter().map(|(_, number)| number).sum()
}

#[test]
fn metrics_tell_how_many_keys_there_are_and_their_age() {
    let mut world = empty();
    assert_eq!(shown(&world, "vestibule_keys"), 0);
    let read_at = |world: &World| shown(world, "vestibule_keys_read_timestamp_seconds");
    assert_eq!(read_at(&world), 0);
    world.news(0, Fetched::Keys(keys(&["old", "new"])));
    let first = read_at(&world);
    assert_eq!(first, world.now.unix.as_millis() / 1_000);
    world.seconds(60);
    world.news(0, Fetched::Nothing);
    assert_eq!((read_at(&world), shown(&world, "vestibule_keys")), (first, 2));
    world.news(0, Fetched::Unchanged);
    assert_eq!(read_at(&world), first + 60);
}

#[test]
fn live_connection_keeps_its_time_while_its_key_comes() {
    let mut world = world_with(|config| {
        config.auth.jwks_url = "https://issuer.example/keys".to_owned();
        config.limits.ping = Length::default();
    });
    let id = world.member("r", "alice");
    world.seconds(14 * 60 + 1);
    world.see(id);
    world.says(id, "new", "alice");
    let chat = world.chat(id, "still here");
    assert_eq!(world.message(id)["payload"]["request_id"], chat);
    world.fetched(Fetched::Keys(keys(&["new"])));
    world.assert_in(id);
    world.says(id, "none", "alice");
    world.seconds(1_000);
    assert_eq!(world.close_reason(id), "Keys unavailable");
}

#[test]
fn made_up_key_ids_ask_for_few_fetches() {
    let mut world = world();
    let first = world.comes("none", "alice");
    world.fetched(Fetched::Unchanged);
    assert_eq!(world.close_reason(first), "Invalid token");
    // The same one again asks for nothing for 5 seconds, and is judged with what others ask for.
    world.seconds(1);
    let again = world.comes("none", "alice");
    assert_eq!(world.key_requests[1].after, Duration::from_secs(4));
    let real = world.comes("new", "bob");
    assert_eq!(world.key_requests[2].after, Duration::ZERO);
    world.fetched(Fetched::Keys(keys(&["new"])));
    world.assert_in(real);
    assert_eq!(world.close_reason(again), "Invalid token");
}

#[test]
fn address_asks_for_60_made_up_key_ids_a_minute() {
    let mut world = world();
    for n in 0..80 {
        let id = world.comes(&format!("none {n}"), "alice");
        if n % 2 == 0 {
            world.node.handle_hangup(world.now, id, Hangup::Reset);
            world.settle();
        } else {
            world.fetched(Fetched::Unchanged);
        }
    }
    assert_eq!((world.key_requests.len(), world.node.metrics().unasked_keys), (60, 20));
    // Those beyond wait, and may come back.
    let real = world.comes("new", "bob");
    world.seconds(1);
    world.comes("more", "alice");
    assert_eq!(world.key_requests.len(), 61);
    world.fetched(Fetched::Keys(keys(&["new"])));
    world.assert_in(real);
}

#[test]
fn reload_judges_those_who_wait_with_the_new_keys() {
    let mut world = world();
    let id = world.comes("new", "alice");
    let mut config = Config::default();
    config.auth.algorithms = vec!["RS256".to_owned()];
    config.auth.jwks_url = "https://issuer.example/keys".to_owned();
    let mut verifier = crate::auth::Verifier::new(&config.auth).unwrap();
    verifier.replace_keys(keys(&["new"]));
    let late = world.comes("later", "bob");
    world.key_requests.clear();
    world.node.reconfigure(world.now, &config, verifier);
    world.node.handle_timeout(world.now);
    world.settle();
    world.work();
    world.assert_in(id);
    // The source is another one: whoever still waits asks it.
    assert_eq!(world.key_requests.len(), 1);
    world.fetched(Fetched::Unchanged);
    assert_eq!(world.close_reason(late), "Invalid token");
}

#[test]
fn token_of_a_request_waits_for_its_key() {
    let mut world = world_with(|config| {
        config.auth.jwks_url = "https://issuer.example/keys".to_owned();
        config.auth.mode = AuthMode::Both;
    });
    let come = |world: &mut World| {
        let id = world.accept();
        let token = world.signed("new", "alice", 900);
        world.bytes(id, upgrade(&format!("r?token={token}")).as_bytes());
        assert_eq!(world.raw(id), "");
        id
    };
    let late = come(&mut world);
    world.seconds(11);
    let answer = world.raw(late);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("keys_unavailable"), "{answer}");
    let left = come(&mut world);
    world.node.handle_hangup(world.now, left, Hangup::Reset);
    let id = come(&mut world);
    world.fetched(Fetched::Keys(keys(&["new"])));
    assert!(world.output[&id].starts_with(b"HTTP/1.1 101 "));
    assert_eq!(world.node.usage().waiting_for_keys, 0);
}
