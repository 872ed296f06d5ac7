//! Clients that bring a memo: what was done for them is not done again, and nothing else changes.

use std::sync::{Arc, Mutex};

use super::*;
use crate::auth::tests::Pair;
use crate::config::Length;
use crate::node::app::{Admission, Answer, Incoming, Join, Reply, Update};
use crate::protocol::CloseReason;

/// The joins that the application has not answered: whether it was only told, and its ticket.
type Joins = Arc<Mutex<Vec<(bool, Ticket)>>>;

/// Holds every join.
struct Holding(Joins);

impl App for Holding {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        self.0.lock().unwrap().push((join.resumed, join.ticket));
        Reply::Held
    }

    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Ok(Update::text("noted")).into()
    }
}

struct Scene {
    world: World,
    joins: Joins,
}

/// What a client has got from its session.
#[derive(Clone, Debug)]
struct Kept {
    id: ConnId,
    memo: String,
    position: String,
    token: String,
}

impl Scene {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.auth.algorithms = vec!["EdDSA".to_owned(), "RS256".to_owned()];
        config.auth.reauth_spread = Length::from_secs(0);
        config.limits.auth_per_minute_per_user = 0;
        config.resume.trust_join = Length::from_secs(60);
        change(&mut config);
        let joins = Joins::default();
        let mut world = World::with_app(config, Box::new(Holding(Arc::clone(&joins))));
        world.node.replace_keys(UnixTime::default(), checks::keys(&["old"]));
        Self { world, joins }
    }

    /// Connects, with what a client kept.
    fn auth(&mut self, room: &str, token: &str, kept: Option<(&str, &str)>) -> ConnId {
        let id = self.world.authenticating(room);
        let resume = kept
            .map_or(json!({}), |(memo, position)| json!({ "memo": memo, "position": position }));
        self.world.say(id, "auth", json!({ "token": crate::logs::known(token), "resume": resume }));
        id
    }

    /// The application answers the last join.
    fn answer(&mut self, admission: Admission) {
        let (_, ticket) = self.joins.lock().unwrap().pop().unwrap();
        let outcome = Outcome::Join(admission);
        self.world.node.handle_completion(self.world.now, Completion { ticket, outcome });
        self.world.settle();
    }

    fn kept(&mut self, id: ConnId, token: &str) -> Kept {
        let message = self.world.message(id);
        let resume = &message["payload"]["session"]["resume"];
        let text = |name: &str| resume[name].as_str().unwrap().to_owned();
        Kept { id, memo: text("memo"), position: text("position"), token: token.to_owned() }
    }

    /// A client in its room, which was checked and asked about.
    fn inside(&mut self, user: &str) -> Kept {
        let token = self.world.signed("old", user, 900);
        let id = self.auth("soup", &token, None);
        self.world.work();
        self.answer(Admission::Admit(Update::text("in")));
        self.kept(id, &token)
    }

    fn cut(&mut self, id: ConnId) {
        self.world.node.handle_hangup(self.world.now, id, Hangup::Reset);
        self.world.settle();
    }

    /// Comes back with what was kept; whether its signature is checked, and the application was only
    /// told.
    fn again(&mut self, kept: &Kept) -> (ConnId, bool, Option<bool>) {
        let id = self.auth("soup", &kept.token, Some((&kept.memo, &kept.position)));
        let is_checked = !self.world.commands.is_empty();
        if is_checked {
            self.world.work();
        }
        let told = self.joins.lock().unwrap().last().map(|(told, _)| *told);
        (id, is_checked, told)
    }

    fn is_in(&self, id: ConnId) -> bool {
        self.world.node.is_authenticated(id)
    }
}

#[test]
fn who_comes_back_is_not_checked_nor_asked_about() {
    let mut scene = Scene::new(|_| {});
    let kept = scene.inside("alice");
    scene.cut(kept.id);
    let (id, is_checked, told) = scene.again(&kept);
    assert_eq!((is_checked, told, scene.is_in(id)), (false, Some(true), true));
    let message = scene.world.message(id);
    assert_eq!(message["payload"]["resumed"], true);
    assert_eq!(message["payload"]["content"], "Connected again.");
    let metrics = scene.world.node.metrics();
    assert_eq!((metrics.joins_asked, metrics.joins_told), (1, 1));
    assert_eq!((metrics.signature_checks, metrics.known_signatures), (1, 1));
    scene.answer(Admission::Admit(Update::text("in")));
    assert!(scene.is_in(id) && scene.world.see(id).is_empty());
}

#[test]
fn told_application_may_still_refuse() {
    for (admission, reason) in [
        (Admission::Deny, Some(CloseReason::AccessDenied)),
        (Admission::Revoked, Some(CloseReason::SessionRevoked)),
        (Admission::Unavailable, None),
    ] {
        let mut scene = Scene::new(|_| {});
        let kept = scene.inside("alice");
        scene.cut(kept.id);
        let (id, ..) = scene.again(&kept);
        scene.world.message(id);
        scene.answer(admission);
        match reason {
            Some(reason) => assert_eq!(scene.world.close_reason(id), reason.text()),
            None => assert!(scene.is_in(id)),
        }
    }
}

