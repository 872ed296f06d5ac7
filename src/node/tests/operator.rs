//! What an operator does to users.

use super::*;
use crate::config::{AuthMode, Length};
use crate::node::app::{Admission, Update};

const HOUR: u64 = 3_600;
pub(super) const DAY: u64 = 86_400;

pub(super) fn revoked() -> Option<String> {
    Some("Session revoked".to_owned())
}

#[test]
fn disconnected_user_is_refused_with_older_tokens() {
    let mut world = World::with(|config| config.auth.leeway = Length::from_secs(0));
    let (soup, stew) = (world.connected("soup", "alice"), world.connected("stew", "alice"));
    let bob = world.connected("soup", "bob");
    world.seconds(10);
    assert_eq!(world.node.disconnect(world.now, "alice"), 2);
    world.settle();
    for id in [soup, stew] {
        assert_eq!(world.close_reason(id), "Session revoked");
    }
    assert_eq!(world.see(bob), []);
    let old = world.token("alice", 600);
    let refused = world.authenticating("soup");
    world.auth(refused, &old);
    assert_eq!(world.close_reason(refused), "Session revoked");
    world.seconds(2);
    let now = world.now.unix.as_millis() / 1_000;
    let fresh = world.sign(&json!({ "sub": "alice", "iat": now, "exp": now + 600 }));
    let back = world.authenticating("soup");
    world.auth(back, &fresh);
    assert_eq!(world.message(back)["type"], "recipe_update");
    // Their tokens ran out 15 minutes after they came: what is refused from then on is only expired.
    world.seconds(890);
    let late = world.authenticating("soup");
    world.auth(late, &old);
    assert_eq!(world.close_reason(late), "Token expired");
}

/// Whoever signs in again at once is refused, as the issuer's clock may be ahead, but not for good.
#[test]
fn token_issued_in_the_leeway_is_no_final_refusal() {
    let mut world = World::new();
    let old = world.issued("alice", HOUR);
    world.node.disconnect(world.now, "alice");
    world.seconds(2);
    let soon = world.issued("alice", HOUR);
    assert_eq!(world.refusal(&old), revoked());
    assert_eq!(world.refusal(&soon).as_deref(), Some("Token expired"));
    assert_eq!(world.node.metrics().token_refusals("issued_too_soon"), 1);
    world.seconds(29);
    let later = world.issued("alice", HOUR);
    assert_eq!(world.refusal(&later), None);
    assert_eq!(world.refusal(&soon).as_deref(), Some("Token expired"));
}

#[test]
fn own_accounts_token_is_good_right_after_an_order() {
    let mut world = World::new();
    let own = |world: &World| {
        let millis = world.now.unix.as_millis();
        world.sign(&json!({
            "sub": "alice", "iat": millis / 1_000, "exp": millis / 1_000 + HOUR,
            "vestibule_session": "s1", "vestibule_issued_ms": millis, "nonce": world.messages,
        }))
    };
    world.node.disconnect(world.now, "alice");
    let old = own(&world);
    world.advance(Duration::from_millis(1));
    let fresh = own(&world);
    assert_eq!((world.refusal(&old), world.refusal(&fresh)), (revoked(), None));
    // An earlier process's clock may have been behind.
    world.node.restore_revocation(world.now, "alice", world.now.unix);
    world.advance(Duration::from_millis(1));
    let fresh = own(&world);
    assert_eq!(world.refusal(&fresh).as_deref(), Some("Token expired"));
}

#[test]
fn operator_can_ask_a_user_for_a_fresh_token_early() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    let pending = world.authenticating("soup");
    assert_eq!(world.node.require_auth(world.now, "alice"), 1);
    assert_eq!(world.node.require_auth(world.now, "nobody"), 0);
    world.seconds(1);
    let asked = world.message(id);
    assert_eq!(asked["payload"]["reason"], "requested");
    assert_eq!(world.node.require_auth(world.now, "alice"), 0);
    assert_eq!(world.see(pending), []);
    let token = world.token("alice", 900);
    world.auth(id, &token);
    assert_eq!(world.message(id)["payload"]["content"], "Re-authenticated");
}

#[test]
fn a_revoked_token_is_refused_until_it_expires() {
    for reauth_after in [0, 60, 14 * 60] {
        let mut world = World::with(|config| {
            config.auth.reauth_after = Length::from_secs(reauth_after);
            config.auth.leeway = Length::from_secs(0);
        });
        let stolen = world.issued("alice", 2 * DAY);
        let silent = world.token("alice", 2 * DAY);
        world.connected("soup", "alice");
        world.node.disconnect(world.now, "alice");
        world.settle();
        for length in [1, 20 * 60, HOUR, DAY] {
            world.seconds(length);
            assert_eq!(world.refusal(&stolen), revoked(), "after {length} s");
            assert_eq!(world.refusal(&silent), revoked(), "a token without `iat`");
            let fresh = world.issued("alice", 60);
            assert_eq!(world.refusal(&fresh), None);
        }
        world.seconds(DAY);
        assert_eq!(world.refusal(&stolen).as_deref(), Some("Token expired"));
    }
}

