//! What the application does without being asked on a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::orders::Held;
use super::*;
use crate::node::app::{Admission, Answer, App, Incoming, Json, Reply, Update};
use crate::time::UnixTime;

impl World {
    /// Delivers the event, under a ticket of which nobody knows any more.
    pub(crate) fn event(&mut self, event: AppEvent) {
        let ticket = Ticket { index: 9, serial: 9 };
        self.node
            .handle_completion(self.now, Completion { ticket, outcome: Outcome::Event(event) });
        self.settle();
    }
}

#[test]
fn deleted_room_closes_every_connection_in_it() {
    let mut world = World::new();
    let members = [world.connected("soup", "alice"), world.connected("soup", "bob")];
    let other = world.connected("stew", "alice");
    world.event(AppEvent::RoomDeleted { room: "soup".to_owned() });
    for id in members {
        assert_eq!(world.see(id), [close_frame(CloseReason::AccessDenied)]);
    }
    assert_eq!(world.see(other), []);
    assert_eq!(world.node.metrics().late_completions, 0);
    // One that nobody is in.
    world.event(AppEvent::RoomDeleted { room: "soup".to_owned() });
}

#[test]
fn deleted_room_closes_who_waits_for_an_answer() {
    let (mut world, held) = World::holding(|_| {});
    let id = world.connected("soup", "alice");
    let renewing = world.token("alice", 900);
    world.auth(id, &renewing);
    world.event(AppEvent::RoomDeleted { room: "soup".to_owned() });
    assert_eq!(world.close_reason(id), CloseReason::AccessDenied.text());
    drop::<Held>(held);
}

#[test]
fn removed_member_leaves_one_room_only() {
    let mut world = World::new();
    let tabs = [world.connected("soup", "alice"), world.connected("soup", "alice")];
    let others = [world.connected("stew", "alice"), world.connected("soup", "bob")];
    let removed = || AppEvent::MemberRemoved { room: "soup".to_owned(), user: "alice".to_owned() };
    world.event(removed());
    for id in tabs {
        assert_eq!(world.see(id), [close_frame(CloseReason::AccessDenied)]);
    }
    for id in others {
        assert_eq!(world.see(id), []);
    }
    world.event(removed());
}

#[test]
fn changed_access_is_told_to_one_user_only() {
    let mut world = World::new();
    let tabs = [world.connected("soup", "alice"), world.connected("soup", "alice")];
    let others = [world.connected("stew", "alice"), world.connected("soup", "bob")];
    let update = Arc::new(Update { content: "You may.".into(), ..Update::default() });
    let (room, user) = ("soup".to_owned(), "alice".to_owned());
    world.event(AppEvent::AccessChanged { room, user, update });
    for id in tabs {
        let payload = &world.message(id)["payload"];
        assert_eq!(
            (&payload["content"], &payload["request_id"]),
            (&json!("You may."), &json!(null))
        );
        assert!(payload["recipe_data"].is_null() && payload.get("position").is_none());
    }
    for id in others {
        assert_eq!(world.see(id), []);
    }
}

/// Has something to do at a time, and then again a second later.
struct Punctual(Arc<AtomicU64>, UnixTime);

impl App for Punctual {
    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("")))
    }

    fn next_deadline(&self) -> Option<UnixTime> {
        Some(self.1)
    }

    fn on_deadline(&mut self, now: UnixTime) {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1 = now + Duration::from_secs(1);
    }
}

#[test]
fn application_is_called_at_its_deadline() {
    let (called, start) = (Arc::new(AtomicU64::new(0)), World::new().now);
    let at = start.unix + Duration::from_secs(7);
    let mut world = World::with_app(Config::default(), Box::new(Punctual(Arc::clone(&called), at)));
    // From here on the node knows what time it is.
    world.node.handle_timeout(world.now);
    let mut times = Vec::new();
    for _ in 0..3 {
        let next = world.node.poll_timeout().unwrap();
        let due = next.since(world.now.monotonic);
        world.now = Now { monotonic: next, unix: world.now.unix + due };
        world.node.handle_timeout(world.now);
        times.push((world.now.unix.since(start.unix).as_secs(), called.load(Ordering::Relaxed)));
    }
    assert_eq!(times, [(7, 1), (8, 2), (9, 3)]);
}

#[test]
fn changed_recipe_reaches_everybody_in_its_room() {
    let mut world = World::new();
    let members = [world.connected("soup", "alice"), world.connected("soup", "bob")];
    let other = world.connected("stew", "alice");
    let recipe_data = Some(Json::new(&json!({ "title": "Soup" })).unwrap());
    let update = Arc::new(Update { content: "Changed".into(), recipe_data, ..Update::default() });
    world.event(AppEvent::RecipeChanged { room: "soup".to_owned(), update });
    for id in members {
        let message = world.message(id);
        assert_eq!(message["type"], "recipe_update");
        assert_eq!(message["payload"]["recipe_data"], json!({ "title": "Soup" }));
    }
    assert_eq!(world.see(other), []);
}

#[test]
fn ended_session_is_asked_for_and_revoked() {
    let (mut world, held) = World::holding(|_| {});
    let tabs = [world.connected("soup", "alice"), world.connected("stew", "alice")];
    let other = world.connected("soup", "bob");
    let held_room = world.authenticating("held");
    let token = world.token("alice", 900);
    world.auth(held_room, &token);
    world.event(AppEvent::SessionEnded { user: "alice".to_owned() });
    world.seconds(1);
    for id in tabs {
        let message = world.message(id);
        assert_eq!(message["type"], "auth_required");
        assert_eq!(message["payload"]["reason"], "requested");
    }
    assert_eq!(world.see(other), []);
    let (ticket, outcome) = (held.ticket("join alice"), Outcome::Join(Admission::Revoked));
    world.node.handle_completion(world.now, Completion { ticket, outcome });
    world.settle();
    assert_eq!(world.see(held_room), [close_frame(CloseReason::SessionRevoked)]);
}
