//! Revocations that could not be stored: they are in force, said to be lost at a restart, and tried again.

use std::io;

use super::operator::{DAY, revoked};
use super::orders::Held;
use super::*;
use crate::admin::tests::split;

/// The revocations of ann and bob could not be stored.
fn two_unstored() -> (World, Held) {
    let (mut world, held) = World::holding(|_| {});
    for user in ["ann", "bob"] {
        world.order(user, "disconnect");
        world.done(held.ticket(&format!("Disconnect {user}")), Outcome::Order(Ok(())));
        let ticket = held.ticket(&format!("store {user}"));
        world.done(ticket, Outcome::Stored(Err(StoreError::Ended)));
    }
    (world, held)
}

/// Those of two more users than are kept could not even be taken.
fn too_many_unstored() -> (World, Held) {
    let (mut world, held) = World::holding(|_| {});
    (0..101).for_each(|_| held.note("full".to_owned(), Ticket { index: 9, serial: 9 }));
    for user in 0..1_026 {
        world.node.disconnect(world.now, &format!("user {user}"));
    }
    (world, held)
}

#[test]
fn a_revocation_that_is_not_stored_holds_and_says_so() {
    let (mut world, held) = World::holding(|_| {});
    let stolen = world.issued("now", DAY);
    let id = world.order("now", "disconnect");
    let full = io::Error::new(io::ErrorKind::StorageFull, "the disk is full");
    world.done(held.ticket("store now"), Outcome::Stored(Err(StoreError::Failed(full.into()))));
    let (status, body) = split(&world.raw(id));
    assert_eq!((status, &body["error"]), (503, &"not_stored".into()));
    let message = body["message"].as_str().unwrap();
    assert!(message.contains("in force") && message.contains("the disk is full"), "{message}");
    let degraded = json!({ "status": "ready", "degraded": ["revocations_not_stored"] });
    assert_eq!(world.get("/readyz"), (200, degraded));
    let (_, status) = world.get("/v1/status");
    let dependencies = status["dependencies"].as_array().unwrap();
    let found = dependencies.iter().find(|it| it["name"] == "revocations").unwrap();
    assert_eq!((&status["status"], &found["state"]), (&"degraded".into(), &"degraded".into()));
    assert!(
        found["faults"][0]["message"].as_str().unwrap().contains("the disk is full"),
        "{found}"
    );
    assert_eq!(world.refusal(&stolen), revoked());
    // One that is not even taken is told at once.
    (0..101).for_each(|_| held.note("full".to_owned(), Ticket { index: 9, serial: 9 }));
    let id = world.order("now", "disconnect");
    assert_eq!(split(&world.raw(id)).0, 503);
    let metrics = world.node.metrics();
    assert_eq!((metrics.revocations_stored, metrics.revocations_unstored), (0, 2));
    // Until a later one is stored.
    let (mut world, held) = World::holding(|_| {});
    let store = |world: &mut World, stored| {
        world.order("now", "disconnect");
        world.done(held.ticket("store now"), Outcome::Stored(stored));
        world.get("/readyz").1["degraded"].clone()
    };
    assert_eq!(store(&mut world, Err(StoreError::Ended)), json!(["revocations_not_stored"]));
    assert_eq!(store(&mut world, Ok(())), json!(null));
}

/// The success of another user's revocation stores those again that are not stored yet.
#[test]
fn revocations_not_stored_are_stored_later() {
    let (mut world, held) = two_unstored();
    let degraded = |world: &mut World| world.get("/readyz").1["degraded"].clone();
    let finish = |world: &mut World, user: &str, stored| {
        world.done(held.ticket(&format!("store {user}")), Outcome::Stored(stored));
    };
    let not_stored = json!(["revocations_not_stored"]);
    world.order("now", "disconnect");
    finish(&mut world, "now", Ok(()));
    assert_eq!(degraded(&mut world), not_stored);
    // One at a time, and no more when that fails again.
    finish(&mut world, "ann", Err(StoreError::Ended));
    let is_asked = |user: &str| {
        let noted = format!("store {user}");
        held.0.lock().unwrap().iter().filter(|(what, _)| *what == noted).count()
    };
    assert_eq!((is_asked("ann"), is_asked("bob")), (2, 1));
    world.order("now", "disconnect");
    finish(&mut world, "now", Ok(()));
    finish(&mut world, "ann", Ok(()));
    assert_eq!((degraded(&mut world), is_asked("bob")), (not_stored, 2));
    finish(&mut world, "bob", Ok(()));
    assert_eq!(degraded(&mut world), json!(null));
    assert_eq!((is_asked("ann"), is_asked("bob"), world.node.usage().questions), (3, 2, 0));
}

/// While nobody gives another order, too.
#[test]
fn revocations_not_stored_are_tried_again_in_time() {
    let (mut world, held) = two_unstored();
    while held.take_store().is_some() {}
    world.seconds(29);
    assert_eq!(held.take_store(), None);
    for stored in [Err(StoreError::Ended), Ok(())] {
        world.seconds(1);
        let ticket = held.take_store().unwrap();
        // One at a time.
        world.seconds(60);
        assert_eq!(held.take_store(), None);
        world.done(ticket, Outcome::Stored(stored));
        world.seconds(29);
    }
    let last = held.take_store().unwrap();
    world.done(last, Outcome::Stored(Ok(())));
    assert_eq!(world.get("/readyz").1["degraded"], json!(null));
    world.seconds(60);
    assert_eq!((held.take_store(), world.node.usage().questions), (None, 0));
}

#[test]
fn unstored_revocations_are_counted_over_the_bound() {
    let (mut world, _held) = too_many_unstored();
    let shown = world.get("/v1/stats").1;
    assert_eq!(shown["vestibule_unstored_revocations"], 1_024);
    assert_eq!(shown["vestibule_unstored_revocations_dropped_total"], 2);
}

/// What was dropped is stored when the operator ends these sessions again.
#[test]
fn dropped_revocations_are_well_when_given_again() {
    let (mut world, held) = too_many_unstored();
    held.0.lock().unwrap().clear();
    let degraded = |world: &mut World| world.get("/readyz").1["degraded"].clone();
    for user in 1_024..1_026 {
        assert_eq!(degraded(&mut world), json!(["revocations_not_stored"]));
        let user = format!("user {user}");
        world.node.disconnect(world.now, &user);
        while let Some(ticket) = held.take_store() {
            world.done(ticket, Outcome::Stored(Ok(())));
        }
    }
    assert_eq!(world.get("/v1/stats").1["vestibule_unstored_revocations"], 0);
    assert_eq!(degraded(&mut world), json!(null));
}
