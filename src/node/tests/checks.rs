//! Signatures that are checked on workers, and keys that are replaced.

use super::*;
use crate::auth::tests::{Pair, jwks};
use crate::auth::{Algorithms, JwksFrom, KeySet};
use crate::config::Length;

/// A world whose tokens are signed with Ed25519 keys: `kid` is `old`, and soon `new`.
fn world() -> World {
    world_with(|_| {})
}

pub(super) fn world_with(change: impl FnOnce(&mut Config)) -> World {
    let mut world = World::with(|config| {
        config.auth.algorithms = vec!["EdDSA".to_owned(), "RS256".to_owned()];
        change(config);
    });
    world.node.replace_keys(UnixTime::default(), keys(&["old"]));
    world
}

pub(super) fn keys(ids: &[&str]) -> KeySet {
    let pair = |id: &str| if id == "old" { Pair::Ed25519 } else { Pair::Rsa };
    let keys: Vec<_> = ids.iter().map(|id| pair(id).jwk(&json!({"kid": id}))).collect();
    let algorithms = Algorithms::new(&["EdDSA".to_owned(), "RS256".to_owned()]).unwrap();
    KeySet::from_jwks(&jwks(&keys), &algorithms, JwksFrom::Url).unwrap().0
}

impl World {
    pub(super) fn signed(&self, id: &str, user: &str, life: u64) -> String {
        let exp = self.now.unix.as_millis() / 1_000 + life;
        let claims = json!({"sub": user, "exp": exp, "nonce": self.messages}).to_string();
        match id {
            "old" => Pair::Ed25519.token(&json!({"alg": "EdDSA", "kid": id}), &claims),
            _ => Pair::Rsa.token(&json!({"alg": "RS256", "kid": id}), &claims),
        }
    }

    /// Sends an `auth` whose check then waits.
    pub(super) fn auth_as(&mut self, id: ConnId, user: &str) -> String {
        let token = self.signed("old", user, 900);
        self.auth(id, &token)
    }

    /// A worker does the first of the commands.
    pub(super) fn work(&mut self) {
        let done = self.commands.remove(0).run();
        self.complete(done);
    }

    fn refuse_work(&mut self) {
        let ticket = self.commands.remove(0).ticket;
        self.complete(Completion { ticket, outcome: Outcome::Refused });
    }

    fn complete(&mut self, done: Completion) {
        self.node.handle_completion(self.now, done);
        self.settle();
    }

    pub(super) fn member(&mut self, room: &str, user: &str) -> ConnId {
        let id = self.authenticating(room);
        self.auth_as(id, user);
        self.work();
        assert_eq!(self.message(id)["type"], "recipe_update");
        id
    }
}

#[test]
fn a_public_keys_signature_is_checked_on_a_worker() {
    let mut world = world();
    let id = world.authenticating("r");
    let auth = world.auth_as(id, "alice");
    assert_eq!(world.see(id), []);
    assert_eq!(world.node.phase(id), Some(Phase::Authenticating));
    assert_eq!(world.commands.len(), 1);
    world.work();
    assert_eq!(world.message(id)["payload"]["request_id"], auth);
    assert_eq!(world.node.metrics().signature_checks, 1);
}

#[test]
fn forged_signature_is_refused_and_leaves_nothing() {
    let mut world = world();
    let id = world.authenticating("r");
    let token = Pair::Rsa.token(&json!({"alg": "RS256", "kid": "old"}), "{}");
    world.auth(id, &token);
    assert_eq!(world.close_reason(id), "Invalid token");
    let id = world.authenticating("r");
    let mut forged = world.signed("old", "alice", 900);
    forged.replace_range(forged.len() - 10..forged.len() - 9, "A");
    forged.replace_range(forged.len() - 12..forged.len() - 11, "B");
    world.auth(id, &forged);
    world.work();
    assert_eq!(world.close_reason(id), "Invalid token");
    world.seconds(5);
    world.assert_nothing_is_left();
}

#[test]
fn auth_timeout_runs_while_the_signature_is_checked() {
    let mut world = world();
    let id = world.authenticating("r");
    world.auth_as(id, "alice");
    world.seconds(6);
    assert_eq!(world.close_reason(id), "Authentication timeout");
    let late = world.node.metrics().late_completions;
    world.work();
    assert_eq!(world.node.metrics().late_completions, late + 1);
    assert_eq!(world.see(id), []);
    world.seconds(5);
    world.assert_nothing_is_left();
}

