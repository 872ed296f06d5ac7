//! A configuration that changes under live connections.

use super::*;
use crate::auth::Verifier;
use crate::config::{AuthMode, Length, Size};

impl World {
    pub(crate) fn reconfigure(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::default();
        config.auth.secret = SECRET.to_owned();
        config.auth.reauth_spread = Length::default();
        change(&mut config);
        let verifier = Verifier::new(&config.auth).unwrap();
        self.node.reconfigure(self.now, &config, verifier);
        self.settle();
    }
}

#[test]
fn the_mode_at_the_upgrade_holds_for_a_connection() {
    let mut world = World::new();
    let early = world.authenticating("soup");
    world.reconfigure(|config| config.auth.mode = AuthMode::Legacy);
    let token = world.token("alice", 900);
    let auth = world.auth(early, &token);
    assert_eq!(world.message(early)["payload"]["request_id"], auth);
    let late = world.accept();
    world.bytes(late, upgrade("soup").as_bytes());
    assert!(world.raw(late).starts_with("HTTP/1.1 401 "));
}

#[test]
fn a_new_key_is_for_new_tokens_and_nobody_is_dropped() {
    let mut world = World::new();
    let alice = world.connected("soup", "alice");
    world.reconfigure(|config| config.auth.secret = SECRET.to_uppercase());
    let bob = world.authenticating("soup");
    let token = world.token("bob", 900);
    world.auth(bob, &token);
    assert_eq!(world.close_reason(bob), "Invalid token");
    let message = world.chat(alice, "still here");
    assert_eq!(world.message(alice)["payload"]["request_id"], message);
}

#[test]
fn deadlines_that_run_stay_and_pings_follow() {
    let mut world = World::with(|config| config.limits.ping = Length::default());
    let alice = world.connected("soup", "alice");
    let silent = world.authenticating("soup");
    world.reconfigure(|config| {
        config.auth.timeout = Length::from_secs(60);
        config.limits.ping = Length::from_secs(10);
    });
    world.seconds(5);
    assert_eq!(world.close_reason(silent), "Authentication timeout");
    world.seconds(5);
    assert_eq!(world.see(alice), [Seen::Ping]);
}

#[test]
fn larger_outbound_limit_resumes_a_paused_connection() {
    let mut world = World::with(|config| config.limits.outbound_bytes = Size::bytes(1_000));
    let alice = world.connected("soup", "alice");
    world.room.insert(alice, 0);
    for n in 0..9 {
        world.chat(alice, &format!("message {n}"));
    }
    assert!(!world.node.wants_input(alice));
    world.reconfigure(|config| config.limits.outbound_bytes = Size::kib(64));
    assert!(world.node.wants_input(alice));
    assert_eq!(world.resumed, [alice]);
}

#[test]
fn lowered_bounds_hold_for_who_comes_next() {
    let mut world = World::new();
    let inside: Vec<_> = (0..3).map(|_| world.connected("soup", "alice")).collect();
    world.reconfigure(|config| {
        config.limits.connections_per_user = 2;
        config.limits.replay_entries = 1;
        config.limits.answer_bytes = Size::bytes(1);
    });
    let late = world.authenticating("soup");
    let token = world.token("alice", 900);
    world.auth(late, &token);
    assert_eq!(world.close_reason(late), "Connection limit exceeded");
    assert!(inside.iter().all(|&id| world.node.is_authenticated(id)));
    assert!(world.node.usage().replays <= 1);
}

#[test]
fn an_allowance_that_is_lifted_opens_the_door() {
    let mut world = World::new();
    for _ in 0..14 {
        let id = world.accept();
        world.bytes(id, upgrade("soup").as_bytes());
        world.auth(id, "a.b.c");
    }
    let shut = world.accept();
    world.bytes(shut, upgrade("soup").as_bytes());
    assert!(world.raw(shut).starts_with("HTTP/1.1 429 "));
    world.reconfigure(|config| config.limits.auth_per_minute_per_ip = 0);
    world.authenticating("soup");
}
