//! Old clients, whose token comes with the request.

use super::*;
use crate::config::AuthMode;

pub(super) fn world(mode: AuthMode) -> World {
    World::with(|config| {
        config.auth.mode = mode;
        config.limits.ping = crate::config::Length::default();
        config.auth.sunset = "2027-06-01T00:00:00Z".to_owned();
    })
}

/// An upgrade of `room` with this target's query and these header lines.
fn old_upgrade(room: &str, query: &str, lines: &str) -> String {
    upgrade(&format!("{room}{query}")).replacen("\r\n\r\n", &format!("\r\n{lines}\r\n"), 1)
}

pub(super) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

impl World {
    /// What an old client is answered; the connection, too.
    pub(super) fn come(&mut self, query: &str, lines: &str) -> (ConnId, String) {
        let id = self.accept();
        self.bytes(id, old_upgrade("soup", query, lines).as_bytes());
        let mut answer = self.output.remove(&id).unwrap_or_default();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let frames = answer.split_off(end);
        // A refusal's body is text; what follows a 101 are frames.
        if answer.starts_with(b"HTTP/1.1 101") {
            self.output.insert(id, frames);
        } else {
            answer.extend(frames);
        }
        (id, String::from_utf8(answer).unwrap())
    }
}

#[test]
fn request_token_authenticates_in_both_and_legacy() {
    for mode in [AuthMode::Both, AuthMode::Legacy] {
        let mut world = world(mode);
        let token = world.token("alice", 900);
        for (query, lines) in
            [(String::new(), bearer(&token)), (format!("?token={token}"), String::new())]
        {
            let (id, answer) = world.come(&query, &lines);
            assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
            assert!(answer.contains("\r\nDeprecation: @1767225600\r\n"), "{answer}");
            assert!(answer.contains("\r\nSunset: Tue, 01 Jun 2027 00:00:00 GMT\r\n"), "{answer}");
            let acknowledgement = world.message(id);
            assert_eq!(acknowledgement["type"], "recipe_update");
            assert_eq!(acknowledgement["payload"]["request_id"], Value::Null);
            assert_eq!(acknowledgement["payload"]["session"]["user_id"], "alice");
            let message = world.chat(id, "hello");
            assert_eq!(world.message(id)["payload"]["request_id"], message);
            // From here on every `auth` is a re-authentication.
            let fresh = world.token("alice", 900);
            let auth = world.auth(id, &fresh);
            assert_eq!(world.message(id)["payload"]["request_id"], auth);
        }
        let metrics = world.node.metrics();
        assert_eq!((metrics.legacy(Legacy::Header), metrics.legacy(Legacy::Query)), (1, 1));
        assert_eq!((metrics.authenticated, metrics.reauthenticated), (2, 2));
    }
}

#[test]
fn legacy_client_must_reauthenticate_like_any_other() {
    let mut world = world(AuthMode::Legacy);
    let token = world.token("alice", 900);
    let (id, _) = world.come("", &bearer(&token));
    world.see(id);
    world.seconds(14 * 60);
    assert!(
        world
            .see(id)
            .iter()
            .any(|seen| matches!(seen, Seen::Message(m) if m["type"] == "auth_required"))
    );
    world.seconds(30);
    assert_eq!(world.close_reason(id), "Re-authentication timeout");
}

#[test]
fn request_token_is_counted_but_ignored_by_default() {
    let mut world = world(AuthMode::Message);
    let (id, answer) = world.come("?token=rubbish", "");
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("\r\nDeprecation: @"), "{answer}");
    assert_eq!(world.node.phase(id), Some(Phase::Authenticating));
    assert_eq!(world.node.metrics().legacy(Legacy::Query), 1);
    world.seconds(5);
    assert_eq!(world.close_reason(id), "Authentication timeout");
}

#[test]
fn who_sends_no_token_is_told_of_no_deprecation() {
    for mode in [AuthMode::Message, AuthMode::Both] {
        let mut world = world(mode);
        let (id, answer) = world.come("", "Authorization: Basic dXNlcjpwYXNz\r\n");
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(!answer.contains("Deprecation") && !answer.contains("Sunset"), "{answer}");
        let token = world.token("alice", 900);
        let auth = world.auth(id, &token);
        assert_eq!(world.message(id)["payload"]["request_id"], auth);
    }
}

