//! What an operator publishes through an application that stores it.

use super::*;

#[test]
fn operator_hears_how_many_get_what_is_stored() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|_| {});
    let members = ["alice", "bob"].map(|user| world.connected("soup", user));
    let operator = world.operator();
    let body = "{\"content\":\"closing\"}";
    let call = crate::admin::tests::post("/v1/rooms/soup/publish", "", body);
    world.bytes(operator, call.as_bytes());
    assert!(world.raw(operator).is_empty() && world.see(members[0]).is_empty());
    let ticket = disk.lock().publishing.pop().unwrap();
    store(&disk, &mut world, ticket);
    for member in members {
        assert_eq!(contents(&payloads(&mut world, member)), ["closing"]);
    }
    assert!(world.raw(operator).ends_with("{\"delivered\":2}"));
}

/// The application stores the publication, publishes it, and answers.
fn store(disk: &SharedDisk, world: &mut World, ticket: Ticket) {
    let update = Update::text("closing");
    let id = crate::id::MessageIds::new(Seed::predictable(7)).next(world.now.unix);
    let event = disk.lock().store("soup", update.message(world.now.unix, &id), None);
    for outcome in [Outcome::Event(event), Outcome::Message(Ok(update))] {
        world.node.handle_completion(world.now, Completion { ticket, outcome });
        world.settle();
    }
}

/// A call to publish with a key: the connection that waits for its answer.
fn publish_with_key(world: &mut World) -> ConnId {
    let operator = world.operator();
    let body = "{\"content\":\"closing\",\"idempotency_key\":\"k1\"}";
    let call = crate::admin::tests::post("/v1/rooms/soup/publish", "", body);
    world.bytes(operator, call.as_bytes());
    operator
}

/// A call whose work had begun when its time was over, and the ticket of that work.
fn late_publication(disk: &SharedDisk, world: &mut World) -> Ticket {
    let operator = publish_with_key(world);
    world.seconds(7);
    assert!(world.raw(operator).starts_with("HTTP/1.1 504"));
    let again = publish_with_key(world);
    assert!(world.raw(again).contains("idempotency_key_in_use"));
    disk.lock().publishing.pop().unwrap()
}

#[test]
fn late_publication_is_told_once_under_its_key() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|_| {});
    let alice = world.connected("soup", "alice");
    let ticket = late_publication(&disk, &mut world);
    store(&disk, &mut world, ticket);
    let again = publish_with_key(&mut world);
    assert!(world.raw(again).ends_with("{\"delivered\":1}"));
    assert_eq!(contents(&payloads(&mut world, alice)), ["closing"]);
    assert!(disk.lock().publishing.is_empty());
}

#[test]
fn late_publication_that_fails_frees_its_key() {
    for never_answers in [false, true] {
        let disk = SharedDisk::default();
        let mut world = disk.start(|_| {});
        let ticket = late_publication(&disk, &mut world);
        if never_answers {
            world.seconds(600);
        } else {
            let outcome = Outcome::Message(Err(ErrorCode::Internal));
            world.node.handle_completion(world.now, Completion { ticket, outcome });
            world.settle();
        }
        publish_with_key(&mut world);
        assert_eq!(disk.lock().publishing.len(), 1);
    }
}

/// The room is told, though the sender has gone.
#[test]
fn sender_that_has_gone_pays_for_what_is_published() {
    let disk = SharedDisk::default();
    let mut world = disk.start(|config| config.limits.messages_per_minute = 30);
    let [alice, _bob] = ["alice", "bob"].map(|user| world.connected("soup", user));
    world.chat(alice, "change it");
    world.node.handle_hangup(world.now, alice, Hangup::Reset);
    world.settle();
    let news =
        Update { content: "x".repeat(40 << 10).into(), broadcast: true, ..Update::default() };
    disk.commit(&mut world, "change it", Ok(news.into()));
    let alice = world.connected("soup", "alice");
    let left = (0..30).filter(|_| {
        world.chat(alice, "more");
        let is_asked = !disk.lock().asked.is_empty();
        if is_asked {
            disk.commit(&mut world, "more", Ok(Update::text("noted")));
        }
        is_asked
    });
    // 1 for the message, and 10 for its answer.
    assert_eq!(left.count(), 30 - 1 - 10);
}
