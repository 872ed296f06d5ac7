//! Orders about users, each with an application and a store that take their time.

use std::sync::{Arc, Mutex};

use super::operator::{DAY, revoked};
use super::*;
use crate::admin::tests::{post, split};
use crate::config::Length;
use crate::node::app::{Admission, Answer, Incoming, Invite, Join, Reply, Update};
use crate::node::app::{OrderFault, OrderKind, OrderResult, UserOrder};

/// Holds what it is asked, and what it is to store, until the test answers.
#[derive(Clone, Default)]
pub(super) struct Held(pub(super) Arc<Mutex<Vec<(String, Ticket)>>>);

impl Held {
    pub(super) fn note(&self, what: String, ticket: Ticket) {
        self.0.lock().unwrap().push((what, ticket));
    }

    #[track_caller]
    pub(super) fn ticket(&self, what: &str) -> Ticket {
        let held = self.0.lock().unwrap();
        held.iter().rev().find(|(noted, _)| noted == what).unwrap_or_else(|| panic!("{held:?}")).1
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The first that waits to be stored.
    pub(super) fn take_store(&self) -> Option<Ticket> {
        let mut held = self.0.lock().unwrap();
        let first = held.iter().position(|(noted, _)| noted.starts_with("store "))?;
        Some(held.remove(first).1)
    }
}

impl App for Held {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        if join.room != "held" {
            return Admission::Admit(Update::text("in")).into();
        }
        self.note(format!("join {}", join.user), join.ticket);
        Reply::Held
    }

    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("noted")))
    }

    fn on_order(&mut self, order: &UserOrder<'_>) -> Reply<OrderResult> {
        self.note(format!("{:?} {}", order.kind, order.user), order.ticket);
        if order.user == "now" { Reply::Now(Ok(())) } else { Reply::Held }
    }

    fn on_invite(&mut self, invite: &Invite<'_>) -> Reply<Response> {
        self.note(format!("invite {:?} {:?}", invite.email, invite.valid), invite.ticket);
        Reply::Held
    }

    fn serves(&self, path: &str) -> bool {
        path == "/v1/recipes"
    }

    fn on_request(&mut self, request: &Request<'_>) -> Reply<Response> {
        Reply::Now(Response::json(200, &request.user))
    }
}

impl RevocationStore for Held {
    fn store(&mut self, ticket: Ticket, revocation: &Revocation<'_>) -> Result<(), StoreError> {
        if self.count() > 100 {
            return Err(StoreError::QueueFull);
        }
        self.note(format!("store {}", revocation.user), ticket);
        Ok(())
    }
}

impl World {
    /// With an application and a store that answer when the test does.
    pub(super) fn holding(change: impl FnOnce(&mut Config)) -> (Self, Held) {
        let mut config = Config::default();
        config.auth.reauth_spread = Length::from_secs(0);
        change(&mut config);
        let held = Held::default();
        let mut world = Self::with_app(config, Box::new(held.clone()));
        world.node.keep_revocations(Box::new(held.clone()));
        (world, held)
    }

    pub(super) fn issued(&self, user: &str, life: u64) -> String {
        let now = self.now.unix.as_millis() / 1_000;
        self.sign(&json!({ "sub": user, "iat": now, "exp": now + life, "nonce": self.messages }))
    }

    pub(super) fn done(&mut self, ticket: Ticket, outcome: Outcome) {
        self.node.handle_completion(self.now, Completion { ticket, outcome });
        self.settle();
    }

    /// What a first `auth` with this token is closed with; `None`: it is in.
    pub(super) fn refusal(&mut self, token: &str) -> Option<String> {
        let id = self.authenticating("soup");
        self.auth(id, token);
        match &self.see(id)[..] {
            [Seen::Close(_, reason)] => Some(reason.clone()),
            [Seen::Message(message)] if message["type"] == "recipe_update" => {
                self.node.handle_hangup(self.now, id, Hangup::Reset);
                self.settle();
                None
            }
            other => panic!("{other:?}"),
        }
    }

