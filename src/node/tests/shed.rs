//! Who goes when all together hold too much, and who stays.

use super::*;
use crate::config::Size;

/// So many bytes of a frame, and one is missing.
fn unfinished(bytes: usize) -> Vec<u8> {
    let mut frame = frame(0x81, &vec![b'x'; bytes + 1]);
    frame.pop();
    frame
}

fn world(pending: usize, members: usize, outbound: usize) -> World {
    World::with(|config| {
        config.limits.pending_input_total = Size::kib(pending);
        config.limits.member_input_total = Size::kib(members);
        config.limits.outbound_total = Size::kib(outbound);
        config.limits.outbound_bytes = Size::kib(64);
        config.limits.messages_per_minute = 0;
        config.limits.connections_per_user = 0;
    })
}

impl World {
    #[track_caller]
    fn assert_budgets_are_kept(&self) {
        self.node.judge_budgets().unwrap();
    }

    /// Says something and is answered.
    #[track_caller]
    fn assert_is_well(&mut self, id: ConnId) {
        self.see(id);
        let message = self.chat(id, "still here");
        assert_eq!(self.message(id)["payload"]["request_id"], message);
    }
}

#[test]
fn heaviest_pending_connection_is_shed_oldest_first() {
    let mut world = world(40, 0, 0);
    let member = world.connected("soup", "alice");
    let small: Vec<_> = (0..4).map(|_| world.authenticating("soup")).collect();
    for &id in &small {
        world.bytes(id, &unfinished(2_000));
    }
    let large: Vec<_> = (0..3).map(|_| world.authenticating("soup")).collect();
    for &id in &large {
        world.bytes(id, &unfinished(9_000));
        world.assert_budgets_are_kept();
    }
    // Four of 2.6 KB and three of 9.6 KB are within it; the next that comes is too much.
    let head = world.accept();
    world.bytes(head, &[b'x'; 6_000]);
    world.assert_budgets_are_kept();
    assert_eq!(world.see(large[0]), [close_frame(CloseReason::Overloaded)]);
    assert_eq!(world.node.metrics().shed_pending, 1);
    for &id in small.iter().chain(&large[1..]) {
        assert_eq!(world.see(id), []);
    }
    world.assert_is_well(member);
}

#[test]
fn a_request_that_holds_most_is_answered_503() {
    let mut world = world(16, 0, 0);
    let quiet = world.authenticating("soup");
    world.bytes(quiet, &unfinished(1_000));
    let request = world.accept();
    for _ in 0..3 {
        world.bytes(request, &[b'x'; 7_000]);
        world.assert_budgets_are_kept();
    }
    assert!(world.raw(request).starts_with("HTTP/1.1 4") || world.finished.contains(&request));
    let others: Vec<_> = (0..3).map(|_| world.accept()).collect();
    for &id in &others {
        world.bytes(id, &[b'x'; 7_000]);
        world.assert_budgets_are_kept();
    }
    assert!(world.raw(others[0]).starts_with("HTTP/1.1 503 "));
    assert!(world.node.metrics().refusals(503) >= 1);
    assert_eq!(world.see(quiet), []);
}

#[test]
fn who_is_closing_and_goes_on_sending_is_dropped() {
    let mut world = world(16, 0, 0);
    let id = world.authenticating("soup");
    world.bytes(id, &text("no auth"));
    assert_eq!(world.node.phase(id), Some(Phase::Closing));
    world.bytes(id, &unfinished(40_000));
    world.assert_budgets_are_kept();
    assert!(world.closed.contains(&id));
}

#[test]
fn unfinished_tls_records_count_and_can_be_shed() {
    let mut world = world(40, 40, 0);
    let (well, member) = (world.connected("soup", "alice"), world.connected("soup", "bob"));
    let strangers = [world.accept(), world.authenticating("soup"), world.authenticating("soup")];
    for id in strangers.into_iter().chain([member]) {
        world.node.hold_input(world.now, id, 18_000);
        world.settle();
        world.assert_budgets_are_kept();
    }
    assert_eq!(world.closed, [strangers[0]]);
    world.node.hold_input(world.now, strangers[1], 0);
    world.node.hold_input(world.now, strangers[1], 17_000);
    world.bytes(member, &unfinished(30_000));
    world.assert_budgets_are_kept();
    assert_eq!(world.closed, [strangers[0], member]);
    assert_eq!(world.node.metrics().shed_members, 1);
    for id in strangers {
        world.node.hold_input(world.now, id, 0);
    }
    world.assert_budgets_are_kept();
    world.assert_is_well(well);
}