#[test]
fn messages_behind_an_auth_check_wait_up_to_a_bound() {
    let mut world = world_with(|config| config.limits.waiting_messages = 2);
    let id = world.authenticating("r");
    world.auth_as(id, "alice");
    let first = world.chat(id, "one");
    let second = world.chat(id, "two");
    assert_eq!(world.see(id), []);
    world.work();
    let seen = world.see(id);
    let answers: Vec<_> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Message(message) => message["payload"]["request_id"].as_str(),
            _ => None,
        })
        .collect();
    assert_eq!(answers[1..], [first.as_str(), second.as_str()]);

    let other = world.authenticating("r");
    world.auth_as(other, "bob");
    (0..3).for_each(|_| drop(world.chat(other, "more")));
    assert_eq!(world.close_reason(other), "Rate limit exceeded");
    world.work();
    assert_eq!(world.see(other), []);
}

#[test]
fn second_auth_during_a_check_is_a_reauthentication() {
    let mut world = world();
    let id = world.authenticating("r");
    world.auth_as(id, "alice");
    let again = world.auth_as(id, "alice");
    assert_eq!(world.commands.len(), 1, "one check at once");
    world.work();
    assert_eq!(world.message(id)["type"], "recipe_update");
    world.work();
    assert_eq!(world.message(id)["payload"]["request_id"], again);
}

#[test]
fn chat_goes_on_while_a_fresh_token_is_checked() {
    let mut world = world();
    let id = world.member("r", "alice");
    let auth = world.auth_as(id, "alice");
    let chat = world.chat(id, "meanwhile");
    assert_eq!(world.message(id)["payload"]["request_id"], chat);
    // One more waits; who sends a third is not waiting for answers.
    world.auth_as(id, "alice");
    assert_eq!(world.commands.len(), 1);
    world.work();
    assert_eq!(world.message(id)["payload"]["request_id"], auth);
    world.auth_as(id, "alice");
    world.auth_as(id, "alice");
    assert_eq!(world.close_reason(id), "Too many auth attempts");
}

#[test]
fn reauth_with_forged_or_another_users_token_closes() {
    for (user, forged, reason) in
        [("bob", false, "Subject changed"), ("alice", true, "Invalid token")]
    {
        let mut world = world();
        let id = world.member("r", "alice");
        let mut token = world.signed("old", user, 900);
        if forged {
            let (rest, _) = token.rsplit_once('.').unwrap();
            token = format!("{rest}.{}", "A".repeat(86));
        }
        world.auth(id, &token);
        world.work();
        assert_eq!(world.close_reason(id), reason);
    }
}

#[test]
fn the_grace_runs_on_while_a_fresh_token_is_checked() {
    let mut world = world_with(|config| config.limits.ping = Length::from_secs(0));
    let id = world.member("r", "alice");
    world.seconds(14 * 60 + 1);
    assert_eq!(world.node.phase(id), Some(Phase::Reauthenticating));
    world.auth_as(id, "alice");
    world.seconds(30);
    assert_eq!(world.close_reason(id), "Re-authentication timeout");
}

#[test]
fn token_that_expires_during_its_check_is_refused() {
    let mut world = world_with(|config| config.auth.leeway = Length::from_secs(0));
    let id = world.authenticating("r");
    let token = world.signed("old", "alice", 2);
    world.auth(id, &token);
    world.seconds(3);
    world.work();
    assert_eq!(world.close_reason(id), "Token expired");
}

#[test]
fn same_auth_checked_twice_at_once_is_accepted_once() {
    let mut world = world();
    let token = world.signed("old", "alice", 900);
    let message = text(&envelope("auth", "same", json!({ "token": token })));
    let ids = [world.authenticating("r"), world.authenticating("r")];
    ids.iter().for_each(|id| world.bytes(*id, &message));
    world.work();
    world.work();
    assert_eq!(world.message(ids[0])["type"], "recipe_update");
    assert_eq!(world.close_reason(ids[1]), "Auth message replayed");
}

#[test]
fn few_checks_run_at_once_and_authenticated_go_first() {
    let mut world = world_with(|config| config.limits.workers = 1);
    let member = world.member("r", "alice");
    let ids: Vec<_> = (0..20).map(|_| world.authenticating("r")).collect();
    for (n, id) in ids.iter().enumerate() {
        world.auth_as(*id, &format!("user{n}"));
    }
    let auth = world.auth_as(member, "alice");
    assert_eq!(world.commands.len(), 8);
    world.work();
    assert_eq!(world.commands.len(), 8);
    (0..7).for_each(|_| world.work());
    let joined = |world: &World| world.output.keys().filter(|id| ids.contains(id)).count();
    assert_eq!(joined(&world), 8);
    world.see(member);
    world.work();
    assert_eq!(world.message(member)["payload"]["request_id"], auth, "before newcomers");
    assert_eq!(joined(&world), 8);
    while !world.commands.is_empty() {
        world.work();
    }
    assert_eq!(joined(&world), 20);
}