    /// A call about a user that is not answered yet.
    pub(super) fn order(&mut self, user: &str, what: &str) -> ConnId {
        let id = self.operator();
        self.bytes(id, post(&format!("/v1/users/{user}/{what}"), "", "").as_bytes());
        id
    }
}

#[test]
fn invitation_is_answered_when_it_is_stored() {
    let (mut world, held) = World::holding(|_| {});
    let id = world.operator();
    let body = r#"{"email":"ann@example.com","valid_seconds":60}"#;
    world.bytes(id, post("/v1/invitations", "", body).as_bytes());
    assert_eq!(world.raw(id), "");
    let ticket = held.ticket(r#"invite Some("ann@example.com") 60s"#);
    world.done(ticket, Outcome::Response(Response::json(201, &json!({ "invitation": "x" }))));
    assert_eq!(split(&world.raw(id)), (201, json!({ "invitation": "x" })));
    // For anybody, a week.
    let id = world.operator();
    world.bytes(id, post("/v1/invitations", "", "").as_bytes());
    held.ticket("invite None 604800s");
    for bad in [r#"{"valid_seconds":59}"#, r#"{"email":7}"#, r#"{"valid":60}"#] {
        let id = world.operator();
        world.bytes(id, post("/v1/invitations", "", bad).as_bytes());
        assert_eq!(split(&world.raw(id)).0, 400, "{bad}");
    }
}

#[test]
fn an_order_is_answered_when_it_is_stored() {
    for is_application_first in [true, false] {
        let (mut world, held) = World::holding(|_| {});
        let alice = world.connected("soup", "alice");
        let stolen = world.issued("alice", DAY);
        let id = world.order("alice", "disconnect");
        // It holds before anybody has answered.
        assert_eq!(world.close_reason(alice), "Session revoked");
        assert_eq!(world.refusal(&stolen), revoked());
        let mut parts = [
            (held.ticket("Disconnect alice"), Outcome::Order(Ok(()))),
            (held.ticket("store alice"), Outcome::Stored(Ok(()))),
        ];
        if !is_application_first {
            parts.reverse();
        }
        for (ticket, outcome) in parts {
            assert_eq!(world.raw(id), "");
            world.done(ticket, outcome);
        }
        assert_eq!(split(&world.raw(id)), (200, json!({ "disconnected": 1 })));
        assert_eq!(world.node.metrics().revocations_stored, 1);
    }
}

#[test]
fn an_order_that_takes_long_is_told_and_done() {
    let (mut world, held) = World::holding(|_| {});
    let alice = world.connected("soup", "alice");
    let (lock, store) = (world.order("alice", "lock"), world.order("now", "disconnect"));
    world.seconds(5);
    let (status, body) = split(&world.raw(lock));
    assert_eq!((status, &body["error"]), (504, &"backend_timeout".into()));
    assert!(split(&world.raw(store)).1["message"].as_str().unwrap().contains("not stored in time"));
    world.seconds(10);
    // The application has locked the account, so the sessions end.
    world.done(held.ticket("Lock alice"), Outcome::Order(Ok(())));
    assert_eq!(world.close_reason(alice), "Session revoked");
    world.done(held.ticket("store alice"), Outcome::Stored(Ok(())));
    world.done(held.ticket("store now"), Outcome::Stored(Ok(())));
    assert_eq!(world.node.usage().questions, 0);
}

#[test]
fn a_lock_ends_the_sessions_once_it_is_there() {
    let (mut world, held) = World::holding(|_| {});
    let alice = world.connected("soup", "alice");
    let stolen = world.issued("alice", DAY);
    let id = world.order("alice", "lock");
    assert_eq!(world.see(alice), []);
    world.done(held.ticket("Lock alice"), Outcome::Order(Ok(())));
    assert_eq!(world.close_reason(alice), "Session revoked");
    assert_eq!((world.refusal(&stolen), world.raw(id).as_str()), (revoked(), ""));
    world.done(held.ticket("store alice"), Outcome::Stored(Ok(())));
    let expected = json!({ "locked": true, "disconnected": 1 });
    assert_eq!(split(&world.raw(id)), (200, expected));
    let id = world.order("alice", "unlock");
    world.done(held.ticket("Unlock alice"), Outcome::Order(Ok(())));
    assert_eq!(split(&world.raw(id)), (200, json!({ "locked": false })));
}

#[test]
fn a_fault_of_the_application_is_told() {
    for (what, fault, status, code) in [
        ("lock", OrderFault::NoSuchUser, 404, "no_such_user"),
        ("unlock", OrderFault::Unavailable, 503, "backend_unavailable"),
        ("disconnect", OrderFault::Failed, 500, "internal"),
        ("lock", OrderFault::NotSupported, 409, "not_supported"),
    ] {
        let (mut world, held) = World::holding(|_| {});
        let alice = world.connected("soup", "alice");
        let id = world.order("alice", what);
        let kind = held.0.lock().unwrap().last().unwrap().1;
        world.done(kind, Outcome::Order(Err(fault)));
        if what == "disconnect" {
            assert_eq!(world.raw(id), "");
            world.done(held.ticket("store alice"), Outcome::Stored(Ok(())));
        }
        let (told, body) = split(&world.raw(id));
        assert_eq!((told, &body["error"]), (status, &code.into()), "{body}");
        // Nothing was done to a user who is not locked.
        assert_eq!(world.see(alice).is_empty(), what != "disconnect");
    }
}

#[test]
fn a_program_is_told_what_became_of_its_order() {
    let (mut world, held) = World::holding(|_| {});
    world.connected("soup", "now");
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&told);
    world.node.order(world.now, OrderKind::Disconnect, "now", move |result| {
        note.lock().unwrap().push(result);
    });
    assert_eq!(*told.lock().unwrap(), []);
    world.done(held.ticket("store now"), Outcome::Stored(Ok(())));
    assert_eq!(*told.lock().unwrap(), [Ok(1)]);
}

