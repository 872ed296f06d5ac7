//! Several `auth` messages at once: each is answered, or the connection closes, in order.

use super::checks::world_with;
use super::later::{admit, deny, slow_world, tickets};
use super::*;
use crate::node::work::port::Hangup;

/// An `auth` message as it is on the wire, and its id.
fn auth_frame(id: &str, token: &str) -> Vec<u8> {
    text(&envelope("auth", id, json!({ "token": crate::logs::known(token) })))
}

impl World {
    /// Sends one `auth` for each token in one segment, with the ids `a0`, `a1`, …
    fn pipeline(&mut self, id: ConnId, tokens: &[String]) {
        let frames = tokens.iter().enumerate();
        let bytes: Vec<u8> =
            frames.flat_map(|(n, token)| auth_frame(&format!("a{n}"), token)).collect();
        self.bytes(id, &bytes);
    }

    /// A connection that may authenticate; `None`: its address has used up its allowance.
    fn try_authenticating(&mut self) -> Option<ConnId> {
        let id = self.accept();
        self.bytes(id, upgrade("r").as_bytes());
        self.raw(id).starts_with("HTTP/1.1 101 ").then_some(id)
    }

    /// The ids of the `auth` messages that were acknowledged since the last look.
    fn acknowledged(&mut self, id: ConnId) -> Vec<String> {
        let seen = self.see(id);
        let updates = seen.iter().filter_map(|seen| match seen {
            Seen::Message(message) => message["payload"]["request_id"].as_str(),
            _ => None,
        });
        updates.map(str::to_owned).collect()
    }
}

#[test]
fn pipelined_renewal_that_is_denied_closes() {
    let (mut world, asked) = slow_world();
    let id = world.authenticating("later");
    let tokens: Vec<_> = (0..3).map(|n| world.token("alice", 900 + n)).collect();
    world.pipeline(id, &tokens);
    assert_eq!(tickets(&asked).len(), 1, "the others wait for the first");
    admit(&mut world, tickets(&asked)[0]);
    assert_eq!(world.acknowledged(id), ["a0"]);
    assert_eq!(tickets(&asked).len(), 2, "one renewal is asked at a time");
    admit(&mut world, tickets(&asked)[1]);
    assert_eq!(world.acknowledged(id), ["a1"]);
    deny(&mut world, tickets(&asked)[2]);
    assert_eq!(world.close_reason(id), "Recipe not found or access denied");
}

#[test]
fn answer_to_an_earlier_join_changes_nothing() {
    let (mut world, asked) = slow_world();
    let id = world.authenticating("later");
    let tokens: Vec<_> = (0..2).map(|n| world.token("alice", 900 + n)).collect();
    world.pipeline(id, &tokens);
    let first = tickets(&asked)[0];
    admit(&mut world, first);
    assert_eq!(world.acknowledged(id), ["a0"]);
    admit(&mut world, first);
    assert_eq!(world.see(id), []);
    assert_eq!(world.node.metrics().late_completions, 1);
}

#[test]
fn fourth_pipelined_auth_closes() {
    let (mut world, asked) = slow_world();
    let id = world.authenticating("later");
    let tokens: Vec<_> = (0..4).map(|n| world.token("alice", 900 + n)).collect();
    world.pipeline(id, &tokens);
    admit(&mut world, tickets(&asked)[0]);
    assert_eq!(world.close_reason(id), "Too many auth attempts");
}

#[test]
fn pipelined_renewals_are_acknowledged_in_order() {
    let mut world = world_with(|_| {});
    let id = world.authenticating("r");
    let tokens: Vec<_> = (0..3).map(|n| world.signed("old", "alice", 900 + n)).collect();
    world.pipeline(id, &tokens);
    for n in 0..3 {
        assert_eq!(world.commands.len(), 1, "one check of a connection at a time");
        world.work();
        assert_eq!(world.acknowledged(id), [format!("a{n}")]);
    }
}

#[test]
fn bad_token_between_good_ones_closes() {
    for (is_forged, reason) in [(true, "Invalid token"), (false, "Subject changed")] {
        let mut world = world_with(|_| {});
        let id = world.authenticating("r");
        let good = world.signed("old", "alice", 900);
        let bad = if is_forged { forged(&good) } else { world.signed("old", "bob", 900) };
        let more = world.signed("old", "alice", 901);
        world.pipeline(id, &[good, bad, more]);
        while !world.commands.is_empty() {
            world.work();
        }
        assert_eq!(world.close_reason(id), reason);
    }
}

#[test]
fn forged_tokens_in_a_pipeline_are_charged() {
    let mut world = world_with(|_| {});
    for n in 0..100 {
        let Some(id) = world.try_authenticating() else { break };
        let good = world.signed("old", &format!("user{n}"), 900);
        let bad = forged(&good);
        let last = world.signed("old", &format!("user{n}"), 901);
        world.pipeline(id, &[good, bad, last]);
        while !world.commands.is_empty() {
            world.work();
        }
        world.node.handle_hangup(world.now, id, Hangup::Reset);
        world.settle();
    }
    let checks = world.node.metrics().signature_checks;
    assert!(checks <= 2 * 13, "{checks} checks");
}

#[test]
fn forged_token_of_a_client_that_left_is_charged() {
    let mut world = world_with(|_| {});
    let token = forged(&world.signed("old", "alice", 900));
    for _ in 0..100 {
        let Some(id) = world.try_authenticating() else { break };
        world.auth(id, &token);
        world.node.handle_hangup(world.now, id, Hangup::Reset);
        world.settle();
        while !world.commands.is_empty() {
            world.work();
        }
    }
    assert_eq!(world.node.metrics().signature_checks, 13);
}

fn forged(token: &str) -> String {
    let (rest, _) = token.rsplit_once('.').unwrap();
    format!("{rest}.{}", "A".repeat(86))
}