#[test]
fn a_token_that_is_not_good_is_answered_401() {
    let mut world = world(AuthMode::Both);
    let good = world.token("alice", 900);
    let expired = world.sign(&json!({ "sub": "alice", "exp": 5 }));
    let forged = format!("{}x", &good[..good.len() - 2]);
    let cases = [
        (String::new(), bearer("rubbish"), "Invalid token"),
        (String::new(), bearer(&forged), "Invalid token"),
        (format!("?token={expired}"), String::new(), "Token expired"),
        (format!("?token={good}"), bearer(&expired), "Two different tokens"),
    ];
    for (query, lines, reason) in cases {
        let (_, answer) = world.come(&query, &lines);
        assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
        assert!(answer.contains("\r\nWWW-Authenticate: Bearer error=\"invalid_token\"\r\n"));
        let body = format!(r#"{{"error":"invalid_token","message":"{reason}"}}"#);
        assert!(answer.ends_with(&body), "{answer}");
    }
    assert_eq!(world.node.metrics().refusals(401), 4);
}

#[test]
fn in_legacy_mode_a_token_is_required() {
    let mut world = world(AuthMode::Legacy);
    let (_, answer) = world.come("", "");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(world.node.metrics().legacy(Legacy::Header), 0);
}

#[test]
fn forger_of_header_tokens_is_held_to_its_allowance() {
    let mut world = world(AuthMode::Both);
    let statuses: Vec<_> =
        (0..20).map(|_| world.come("", &bearer("a.b.c")).1).map(|answer| status(&answer)).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 401).count(), 12);
    assert!(statuses[12..].iter().all(|&status| status == 429), "{statuses:?}");
}

fn status(answer: &str) -> usize {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn user_limit_and_revocation_hold_for_legacy_clients() {
    let mut world = world(AuthMode::Both);
    let token = world.token("alice", 900);
    let ids: Vec<_> = (0..6).map(|_| world.come("", &bearer(&token)).0).collect();
    assert_eq!(world.close_reason(ids[5]), "Connection limit exceeded");
    assert_eq!(world.node.disconnect(world.now, "alice"), 5);
    world.settle();
    let (_, answer) = world.come("", &bearer(&token));
    assert!(answer.contains("Session revoked"), "{answer}");
}

#[test]
fn frames_behind_an_old_clients_request_are_taken() {
    let mut world = world(AuthMode::Both);
    let token = world.token("alice", 900);
    let id = world.accept();
    let mut bytes = old_upgrade("soup", "", &bearer(&token)).into_bytes();
    bytes.extend(text(&envelope("chat_message", "m1", json!({ "content": "hi" }))));
    world.bytes(id, &bytes);
    let output = world.output.remove(&id).unwrap();
    let output = String::from_utf8_lossy(&output);
    assert!(output.contains(r#""request_id":"m1""#), "{output}");
}

#[test]
fn a_first_message_that_is_no_auth_is_noticed() {
    let mut world = world(AuthMode::Message);
    let id = world.authenticating("soup");
    world.chat(id, "hello?");
    assert_eq!(world.close_reason(id), "First message must be auth");
    assert_eq!(world.node.metrics().legacy(Legacy::FirstMessage), 1);
}

#[test]
fn legacy_token_is_checked_on_a_worker_before_its_101() {
    let mut world = checks::world_with(|config| config.auth.mode = AuthMode::Both);
    let token = world.signed("old", "alice", 900);
    let mut bytes = upgrade(&format!("soup?token={token}")).into_bytes();
    bytes.extend(text(&envelope("chat_message", "m1", json!({ "content": "hi" }))));
    let [id, forged] = [world.accept(), world.accept()];
    world.bytes(id, &bytes);
    world.bytes(forged, upgrade(&format!("soup?token={token}AA")).as_bytes());
    assert_eq!((world.raw(id), world.node.phase(id)), (String::new(), Some(Phase::Handshaking)));
    assert!(!world.node.wants_input(id));
    world.work();
    world.work();
    let output = world.output.remove(&id).unwrap();
    let output = String::from_utf8_lossy(&output);
    assert!(output.starts_with("HTTP/1.1 101 "), "{output}");
    assert!(output.contains(r#""request_id":null"#), "{output}");
    assert!(output.contains(r#""request_id":"m1""#), "{output}");
    assert!(world.raw(forged).starts_with("HTTP/1.1 401 "));
    assert!(world.node.wants_input(id));
}

#[test]
fn an_old_clients_check_has_the_deadline_of_its_head() {
    let mut world = checks::world_with(|config| config.auth.mode = AuthMode::Legacy);
    let token = world.signed("old", "alice", 900);
    let id = world.accept();
    world.bytes(id, upgrade(&format!("soup?token={token}")).as_bytes());
    world.seconds(5);
    assert_eq!(world.closed, [id]);
    world.work();
    assert_eq!(world.node.metrics().late_completions, 1);
}

#[test]
fn request_token_of_unknown_key_costs_its_address() {
    let mut world = checks::world_with(|config| config.auth.mode = AuthMode::Both);
    let token = world.signed("new", "alice", 900);
    let (_, answer) = world.come("", &bearer(&token));
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!((world.node.metrics().unknown_keys, world.node.usage().addresses), (1, 1));
}