#[test]
fn order_about_a_name_that_nobody_can_have_fails() {
    let (mut world, held) = World::holding(|_| {});
    let told = Arc::new(Mutex::new(Vec::new()));
    for kind in [OrderKind::Disconnect, OrderKind::Lock, OrderKind::Unlock] {
        let heard = Arc::clone(&told);
        let done = move |result| heard.lock().unwrap().push(result);
        world.node.order(world.now, kind, &"é".repeat(257), done);
    }
    assert_eq!(*told.lock().unwrap(), vec![Err(OrderFault::NoSuchUser); 3]);
    assert_eq!((world.node.disconnect(world.now, &"é".repeat(257)), held.count()), (0, 0));
    world.node.disconnect(world.now, &"é".repeat(256));
    assert_eq!((world.node.revoked_users(), held.count()), (1, 2));
}

#[test]
fn orders_that_are_never_answered_have_a_bound() {
    let (mut world, _) = World::holding(|_| {});
    for _ in 0..1_100 {
        world.node.order(world.now, OrderKind::Unlock, "alice", |_| {});
    }
    assert_eq!(world.node.usage().questions, 1_024);
}

#[test]
fn an_application_without_accounts_locks_nobody() {
    let mut world = World::new();
    let alice = world.connected("soup", "alice");
    for what in ["lock", "unlock"] {
        let id = world.order("alice", what);
        let (status, body) = split(&world.raw(id));
        assert_eq!((status, &body["error"]), (409, &"not_supported".into()));
        assert!(body["message"].as_str().unwrap().contains("not supported by this application"));
    }
    assert_eq!(world.see(alice), []);
}