#[test]
fn every_way_in_refuses_a_revoked_token() {
    let (mut world, _) = World::holding(|config| config.auth.mode = AuthMode::Both);
    let stolen = world.issued("alice", DAY);
    world.node.disconnect(world.now, "alice");
    world.seconds(HOUR);
    assert_eq!(world.refusal(&stolen), revoked());
    // Renewing a session that began with a good token.
    let live = world.authenticating("soup");
    let fresh = world.issued("alice", DAY);
    world.auth(live, &fresh);
    world.see(live);
    world.auth(live, &stolen);
    assert_eq!(world.close_reason(live), "Session revoked");
    // In requests: an old client's upgrade, and a page's call.
    let bearer = format!("\r\nAuthorization: Bearer {stolen}\r\n\r\n");
    for request in [
        upgrade("soup").replacen("\r\n\r\n", &bearer, 1),
        upgrade(&format!("soup?token={stolen}")),
        format!("GET /v1/recipes HTTP/1.1\r\nHost: a{bearer}"),
    ] {
        let id = world.accept();
        world.bytes(id, request.as_bytes());
        let answer = world.raw(id);
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("Session revoked"));
    }
}

#[test]
fn a_token_at_a_worker_meets_the_revocation() {
    let mut world = checks::world_with(|config| config.auth.mode = AuthMode::Both);
    let (message, request) = (world.authenticating("soup"), world.accept());
    let token = world.signed("old", "alice", DAY);
    world.auth(message, &token);
    world.bytes(request, upgrade(&format!("soup?token={token}")).as_bytes());
    world.node.disconnect(world.now, "alice");
    world.settle();
    world.work();
    world.work();
    assert_eq!(world.close_reason(message), "Session revoked");
    let answer = world.raw(request);
    assert!(answer.contains("Session revoked"), "{answer}");
}

#[test]
fn a_join_at_the_application_meets_the_revocation() {
    let (mut world, held) = World::holding(|_| {});
    let id = world.authenticating("held");
    let token = world.issued("alice", DAY);
    world.auth(id, &token);
    let join = held.ticket("join alice");
    assert_eq!(world.node.disconnect(world.now, "alice"), 1);
    world.settle();
    assert_eq!(world.close_reason(id), "Session revoked");
    world.done(join, Outcome::Join(Admission::Admit(Update::text("in"))));
    assert_eq!((world.see(id), world.node.usage().rooms), (vec![], 0));
}

#[test]
fn a_restored_revocation_holds_under_another_seed() {
    let mut world = World::new();
    let stolen = world.issued("alice", DAY);
    let at = world.now.unix;
    let config = Config::default();
    let app = MemoryApp::new(&config, Access::Open, &Seed::predictable(9));
    let config =
        Config { auth: crate::config::Auth { secret: SECRET.to_owned(), ..config.auth }, ..config };
    world.node = Node::new(&config, &Seed::predictable(77), Box::new(app)).unwrap();
    world.node.restore_revocation(world.now, "alice", at);
    world.seconds(HOUR);
    assert_eq!(world.refusal(&stolen), revoked());
    assert_eq!(world.node.revoked_users(), 1);
}

#[test]
fn a_token_that_outlives_revocations_is_refused() {
    let mut world = World::with(|config| {
        config.auth.max_token_life = Length::from_secs(HOUR);
        config.auth.leeway = Length::from_secs(0);
    });
    let long = world.issued("alice", HOUR + 1);
    let silent = world.token("alice", 60);
    for token in [&long, &silent] {
        assert_eq!(world.refusal(token).as_deref(), Some("Invalid token payload"));
    }
    assert_eq!(world.node.metrics().long_tokens, 2);
    let good = world.issued("alice", HOUR);
    assert_eq!(world.refusal(&good), None);
    world.node.disconnect(world.now, "alice");
    world.seconds(HOUR - 1);
    assert_eq!(world.refusal(&good), revoked());
    world.seconds(2);
    // Nobody needs to be remembered for a token that has expired.
    world.node.disconnect(world.now, "bob");
    assert_eq!(world.node.revoked_users(), 1);
    assert_eq!(world.refusal(&good).as_deref(), Some("Token expired"));
    // What lives too long does not get in at its end, when nobody remembers.
    assert_eq!(world.refusal(&long).as_deref(), Some("Token expired"));
    let year = world.sign(&json!({ "sub": "alice", "iat": 1, "exp": 1_900_000_000 }));
    assert_eq!(world.refusal(&year).as_deref(), Some("Invalid token payload"));
}