#[test]
fn late_refusal_of_a_client_that_left_closes_nobody() {
    let mut scene = Scene::new(|_| {});
    let kept = scene.inside("alice");
    scene.cut(kept.id);
    let (id, ..) = scene.again(&kept);
    scene.cut(id);
    scene.answer(Admission::Deny);
    assert_eq!(scene.world.node.metrics().refused_returns, 0);
}

#[test]
fn trust_ends_with_its_time_and_is_not_extended() {
    let mut scene = Scene::new(|_| {});
    let first = scene.inside("alice");
    scene.world.seconds(40);
    scene.cut(first.id);
    let (id, ..) = scene.again(&first);
    let second = scene.kept(id, &first.token);
    scene.answer(Admission::Admit(Update::text("in")));
    // The memo is 21 seconds old, and the admission 61.
    scene.world.seconds(21);
    scene.cut(id);
    let (id, is_checked, told) = scene.again(&second);
    assert_eq!((is_checked, told, scene.is_in(id)), (false, Some(false), false));
}

#[test]
fn by_default_the_application_is_asked_each_time() {
    let mut scene = Scene::new(|config| config.resume.trust_join = Length::from_secs(0));
    let kept = scene.inside("alice");
    scene.cut(kept.id);
    let (id, is_checked, told) = scene.again(&kept);
    assert_eq!((is_checked, told, scene.is_in(id)), (false, Some(false), false));
    scene.answer(Admission::Admit(Update::text("in")));
    assert_eq!(scene.world.message(id)["payload"]["resumed"], true);
}

#[test]
fn memo_of_somebody_else_is_as_if_there_were_none() {
    let mut scene = Scene::new(|_| {});
    let (alice, bob) = (scene.inside("alice"), scene.inside("bob"));
    scene.cut(alice.id);
    let token = scene.world.signed("old", "alice", 901);
    let mut flipped = alice.memo.clone();
    flipped.replace_range(40..41, if &flipped[40..41] == "A" { "B" } else { "A" });
    let mut flipped_join = alice.memo.clone();
    flipped_join.replace_range(60..61, if &flipped_join[60..61] == "A" { "B" } else { "A" });
    let position = &alice.position;
    // Whether the signature is checked, and the application only told.
    for (token, memo, expected) in [
        (&alice.token, &bob.memo, (true, Some(false))),
        (&alice.token, &"no memo".to_owned(), (true, Some(false))),
        (&alice.token, &flipped, (true, Some(true))),
        (&alice.token, &flipped_join, (false, Some(false))),
        // The same user with another token, which says the same of the user.
        (&token, &alice.memo, (true, Some(false))),
    ] {
        let kept = Kept {
            id: alice.id,
            memo: memo.clone(),
            position: position.clone(),
            token: token.clone(),
        };
        let (id, is_checked, told) = scene.again(&kept);
        assert_eq!((is_checked, told), expected, "{memo}");
        scene.answer(Admission::Admit(Update::text("in")));
        assert!(scene.is_in(id));
        scene.cut(id);
    }
}

#[test]
fn memo_of_another_room_does_not_admit() {
    let mut scene = Scene::new(|_| {});
    let kept = scene.inside("alice");
    let id = scene.auth("stew", &kept.token, Some((&kept.memo, &kept.position)));
    assert_eq!(scene.joins.lock().unwrap().last().map(|(told, _)| *told), Some(false));
    assert!(!scene.is_in(id));
}

#[test]
fn forged_token_with_a_good_memo_is_refused() {
    let mut scene = Scene::new(|_| {});
    let kept = scene.inside("alice");
    let mut forged = kept.token.clone();
    let at = forged.len() - 10;
    forged.replace_range(at..=at, if &forged[at..=at] == "A" { "B" } else { "A" });
    let (id, is_checked, _) = scene.again(&Kept { token: forged, ..kept });
    assert!(is_checked);
    assert_eq!(scene.world.close_reason(id), "Invalid token");
}

#[test]
fn new_keys_make_known_signatures_unknown() {
    let mut scene = Scene::new(|_| {});
    let kept = scene.inside("alice");
    scene.cut(kept.id);
    // Another key of the same name.
    let algorithms = crate::auth::Algorithms::new(&["EdDSA".to_owned(), "RS256".to_owned()]);
    let text = crate::auth::tests::jwks(&[Pair::Rsa.jwk(&json!({"kid": "old"}))]);
    let from = crate::auth::JwksFrom::Url;
    let keys = crate::auth::KeySet::from_jwks(&text, &algorithms.unwrap(), from).unwrap().0;
    scene.world.node.replace_keys(UnixTime::default(), keys);
    let (id, ..) = scene.again(&kept);
    assert_eq!(scene.world.close_reason(id), "Invalid token");
}