#[test]
fn strangers_cannot_use_up_what_members_may_hold() {
    let mut world = world(32, 64, 0);
    let member = world.connected("soup", "alice");
    world.bytes(member, &unfinished(30_000));
    for _ in 0..50 {
        let stranger = world.authenticating("soup");
        world.bytes(stranger, &unfinished(16_000));
        world.assert_budgets_are_kept();
    }
    assert!(world.node.metrics().shed_pending > 40);
    assert_eq!(world.node.metrics().shed_members, 0);
    world.bytes(member, b"x");
    assert_eq!(world.message(member)["payload"]["error"], "invalid_json");
}

#[test]
fn heaviest_authenticated_is_shed_and_others_chat_on() {
    let mut world = world(0, 100, 0);
    let well = world.connected("soup", "alice");
    let hoarders: Vec<_> = (0..4).map(|n| world.connected("soup", &format!("user{n}"))).collect();
    for &id in &hoarders {
        world.bytes(id, &unfinished(40_000));
        world.assert_budgets_are_kept();
        world.assert_is_well(well);
    }
    assert_eq!(world.node.metrics().shed_members, 2);
    for (at, &id) in hoarders.iter().enumerate() {
        let seen = world.see(id);
        let is_closed = seen.contains(&close_frame(CloseReason::Overloaded));
        assert_eq!(is_closed, at < 2, "{at}: {seen:?}");
    }
}

#[test]
fn slow_readers_are_shed_and_fast_readers_stay() {
    let mut world = world(0, 0, 64);
    let well = world.connected("soup", "alice");
    let listener = world.connected("soup", "bob");
    let slow: Vec<_> = (0..4).map(|n| world.connected("soup", &format!("slow{n}"))).collect();
    for (at, &id) in slow.iter().enumerate() {
        world.see(id);
        // The later ones take more before they stop reading.
        world.room.insert(id, at * 20_000);
    }
    let content = "x".repeat(10_000);
    for _ in 0..40 {
        let message = world.chat(well, &content);
        world.assert_budgets_are_kept();
        let answers = world.see(well);
        let is_answer =
            |seen: &Seen| matches!(seen, Seen::Message(m) if m["payload"]["request_id"] == message);
        assert!(answers.iter().any(is_answer), "{answers:?}");
        let heard = world.see(listener);
        assert!(matches!(&heard[..], [Seen::Message(_)]), "{heard:?}");
    }
    let metrics = world.node.metrics();
    assert!(metrics.shed_readers >= 4, "{metrics:?}");
    for &id in &slow {
        assert_ne!(world.node.phase(id), Some(Phase::Connected));
    }
    world.assert_is_well(well);
    world.assert_is_well(listener);
}

#[test]
fn what_was_not_tried_yet_ends_no_reader() {
    let mut world = world(0, 0, 64);
    let (alice, slow) = (world.connected("soup", "alice"), world.connected("soup", "slow"));
    let (bob, listener) = (world.connected("tea", "bob"), world.connected("tea", "listener"));
    world.room.insert(slow, 0);
    let content = "x".repeat(10_000);
    for _ in 0..4 {
        world.chat(alice, &content);
    }
    // Four more at once, to somebody who reads: for a moment that is more than may be queued.
    let message = |n: u32| {
        let payload = json!({ "content": content });
        let timestamp = "2027-01-15T08:00:00Z";
        let id = format!("at-once-{n}");
        json!({ "type": "chat_message", "id": id, "timestamp": timestamp, "payload": payload })
    };
    let at_once: Vec<u8> = (0..4).flat_map(|n| text(&message(n).to_string())).collect();
    world.see(listener);
    world.bytes(bob, &at_once);
    assert_eq!(world.see(listener).len(), 4);
    world.assert_budgets_are_kept();
    assert_eq!(world.node.metrics().shed_readers, 0);
    assert_eq!(world.node.phase(slow), Some(Phase::Connected));
}

