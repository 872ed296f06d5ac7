//! Tokens whose key is not there yet.

use super::checks::{keys, world_with};
use super::*;
use crate::auth::tests::{Pair, jwks};
use crate::auth::{Algorithms, JwksFrom, KeySet};
use crate::config::{AuthMode, Length};
use crate::node::observe::family::Samples;
use crate::node::{Fetched, KeyNews};

/// A world whose keys come from a JWKS file or address: `kid` `old` is there, `new` comes.
fn world() -> World {
    world_with(|config| config.auth.jwks_url = "https://issuer.example/keys".to_owned())
}

fn has_keys(world: &World) -> bool {
    world.node.dependencies(world.now).iter().all(|it| it.faults.is_empty())
}

fn empty() -> World {
    let mut world = world();
    world.node.replace_keys(UnixTime::default(), KeySet::default());
    world
}

/// The set of one Ed25519 key that has no `kid`: with this `x`, or the one that tokens are signed
/// with.
fn unnamed(x: Option<&str>) -> KeySet {
    let mut key = Pair::Ed25519.jwk(&json!({}));
    if let Some(x) = x {
        key["x"] = json!(x);
    }
    let algorithms = Algorithms::new(&["EdDSA".to_owned()]).unwrap();
    KeySet::from_jwks(&jwks(&[key]), &algorithms, JwksFrom::Url).unwrap().0
}

/// A world whose issuer gives its keys no `kid`, and has replaced the one that is there (RFC 8037,
/// appendix A.2).
fn unnamed_world() -> World {
    let mut world = world();
    let replaced = unnamed(Some("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    world.node.replace_keys(world.now.unix, replaced);
    world
}

impl World {
    /// An `auth` whose signature does not fit the key that is there.
    fn comes_unnamed(&mut self, header: &Value, user: &str) -> ConnId {
        let connection = self.authenticating("r");
        let exp = self.now.unix.as_millis() / 1_000 + 900;
        let token = Pair::Ed25519.token(header, &json!({"sub": user, "exp": exp}).to_string());
        self.auth(connection, &token);
        while !self.commands.is_empty() {
            self.work();
        }
        connection
    }

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
    assert!(!has_keys(&world));
    let ids: Vec<_> = (0..200).map(|n| world.comes("new", &format!("u{n}"))).collect();
    world.seconds(4);
    assert_eq!(world.node.usage().waiting_for_keys, 200);
    world.fetched(Fetched::Nothing);
    assert_eq!(world.see(ids[0]), []);
    world.news(0, Fetched::Keys(keys(&["new"])));
    for id in ids {
        world.assert_in(id);
    }
    assert!(has_keys(&world));
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
    let families = world.node.families(world.now);
    let family = families.iter().find(|family| family.name == name).unwrap();
    let Samples::Numbers(numbers) = &family.samples else { panic!("{family:?}") };
    numbers.iter().map(|(_, number)| *number as u64).sum()
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

#[test]
fn signature_of_a_key_without_id_waits_for_a_fetch() {
    let mut world = unnamed_world();
    let bare = world.comes_unnamed(&json!({"alg": "EdDSA"}), "alice");
    let named = world.comes_unnamed(&json!({"alg": "EdDSA", "kid": "its own"}), "bob");
    assert_eq!((world.see(bare), world.see(named)), (vec![], vec![]));
    assert_eq!(world.key_requests.len(), 2);
    world.fetched(Fetched::Nothing);
    world.fetched(Fetched::Keys(unnamed(None)));
    world.assert_in(bare);
    world.assert_in(named);
    assert_eq!(world.node.usage().waiting_for_keys, 0);
}

#[test]
fn forged_signature_is_refused_after_one_fetch() {
    let mut world = unnamed_world();
    let (first, header) = (world.node.metrics().signature_checks, json!({"alg": "EdDSA"}));
    let forged = world.comes_unnamed(&header, "alice");
    world.fetched(Fetched::Unchanged);
    assert_eq!(world.close_reason(forged), "Invalid token");
    assert_eq!(world.node.metrics().signature_checks - first, 2);
    assert_eq!(world.node.metrics().token_refusals("bad_signature"), 1);
    // It costs a forger what it did; and says nothing of the next token without an id.
    let next = world.comes_unnamed(&header, "bob");
    assert_eq!(world.key_requests[1].after, Duration::ZERO);
    world.fetched(Fetched::Keys(unnamed(None)));
    world.assert_in(next);
}

#[test]
fn signature_of_a_named_key_waits_for_no_fetch() {
    let mut world = world();
    let id = world.comes_unnamed(&json!({"alg": "EdDSA", "kid": "old"}), "alice");
    world.assert_in(id);
    let forged = world.authenticating("r");
    let token = world.signed("old", "alice", 900);
    let (rest, _) = token.rsplit_once('.').unwrap();
    world.auth(forged, &format!("{rest}.{}", "A".repeat(86)));
    world.work();
    assert_eq!(world.close_reason(forged), "Invalid token");
    assert_eq!(world.key_requests, []);
}

#[test]
fn forger_of_waiting_tokens_keeps_to_its_allowance() {
    let mut world = unnamed_world();
    let comes = |world: &mut World| world.comes_unnamed(&json!({"alg": "EdDSA"}), "alice");
    let ids: Vec<_> = (0..121).map(|_| comes(&mut world)).collect();
    // 120 wait, for a point each; the next is charged as forged, and shuts the door.
    let looks = |world: &World| world.node.metrics().signature_checks;
    assert_eq!((world.node.usage().waiting_for_keys, looks(&world)), (120, 121));
    assert_eq!(world.close_reason(ids[120]), "Too many auth attempts");
    world.fetched(Fetched::Unchanged);
    assert_eq!(world.close_reason(ids[0]), "Too many auth attempts");
    assert_eq!((world.node.usage().waiting_for_keys, looks(&world)), (0, 121));
}

/// With keys of some issuers, the server is ready, and the others are told of.
#[test]
fn an_issuer_without_keys_is_told_as_degraded() {
    let mut world = world();
    let codes = |world: &World| -> Vec<&'static str> {
        let dependencies = world.node.dependencies(world.now);
        dependencies.iter().flat_map(|it| &it.faults).map(|fault| fault.code).collect()
    };
    world.news(0, Fetched::Keys(keys(&["old"])));
    assert_eq!(codes(&world), [""; 0]);
    world.news(0, Fetched::Nothing);
    assert_eq!(codes(&world), ["keys_not_renewed"]);
    assert_eq!(shown(&world, "vestibule_key_fetches_failed_total"), 1);
    world.news(0, Fetched::Unchanged);
    assert_eq!(codes(&world), [""; 0]);
    assert_eq!(shown(&world, "vestibule_key_fetches_failed_total"), 1);
}