#[test]
fn addresses_take_turns_for_checks() {
    let mut world = world_with(|config| config.limits.workers = 1);
    let heavy: Vec<_> = (0..100).map(|_| world.authenticating_from("192.0.2.1", "r")).collect();
    for (n, id) in heavy.iter().enumerate() {
        world.auth_as(*id, &format!("heavy{n}"));
    }
    // 8 are with the worker, and 92 wait.
    let light = world.authenticating_from("192.0.2.2", "r");
    let auth = world.auth_as(light, "light");
    (0..9).for_each(|_| world.work());
    assert_eq!(world.see(light), [], "the 9th was the first that waited");
    world.work();
    assert_eq!(world.message(light)["payload"]["request_id"], auth);
}

#[test]
fn check_without_a_worker_waits_and_keeps_its_order() {
    let mut world = world();
    let ids: Vec<_> = (0..3).map(|_| world.authenticating("r")).collect();
    let auths: Vec<_> = ids.iter().map(|id| world.auth_as(*id, &format!("u{id}"))).collect();
    assert_eq!(world.commands.len(), 3);
    let first = world.commands.remove(0);
    world.refuse_work();
    world.refuse_work();
    assert_eq!(world.commands.len(), 0, "not tried again at once");
    assert_eq!(world.node.metrics().refused_work, 2);
    assert_eq!(world.see(ids[1]), []);
    let done = first.run();
    world.complete(done);
    assert_eq!(world.message(ids[0])["payload"]["request_id"], auths[0]);
    assert_eq!(world.commands.len(), 2);
    world.work();
    assert_eq!(world.see(ids[2]).len(), 0);
    world.see(ids[1]);
    world.work();
    assert_eq!(world.message(ids[2])["payload"]["request_id"], auths[2]);
}

#[test]
fn client_that_leaves_gives_up_its_waiting_check() {
    let mut world = world_with(|config| config.limits.workers = 1);
    let ids: Vec<_> = (0..12).map(|_| world.authenticating("r")).collect();
    ids.iter().for_each(|id| drop(world.auth_as(*id, &format!("u{id}"))));
    assert_eq!(world.commands.len(), 8);
    for id in &ids {
        world.node.handle_hangup(world.now, *id, Hangup::Reset);
    }
    world.settle();
    while !world.commands.is_empty() {
        world.work();
    }
    assert_eq!(world.node.metrics().signature_checks, 8, "the others were not done");
    assert_eq!(world.node.metrics().late_completions, 8);
    world.assert_nothing_is_left();
}

#[test]
fn a_worker_that_breaks_closes_with_an_internal_error() {
    let mut world = world();
    let id = world.authenticating("r");
    world.auth_as(id, "alice");
    let ticket = world.commands.remove(0).ticket;
    world.complete(Completion { ticket, outcome: Outcome::Panicked });
    assert_eq!(world.close_reason(id), "Internal error");
}

#[test]
fn keys_are_replaced_under_live_connections() {
    let mut world = world();
    let old = world.member("r", "alice");
    world.node.replace_keys(UnixTime::default(), keys(&["old", "new"]));
    let new = world.authenticating("r");
    let token = world.signed("new", "bob", 900);
    world.auth(new, &token);
    world.work();
    assert_eq!(world.message(new)["type"], "recipe_update");
    world.member("r", "carol");

    world.node.replace_keys(UnixTime::default(), keys(&["new"]));
    let refused = world.authenticating("r");
    world.auth_as(refused, "dave");
    assert_eq!(world.close_reason(refused), "Invalid token");
    assert_eq!(world.node.metrics().unknown_keys, 1);
    world.see(old);
    let chat = world.chat(old, "still here");
    assert_eq!(world.message(old)["payload"]["request_id"], chat);
    // Its next token must be of the new key.
    let token = world.signed("new", "alice", 900);
    world.auth(old, &token);
    world.work();
    assert_eq!(world.message(old)["type"], "recipe_update");
    world.auth_as(old, "alice");
    assert_eq!(world.close_reason(old), "Invalid token");
}

#[test]
fn forger_of_200_tokens_at_once_gets_44_checks() {
    let mut world = world();
    let ids: Vec<_> = (0..200).map(|_| world.authenticating("r")).collect();
    for id in &ids {
        let token = world.signed("old", "alice", 900);
        let (rest, _) = token.rsplit_once('.').unwrap();
        world.auth(*id, &format!("{rest}.{}", "A".repeat(86)));
    }
    while !world.commands.is_empty() {
        world.work();
    }
    // 12 within its allowance, one beyond; and 32 are submitted at once.
    assert_eq!(world.node.metrics().signature_checks, 13 + 31);
    assert_eq!(world.close_reason(ids[0]), "Invalid token");
    assert_eq!(world.close_reason(ids[199]), "Too many auth attempts");
    world.seconds(6);
    world.assert_nothing_is_left();
}

#[test]
fn token_of_an_unknown_key_does_not_count_as_forgery() {
    let mut world = world();
    for _ in 0..60 {
        let id = world.authenticating("r");
        let token = world.signed("new", "alice", 900);
        world.auth(id, &token);
        assert_eq!(world.close_reason(id), "Invalid token");
    }
    world.member("r", "alice");
}