#[test]
fn revoked_and_expired_tokens_are_refused_with_a_memo() {
    let mut scene = Scene::new(|_| {});
    let kept = scene.inside("alice");
    scene.world.node.disconnect(scene.world.now, "alice");
    let (id, ..) = scene.again(&kept);
    assert_eq!(scene.world.close_reason(id), "Session revoked");

    let mut scene = Scene::new(|config| config.auth.leeway = Length::from_secs(0));
    let kept = scene.inside("alice");
    scene.cut(kept.id);
    scene.world.seconds(901);
    let (id, is_checked, _) = scene.again(&kept);
    assert!(!is_checked);
    assert_eq!(scene.world.close_reason(id), "Token expired");
}

#[test]
fn fresh_token_after_a_disconnect_is_asked_about() {
    let mut scene = Scene::new(|config| config.auth.leeway = Length::from_secs(0));
    let sign = |scene: &Scene| {
        let now = scene.world.now.unix.as_millis() / 1_000;
        let claims = json!({"sub": "alice", "iat": now, "exp": now + 900}).to_string();
        Pair::Ed25519.token(&json!({"alg": "EdDSA", "kid": "old"}), &claims)
    };
    let token = sign(&scene);
    let id = scene.auth("soup", &token, None);
    scene.world.work();
    scene.answer(Admission::Admit(Update::text("in")));
    let kept = scene.kept(id, &token);
    scene.world.seconds(5);
    // Told, with a fresh token, as long as nobody has ended the sessions.
    scene.cut(kept.id);
    let (id, is_checked, told) = scene.again(&Kept { token: sign(&scene), ..kept.clone() });
    assert_eq!((is_checked, told), (true, Some(true)));
    scene.answer(Admission::Admit(Update::text("in")));
    scene.cut(id);
    scene.world.node.disconnect(scene.world.now, "alice");
    scene.world.seconds(5);
    let (_, is_checked, told) = scene.again(&Kept { token: sign(&scene), ..kept });
    assert_eq!((is_checked, told), (true, Some(false)));
}

#[test]
fn other_claims_are_asked_about() {
    let mut scene = Scene::new(|_| {});
    let sign = |scene: &Scene, role: &str| {
        let now = scene.world.now.unix.as_millis() / 1_000;
        let claims = json!({"sub": "alice", "exp": now + 900, "role": role}).to_string();
        Pair::Ed25519.token(&json!({"alg": "EdDSA", "kid": "old"}), &claims)
    };
    let token = sign(&scene, "owner");
    let id = scene.auth("soup", &token, None);
    scene.world.work();
    scene.answer(Admission::Admit(Update::text("in")));
    let kept = scene.kept(id, &token);
    scene.cut(id);
    scene.world.seconds(1);
    let (id, _, told) = scene.again(&Kept { token: sign(&scene, "guest"), ..kept.clone() });
    assert_eq!((told, scene.is_in(id)), (Some(false), false));
    let (id, _, told) = scene.again(&Kept { token: sign(&scene, "owner"), ..kept });
    assert_eq!((told, scene.is_in(id)), (Some(true), true));
}

#[test]
fn who_cannot_go_on_is_asked_about() {
    let mut scene = Scene::new(|_| {});
    let kept = scene.inside("alice");
    scene.cut(kept.id);
    let position = "9.AAAAAAAA".to_owned();
    let (id, is_checked, told) = scene.again(&Kept { position, ..kept });
    assert_eq!((is_checked, told, scene.is_in(id)), (false, Some(false), false));
}

#[test]
fn renewal_brings_a_memo_of_the_fresh_token() {
    let mut scene = Scene::new(|_| {});
    let kept = scene.inside("alice");
    let token = scene.world.signed("old", "alice", 1_800);
    scene.world.say(kept.id, "auth", json!({ "token": crate::logs::known(&token) }));
    scene.world.work();
    scene.answer(Admission::Admit(Update::text("in")));
    let message = scene.world.message(kept.id);
    let resume = &message["payload"]["session"]["resume"];
    assert_eq!(resume.get("position"), None);
    let memo = resume["memo"].as_str().unwrap().to_owned();
    scene.cut(kept.id);
    let (_, is_checked, told) = scene.again(&Kept { memo, token, ..kept });
    assert_eq!((is_checked, told), (false, Some(true)));
}

#[test]
fn replayed_auth_is_refused_with_a_memo() {
    let mut scene = Scene::new(|config| config.auth.single_use_jti = true);
    let now = scene.world.now.unix.as_millis() / 1_000;
    let claims = json!({"sub": "alice", "exp": now + 900, "jti": "once"}).to_string();
    let token = Pair::Ed25519.token(&json!({"alg": "EdDSA", "kid": "old"}), &claims);
    let id = scene.auth("soup", &token, None);
    scene.world.work();
    scene.answer(Admission::Admit(Update::text("in")));
    let kept = scene.kept(id, &token);
    scene.cut(id);
    let (id, is_checked, _) = scene.again(&kept);
    assert!(!is_checked);
    assert_eq!(scene.world.close_reason(id), "Auth message replayed");
}
