//! What an operator does to users.

use super::*;

#[test]
fn a_user_is_disconnected_everywhere_and_older_tokens_stay_refused() {
    let mut world = World::new();
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

#[test]
fn a_user_can_be_asked_for_a_fresh_token_ahead_of_the_clock() {
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