#[test]
fn a_frame_that_many_share_counts_once() {
    let mut world = world(0, 0, 64);
    let speaker = world.connected("soup", "alice");
    let listeners: Vec<_> = (0..100).map(|n| world.connected("soup", &format!("u{n}"))).collect();
    for &id in &listeners {
        world.see(id);
        world.room.insert(id, 0);
    }
    // 100 outboxes of 10 KB: a megabyte to be written, and 10 KB of memory beside the queues' own.
    let before = world.node.usage();
    world.node.handle_bytes(
        world.now,
        speaker,
        &mut text(&envelope("chat_message", "m", json!({ "content": "x".repeat(10_000) }))),
    );
    let usage = world.node.usage();
    assert!(usage.buffered_bytes > before.buffered_bytes + 1_000_000);
    assert!(usage.budgeted_bytes < 100 * 600 + 2 * 10_500, "{usage:?}");
    world.settle();
    for &id in &listeners {
        world.room.remove(&id);
        world.flush(id);
    }
    world.settle();
    let usage = world.node.usage();
    assert_eq!((usage.buffered_bytes, usage.budgeted_bytes), (0, 0));
    assert!(world.node.metrics().shed_readers <= 100);
}

#[test]
fn unread_answers_of_strangers_go_before_any_member() {
    let mut world = world(0, 0, 8);
    let slow = world.connected("soup", "alice");
    world.room.insert(slow, 0);
    let speaker = world.connected("soup", "bob");
    world.chat(speaker, &"x".repeat(3_000));
    world.assert_budgets_are_kept();
    let mut refused = Vec::new();
    for _ in 0..40 {
        let id = world.accept();
        world.room.insert(id, 0);
        world.bytes(id, b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n");
        world.assert_budgets_are_kept();
        refused.push(id);
    }
    assert!(world.closed.iter().any(|id| refused.contains(id)));
    assert_eq!(world.node.phase(slow), Some(Phase::Connected));
    assert_eq!(world.node.metrics().slow_consumers, 0);
}

#[test]
fn pending_joins_get_half_the_work_budget_and_no_more() {
    let mut world = later_world(|config| config.limits.work_total = Size::kib(16));
    let member = world.connected_later("soup", "alice");
    let mut joins = 0;
    // Each join costs its token's claims and some: half of the budget is soon asked.
    loop {
        let id = world.authenticating("soup");
        let token = world.token(&format!("user{joins}"), 900);
        world.auth(id, &token);
        match world.node.phase(id) {
            Some(Phase::Joining) => joins += 1,
            _ => break assert_eq!(world.close_reason(id), "Server overloaded"),
        }
        assert!(joins < 40);
    }
    assert!(joins > 5, "{joins}");
    // Members have the other half.
    world.chat(member, "still asked");
    assert_eq!(world.see(member), []);
    let busy: Vec<_> = world.commands.drain(..).collect();
    assert_eq!(busy.len(), joins + 1);
    assert_eq!(world.node.metrics().refused_questions, 1);
    for command in busy {
        let done = command.run();
        world.node.handle_completion(world.now, done);
        world.settle();
    }
    world.assert_budgets_are_kept();
    let answer = world.message(member);
    assert_eq!(answer["type"], "recipe_update", "{answer}");
}

/// A world whose application answers from workers.
fn later_world(change: impl FnOnce(&mut Config)) -> World {
    struct Later;
    impl App for Later {
        fn on_join(&mut self, _: &app::Join<'_>) -> app::Reply<app::Admission> {
            app::Reply::later(|| app::Admission::Admit(app::Update::text("in")))
        }
        fn on_message(&mut self, _: &app::Incoming<'_>) -> app::Reply<app::Answer> {
            app::Reply::later(|| Ok(app::Update::text("answered")))
        }
    }
    let mut config = Config::default();
    change(&mut config);
    World::with_app(config, Box::new(Later))
}

impl World {
    fn connected_later(&mut self, room: &str, user: &str) -> ConnId {
        let id = self.authenticating(room);
        let token = self.token(user, 900);
        self.auth(id, &token);
        for command in std::mem::take(&mut self.commands) {
            let done = command.run();
            self.node.handle_completion(self.now, done);
            self.settle();
        }
        self.see(id);
        id
    }
}
