//! What is counted, as it is collected.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::node::Reading;

const STATS: &str = "GET /v1/stats HTTP/1.1\r\nHost: localhost\r\n\r\n";
const METRICS: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The value of a line of the text, by its name and labels.
#[track_caller]
fn line(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

fn queued(world: &mut World) -> usize {
    line(&world.call(METRICS), "vestibule_outbound_bytes") as usize
}

fn outside(value: f64) -> Vec<Reading> {
    vec![Reading::new("process_x", "X.", value)]
}

#[test]
fn stats_tell_every_counter_by_its_name_and_labels() {
    let mut world = World::new();
    world.connected("soup", "alice");
    let (status, stats) = split(&world.call(STATS));
    assert_eq!(status, 200);
    assert_eq!(stats["vestibule_connections"]["connected"], 1);
    assert_eq!(stats["vestibule_accepts_total"], 1);
    assert_eq!(stats["vestibule_closes_total"]["1008"]["authentication_timeout"], 0);
    assert_eq!(stats["vestibule_timer_lateness_seconds"]["count"], 0);
    assert_eq!(stats["vestibule_backend_seconds"]["join"]["count"], 0);
    assert!(stats.as_object().unwrap().values().all(|value| !value.is_null()), "{stats}");
}

#[test]
fn metrics_count_messages_and_auths_by_result() {
    let mut world = World::new();
    let (alice, bob) = (world.connected("soup", "alice"), world.authenticating("soup"));
    world.advance(Duration::from_millis(250));
    let token = world.token("bob", 900);
    world.auth(bob, &token);
    world.chat(alice, "hello");
    world.bytes(alice, &text("{"));
    let forged = world.authenticating("soup");
    world.auth(forged, "a.b.c");
    let silent = world.authenticating("soup");
    world.seconds(6);
    assert_eq!(world.close_reason(silent), "Authentication timeout");
    let (expired, fresh) =
        (world.sign(&json!({ "sub": "alice", "exp": 5 })), world.token("bob", 900));
    world.auth(alice, &expired);
    world.auth(bob, &fresh);
    let metrics = world.call(METRICS);
    for (name, expected) in [
        ("vestibule_connections{state=\"connected\"}", 1.0),
        ("vestibule_accepts_total", 4.0),
        ("vestibule_auth_total{result=\"accepted\"}", 2.0),
        ("vestibule_auth_total{result=\"invalid_token\"}", 1.0),
        ("vestibule_token_refusals_total{cause=\"malformed\"}", 1.0),
        ("vestibule_token_refusals_total{cause=\"expired\"}", 1.0),
        ("vestibule_token_refusals_total{cause=\"aud\"}", 0.0),
        ("vestibule_auth_total{result=\"timeout\"}", 1.0),
        ("vestibule_auth_total{result=\"expired\"}", 0.0),
        ("vestibule_reauth_total{result=\"accepted\"}", 1.0),
        ("vestibule_reauth_total{result=\"expired\"}", 1.0),
        ("vestibule_auth_seconds_bucket{le=\"0.131072\"}", 1.0),
        ("vestibule_auth_seconds_bucket{le=\"0.262144\"}", 2.0),
        ("vestibule_auth_seconds_sum", 0.25),
        ("vestibule_messages_total{direction=\"in\",type=\"auth\"}", 5.0),
        ("vestibule_messages_total{direction=\"in\",type=\"chat_message\"}", 1.0),
        ("vestibule_messages_total{direction=\"in\",type=\"invalid\"}", 1.0),
        ("vestibule_messages_total{direction=\"out\",type=\"chat_message\"}", 1.0),
        ("vestibule_messages_total{direction=\"out\",type=\"recipe_update\"}", 4.0),
        ("vestibule_messages_total{direction=\"out\",type=\"error\"}", 1.0),
        ("vestibule_closes_total{code=\"1008\",reason=\"authentication_timeout\"}", 1.0),
        ("vestibule_closes_total{code=\"1008\",reason=\"token_expired\"}", 1.0),
        ("vestibule_outbound_bytes", 0.0),
    ] {
        assert_eq!(line(&metrics, name), expected, "{name}");
    }
}

/// Every counter ends in `_total`, and no name is a gauge and, with that, a counter: OpenMetrics takes
/// the two for one family.
#[test]
fn no_two_families_share_a_name() {
    let mut world = World::new();
    world.connected("soup", "alice");
    let call = METRICS.replace("\r\n\r\n", "\r\nAccept: application/openmetrics-text\r\n\r\n");
    let answer = world.call(&call);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(body.ends_with("\n# EOF\n"), "{body}");
    let mut families = std::collections::BTreeMap::new();
    for line in body.lines() {
        if let Some(line) = line.strip_prefix("# TYPE ") {
            let (name, kind) = line.split_once(' ').unwrap();
            assert!(families.insert(name, kind).is_none(), "{name} is twice there");
            assert!(!name.ends_with("_total"), "{name}");
        } else if let Some((name, _)) =
            line.split_once(['{', ' ']).filter(|_| !line.starts_with('#'))
        {
            let of = |end| name.strip_suffix(end).and_then(|name| families.get(name)).copied();
            let is_counter = of("_total") == Some("counter");
            let is_spread = ["_bucket", "_sum", "_count"].map(of).contains(&Some("histogram"));
            let is_gauge = families.get(name) == Some(&"gauge");
            assert!(is_counter || is_spread || is_gauge, "{line}");
        }
    }
    assert!(families.len() > 40);
}

#[test]
fn rooms_users_and_every_bounded_memory_are_told() {
    let mut world = World::with(|config| config.limits.replay_entries = 50);
    world.connected("soup", "alice");
    world.connected("soup", "bob");
    let metrics = world.call(METRICS);
    for (name, expected) in [
        ("vestibule_rooms", 1.0),
        ("vestibule_users", 2.0),
        ("vestibule_limit{limit=\"replay_entries\"}", 50.0),
        ("vestibule_limit_used{limit=\"replay_entries\"}", 2.0),
        (concat!("vestibule_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        assert_eq!(line(&metrics, name), expected, "{name}");
    }
}

#[test]
fn what_is_queued_is_known_without_adding_it_up() {
    let mut world = World::new();
    let (alice, bob) = (world.connected("soup", "alice"), world.connected("soup", "bob"));
    world.room.insert(bob, 100);
    for _ in 0..5 {
        world.chat(alice, "hello");
        assert_eq!(queued(&mut world), world.node.usage().buffered_bytes);
    }
    assert!(queued(&mut world) > 500);
    world.room.insert(bob, 150);
    world.flush(bob);
    assert_eq!(queued(&mut world), world.node.usage().buffered_bytes);
    world.node.handle_hangup(world.now, bob, Hangup::Reset);
    world.settle();
    assert_eq!(queued(&mut world), 0);
}

#[test]
fn metrics_tell_the_configured_limits_and_sunset() {
    let mut world = World::with(|config| {
        (config.limits.connections, config.limits.pending) = (100, 30);
        config.auth.sunset = "2027-06-01T00:00:00Z".to_owned();
    });
    let metrics = world.call(METRICS);
    assert_eq!(line(&metrics, "vestibule_limit{limit=\"connections\"}"), 100.0);
    assert_eq!(line(&metrics, "vestibule_limit{limit=\"pending\"}"), 30.0);
    assert_eq!(line(&metrics, "vestibule_legacy_sunset_timestamp_seconds"), 1_811_808_000.0);
    let metrics = World::new().call(METRICS);
    assert_eq!(line(&metrics, "vestibule_legacy_sunset_timestamp_seconds"), 0.0);
}

#[test]
fn the_world_outside_is_asked_on_a_worker() {
    let mut world = World::new();
    world.node.add_probe(Arc::new(|| outside(1.5)));
    world.node.add_probe(Arc::new(|| vec![Reading::new("process_y", "Y.", 2.0)]));
    for (call, shown) in [
        (METRICS, "# HELP process_x X.\n# TYPE process_x gauge\nprocess_x 1.5\n"),
        (STATS, "\"process_x\":1.5,\"process_y\":2"),
    ] {
        let id = world.operator();
        world.bytes(id, call.as_bytes());
        assert_eq!(world.raw(id), "");
        let done = world.commands.remove(0).run();
        world.node.handle_completion(world.now, done);
        world.settle();
        let answer = world.raw(id);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(shown), "{answer}");
    }
}

#[test]
fn metrics_without_a_worker_tell_only_node_counters() {
    let mut world = World::new();
    world.node.add_probe(Arc::new(|| outside(1.5)));
    let refused = world.operator();
    world.bytes(refused, METRICS.as_bytes());
    let ticket = world.commands.remove(0).ticket;
    let outcome = Outcome::Refused;
    world.node.handle_completion(world.now, Completion { ticket, outcome });
    world.settle();
    // All workers are stuck: it is told after a second.
    let late = world.operator();
    world.bytes(late, METRICS.as_bytes());
    world.seconds(1);
    for id in [refused, late] {
        let answer = world.raw(id);
        assert!(answer.contains("vestibule_upgrades_total 0\n"), "{answer}");
        assert!(!answer.contains("process_x"), "{answer}");
    }
    let done = world.commands.remove(0).run();
    world.node.handle_completion(world.now, done);
    world.seconds(3);
    assert_eq!(world.raw(late), "");
    world.assert_nothing_is_left();
}
